"""What each sensor of a session writes while time goes on: files of its own, and messages for the bag.

A track is a generator. It goes on by one frame, packet or piece of truth each time it is asked, writes its files as it
goes, and gives the messages that belong to that moment, so nothing waits in memory.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from faceedge.camera.calibration import CameraInfo
from faceedge.errors import InputError
from faceedge.events.aedat4 import Aedat4Writer
from faceedge.events.evt3 import EncoderState, encode
from faceedge.events.raw_file import RawWriter
from faceedge.radar.recordings import VendorWriter
from faceedge.simulation.performance.motion import EXPRESSIONS, FACE_UNITS, PHASES, Motion
from faceedge.simulation.sessions import bag
from faceedge.simulation.sessions.avi import AviWriter
from faceedge.simulation.sessions.columns import NpzColumns
from faceedge.simulation.sessions.session import Session

RADAR, EVENTS, EVENTS_AEDAT4, PICTURES, TRUTH = "radar", "events.raw", "events.aedat4", "camera.avi", "truth.npz"
"""Names of a session's files."""

PACKET_US = 10_000
"""Events are asked for, written and sent in pieces of this length."""
TRUTH_HZ, TRUTH_TOPIC_HZ = 1000, 100
JPEG_QUALITY = 92
_TEMPERATURE_S = 1.0
_LEAST_UNIT = 5e-4
"""Face units below this are left out of the topic; the file has them."""


class Stage(Protocol):
    """A session with everything built: what the tracks ask."""

    session: Session

    def radar_cube(self, index: int) -> np.ndarray:
        """(rx, chirp, sample) uint16 of frame ``index``."""

    def events(self, until_us: int) -> np.ndarray:
        """Events since the last call, up to ``until_us`` after the beginning."""

    def event_size(self) -> tuple[int, int]:
        """Width and height of the event camera in pixels."""

    def picture(self, time_s: float) -> np.ndarray:
        """(height, width, 3) uint8 BGR of the exposure that begins at ``time_s``."""

    def calibration(self) -> CameraInfo:
        """Of the camera."""

    def truth(self, start: int, stop: int) -> tuple[Motion, np.ndarray]:
        """Motion at the milliseconds ``start`` to ``stop``, and where the tip of the nose is: (t, 3) in m."""

    def facts(self) -> dict[str, Any]:
        """Person, acts and calls as plain JSON values."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One moment of a track: the message for the bag, if there is one."""

    time_ns: int
    topic: str = ""
    message: Any = None


@dataclass(frozen=True, slots=True)
class Output:
    """Where the tracks write, and what they count.

    Attributes:
        folder: of the session.
        arrays: write files of each sensor.
        aedat4: the events as AEDAT4, too.
        messages: makes messages for a bag; None: there is none.
        counts: frames, events and pictures so far.
    """

    folder: Path
    arrays: bool
    aedat4: bool
    messages: bag.Messages | None
    counts: Counter[str]


def radar_frames(session: Session) -> int:
    """How many whole frames the radar records."""
    chirp = session.chirp
    left_s = session.duration_s - chirp.chirps_per_frame * chirp.chirp_period_s
    return int(left_s / chirp.frame_period_s + 1 + 1e-9) if left_s >= 0 else 0


def pictures(session: Session) -> int:
    """How many pictures the camera takes."""
    return int(session.duration_s * session.camera_rate_hz + 1e-9)


def radar_track(stage: Stage, out: Output) -> Iterator[Entry]:
    """Frames into the vendor's folder and on the topics of the radar node; complete when the last chirp has ended."""
    session, chirp = stage.session, stage.session.chirp
    meta = {"synthetic": True, "session": session.path}
    writer = VendorWriter(out.folder / RADAR, chirp, meta) if out.arrays else None
    active_ns = round(1e9 * chirp.chirps_per_frame * chirp.chirp_period_s)
    next_temperature_s = 0.0
    if out.messages:
        yield Entry(session.start_ns, bag.CHIRP, out.messages.chirp(chirp))
    for index in range(radar_frames(session)):
        time_s = index * chirp.frame_period_s
        stamp_ns = session.start_ns + round(1e9 * time_s)
        cube, temperature_c = stage.radar_cube(index), session.temperature_at(time_s)
        if writer:
            writer.append(cube, stamp_ns, temperature_c)
        out.counts["frames"] += 1
        if out.messages is None:
            yield Entry(stamp_ns + active_ns)
            continue
        yield Entry(stamp_ns + active_ns, bag.ADC, out.messages.cube(cube, stamp_ns))
        if time_s >= next_temperature_s:
            next_temperature_s += _TEMPERATURE_S
            yield Entry(stamp_ns + active_ns, bag.TEMPERATURE, out.messages.temperature(temperature_c, stamp_ns))
    if writer:
        writer.close()


def event_track(stage: Stage, out: Output) -> Iterator[Entry]:
    """Events into the camera's raw file and as packets; a packet is there when its last microsecond has passed."""
    session, (width, height) = stage.session, stage.event_size()
    duration_us = round(1e6 * session.duration_s)
    state, sequence = EncoderState(), 0
    with ExitStack() as stack:
        files: list[RawWriter | Aedat4Writer] = []
        for made in _event_files(stage, out):
            stack.enter_context(made)
            files.append(made)
        for start_us in range(0, duration_us, PACKET_US):
            stop_us = min(start_us + PACKET_US, duration_us)
            events = stage.events(stop_us)
            for file in files:
                file.append(events)
            out.counts["events"] += len(events)
            time_ns = session.start_ns + 1000 * stop_us
            if out.messages is None or not len(events):
                yield Entry(time_ns)
                continue
            words = encode(events, state=state, width=width, height=height)
            stamp_ns = session.start_ns + 1000 * int(events["t"][0])
            message = out.messages.events(words, stamp_ns, (width, height), sequence)
            yield Entry(time_ns, bag.EVENTS, message)
            sequence += 1


