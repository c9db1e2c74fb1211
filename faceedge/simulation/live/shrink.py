"""A session folder made small enough to ship; `session_folder` reads both."""

from __future__ import annotations

import json
import lzma
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.radar.recording_folder import CONFIG
from faceedge.simulation.live.packing import pack
from faceedge.simulation.live.session_folder import (
    CAMERA,
    EVENTS,
    PACKED_CUBES,
    PACKED_SUFFIX,
    RADAR,
    SESSION,
    TRUTH,
    open_session,
)
from faceedge.simulation.sessions.avi import AviWriter
from faceedge.simulation.sessions.columns import NpzColumns

TRUTH_STEP = 10
"""Every tenth row: 100 Hz."""


def shrink(source: Path, target: Path, jpeg_quality: int) -> dict[str, Any]:
    """Copy the session ``source`` to the new folder ``target``: radar frames and events exactly, pictures smaller.

    Returns:
        What ``session.json`` of the new folder holds.

    Raises:
        ConfigurationError: the target exists.
        InputError: the source is no whole session.
    """
    session = open_session(source)
    if target.exists():
        raise ConfigurationError(f"{target} exists already; remove it or give another folder.")
    (target / RADAR).mkdir(parents=True)
    (target / RADAR / PACKED_CUBES).write_bytes(pack(np.asarray(session.cubes())))
    shutil.copyfile(source / RADAR / CONFIG, target / RADAR / CONFIG)
    if session.has_events:
        (target / (EVENTS + PACKED_SUFFIX)).write_bytes(lzma.compress((source / EVENTS).read_bytes(), preset=9))
    if session.camera is not None:
        _copy_pictures(session.camera, target / CAMERA, jpeg_quality)
    _thin_truth(session.truth(), target / TRUTH)
    facts = {key: value for key, value in session.facts.items() if key != "files"}
    (target / SESSION).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return facts


def _copy_pictures(source: Path, target: Path, quality: int) -> None:
    video = cv2.VideoCapture(str(source))
    size = (int(video.get(cv2.CAP_PROP_FRAME_WIDTH)), int(video.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    with AviWriter(target, size, video.get(cv2.CAP_PROP_FPS)) as out:
        while True:
            good, picture = video.read()
            if not good:
                break
            out.append(bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]))
    video.release()


def _thin_truth(truth: dict[str, np.ndarray], target: Path) -> None:
    rows = len(truth["time_s"])
    growing = {name: values[::TRUTH_STEP] for name, values in truth.items() if len(values) == rows}
    with NpzColumns(target, {name: values for name, values in truth.items() if name not in growing}) as out:
        out.append(growing)
