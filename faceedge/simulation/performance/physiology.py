"""What a body does without being asked: breath, heart, blinks, fixations, sway, and the noise of muscles at rest.

Sizes and rates, each with where it was published:

- Breathing at rest: rate and depth of the person; from breath to breath the rate varies by about a fifth and the depth
  by about a third, and neighbours are alike (Tobin et al. 1988, DOI 10.1152/jappl.1988.65.1.309; Benchetrit 2000,
  Respir. Physiol. 122). Sighs of at least twice the depth, about ten an hour (reviewed by Vlemincx et al. 2013, Biol.
  Psychol. 93). In speech: a quick breath in, a long one out.
- Heart: the person's rate; respiratory sinus arrhythmia and slow (0.1 Hz) waves of the beat interval, together with a
  standard deviation of 30 to 60 ms as in short recordings at rest (Nunan et al. 2010, DOI
  10.1111/j.1540-8159.2010.02841.x). Each beat jerks the head by about 10 mG (He, Winokur and Sodini 2012, EMBC; used by
  Balakrishnan, Durand and Guttag 2013, DOI 10.1109/CVPR.2013.440): with the times below 60 um. The chest wall moves
  0.1 to 0.5 mm with the beat (Singh and Ramachandran 1991, IEEE Trans. Biomed. Eng. 38; Droitcour 2006, thesis,
  Stanford).
- Blinks: closing is about twice as fast as opening (VanderWerf et al. 2003, DOI 10.1152/jn.00557.2002), half of them
  are not complete (Sforza et al. 2008, DOI 10.1111/j.1475-1313.2008.00577.x; Ousler et al. 2014, DOI
  10.2147/OPTH.S56783).
- Saccades last 21 ms and 2.2 ms for each degree (Carpenter 1988); fixations a third of a second.
- Sway: an Ornstein-Uhlenbeck process (exponential correlation over some seconds), slowed by the head's inertia, as a
  sum of sines; a shift of posture now and then; physiological tremor of some 10 um at 4 to 10 Hz.
- A fixation is no rest: drift of some minutes of arc and small saccades (Martinez-Conde, Macknik and Hubel 2004, DOI
  10.1038/nrn1348).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from faceedge.simulation.performance.channels import (
    BACK,
    CHEST,
    LOOK_PITCH,
    LOOK_YAW,
    PITCH,
    PULSE,
    RIGHT,
    ROLL,
    UNIT,
    UP,
    YAW,
)
from faceedge.simulation.performance.curves import Bumps, steps
from faceedge.simulation.performance.motion import FACE_UNITS
from faceedge.simulation.performance.subject import Subject

SIGHS_PER_S = 10 / 3600
RATE_SPREAD, DEPTH_SPREAD, ALIKE = 0.18, 0.25, 0.5
INHALE_PART, EXHALE_PART = 0.40, 0.46
"""Of a breath's duration; what is left is a pause."""
SPEECH_INHALE_S, SHORTEST_BREATH_S = 0.55, 1.2

BEAT = (
    # channel, from the beat's begin to the wave's, rise, stay, fall (s), height
    (PULSE, 0.10, 0.12, 0.02, 0.34, 1.0),
    (PULSE, 0.36, 0.10, 0.02, 0.22, 0.25),
    (UP, 0.06, 0.06, 0.0, 0.06, -30e-6),
    (UP, 0.12, 0.06, 0.0, 0.06, 60e-6),
    (UP, 0.19, 0.07, 0.0, 0.08, -40e-6),
    (BACK, 0.10, 0.07, 0.0, 0.07, 25e-6),
    (BACK, 0.18, 0.07, 0.0, 0.09, -20e-6),
    (CHEST, 0.05, 0.09, 0.02, 0.20, 1.0),
)
"""The waves of one beat: of the face's skin with its dicrotic one (times the person's pulse), of the head as the body
is thrown down, up and down again (I, J and K of the ballistocardiogram), and of the chest wall."""
CHEST_BEAT_M = (0.1e-3, 0.4e-3)

