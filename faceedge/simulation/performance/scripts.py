"""What people are asked to do in a recording, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.simulation.performance.acting import drawn_asymmetry
from faceedge.simulation.performance.expressions import EXPRESSION
from faceedge.simulation.performance.subject import Subject
from faceedge.simulation.performance.timeline import Act, Call, Move, Plan

FOODER = ("neutral", "smile", "shock", "anger")
BASIC = ("happy", "surprise", "sad", "fear", "disgust", "anger", "contempt")
LEARNING = ("engaged", "bored", "confused", "frustrated")

FIRST_S = (0.8, 2.0)
"""Before the first act."""
REST_S = (0.7, 2.5)
"""Between acts."""
INTENSITY = (0.45, 0.98)
"""Of an expression that somebody was asked for, with usual expressiveness."""
TEMPO_SPREAD = 0.15
"""Some people are quick, some slow: standard deviation of the logarithm of the durations between people."""
MICRO_S = (0.04, 0.20)
"""All of a micro-expression."""
MICRO_INTENSITY = (0.25, 0.60)
"""Weaker than what one is asked for, and yet to be seen: at half as much, an event camera gave a few events more in ten
thousand, and the label named something that nobody could see (assumed)."""
LATENCY_S, LATENCY_SPREAD, LATENCY_LIMITS_S = 0.75, 0.4, (0.25, 3.0)
"""From the beginning of a call to that of the head's turn: log-normal. Turns of the head to sounds begin after 0.2 to
0.4 s when one waits for them (Goossens and Van Opstal 1997, Exp. Brain Res. 114); a name takes half a second to be
heard, and who is busy takes longer."""
MISSED = 0.2
"""How often a call stays without an answer."""
PEAK_TURN_RAD_S = (1.0, 2.6)
"""Peak speed of the head in an unhurried turn of some 30 degrees."""
SWEEP_TURN_RAD, SWEEP_NOD_RAD = (0.21, 0.35), (0.14, 0.26)
"""How far heads go that are slowly turned (12 to 20 degrees) or nodded (8 to 15) on request (assumed)."""
SWEEP_NEARER_M, SWEEP_FARTHER_M = (0.05, 0.10), (0.04, 0.09)
"""A hand's breadth."""
SWEEP_RAD_S, SWEEP_M_S = (0.14, 0.28), (0.035, 0.07)
"""Mean speeds: 8 to 16 degrees a second; 2 seconds for a hand's breadth (assumed)."""
SWEEP_REST_S, SWEEP_STAY_S = (0.1, 0.6), (0.05, 0.5)
SWEEP_ASTRAY = 0.15
"""What goes along without being asked for: standard deviation of the other angles against the one asked for."""
SWEEP_NOD_RAD_PER_M = 1.0
"""Heads bow a little when they come nearer, and the other way: 6 degrees for 10 cm (assumed)."""

_SCRIPTS = 53


