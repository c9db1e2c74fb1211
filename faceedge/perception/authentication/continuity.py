"""Whether the person who was verified is still there: from the recording's own statistics, kept in RAM.

Three tests, each of which ends the session:

- The profile (`session_profile`). Four times a second the last half second, second, two and three seconds are compared
  with the six seconds before them: the log likelihood ratio of another person over the same one, plus the evidence of
  a jump of the echoes at that instant (`movement`), for nobody is replaced without one. The largest of the four is
  compared with a threshold: a window-limited likelihood ratio test (T. L. Lai, IEEE Transactions on Information Theory
  44, 1998), which unlike a cumulative sum lets the reference follow a change of posture.
- Movement over all ranges that goes on for 0.7 s: somebody is pushed off the seat, or gets up.
- An echo that has gone for 0.2 s: the seat was empty.

Only a new verification begins another session. Nothing of one outlives it, and nothing of it is written anywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.inference.registry import find_model
from faceedge.perception.authentication.movement import Movement
from faceedge.perception.authentication.session_history import History
from faceedge.perception.authentication.session_profile import FEATURES, LENGTHS_S, RANGES, Profiler, SessionModel
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import FaceFrame

MODEL = "radar_continuity"
FIRST_S = 1.0
"""In which the range of the person is found."""
STEP_WEIGHT, STEP_ABOUT_S = 2.0, 0.3
"""Nats that a dB of a jump counts, and how far from the beginning of the last part it may lie."""
ONE_LOOK_DB = 0.55
"""Single looks differ by so much more than means of two (20 people of development, 20 and 10 Hz)."""
SHOWN_NATS = 20.0
"""Evidence is shown from so far below the threshold on."""
SMALLEST_POWER = 1e-6
EMPTY_DB, EMPTY_S, HELD_SHARE, LEAST_COUNTS2 = 24.0, 0.2, 0.01, 0.01
"""Mean drop over the ranges that held power, for so long. People who stay: at most 21.5 dB; one who goes: 26.8 dB."""


@dataclass(frozen=True, slots=True)
class ContinuitySettings:
    """How certain a change has to be.

    Attributes:
        threshold: of the evidence of the profile, nats.
        movement_db: mean change of the powers within 0.1 s, over all ranges and 0.7 s.
        absent_db: an echo that has become weaker by so much is that of an empty seat.
    """

    threshold: float = 2.5
    movement_db: float = 3.5
    absent_db: float = 8.0

    def check(self) -> None:
        """Raise ConfigurationError for a value that is out of its range."""
        for name, value, low, high in (
            ("threshold", self.threshold, -50.0, math.inf),
            ("movement_db", self.movement_db, 1.0, math.inf),
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
        score: evidence of the last comparison, nats; None: this frame completed none.
        movement_db: of the last 0.7 s, comparable with the setting.

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
        self._window = max(2, round(FIRST_S * chirp.frame_rate_hz))
        self._short = max(1, round(EMPTY_S * chirp.frame_rate_hz))
        self._history = History(chirp.frame_rate_hz)
        self._movement = Movement(chirp.frame_rate_hz, max(LENGTHS_S) + STEP_ABOUT_S)
        self._single_db = ONE_LOOK_DB if self._movement.lag == 1 else 0.0
        self._moments = np.zeros((self._window, FEATURES), np.float32)
        self.stop()

    def start(self) -> None:
        """Begin a session with the next frame: its person is the one to keep."""
        self._history.clear()
        self._movement.clear()
        self._gone = self._left = False
        self._first: list[np.ndarray] = []
        self._grid: np.ndarray | None = None
        self._frames = 0
        self._power = 0.0
        self.score: float | None = None
        self.movement_db = 0.0
        self._state = ContinuityState(True, True, "", 0.0)

    def stop(self) -> None:
        """Forget the session."""
        self.start()
        self._moments[:] = 0.0
        self._state = NO_SESSION

    def push(self, frame: FaceFrame) -> ContinuityState:
        """Judge the next frame."""
        self.score = None
        if not self._state.same:
            return self._state
        if self._grid is None:
            self._learn(frame.look)
            return self._state
        ended = self._add(self._profiler.moments(frame.look[np.newaxis], self._grid)[0])
        return self._end() if self._empty() or ended else self._state

    def _learn(self, look: np.ndarray) -> None:
        """Gather the first window, which tells where the person is."""
        self._first.append(look)
        if len(self._first) < self._window:
            return
        looks = np.stack(self._first)
        self._first.clear()
        self._grid = self._profiler.grid(self._profiler.front_m(looks))
        for moments in self._profiler.moments(looks, self._grid):
            self._add(moments)
        mean = self._moments.mean(axis=0)
        self._power = _power(mean)
        self._held = mean[:RANGES] > HELD_SHARE * mean[:RANGES].max()
        self._level = np.maximum(mean[:RANGES][self._held], LEAST_COUNTS2)

    def _add(self, moments: np.ndarray) -> bool:
        """One look; whether it ends the session by its profile or by movement."""
        self._moments[self._frames % self._window] = moments
        self._frames += 1
        self._movement.push(moments[:RANGES])
        self.movement_db = self._movement.sustained_db - self._single_db
        self._left = not self.movement_db < self.settings.movement_db
        return self._left | (self._history.push(moments) and self._compare())

    def _empty(self) -> bool:
        """Whether the echo has gone for an instant, over the ranges that held it in the first second."""
        last = np.arange(self._frames - self._short, self._frames) % self._window
        power = self._moments[last, :RANGES].mean(axis=0)[self._held]
        drop_db = float(np.mean(10 * np.log10((power + LEAST_COUNTS2) / self._level)))
        self._gone = not drop_db > -EMPTY_DB
        return self._gone

    def _compare(self) -> bool:
        """Judge the profile; whether the evidence is enough. What is no number is enough."""
        scores = []
        for length, length_s in enumerate(LENGTHS_S):
            compared = self._history.compare(length)
            if compared is not None:
                step_db = self._movement.step_db(length_s, STEP_ABOUT_S)
                scores.append(self._model.llr(compared, length) + STEP_WEIGHT * step_db)
        if not scores:
            return False
        self.score = float(np.max(scores))
        evidence = 1.0 + (self.score - self.settings.threshold) / SHOWN_NATS
        self._state = ContinuityState(True, True, "", min(max(evidence, 0.0), 1.0))
        return not self.score < self.settings.threshold

    def _end(self) -> ContinuityState:
        """The evidence is enough: is it an empty seat, or somebody else?"""
        weaker_db = 10 * math.log10(self._power / _power(self._moments.mean(axis=0)))
        absent = self._gone or not weaker_db < self.settings.absent_db
        if absent:
            reason = "the seat is or was empty: the echo of the verified person has gone."
        elif self._left:
            reason = "somebody leaves or takes the seat: the echoes of all ranges change too fast for one who sits."
        else:
            reason = (
                "somebody else is in the seat, or the person sits there differently: the profile of the echoes is not "
                "that of the session any more."
            )
        self._state = ContinuityState(not absent, False, reason, 1.0)
        return self._state


def _power(moments: np.ndarray) -> float:
    return max(float(moments[:RANGES].sum()), SMALLEST_POWER)
