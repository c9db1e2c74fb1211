"""A synthetic person performs a script: everything that moves, as exact functions of time, and thereby its own truth.

Nothing is stored on a grid. What is going on is laid out in tables when the performance is made (some 5 kB for each
second of it), and `Performance.motion` adds up what matters at the times that are asked for, in any order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from faceedge.compiled import compiled
from faceedge.errors import InputError
from faceedge.simulation.performance import acting, physiology, speech
from faceedge.simulation.performance.channels import (
    BACK,
    CHANNELS,
    CHEST,
    INTENSITY,
    LOOK_PITCH,
    LOOK_YAW,
    PITCH,
    PULSE,
    UNIT,
    UNITS,
    UP,
    YAW,
)
from faceedge.simulation.performance.curves import Bumps, evaluate
from faceedge.simulation.performance.expressions import BLINKS_TIMES
from faceedge.simulation.performance.motion import EXPRESSIONS, PHASES, Motion
from faceedge.simulation.performance.placement import NEAREST_M, Placement
from faceedge.simulation.performance.scripts import plan
from faceedge.simulation.performance.subject import Subject
from faceedge.simulation.performance.timeline import Act, Call, Plan

MARGIN_S = 3.0
"""A performance can be asked for so long before its begin and after its end: the person sits there already."""
TRUTH_HZ = 1000.0
NOSE_M = (0.115, 0.0, 0.035)
"""From the pivot to the tip of the nose, of a head of average size."""
TALK_BLINKS = 1.5
"""Blink rate while talking, against rest: 26 against 17 a minute (Bentivoglio et al. 1997, DOI
10.1002/mds.870120629)."""
TURN_BLINK = 0.6
"""How often a large turn of gaze comes with a blink (Evinger et al. 1994, Exp. Brain Res. 100)."""
TARGET_SPREAD_RAD = 0.05
"""Where a person looks who is told to look at the sensors: about there, elsewhere in each session."""

SWAY_ROOM_M = 0.01
"""Who leans to the sensors on request stays so much farther than `NEAREST_M`."""
EYE_LIMIT_RAD, FULL_LOOK_RAD, LOOK_FOOT_RAD = 0.7, 0.52, 0.08
"""Eyes turn at most so far; at so much the unit that says where they look is 1, over so much it begins."""
SATURATION = 0.8
"""Units above this are pressed together, so that none passes 1; what adds up to 1.2 is 1."""

_SCRIPT, _BODY, _ACTS, _GESTURES, _TALK, _CALLS, _FACE, _REST = range(100, 108)


class Performance:
    """What a person does for ``duration_s`` from time 0 on.

    Args:
        person: who performs.
        placement: mean pose.
        script: what is asked for.
        duration_s: how long.
        seed: of this performance; with the person's own it determines everything.
        nose_m: (3,) the tip of the person's nose in the head's own frame, which the placement puts in its place.

    Attributes:
        acts: the expressions, in order. Between them, and where there are none, the face is neutral.
        calls: of the name, in order.
        duration_s: as given.
        seat_m: (3,) where the head's pivot is in the mean pose.
    """

    def __init__(
        self,
        person: Subject,
        placement: Placement,
        script: Plan,
        duration_s: float,
        seed: int,
        nose_m: Sequence[float] | np.ndarray = NOSE_M,
    ) -> None:
        self.acts: tuple[Act, ...] = script.acts
        self.calls: tuple[Call, ...] = script.calls
        self.duration_s = duration_s
        self.first_s, self.last_s = -MARGIN_S, duration_s + MARGIN_S
        self._streams = (seed, person.seed)
        self._base = np.zeros(CHANNELS)
        self._nearer_m = max(placement.distance_m - NEAREST_M - SWAY_ROOM_M, 0.0)
        self.seat_m = placement.pivot_m(np.asarray(nose_m, np.float64))
        self._base[BACK : UP + 1] = self.seat_m
        bumps = Bumps()
        self._place(person, placement, script)
        self._live(bumps, person, script)
        self._act(bumps, person, script)
        # One bin more, so that the last time has one whatever its rounding.
        self._begin, self._bumps = bumps.tables(self.first_s, self.last_s + 1.0)
        self._lay_out_truth()

    def motion(self, time_s: np.ndarray | float) -> Motion:
        """How the person is at the times ``time_s`` (t,), in any order.

        Raises:
            InputError: a time is no number, or too far outside the performance.
        """
        time_s = np.atleast_1d(np.asarray(time_s, np.float64))
        if len(time_s) and not (time_s.min() >= self.first_s and time_s.max() <= self.last_s):
            raise InputError(
                f"the performance knows the times {self.first_s} to {self.last_s} s, asked for {time_s.min()} to "
                f"{time_s.max()} s; ask within, or make it longer."
            )
        out = self.channels(time_s)
        single = out.astype(np.float32)
        expression, phase = self._labels(time_s)
        return Motion(
            time_s=time_s,
            units=single[:, :UNITS],
            gaze_rad=single[:, LOOK_YAW : LOOK_PITCH + 1],
            head_rad=single[:, YAW : YAW + 3],
            pivot_m=out[:, BACK : UP + 1],
            chest_m=single[:, CHEST],
            pulse_m=single[:, PULSE],
            breathing_rad=_phase(self._breath_s, time_s),
            heart_rad=_phase(self._beat_s, time_s),
            expression=expression,
            phase=phase,
            intensity=single[:, INTENSITY],
            speaking=_within(self._speaking, time_s),
            calling=_within(self._calling, time_s),
        )

    def channels(self, time_s: np.ndarray) -> np.ndarray:
        """(t, channels) float64: all that moves, in the order of `performance.channels`, gaze against the head."""
        out = np.empty((len(time_s), CHANNELS))
        out[:] = self._base
        evaluate(time_s, self.first_s, self._begin, self._bumps, self._sines, self._gaze, self._posture, LOOK_YAW, out)
        _settle(out)
        return out

    def truth(self, start_s: float, stop_s: float) -> Motion:
        """`motion` at 1 kHz from ``start_s`` (rounded up to a whole ms) until before ``stop_s``."""
        first, last = math.ceil(start_s * TRUTH_HZ - 1e-6), math.ceil(stop_s * TRUTH_HZ - 1e-6)
        return self.motion(np.arange(first, last) / TRUTH_HZ)

    # Laying it out

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng((*self._streams, *stream))

    def _place(self, person: Subject, placement: Placement, script: Plan) -> None:
        """Mean turn of the head, what is looked at, and the face at rest."""
        rng = self._rng(_REST)
        self._base[YAW : YAW + 3] = placement.turn_rad
        sensors = np.arctan2(placement.offset_m, placement.distance_m)
        self._base[[LOOK_YAW, LOOK_PITCH]] = sensors + TARGET_SPREAD_RAD * rng.standard_normal(2)
        self._head_share = float(rng.uniform(*acting.HEAD_SHARE))
        self._base[[YAW, PITCH]] += self._head_share * np.array(script.away_rad)
        own = np.random.default_rng((person.seed, _FACE))
        self._sines = np.concatenate(
            [physiology.sway(rng, person), physiology.resting_face(own, rng, self._base)], axis=0
        )

    def _live(self, bumps: Bumps, person: Subject, script: Plan) -> None:
        """All that goes on by itself."""
        first, last = self.first_s, self.last_s
        breaths = physiology.breaths(self._rng(_BODY, 0), person, first, last, script.talk_s)
        physiology.add_breaths(bumps, self._rng(_BODY, 1), breaths)
        self._breath_s, self._breaths = breaths[:, 0], breaths
        self._beat_s = physiology.beats(self._rng(_BODY, 2), person, first, last, self._breath_s)
        physiology.add_beats(bumps, self._rng(_BODY, 3), person, self._beat_s)
        for number, (start, stop, times) in enumerate(_blink_stretches(script, first, last)):
            physiology.add_blinks(bumps, self._rng(_BODY, 4, number), person, start, stop, times)
        self._gaze = physiology.fixations(self._rng(_BODY, 5), script.away_rad, script.gaze_spread_rad, first, last)
        self._posture = physiology.posture(self._rng(_BODY, 6), person, first, last)

    def _act(self, bumps: Bumps, person: Subject, script: Plan) -> None:
        """All that is asked for."""
        for number, act in enumerate(script.acts):
            acting.add_act(bumps, self._rng(_ACTS, number), person, act)
            if script.idle and act.expression in BLINKS_TIMES:
                rng = self._rng(_GESTURES, number)
                acting.add_gestures(bumps, rng, person, act.expression, act.start_s, act.stop_s)
        if script.idle and not any(act.expression in BLINKS_TIMES for act in script.acts):
            acting.add_gestures(bumps, self._rng(_GESTURES), person, "neutral", 0.0, self.duration_s)
        for move in script.moves:
            acting.add_move(bumps, move, self._nearer_m)
        self._said = speech.phrases(self._breaths, script.talk_s)
        for number, (start, stop) in enumerate(self._said):
            own = np.random.default_rng((person.seed, _TALK))
            speech.add_phrase(bumps, self._rng(_TALK, number), own, start, stop)
        for number, call in enumerate(script.calls):
            rng = self._rng(_CALLS, number)
            acting.add_answer(bumps, rng, call, script.away_rad, self._head_share)
            if call.latency_s is not None and rng.random() < TURN_BLINK:
                physiology.add_blink(bumps, rng, call.start_s + call.latency_s, 0.22, complete=True)

    def _lay_out_truth(self) -> None:
        edges = [(act.start_s, act.apex_start_s, act.offset_start_s, act.stop_s) for act in self.acts]
        self._edges = np.array(edges, np.float64).ravel()
        names = [EXPRESSIONS.index(act.expression) for act in self.acts]
        labels = [(name, phase if name else 0) for name in names for phase in (1, 2, 3, 0)]
        labels = [(name if place % 4 < 3 else 0, phase) for place, (name, phase) in enumerate(labels)]
        table = np.array([(0, PHASES.index("rest")), *labels], np.int8)
        self._expression, self._phase = table[:, 0].copy(), table[:, 1].copy()
        self._speaking = np.array(self._said, np.float64).ravel()
        self._calling = np.array([(call.start_s, call.stop_s) for call in self.calls], np.float64).ravel()

    def _labels(self, time_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(t,) int8 expressions and phases."""
        place = np.searchsorted(self._edges, time_s, side="right")
        return self._expression[place], self._phase[place]


