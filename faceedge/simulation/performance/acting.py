"""From what is asked for to movements of muscles and head: acts, gestures, answers to a call."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from faceedge.simulation.performance.channels import (
    BACK,
    INTENSITY,
    LOOK_PITCH,
    LOOK_YAW,
    PITCH,
    YAW,
    channels_of,
)
from faceedge.simulation.performance.curves import Bumps
from faceedge.simulation.performance.expressions import (
    BLINKS_TIMES,
    EXPRESSION,
    GESTURE_RATES_PER_MIN,
    GESTURES,
    PRIMARY,
    Expression,
    Gesture,
)
from faceedge.simulation.performance.motion import EXPRESSIONS
from faceedge.simulation.performance.physiology import saccade_s
from faceedge.simulation.performance.subject import Subject
from faceedge.simulation.performance.timeline import Act, Call, Move

HABIT_SPREAD, REPEAT_SPREAD = 0.30, 0.18
"""Standard deviation of the logarithm of a unit's strength between people, and between a person's repetitions."""
OWN_ASYMMETRY = 0.4
"""How much weaker the weak side is in somebody who is as one-sided as people are."""
LEFT_OUT = 0.25
"""How often a weak unit is left out of a repetition."""
STATE_LEFT_OUT, STATE_POSE = 0.5, (0.5, 0.8)
"""The same for learning states, and mean and standard deviation of how much of their pose they come with, at times the
other way: what tells these states apart shows in some people, some of the time (assumed; see
`GESTURE_RATES_PER_MIN`)."""
EXTRA_UNITS = ("browInnerUp", "browOuterUp", "mouthDimple", "noseSneer", "mouthPress", "cheekSquint", "mouthStretch")
"""Of which each person adds one or two to an expression by habit."""
UPPER_FACE = ("brow", "eye")
EYE_LEAD_S = (0.02, 0.15)
"""How much earlier than the head the eyes turn to a call."""
HEAD_SHARE = (0.55, 0.85)
"""Of a large turn of gaze that the head does (Freedman 2008, DOI 10.1007/s00221-008-1504-8); the eyes do the rest."""
_HABITS = 71


def habit(subject: Subject, expression: str) -> dict[str, float]:
    """Strengths of the units as this person does it: their own mixture, and one or two units that others leave out."""
    rng = np.random.default_rng((subject.seed, _HABITS, EXPRESSIONS.index(expression)))
    units = {
        name: strength * math.exp(HABIT_SPREAD * rng.standard_normal())
        for name, strength in EXPRESSION[expression].units.items()
    }
    if units:
        for name in rng.choice(EXTRA_UNITS, rng.integers(1, 3), replace=False).tolist():
            units[name] = units.get(name, 0.0) + 0.12 * rng.random()
    return units


def sided(name: str, asymmetry: float) -> list[tuple[int, float]]:
    """Channels of a unit, each with its share for an asymmetry as `Act` has it."""
    channels = channels_of(name)
    if len(channels) == 1:
        return [(channels[0], 1.0)]
    return [(channels[0], min(1.0, 1.0 + asymmetry)), (channels[1], min(1.0, 1.0 - asymmetry))]


def drawn_asymmetry(rng: np.random.Generator, subject: Subject, spread: float) -> float:
    """Of one repetition: some of the person's own, and chance."""
    return float(np.clip(OWN_ASYMMETRY * subject.asymmetry + spread * rng.standard_normal(), -0.8, 0.8))


def add_act(bumps: Bumps, rng: np.random.Generator, subject: Subject, act: Act) -> None:
    """The muscles' part of an act: every unit with its own strength and its own moment, none outside the act."""
    expression = EXPRESSION[act.expression]
    wobbles = list(_wobbles(rng, act))
    _add_unit(bumps, act, [(INTENSITY, 1.0)], act.intensity, (0.0, 1.0, 0.0, 1.0), wobbles)
    for name, strength in _chosen(rng, act, habit(subject, act.expression)).items():
        gain = strength * act.intensity * math.exp(REPEAT_SPREAD * rng.standard_normal())
        for channel, share in sided(name, act.asymmetry):
            _add_unit(bumps, act, [(channel, share)], gain, _moments(rng), wobbles)
    if not act.micro:
        _add_pose(bumps, rng, act, expression)