def _between(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    return float(rng.uniform(*limits))


def _act(rng: np.random.Generator, person: Subject, expression: str, start_s: float) -> Act:
    """One macro-expression as this person does it this time."""
    kind = EXPRESSION[expression]
    times = (kind.onset_s, kind.apex_s, kind.offset_s)
    tempo = math.exp(TEMPO_SPREAD * np.random.default_rng((person.seed, _SCRIPTS)).standard_normal())
    onset, apex, offset = (tempo * seconds * math.exp(kind.spread * rng.standard_normal()) for seconds in times)
    if expression == "neutral":
        return Act(start_s, onset, apex, offset, expression, 0.0)
    intensity = person.expressiveness * (INTENSITY[0] + (INTENSITY[1] - INTENSITY[0]) * rng.beta(2.5, 2.0))
    side = drawn_asymmetry(rng, person, 0.07)
    if kind.one_sided:
        side = math.copysign(rng.uniform(0.55, 0.95), person.asymmetry + 0.2 * rng.standard_normal())
    return Act(start_s, onset, apex, offset, expression, float(np.clip(intensity, 0.1, 1.0)), side)


def _micro(rng: np.random.Generator, person: Subject, expression: str, start_s: float) -> Act:
    whole_s = float(rng.triangular(MICRO_S[0], 0.16, MICRO_S[1]))
    onset, apex, offset = (np.array([0.35, 0.2, 0.45]) * np.exp(0.15 * rng.standard_normal(3))).tolist()
    scale = whole_s / (onset + apex + offset)
    side = drawn_asymmetry(rng, person, 0.2)
    intensity = _between(rng, MICRO_INTENSITY) * min(1.2, person.expressiveness)
    return Act(start_s, onset * scale, apex * scale, offset * scale, expression, min(1.0, intensity), side, micro=True)


def _in_turn(
    rng: np.random.Generator, person: Subject, names: Sequence[str], duration_s: float,
    make: Callable[[np.random.Generator, Subject, str, float], Act] = _act, rest_s: tuple[float, float] = REST_S,
) -> tuple[Act, ...]:  # fmt: skip
    """Acts one after another, each name equally often, in an order that changes from round to round."""
    acts: list[Act] = []
    order: list[str] = []
    time_s = _between(rng, FIRST_S)
    while True:
        order = order or rng.permutation(names).tolist()
        act = make(rng, person, order.pop(), time_s)
        if act.stop_s > duration_s:
            return tuple(acts)
        acts.append(act)
        time_s = act.stop_s + _between(rng, rest_s)


def _still(rng: np.random.Generator, person: Subject, duration_s: float) -> Plan:
    return Plan()


def _fooder(rng: np.random.Generator, person: Subject, duration_s: float) -> Plan:
    return Plan(_in_turn(rng, person, FOODER, duration_s))


def _basic(rng: np.random.Generator, person: Subject, duration_s: float) -> Plan:
    return Plan(_in_turn(rng, person, BASIC, duration_s))


def _micro_script(rng: np.random.Generator, person: Subject, duration_s: float) -> Plan:
    return Plan(_in_turn(rng, person, BASIC, duration_s, make=_micro, rest_s=(1.5, 5.0)))


def _learning(rng: np.random.Generator, person: Subject, duration_s: float) -> Plan:
    acts = _in_turn(rng, person, LEARNING, duration_s, rest_s=(0.5, 2.0))
    return Plan(acts, gaze_spread_rad=0.09, idle=True)


def _talk(rng: np.random.Generator, person: Subject, duration_s: float) -> Plan:
    return Plan(talk_s=_turns(rng, duration_s), gaze_spread_rad=0.06)


def _turns(rng: np.random.Generator, duration_s: float) -> tuple[tuple[float, float], ...]:
    """Stretches of talk, with silence (listening) in between."""
    found, time_s = [], _between(rng, FIRST_S)
    while time_s + 2.0 < duration_s:
        stop_s = min(time_s + rng.uniform(5.0, 14.0), duration_s - 0.3)
        found.append((time_s, stop_s))
        time_s = stop_s + rng.uniform(1.5, 5.0)
    return tuple(found)


def _call(rng: np.random.Generator, start_s: float, turn_rad: float, toward_rad: tuple[float, float]) -> Call:
    latency = float(np.clip(LATENCY_S * math.exp(LATENCY_SPREAD * rng.standard_normal()), *LATENCY_LIMITS_S))
    turn_s = max(0.25, 1.875 * abs(turn_rad) / rng.uniform(*PEAK_TURN_RAD_S))
    stay_s, call_s = rng.uniform(1.0, 3.0), rng.uniform(0.4, 0.8)
    missed = rng.random() < MISSED
    return Call(start_s, start_s + call_s, None if missed else latency, turn_s, stay_s, toward_rad)


def _after(call: Call) -> float:
    """When a call and all that it causes are over."""
    if call.latency_s is None:
        return call.stop_s
    return call.start_s + call.latency_s + 2.15 * call.turn_s + call.stay_s


def _name_call(rng: np.random.Generator, person: Subject, duration_s: float) -> Plan:
    """The person is busy with something aside; the robot with the sensors calls."""
    away = (float(rng.choice((-1.0, 1.0)) * rng.uniform(0.35, 0.8)), float(rng.uniform(0.0, 0.35)))
    calls: list[Call] = []
    acts: list[Act] = []
    time_s = rng.uniform(1.5, 4.0)
    while True:
        call = _call(rng, time_s, away[0], (0.0, 0.0))
        if _after(call) > duration_s:
            return Plan(tuple(acts), tuple(calls), away_rad=away, gaze_spread_rad=0.06)
        calls.append(call)
        if call.latency_s is not None and rng.random() < 0.5:
            start = call.start_s + call.latency_s + rng.uniform(0.3, 0.8) * call.turn_s
            act = _act(rng, person, "smile" if rng.random() < 0.75 else "surprise", start)
            if act.stop_s <= min(duration_s, _after(call) + 1.5):
                acts.append(act)
        time_s = max(_after(call), acts[-1].stop_s if acts else 0.0) + rng.uniform(3.0, 8.0)


def _mixed(rng: np.random.Generator, person: Subject, duration_s: float) -> Plan:
    """A bit of everything, one thing after another, by somebody whom nobody asked to sit still."""
    acts: list[Act] = []
    calls: list[Call] = []
    talk: list[tuple[float, float]] = []
    time_s = _between(rng, FIRST_S)
    while True:
        kind = rng.choice(("act", "micro", "talk", "call"), p=(0.55, 0.2, 0.15, 0.1))
        if kind == "act":
            acts.append(_act(rng, person, str(rng.choice(FOODER + BASIC)), time_s))
            stop_s = acts[-1].stop_s
        elif kind == "micro":
            acts.append(_micro(rng, person, str(rng.choice(BASIC)), time_s))
            stop_s = acts[-1].stop_s
        elif kind == "talk":
            talk.append((time_s, time_s + rng.uniform(3.0, 8.0)))
            stop_s = talk[-1][1]
        else:
            toward = (float(rng.choice((-1.0, 1.0)) * rng.uniform(0.3, 0.7)), float(rng.uniform(-0.1, 0.1)))
            calls.append(_call(rng, time_s, toward[0], toward))
            stop_s = _after(calls[-1])
        if stop_s > duration_s:
            last: list[Act] | list[Call] | list[tuple[float, float]]
            last = acts if kind in ("act", "micro") else talk if kind == "talk" else calls
            last.pop()
            return Plan(tuple(acts), tuple(calls), tuple(talk), gaze_spread_rad=0.05, idle=True)
        time_s = stop_s + _between(rng, REST_S)


def _sweep(rng: np.random.Generator, person: Subject, duration_s: float) -> Plan:
    """Slowly, what a guided enrolment asks for: turn, nod, turn with the chin up and down, lean; and again."""
    moves: list[Move] = []
    time_s = _between(rng, FIRST_S)
    while True:
        for part in (_turned, _nodded, _turned_up, _turned_down, _leaned):
            made = part(rng, time_s)
            time_s = max(move.stop_s for move in made)
            if time_s > duration_s:
                return Plan(moves=tuple(moves))
            moves += made
            time_s += _between(rng, SWEEP_REST_S)


def _there_and_back(rng: np.random.Generator, pose: str, start_s: float, size: float) -> Move:
    speed = _between(rng, SWEEP_M_S if pose == "headBack" else SWEEP_RAD_S)
    there_s = max(0.5, abs(size) / speed)
    return Move(pose, start_s, there_s, _between(rng, SWEEP_STAY_S), there_s * rng.uniform(0.8, 1.3), size)


def _with(move: Move, pose: str, size: float) -> Move:
    """What goes along with a move."""
    return replace(move, pose=pose, size=size)


def _to_both_sides(
    rng: np.random.Generator, pose: str, start_s: float, limits: tuple[float, float], others: tuple[str, ...]
) -> list[Move]:
    """First to the one side, then to the other; not as far to both, and not quite straight."""
    first = rng.choice((-1.0, 1.0))
    moves: list[Move] = []
    for side in (first, -first):
        main = _there_and_back(rng, pose, start_s, side * _between(rng, limits))
        moves += [main, *(_with(main, other, SWEEP_ASTRAY * rng.standard_normal() * main.size) for other in others)]
        # Nobody stops in the middle.
        start_s = main.stop_s - 0.4 * main.back_s
    return moves


def _turned(rng: np.random.Generator, start_s: float) -> list[Move]:
    return _to_both_sides(rng, "headYaw", start_s, SWEEP_TURN_RAD, ("headPitch", "headRoll"))


def _nodded(rng: np.random.Generator, start_s: float) -> list[Move]:
    return _to_both_sides(rng, "headPitch", start_s, SWEEP_NOD_RAD, ("headYaw", "headRoll"))


def _turned_up(rng: np.random.Generator, start_s: float) -> list[Move]:
    return _turned_at(rng, start_s, -1.0)


def _turned_down(rng: np.random.Generator, start_s: float) -> list[Move]:
    return _turned_at(rng, start_s, 1.0)


def _turned_at(rng: np.random.Generator, start_s: float, side: float) -> list[Move]:
    """To the left and the right with the chin down (1) or up (-1)."""
    chin = _there_and_back(rng, "headPitch", start_s, side * 0.7 * _between(rng, SWEEP_NOD_RAD))
    moves = _turned(rng, start_s + 0.5 * chin.there_s)
    stay_s = max(move.stop_s for move in moves) - start_s - chin.there_s - 0.5 * chin.back_s
    return [replace(chin, stay_s=max(stay_s, 0.0)), *moves]


def _leaned(rng: np.random.Generator, start_s: float) -> list[Move]:
    moves: list[Move] = []
    for size in (-_between(rng, SWEEP_NEARER_M), _between(rng, SWEEP_FARTHER_M)):
        main = _there_and_back(rng, "headBack", start_s, size)
        bow = -SWEEP_NOD_RAD_PER_M * size * rng.uniform(0.2, 1.8)
        turn = SWEEP_ASTRAY * rng.standard_normal() * SWEEP_TURN_RAD[1]
        moves += [main, _with(main, "headPitch", bow), _with(main, "headYaw", turn)]
        start_s = main.stop_s
    return moves


SCRIPTS: dict[str, Callable[[np.random.Generator, Subject, float], Plan]] = {
    "fooder": _fooder,
    "basic": _basic,
    "learning": _learning,
    "micro": _micro_script,
    "name_call": _name_call,
    "talk": _talk,
    "mixed": _mixed,
    "still": _still,
    "sweep": _sweep,
}


def plan(name: str, person: Subject, duration_s: float, seed: int) -> Plan:
    """What a script asks of a person.

    Raises:
        ConfigurationError: there is no such script, or no such duration.
    """
    if name not in SCRIPTS:
        raise ConfigurationError(f"{name!r} is no script; expected one of {', '.join(SCRIPTS)}.")
    if not 0 < duration_s < math.inf:
        raise ConfigurationError(f"a performance lasts more than 0 s, got {duration_s} s.")
    return SCRIPTS[name](np.random.default_rng((seed, person.seed, _SCRIPTS)), person, duration_s)


def script(name: str, person: Subject, duration_s: float, seed: int) -> tuple[Act, ...]:
    """The acts of `plan`."""
    return plan(name, person, duration_s, seed).acts
