"""A small session folder for tests: what every sensor saw of it is a simple function of the time."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from faceedge.events.event import EVENT_DTYPE
from faceedge.events.raw_file import RawWriter
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.chirp_files import load_chirp_file
from faceedge.radar.recordings import VendorWriter
from faceedge.simulation.sessions.avi import AviWriter

CHIRP_FILE = "bgt60_face_full_band"
DURATION_S, CAMERA_HZ, SIDE_PX = 2.0, 25.0, 64
FRAMES, PICTURES = 40, 50


def chirp() -> ChirpSettings:
    return load_chirp_file(CHIRP_FILE).chirp


def cube(index: int) -> np.ndarray:
    """(rx, chirp, sample) of frame ``index``, unlike any other."""
    return np.random.default_rng(index).integers(1500, 1600, chirp().cube_shape, np.uint16)


def picture(index: int) -> np.ndarray:
    """A bar whose height is the index."""
    result = np.full((SIDE_PX, SIDE_PX, 3), 30, np.uint8)
    result[:index] = 220
    return result


def events() -> np.ndarray:
    """A hundred events in every 10 ms, in the row whose number is how many of these have passed, mod the height."""
    count = round(DURATION_S * 10_000)
    result = np.empty(count, EVENT_DTYPE)
    result["t"] = np.arange(count) * 100
    result["x"] = np.arange(count) % SIDE_PX
    result["y"] = result["t"] // 10_000 % SIDE_PX
    result["p"] = np.arange(count) % 3 == 0
    return result


def write_session(folder: Path) -> Path:
    """Write the session into the new folder ``folder``."""
    folder.mkdir(parents=True)
    with VendorWriter(folder / "radar", chirp(), {"synthetic": True}) as radar:
        for index in range(FRAMES):
            radar.append(cube(index), 10**18 + index * 50_000_000, 38.0)
    with AviWriter(folder / "camera.avi", (SIDE_PX, SIDE_PX), CAMERA_HZ) as video:
        for index in range(PICTURES):
            video.append(cv2.imencode(".jpg", picture(index))[1].tobytes())
    with RawWriter(folder / "events.raw", SIDE_PX, SIDE_PX) as raw:
        raw.append(events())
    time_s = np.arange(round(1000 * DURATION_S)) / 1000
    units = np.zeros((len(time_s), 2), np.float16)
    units[:, 0] = time_s > 1.0
    np.savez(folder / "truth.npz", time_s=time_s, units=units, unit_names=np.array(["jawOpen", "browInnerUp"]))
    facts = {"synthetic": True, "script": "test", "duration_s": DURATION_S}
    (folder / "session.json").write_text(json.dumps(facts), encoding="utf-8")
    return folder