SWAY = {BACK: 1.0, RIGHT: 0.7, UP: 0.15}
"""Against the person's sway."""
SWAY_RAD_PER_M = {YAW: 4.0, PITCH: 3.2, ROLL: 2.4}
"""4 mm of sway go with 0.9 degrees of yaw."""
SWAY_CORNER_HZ, SWAY_INERTIA_HZ = 0.10, 1.2
SWAY_LINES_HZ = np.geomspace(0.008, 2.5, 16)
TREMOR_HZ, TREMOR_M = (4.0, 10.0), 10e-6
EYE_DRIFT_HZ, EYE_DRIFT_RAD = (0.3, 4.0), 6e-4

REST_TONE = (0.004, 0.035)
"""Of each unit in a neutral face: no face at rest is the mean face."""
UNQUIET = [name for name in FACE_UNITS if not name.startswith("eyeLook") and name != "tongueOut"]


def breaths(
    rng: np.random.Generator, subject: Subject, first_s: float, last_s: float, talk_s: Sequence[tuple[float, float]]
) -> np.ndarray:
    """(n, 4) start, breathing in, breathing out (s), height (m) of each breath, until past ``last_s``."""
    found = []
    rate = depth = 0.0
    time_s = first_s - rng.uniform(1.0, 2.0) / subject.breathing_hz
    while time_s < last_s:
        rate = ALIKE * rate + math.sqrt(1 - ALIKE**2) * RATE_SPREAD * rng.standard_normal()
        depth = ALIKE * depth + math.sqrt(1 - ALIKE**2) * DEPTH_SPREAD * rng.standard_normal()
        whole_s = math.exp(float(np.clip(rate, -0.5, 0.5))) / subject.breathing_hz
        height_m = subject.breathing_m * math.exp(float(np.clip(depth, -0.7, 0.6)))
        sigh = rng.random() < SIGHS_PER_S * whole_s
        if sigh:
            whole_s, height_m = 1.3 * whole_s, rng.uniform(2.0, 3.0) * height_m
        # Who is about to talk cuts the breath short.
        rest_s = min([start - SPEECH_INHALE_S - time_s for start, _ in talk_s if start > time_s], default=math.inf)
        if rest_s < whole_s:
            height_m *= max(rest_s, SHORTEST_BREATH_S) / whole_s
            whole_s = max(rest_s, SHORTEST_BREATH_S)
        in_s, out_s = INHALE_PART * whole_s, EXHALE_PART * whole_s
        if any(start - SPEECH_INHALE_S <= time_s + 1e-9 and time_s < stop - 0.5 for start, stop in talk_s):
            height_m = 1.25 * subject.breathing_m * math.exp(float(np.clip(depth, -0.7, 0.6)))
            in_s, out_s = rng.uniform(0.8, 1.2) * SPEECH_INHALE_S, rng.uniform(2.0, 4.5)
            whole_s = in_s + out_s + 0.05
        found.append((time_s, in_s, out_s, height_m))
        time_s += whole_s
    return np.array(found)


def add_breaths(bumps: Bumps, rng: np.random.Generator, table: np.ndarray) -> None:
    """The breastbone, and the head that rides on it: a little forward and up."""
    forward, up = rng.uniform(0.04, 0.12), rng.uniform(0.05, 0.15)
    for channel, share in ((CHEST, 1.0), (BACK, -forward), (UP, up)):
        for start, in_s, out_s, height in table:
            # Most of the air leaves early: a fast part and a slow one.
            bumps.add(channel, start, in_s, 0.0, 0.75 * out_s, 0.7 * share * height)
            bumps.add(channel, start, in_s, 0.0, out_s, 0.3 * share * height)


def beats(
    rng: np.random.Generator, subject: Subject, first_s: float, last_s: float, breath_start_s: np.ndarray
) -> np.ndarray:
    """(n,) when each beat begins, until past ``last_s``."""
    sinus_s, slow_s, noise_s = rng.uniform(0.015, 0.05), rng.uniform(0.01, 0.04), 0.01
    slow_hz, slow_phase = rng.uniform(0.08, 0.12), rng.uniform(0, 2 * math.pi)
    drift_hz, drift_phase = rng.uniform(0.01, 0.03), rng.uniform(0, 2 * math.pi)
    mean_s = 1.0 / subject.heart_hz
    found, time_s = [], first_s - rng.uniform(1.0, 2.0) * mean_s
    while time_s < last_s + 2 * mean_s:
        found.append(time_s)
        last = int(np.searchsorted(breath_start_s, time_s, side="right")) - 1
        length = breath_start_s[min(last + 1, len(breath_start_s) - 1)] - breath_start_s[max(last, 0)]
        part = (time_s - breath_start_s[max(last, 0)]) / max(length, 1.0)
        interval_s = mean_s - sinus_s * math.sin(2 * math.pi * part)
        interval_s += slow_s * math.sin(2 * math.pi * slow_hz * time_s + slow_phase)
        interval_s += 0.02 * math.sin(2 * math.pi * drift_hz * time_s + drift_phase) + noise_s * rng.standard_normal()
        time_s += max(interval_s, 0.6 * mean_s)
    return np.array(found)