def _event_files(stage: Stage, out: Output) -> Iterator[RawWriter | Aedat4Writer]:
    session, (width, height) = stage.session, stage.event_size()
    source = f"synthetic {session.event_geometry}"
    if out.arrays:
        facts = {"sensor_name": source, "session": session.path}
        yield RawWriter(out.folder / EVENTS, width, height, facts=facts)
    if out.aedat4:
        start_us = session.start_ns // 1000
        yield Aedat4Writer(out.folder / EVENTS_AEDAT4, width, height, source=source, start_us=start_us)


def camera_track(stage: Stage, out: Output) -> Iterator[Entry]:
    """Pictures as JPEG into a video file and on the topics of the camera node, stamped when the exposure begins."""
    session = stage.session
    video = AviWriter(out.folder / PICTURES, session.camera_size, session.camera_rate_hz) if out.arrays else None
    try:
        for index in range(pictures(session)):
            time_s = index / session.camera_rate_hz
            stamp_ns = session.start_ns + round(1e9 * time_s)
            jpeg = _jpeg(stage.picture(time_s))
            if video:
                video.append(jpeg)
            out.counts["pictures"] += 1
            if out.messages is None:
                yield Entry(stamp_ns)
                continue
            yield Entry(stamp_ns, bag.PICTURE, out.messages.picture(jpeg, stamp_ns))
            yield Entry(stamp_ns, bag.CAMERA_INFO, out.messages.camera_info(stage.calibration(), stamp_ns))
        if video:
            video.close()
    finally:
        if video:
            video.abandon()


def truth_track(stage: Stage, out: Output) -> Iterator[Entry]:
    """What was really so, at 1 kHz in a file and at 100 Hz as JSON on a topic."""
    session = stage.session
    total = round(session.duration_s * TRUTH_HZ)
    step = TRUTH_HZ // TRUTH_TOPIC_HZ
    names = {"unit_names": FACE_UNITS, "expression_names": EXPRESSIONS, "phase_names": PHASES}
    constants = {name: np.array(values) for name, values in names.items()}
    with NpzColumns(out.folder / TRUTH, constants) as file:
        for start in range(0, total, TRUTH_HZ):
            motion, nose_m = stage.truth(start, min(start + TRUTH_HZ, total))
            file.append(truth_columns(motion, nose_m))
            yield Entry(session.start_ns + 1_000_000 * start)
            if out.messages:
                for row in range(0, len(motion), step):
                    text = out.messages.text(truth_text(motion, nose_m, row))
                    yield Entry(session.start_ns + 1_000_000 * (start + row), bag.TRUTH, text)


def truth_columns(motion: Motion, nose_m: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of ``truth.npz``: those of `Motion`, units in half precision, and where the tip of the nose is."""
    return {
        "time_s": motion.time_s.astype(np.float64),
        "units": motion.units.astype(np.float16),
        **{
            name: getattr(motion, name).astype(np.float32)
            for name in ("gaze_rad", "head_rad", "pivot_m", "chest_m", "pulse_m", "breathing_rad", "heart_rad")
        },
        "nose_m": nose_m.astype(np.float32),
        "expression": motion.expression,
        "phase": motion.phase,
        "intensity": motion.intensity.astype(np.float32),
        "speaking": motion.speaking,
        "calling": motion.calling,
    }


def truth_text(motion: Motion, nose_m: np.ndarray, row: int) -> str:
    """One row of truth as JSON; face units that are at rest are left out."""
    units = motion.units[row]
    return json.dumps(
        {
            "synthetic": True,
            "time_s": round(float(motion.time_s[row]), 6),
            "expression": EXPRESSIONS[motion.expression[row]],
            "phase": PHASES[motion.phase[row]],
            "intensity": round(float(motion.intensity[row]), 4),
            "units": {FACE_UNITS[n]: round(float(units[n]), 4) for n in np.flatnonzero(units > _LEAST_UNIT)},
            "gaze_rad": _rounded(motion.gaze_rad[row]),
            "head_rad": _rounded(motion.head_rad[row]),
            "nose_m": _rounded(nose_m[row], 6),
            "chest_m": round(float(motion.chest_m[row]), 7),
            "pulse_m": round(float(motion.pulse_m[row]), 8),
            "breathing_rad": round(float(motion.breathing_rad[row]), 4),
            "heart_rad": round(float(motion.heart_rad[row]), 4),
            "speaking": bool(motion.speaking[row]),
            "calling": bool(motion.calling[row]),
        }
    )


def _rounded(values: np.ndarray, digits: int = 5) -> list[float]:
    return [round(float(value), digits) for value in values]


def _jpeg(picture: np.ndarray) -> bytes:
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise InputError(f"a picture of shape {picture.shape} cannot be encoded; expected (height, width, 3) uint8.")
    return bytes(data)
