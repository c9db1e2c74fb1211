"""What people are asked to do in a recording, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.simulation.performance.acting import drawn_asymmetry
from faceedge.simulation.performance.expressions import EXPRESSION
from faceedge.simulation.performance.subject import Subject
from faceedge.simulation.performance.timeline import Act, Call, Plan

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


SCRIPTS: dict[str, Callable[[np.random.Generator, Subject, float], Plan]] = {
    "fooder": _fooder,
    "basic": _basic,
    "learning": _learning,
    "micro": _micro_script,
    "name_call": _name_call,
    "talk": _talk,
    "mixed": _mixed,
    "still": _still,
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