def add_beats(bumps: Bumps, rng: np.random.Generator, subject: Subject, start_s: np.ndarray) -> None:
    """The skin of the face, the head and the chest wall with each beat; no two beats are equally strong."""
    height = {PULSE: subject.pulse_m, CHEST: rng.uniform(*CHEST_BEAT_M), UP: rng.uniform(0.6, 1.4)}
    height[BACK] = height[UP]
    strength = np.exp(0.08 * rng.standard_normal(len(start_s)))
    for start, strong in zip(start_s.tolist(), strength.tolist(), strict=True):
        bumps.extend(
            (channel, start + after, rise, stay, fall, gain * strong * height[channel])
            for channel, after, rise, stay, fall, gain in BEAT
        )


def add_blink(bumps: Bumps, rng: np.random.Generator, start_s: float, whole_s: float, *, complete: bool) -> None:
    """One blink of both eyes, which meanwhile dip by a degree or two."""
    # Lids that close meet early and stay together: see SATURATION of the performance.
    depth = rng.uniform(1.1, 1.25) if complete else rng.uniform(0.3, 0.95)
    close_s, shut_s = 0.30 * whole_s, rng.uniform(0.02, 0.15) * whole_s
    open_s = whole_s - close_s - shut_s
    for side in ("Left", "Right"):
        deep = depth * (1 - 0.04 * rng.random())
        bumps.add(UNIT["eyeBlink" + side], start_s + 0.004 * rng.random(), close_s, shut_s, open_s, deep)
        bumps.add(UNIT["cheekSquint" + side], start_s, close_s, shut_s, open_s, 0.03 * depth)
    bumps.add(LOOK_PITCH, start_s, close_s, 0.0, open_s, math.radians(rng.uniform(0.5, 2.0)) * depth)


def add_blinks(
    bumps: Bumps, rng: np.random.Generator, subject: Subject, first_s: float, last_s: float, times: float
) -> None:
    """Blinks at the person's rate ``times`` as often, at irregular intervals."""
    spread = 0.7
    mean_s = 1.0 / (subject.blink_hz * times)
    time_s = first_s + mean_s * rng.random()
    while time_s < last_s:
        whole_s = float(np.clip(subject.blink_s * math.exp(0.2 * rng.standard_normal()), 0.1, 0.4))
        add_blink(bumps, rng, time_s, whole_s, complete=rng.random() < 0.5)
        time_s += whole_s + max(0.2, mean_s * math.exp(spread * rng.standard_normal() - spread**2 / 2))


SMALL_SACCADES, SMALL_SACCADE_RAD = 0.3, 0.006
"""How often the next saccade is one within a fixation, and how large it is in each direction."""


def saccade_s(angle_rad: float) -> float:
    """How long a saccade takes: Carpenter's line of the main sequence."""
    return 0.021 + 0.0022 * abs(math.degrees(angle_rad))


def fixations(
    rng: np.random.Generator, centre_rad: tuple[float, float], spread_rad: float, first_s: float, last_s: float
) -> np.ndarray:
    """`steps` of where the person looks: fixations about a centre, the next one not far from the last."""
    time_s, place = first_s, np.zeros(2)
    starts: list[float] = []
    lasts: list[float] = []
    places = [place]
    while time_s < last_s or not starts:
        if rng.random() < SMALL_SACCADES:
            place = place + SMALL_SACCADE_RAD * rng.standard_normal(2)
        else:
            place = 0.6 * place + 0.8 * spread_rad * rng.standard_normal(2) * (1.0, 0.7)
        lasts.append(saccade_s(float(np.hypot(*(place - places[-1])))))
        starts.append(time_s)
        places.append(place)
        time_s += lasts[-1] + float(np.clip(math.exp(0.55 * rng.standard_normal()) * 0.36, 0.12, 2.5))
    return steps(np.array(starts), np.array(lasts), np.array(places) + centre_rad)


