"""Whether the person who was verified is still there: from the recording's own statistics, kept in RAM.

The mean profile of the session's first second is the reference (`session_profile`). Four times a second the last second
is compared with it: the log likelihood ratio of another person over the same one is summed up (`sequential`). Windows
that are some seconds old go into the reference, which forgets older ones, because posture changes: a change is found
within these seconds or not at all.

Who takes the seat, leaves it, or comes to sit differently at once, ends the session; only a new verification begins
another one. Nothing of the reference outlives the session, and nothing of it is written anywhere.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.inference.registry import find_model
from faceedge.perception.authentication.sequential import Cusum
from faceedge.perception.authentication.session_profile import FEATURES, RANGES, Profiler, SessionModel, features
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import FaceFrame

MODEL = "radar_continuity"
HOP_SHARE = 4
"""Windows overlap: one ends about every fourth part of a window, and counts by the part that is new."""
MOST_INCREMENT = 8.0
"""Nats that one comparison may add: a single odd window is not to end a session."""
SMALLEST_POWER = 1e-6
EMPTY_DB, EMPTY_S, HELD_SHARE, LEAST_COUNTS2 = 24.0, 0.2, 0.01, 0.01
"""Mean drop over the ranges that held power, for so long. People who stay: at most 21.5 dB; one who goes: 26.8 dB."""


@dataclass(frozen=True, slots=True)
class ContinuitySettings:
    """How certain a change has to be.

    Attributes:
        window_s: over which profiles are averaged.
        threshold: of the summed evidence, nats.
        trust_s: after so long a window goes into the reference; longer than a change takes to be found.
        most_windows: the reference is of so many windows; then it forgets the oldest exponentially.
        absent_db: an echo that has become weaker by so much is that of an empty seat.
    """

    window_s: float = 1.0
    threshold: float = 19.0
    trust_s: float = 3.0
    most_windows: float = 5.0
    absent_db: float = 8.0

    def check(self) -> None:
        """Raise ConfigurationError for a value that is out of its range."""
        for name, value, low, high in (
            ("window_s", self.window_s, 0.4, 10.0),
            ("threshold", self.threshold, 1.0, math.inf),
            ("trust_s", self.trust_s, 0.0, 60.0),
            ("most_windows", self.most_windows, 1.0, 1e6),
            ("absent_db", self.absent_db, 3.0, 60.0),
        ):
            if not low <= value <= high:
                raise ConfigurationError(f"{name} is {value}, expected {low:g} to {high:g}.")


@dataclass(frozen=True, slots=True)
class ContinuityState:
    """What is known after a frame.

    Attributes:
        present: somebody sits where the session began.
        same: nothing speaks for another person since `Continuity.start`. Once False it stays False.
        reason: why not; empty while ``same``.
        evidence: against the same person, 0 (none) to 1 (enough).
    """

    present: bool
    same: bool
    reason: str
    evidence: float


NO_SESSION = ContinuityState(False, False, "no session has begun.", 1.0)


class Continuity:
    """Watches one session.

    Args:
        chirp: of the radar.
        settings: how certain a change has to be.
        model: how sessions vary; None: the one that ships.

    Attributes:
        increment: what the last frame added to the evidence, nats; None: this frame completed no comparison.

    Raises:
        ConfigurationError: a setting is out of its range, or a chirp of which nothing was learnt.
        ModelError: the model is missing or corrupt.
    """

    def __init__(
        self,
        chirp: ChirpSettings,
        settings: ContinuitySettings | None = None,
        model: SessionModel | None = None,
    ) -> None:
        self.chirp, self.settings = chirp, settings or ContinuitySettings()
        self.settings.check()
        self._model = SessionModel.load(find_model(MODEL)) if model is None else model
        self._model.check(chirp)
        self._profiler = Profiler(chirp)
        self._window = max(HOP_SHARE, round(self.settings.window_s * chirp.frame_rate_hz))
        self._hop = max(1, self._window // HOP_SHARE)
        self._short = max(1, round(EMPTY_S * chirp.frame_rate_hz))
        self._gone = False
        self._cusum = Cusum(self.settings.threshold)
        self._moments = np.zeros((self._window, FEATURES), np.float32)
        self.increment: float | None = None
        self._state = NO_SESSION

    def start(self) -> None:
        """Begin a session with the next frame: its person is the one to keep."""
        self._cusum.reset()
        self._gone = False
        self._first: list[np.ndarray] = []
        self._grid: np.ndarray | None = None
        self._frames = 0
        self._reference = np.zeros(FEATURES)
        self._windows, self._power = 0.0, 0.0
        self._waiting: deque[tuple[int, np.ndarray, float]] = deque()
        self.increment = None
        self._state = ContinuityState(True, True, "", 0.0)

    def stop(self) -> None:
        """Forget the session."""
        self.start()
        self._moments[:] = 0.0
        self._state = NO_SESSION

    def push(self, frame: FaceFrame) -> ContinuityState:
        """Judge the next frame."""
        self.increment = None
        if not self._state.same:
            return self._state
        if self._grid is None:
            self._learn(frame.look)
            return self._state
        self._moments[self._frames % self._window] = self._profiler.moments(frame.look[np.newaxis], self._grid)[0]
        self._frames += 1
        if self._empty() or (self._frames % self._hop == 0 and self._compare()):
            return self._end()
        return self._state

    def _learn(self, look: np.ndarray) -> None:
        """Gather the first window; then it is the reference."""
        self._first.append(look)
        if len(self._first) < self._window:
            return
        looks = np.stack(self._first)
        self._grid = self._profiler.grid(self._profiler.front_m(looks))
        self._moments[:] = self._profiler.moments(looks, self._grid)
        self._first.clear()
        mean = self._moments.mean(axis=0)
        self._reference, self._windows = features(mean[np.newaxis])[0], 1.0
        self._power = _power(mean)
        self._held = mean[:RANGES] > HELD_SHARE * mean[:RANGES].max()
        self._level = np.maximum(mean[:RANGES][self._held], LEAST_COUNTS2)

    def _empty(self) -> bool:
        """Whether the echo has gone for an instant, over the ranges that held it in the first second."""
        last = np.arange(self._frames - self._short, self._frames) % self._window
        power = self._moments[last, :RANGES].mean(axis=0)[self._held]
        drop_db = float(np.mean(10 * np.log10((power + LEAST_COUNTS2) / self._level)))
        self._gone = not drop_db > -EMPTY_DB
        return self._gone

    def _compare(self) -> bool:
        """Add the last window's evidence; whether it is enough."""
        mean = self._moments.mean(axis=0)
        found = features(mean[np.newaxis])[0]
        llr = self._model.llr(found - self._reference, self._windows)
        self.increment = min(llr * self._hop / self._window, MOST_INCREMENT)
        changed = self._cusum.push(self.increment)
        if self._frames % self._window == 0:
            self._waiting.append((self._frames, found, _power(mean)))
        self._refine()
        self._state = ContinuityState(True, True, "", min(self._cusum.sum / self._cusum.threshold, 1.0))
        return changed

    def _refine(self) -> None:
        """Let windows that are old enough into the reference."""
        wait = self.settings.trust_s * self.chirp.frame_rate_hz
        while self._waiting and self._frames - self._waiting[0][0] >= wait:
            _, found, power = self._waiting.popleft()
            self._windows = min(self._windows + 1, self.settings.most_windows)
            self._reference += (found - self._reference) / self._windows
            self._power += (power - self._power) / self._windows

    def _end(self) -> ContinuityState:
        """The evidence is enough: is it an empty seat, or somebody else?"""
        weaker_db = 10 * math.log10(self._power / _power(self._moments.mean(axis=0)))
        absent = self._gone or not weaker_db < self.settings.absent_db
        reason = (
            "the seat is or was empty: the echo of the verified person has gone."
            if absent
            else "somebody else is in the seat, or the person sits there differently: the profile of the echoes is not "
            "that of the session any more."
        )
        self._state = ContinuityState(not absent, False, reason, 1.0)
        return self._state


def _power(moments: np.ndarray) -> float:
    return max(float(moments[:RANGES].sum()), SMALLEST_POWER)