def _chosen(rng: np.random.Generator, act: Act, units: dict[str, float]) -> dict[str, float]:
    """The units that take part this time; of a micro-expression those of one half of the face."""
    if act.micro:
        upper = {name: strength for name, strength in units.items() if name.startswith(UPPER_FACE)}
        lower = {name: strength for name, strength in units.items() if name not in upper}
        # A half in which next to nothing moves would be a label without an expression.
        halves = [half for half in (upper, lower) if max(half.values(), default=0.0) >= PRIMARY]
        units = halves[int(rng.integers(len(halves)))] if halves else units
    left_out = STATE_LEFT_OUT if act.expression in BLINKS_TIMES else LEFT_OUT
    return {name: size for name, size in units.items() if size >= PRIMARY or rng.random() >= left_out}


def _moments(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """When a unit rises and falls, as parts of onset and offset: no two muscles start together."""
    late, early = 0.25 * rng.random(), 0.25 * rng.random()
    return late, (1 - late) * rng.uniform(0.85, 1.0), early, (1 - early) * rng.uniform(0.85, 1.0)


def _wobbles(rng: np.random.Generator, act: Act) -> Iterator[tuple[float, float, float, float, float]]:
    """What happens during a long apex: it wears off, and is renewed now and then (start, rise, stay, fall, share)."""
    if act.apex_s < 0.5:
        return
    yield act.apex_start_s, act.apex_s, 0.0, -1.0, -rng.uniform(0.0, 0.25)
    time_s = act.apex_start_s + rng.exponential(0.8)
    while time_s + 0.9 < act.offset_start_s:
        rise, stay, fall = rng.uniform(0.2, 0.35), rng.uniform(0.0, 0.2), rng.uniform(0.2, 0.35)
        yield time_s, rise, stay, fall, rng.uniform(-0.25, 0.12)
        time_s += rise + stay + fall + rng.exponential(0.8)


def _add_unit(
    bumps: Bumps, act: Act, channels: list[tuple[int, float]], gain: float,
    moments: tuple[float, float, float, float], wobbles: list[tuple[float, float, float, float, float]],
) -> None:  # fmt: skip
    late, rise, early, fall = moments
    start = act.start_s + late * act.onset_s
    rise_s, fall_start = rise * act.onset_s, act.offset_start_s + early * act.offset_s
    for channel, share in channels:
        bumps.add(channel, start, rise_s, fall_start - start - rise_s, fall * act.offset_s, gain * share)
        for begin, up, stay, down, part in wobbles:
            if down < 0:  # Until the end of the act.
                bumps.add(channel, begin, up, fall_start - begin - up, fall * act.offset_s, gain * share * part)
            else:
                bumps.add(channel, begin, up, stay, down, gain * share * part)


def _add_pose(bumps: Bumps, rng: np.random.Generator, act: Act, expression: Expression) -> None:
    """Head and gaze that may go with it, now more, now less, now not at all."""
    sides = rng.choice((-1.0, 1.0), 2).tolist()
    for name, most in expression.pose.items():
        share = rng.normal(*STATE_POSE) if act.expression in BLINKS_TIMES else max(0.0, rng.normal(0.7, 0.5))
        gain = _side(name, sides) * most * act.intensity * share
        late, rise, early, fall = _moments(rng)
        start, fall_start = act.start_s + late * act.onset_s, act.offset_start_s + early * act.offset_s
        rise_s = rise * act.onset_s
        for channel in channels_of(name):
            bumps.add(channel, start, rise_s, fall_start - start - rise_s, fall * act.offset_s, gain)
            if name in ("headYaw", "headPitch"):  # The gaze goes along with half of it.
                look = LOOK_YAW if name == "headYaw" else LOOK_PITCH
                bumps.add(look, start, rise_s, fall_start - start - rise_s, fall * act.offset_s, 0.3 * gain)


def add_gestures(
    bumps: Bumps, rng: np.random.Generator, subject: Subject, state: str, start_s: float, stop_s: float
) -> None:
    """What comes now and then in a state, each gesture as often as the state and the person have it."""
    own = np.random.default_rng((subject.seed, _HABITS, len(EXPRESSIONS)))
    liking = dict(zip(GESTURES, np.exp(0.6 * own.standard_normal(len(GESTURES))).tolist(), strict=True))
    for name, per_min in GESTURE_RATES_PER_MIN[state].items():
        gesture = GESTURES[name]
        between_s = 60.0 / (per_min * liking[name] * subject.restlessness)
        time_s = start_s + rng.exponential(between_s)
        while True:
            slow = math.exp(0.3 * rng.standard_normal())
            times = (slow * gesture.rise_s, slow * gesture.stay_s, slow * gesture.fall_s)
            whole_s = sum(times) * max(1, 2 * gesture.swings)
            if time_s + whole_s >= stop_s:
                break
            _add_gesture(bumps, rng, subject, gesture, time_s, times)
            time_s += whole_s + rng.exponential(between_s)


def _add_gesture(
    bumps: Bumps, rng: np.random.Generator, subject: Subject, gesture: Gesture, start_s: float,
    times: tuple[float, float, float],
) -> None:  # fmt: skip
    rise_s, stay_s, fall_s = times
    size = float(np.clip(math.exp(0.35 * rng.standard_normal()), 0.4, 1.8))
    asymmetry = drawn_asymmetry(rng, subject, 0.12)
    for name, strength in gesture.units.items():
        gain = min(1.0, strength * size * math.exp(REPEAT_SPREAD * rng.standard_normal()))
        for channel, share in sided(name, asymmetry):
            bumps.add(channel, start_s + 0.1 * rise_s * rng.random(), rise_s, stay_s, fall_s, gain * share)
    sides = rng.choice((-1.0, 1.0), 2).tolist()
    for name, most in gesture.pose.items():
        gain = _side(name, sides) * most * size
        saccade = name.startswith("look")
        for channel in channels_of(name):
            if gesture.swings:
                for swing in range(gesture.swings):
                    fade = gain * 0.75**swing
                    begin = start_s + 2 * swing * (rise_s + fall_s)
                    bumps.add(channel, begin, rise_s, 0.0, fall_s, fade)
                    bumps.add(channel, begin + rise_s, fall_s, 0.0, rise_s, -0.5 * fade)
            elif saccade:
                jump_s = saccade_s(gain)
                bumps.add(channel, start_s, jump_s, rise_s + stay_s, jump_s, gain)
            else:
                bumps.add(channel, start_s, rise_s, stay_s, fall_s, gain)


def _side(name: str, sides: list[float]) -> float:
    """To which side a movement goes: head and eyes turn to the same one, a tilt may go to either."""
    if name in ("headYaw", "lookYaw"):
        return sides[0]
    return sides[1] if name == "headRoll" else 1.0


def add_answer(bumps: Bumps, rng: np.random.Generator, call: Call, away_rad: tuple[float, float], share: float) -> None:
    """Eyes first, then the head, to who calls, and back again after a while."""
    if call.latency_s is None:
        return
    head_s = call.start_s + call.latency_s
    eyes_s = head_s - rng.uniform(*EYE_LEAD_S)
    back_s = head_s + call.turn_s + call.stay_s
    for look, head, target, home in ((LOOK_YAW, YAW, call.toward_rad[0], away_rad[0]),
                                     (LOOK_PITCH, PITCH, call.toward_rad[1], away_rad[1])):  # fmt: skip
        turn = target - home
        jump_s = saccade_s(turn)
        bumps.add(look, eyes_s, jump_s, back_s - 0.05 - eyes_s - jump_s, jump_s, turn)
        bumps.add(head, head_s, call.turn_s, call.stay_s, 1.15 * call.turn_s, share * turn)


def add_move(bumps: Bumps, move: Move, nearest_m: float) -> None:
    """A movement on request. The eyes stay on the sensors; nobody leans nearer than by ``nearest_m``."""
    for channel in channels_of(move.pose):
        size = max(move.size, -nearest_m) if channel == BACK else move.size
        bumps.add(channel, move.start_s, move.there_s, move.stay_s, move.back_s, size)