POSTURE_RAD = np.radians([1.6, 1.2, 1.0])
POSTURE_M = np.array([4.0e-3, 3.0e-3, 1.0e-3])
POSTURE_SHIFT_S, USUAL_SWAY_M = 25.0, 4e-3
"""Mean time between shifts; their sizes are those of a person with this sway."""


def posture(rng: np.random.Generator, subject: Subject, first_s: float, last_s: float) -> np.ndarray:
    """`steps` of head (yaw, pitch, roll) and pivot: shifts of posture that stay, about the mean pose."""
    size = subject.sway_m / USUAL_SWAY_M * np.concatenate([POSTURE_RAD, POSTURE_M])
    between_s = POSTURE_SHIFT_S / subject.restlessness
    time_s = first_s + between_s * rng.exponential()
    starts, lasts, places = [time_s], [1.0], [np.zeros(6), np.zeros(6)]
    while time_s < last_s:
        places.append(0.6 * places[-1] + 0.8 * size * np.clip(rng.standard_normal(6), -2.5, 2.5))
        time_s = starts[-1] + lasts[-1] + 1.0 + between_s * rng.exponential()
        starts.append(time_s)
        lasts.append(rng.uniform(0.7, 2.0))
    return steps(np.array(starts), np.array(lasts), np.array(places))


def sway(rng: np.random.Generator, subject: Subject) -> np.ndarray:
    """(n, 4) sines for `evaluate`: sway of pivot and head, tremor, and drift of the eyes."""
    density = 1.0 / (SWAY_LINES_HZ**2 + SWAY_CORNER_HZ**2) / (1.0 + (SWAY_LINES_HZ / SWAY_INERTIA_HZ) ** 2) ** 2
    line = np.sqrt(density * SWAY_LINES_HZ)
    line *= math.sqrt(2.0) / np.linalg.norm(line)
    rows = []
    for channel, share in [*SWAY.items(), *SWAY_RAD_PER_M.items()]:
        rms = share * subject.sway_m * math.exp(0.2 * rng.standard_normal())
        hz = SWAY_LINES_HZ * np.exp(0.12 * rng.uniform(-1, 1, len(SWAY_LINES_HZ)))
        rows.append(_sines(rng, channel, hz, rms * line))
    tremor = np.full(3, TREMOR_M / math.sqrt(1.5))
    rows += [_sines(rng, channel, rng.uniform(*TREMOR_HZ, 3), tremor) for channel in SWAY]
    drift = np.full(3, EYE_DRIFT_RAD / math.sqrt(1.5))
    rows += [_sines(rng, channel, rng.uniform(*EYE_DRIFT_HZ, 3), drift) for channel in (LOOK_YAW, LOOK_PITCH)]
    return np.concatenate(rows)


def resting_face(own: np.random.Generator, rng: np.random.Generator, base: np.ndarray) -> np.ndarray:
    """Tone of each unit at rest, and its small noise.

    Args:
        own: of the person: how the face is at rest.
        rng: of the performance: how it is today, and its noise.
        base: (channels,) gets the tone.

    Returns:
        (n, 4) sines for `evaluate`. They never take a unit below zero.
    """
    rows = []
    for name in UNQUIET:
        low, high = np.log(REST_TONE)
        tone = math.exp(own.uniform(low, high)) * math.exp(0.2 * rng.standard_normal())
        base[UNIT[name]] += tone
        hz = np.exp(rng.uniform(np.log(0.05), np.log(2.5), 3))
        rows.append(_sines(rng, UNIT[name], hz, tone * rng.uniform(0.08, 0.25, 3)))
    return np.concatenate(rows)


def _sines(rng: np.random.Generator, channel: int, hz: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
    phase = rng.uniform(0, 2 * math.pi, len(hz))
    return np.stack([np.full(len(hz), float(channel)), 2 * math.pi * hz, phase, amplitude], axis=1)
