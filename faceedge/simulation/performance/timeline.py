"""What a person is asked to do, and what comes of it: acts with onset, apex and offset, calls, talk, and movements."""

from __future__ import annotations

import math
from dataclasses import dataclass

from faceedge.errors import ConfigurationError
from faceedge.simulation.performance.motion import EXPRESSIONS


@dataclass(frozen=True, slots=True)
class Act:
    """One expression, once. What each muscle does with it follows from the person and the seed of the performance.

    Attributes:
        start_s: when the onset begins.
        onset_s, apex_s, offset_s: how long it rises, stays and falls.
        expression: of `EXPRESSIONS`.
        intensity: 0 to 1.
        asymmetry: -1 (the person's right side alone) to 1 (the left side alone); 0: both alike.
        micro: whether it is a micro-expression: a part of the face only.
    """

    start_s: float
    onset_s: float
    apex_s: float
    offset_s: float
    expression: str
    intensity: float
    asymmetry: float = 0.0
    micro: bool = False

    def __post_init__(self) -> None:
        if self.expression not in EXPRESSIONS:
            raise ConfigurationError(f"{self.expression!r} is no expression; expected one of {', '.join(EXPRESSIONS)}.")
        if not math.isfinite(self.start_s + self.stop_s):
            raise ConfigurationError(f"an act lies at finite times, got {self.start_s} to {self.stop_s} s.")
        if not (self.onset_s > 0 and self.apex_s >= 0 and self.offset_s > 0):
            raise ConfigurationError(
                f"an act needs an onset and an offset above 0 s and an apex of at least 0 s, got {self.onset_s}, "
                f"{self.offset_s} and {self.apex_s} s."
            )
        if not (0 <= self.intensity <= 1 and -1 <= self.asymmetry <= 1):
            raise ConfigurationError(
                f"an act has an intensity of 0 to 1 and an asymmetry of -1 to 1, got {self.intensity} and "
                f"{self.asymmetry}."
            )

    @property
    def apex_start_s(self) -> float:
        """When the onset has ended."""
        return self.start_s + self.onset_s

    @property
    def offset_start_s(self) -> float:
        """When the apex has ended."""
        return self.start_s + self.onset_s + self.apex_s

    @property
    def stop_s(self) -> float:
        """When the face is at rest again."""
        return self.start_s + self.onset_s + self.apex_s + self.offset_s


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody calls the person's name.

    Attributes:
        start_s, stop_s: of the call itself.
        latency_s: from the beginning of the call to the beginning of the head's turn; None: no reaction.
        turn_s: how long the head takes.
        stay_s: how long the person looks at the caller before going back to what was done before.
        toward_rad: yaw and pitch of where the caller is.
    """

    start_s: float
    stop_s: float
    latency_s: float | None
    turn_s: float
    stay_s: float
    toward_rad: tuple[float, float] = (0.0, 0.0)

    @property
    def answered(self) -> bool:
        """Whether the person turned."""
        return self.latency_s is not None


@dataclass(frozen=True, slots=True)
class Move:
    """One movement of the head on request, there and back.

    Attributes:
        pose: what moves, as `channels.channels_of` has it: headYaw, headPitch, headRoll, headBack, ...
        start_s: when it begins.
        there_s, stay_s, back_s: how long it takes, stays and takes back.
        size: how far, in rad or m.
    """

    pose: str
    start_s: float
    there_s: float
    stay_s: float
    back_s: float
    size: float

    @property
    def stop_s(self) -> float:
        """When the head is back."""
        return self.start_s + self.there_s + self.stay_s + self.back_s


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a script asks for.

    Attributes:
        acts: in order, none begins before the one before it has ended.
        calls: in order.
        talk_s: (start, stop) of stretches in which the person talks, with pauses for breath.
        away_rad: yaw and pitch of what the person attends to between calls, against where the sensors are.
        gaze_spread_rad: how far fixations lie from their centre (standard deviation).
        idle: whether gestures come in between (`GESTURE_RATES_PER_MIN`), as when nobody asked to sit still.
        moves: of the head on request; some go on at the same time.
    """

    acts: tuple[Act, ...] = ()
    calls: tuple[Call, ...] = ()
    talk_s: tuple[tuple[float, float], ...] = ()
    away_rad: tuple[float, float] = (0.0, 0.0)
    gaze_spread_rad: float = 0.03
    idle: bool = False
    moves: tuple[Move, ...] = ()