def perform(
    person: Subject,
    placement: Placement,
    script_name: str,
    duration_s: float,
    seed: int,
    nose_m: Sequence[float] | np.ndarray = NOSE_M,
) -> Performance:
    """A person performs one of `SCRIPTS`; see `Performance`.

    Raises:
        ConfigurationError: there is no such script, or no such duration.
    """
    return Performance(person, placement, plan(script_name, person, duration_s, seed), duration_s, seed, nose_m)


def _blink_stretches(script: Plan, first_s: float, last_s: float) -> list[tuple[float, float, float]]:
    """(start, stop, rate against the person's own) from ``first_s`` to ``last_s`` without a gap."""
    special = [(act.start_s, act.stop_s, BLINKS_TIMES[act.expression]) for act in script.acts
               if act.expression in BLINKS_TIMES]  # fmt: skip
    special += [(start, stop, TALK_BLINKS) for start, stop in script.talk_s]
    found, time_s = [], first_s
    for start, stop, times in [*sorted(special), (last_s, last_s, 1.0)]:
        found += [(time_s, start, 1.0), (start, stop, times)]
        time_s = stop
    return found


def _phase(start_s: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """(t,) float32, 0 to 2 pi: how far each time is from the last start to the next."""
    place = np.clip(np.searchsorted(start_s, time_s, side="right") - 1, 0, len(start_s) - 2)
    part = (time_s - start_s[place]) / (start_s[place + 1] - start_s[place])
    phase: np.ndarray = 2 * math.pi * np.clip(part, 0.0, 1.0)
    return phase.astype(np.float32)


def _within(edges_s: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """(t,) bool: whether each time is in one of the stretches (start, stop, start, stop, ...)."""
    inside: np.ndarray = np.searchsorted(edges_s, time_s, side="right") & 1
    return inside.astype(bool)


_BLINK = (UNIT["eyeBlinkLeft"], UNIT["eyeBlinkRight"])
_WIDE = (UNIT["eyeWideLeft"], UNIT["eyeWideRight"])
_LOOK_LEFT = (UNIT["eyeLookOutLeft"], UNIT["eyeLookInRight"])
_LOOK_RIGHT = (UNIT["eyeLookInLeft"], UNIT["eyeLookOutRight"])
_LOOK_UP = (UNIT["eyeLookUpLeft"], UNIT["eyeLookUpRight"])
_LOOK_DOWN = (UNIT["eyeLookDownLeft"], UNIT["eyeLookDownRight"])


@compiled
def _part(angle: float) -> float:
    """How far a unit of looking is in use: 0 for the other way, then smoothly (twice differentiable) to a line."""
    if angle <= 0.0:
        return 0.0
    s = angle / LOOK_FOOT_RAD
    if s < 1.0:
        return LOOK_FOOT_RAD * s * s * s * (1.0 - 0.5 * s) / FULL_LOOK_RAD
    return (angle - 0.5 * LOOK_FOOT_RAD) / FULL_LOOK_RAD


@compiled
def _pressed(value: float) -> float:
    """0 to 1, twice differentiable: the value itself up to `SATURATION`."""
    if value <= SATURATION:
        return max(value, 0.0)
    width = 2.0 * (1.0 - SATURATION)
    s = min((value - SATURATION) / width, 1.0)
    return SATURATION + width * (s - s * s * s * s * (2.5 - s * (3.0 - s)))


@compiled
def _settle(out: np.ndarray) -> None:
    """What the channels mean together, in place: eyes against the head, what lids do with them, units within 0 to 1."""
    for i in range(len(out)):
        row = out[i]
        for j in range(2):
            # The eyes make up for the head: all of it, as long as they can turn.
            angle = row[LOOK_YAW + j] - row[YAW + j]
            angle /= (1.0 + (angle / EYE_LIMIT_RAD) ** 4) ** 0.25
            row[LOOK_YAW + j] = angle
        for side in range(2):
            row[_LOOK_LEFT[side]] = _part(row[LOOK_YAW])
            row[_LOOK_RIGHT[side]] = _part(-row[LOOK_YAW])
            row[_LOOK_DOWN[side]] = _part(row[LOOK_PITCH])
            row[_LOOK_UP[side]] = _part(-row[LOOK_PITCH])
        for unit in range(UNITS):
            row[unit] = _pressed(row[unit])
        row[INTENSITY] = _pressed(row[INTENSITY])
        for side in range(2):
            row[_WIDE[side]] *= 1.0 - row[_BLINK[side]]
