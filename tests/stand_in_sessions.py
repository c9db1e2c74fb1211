"""A stage for tests of data sets: as many numbers as the real one gives, without a person."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import numpy as np

from faceedge.camera.calibration import CameraInfo, default_calibration
from faceedge.events.event import EVENT_DTYPE
from faceedge.simulation.performance.motion import Motion
from faceedge.simulation.sessions.options import Options
from faceedge.simulation.sessions.session import Session

EVENTS_PER_PACKET = 50
ACTS = (
    ("neutral", 0.0, 0.5),
    ("smile", 0.65, 1.0),
    ("smile", 2.0, 3.5),
    ("shock", 4.0, 5.0),
    ("anger", 6.0, 8.0),
    ("smile", 8.5, 9.5),
)


class StandIn:
    """See `faceedge.simulation.sessions.tracks.Stage`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._until_us = 0

    def _rng(self, stream: str, index: int) -> np.random.Generator:
        return np.random.default_rng((self.session.stream_seed(stream), index))

    def radar_cube(self, index: int) -> np.ndarray:
        return self._rng("radar", index).integers(1900, 2200, self.session.chirp.cube_shape, np.uint16)

    def events(self, until_us: int) -> np.ndarray:
        rng = self._rng("events", until_us)
        events = np.zeros(EVENTS_PER_PACKET, EVENT_DTYPE)
        events["t"] = np.sort(rng.integers(self._until_us, until_us, EVENTS_PER_PACKET))
        events["x"], events["y"] = rng.integers(0, 320, (2, EVENTS_PER_PACKET))
        events["p"] = rng.random(EVENTS_PER_PACKET) < 0.5
        self._until_us = until_us
        return events

    def event_size(self) -> tuple[int, int]:
        return 320, 320

    def picture(self, time_s: float) -> np.ndarray:
        width, height = self.session.camera_size
        return np.full((height, width, 3), round(20 * time_s) % 256, np.uint8)

    def calibration(self) -> CameraInfo:
        return default_calibration(*self.session.camera_size)

    def truth(self, start: int, stop: int) -> tuple[Motion, np.ndarray]:
        return still_motion(np.arange(start, stop) / 1000), np.full((stop - start, 3), self.session.distance_m)

    def facts(self) -> dict[str, Any]:
        acts = [{"expression": name, "start_s": start_s, "stop_s": stop_s} for name, start_s, stop_s in ACTS]
        return {"identity": {"seed": self.session.person_seed}, "acts": acts, "calls": []}


class Slow(StandIn):
    """Takes its time, so that a test can end the process in the middle."""

    def radar_cube(self, index: int) -> np.ndarray:
        time.sleep(0.03)
        return super().radar_cube(index)


class Full(StandIn):
    """The disk is full after ten frames."""

    def radar_cube(self, index: int) -> np.ndarray:
        if index == 10:
            raise OSError(28, "No space left on device")
        return super().radar_cube(index)


def still_motion(time_s: np.ndarray) -> Motion:
    """Somebody who does nothing but smile a little with the left corner of the mouth (unit 43)."""
    count = len(time_s)
    units = np.zeros((count, 52), np.float32)
    units[:, 43] = 0.25
    nothing, labels, never = np.zeros(count, np.float32), np.zeros(count, np.int8), np.zeros(count, bool)
    return Motion(
        time_s=time_s, units=units, gaze_rad=np.zeros((count, 2), np.float32),
        head_rad=np.zeros((count, 3), np.float32),
        pivot_m=np.full((count, 3), 0.4), chest_m=nothing, pulse_m=nothing, breathing_rad=nothing, heart_rad=nothing,
        expression=labels, phase=labels, intensity=nothing, speaking=never, calling=never,
    )  # fmt: skip


def small(**changes: Any) -> Options:
    """Two people, two sessions of ten seconds, radar and events, unless ``changes`` say otherwise."""
    return Options(**{"duration_s": 10.0, **changes})


def kill_oneself(_: int) -> None:
    """As the kernel does where memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


def variable(name: str) -> str:
    """Of the environment."""
    return os.environ.get(name, "")
