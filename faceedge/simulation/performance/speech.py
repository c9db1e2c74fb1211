"""Talk without words: the jaw and the lips of somebody who speaks, syllable by syllable.

The mouth opens at the rate of syllables, 3 to 7 a second (Chandrasekaran et al. 2009, DOI
10.1371/journal.pcbi.1000436; Ding et al. 2017, DOI 10.1016/j.neubiorev.2017.02.011), with pauses to think and to
breathe; the head moves along by a degree or two (Munhall et al. 2004, DOI 10.1111/j.0963-7214.2004.01502010.x).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from faceedge.simulation.performance.channels import PITCH, ROLL, YAW, channels_of
from faceedge.simulation.performance.curves import Bumps

SYLLABLES_HZ = (3.6, 5.2)
"""Of a person, mean."""
PAUSE = 0.10
"""How often a syllable is followed by a short pause."""
VOWELS = (
    {"jawOpen": 0.30, "mouthLowerDown": 0.15, "mouthUpperUp": 0.06},
    {"jawOpen": 0.16, "mouthStretch": 0.14, "mouthLowerDown": 0.12},
    {"jawOpen": 0.10, "mouthSmile": 0.10, "mouthStretch": 0.16},
    {"jawOpen": 0.18, "mouthFunnel": 0.28},
    {"jawOpen": 0.08, "mouthPucker": 0.30, "mouthFunnel": 0.12},
    {"jawOpen": 0.12},
)
"""Open, half open, spread, rounded, close and rounded, and the neutral one, as strengths of face units."""
CONSONANTS: tuple[dict[str, float], ...] = (
    {"mouthPress": 0.22, "mouthRollLower": 0.12},
    {"mouthRollLower": 0.30, "mouthUpperUp": 0.08},
    {"mouthShrugUpper": 0.10},
    {},
    {},
)
"""With both lips, with lip and teeth, with the tip of the tongue, and inside the mouth (nothing to be seen)."""


def phrases(breaths: np.ndarray, talk_s: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """(start, stop) of what is said on each breath out.

    Args:
        breaths: of `physiology.breaths`, which breathes for speech within ``talk_s``.
    """
    found = []
    for start, in_s, out_s, _ in breaths:
        for begin, end in talk_s:
            first, last = max(start + in_s + 0.05, begin), min(start + in_s + 0.95 * out_s, end)
            if last - first > 0.4:
                found.append((float(first), float(last)))
    return found


def add_phrase(bumps: Bumps, rng: np.random.Generator, own: np.random.Generator, start_s: float, stop_s: float) -> None:
    """Syllables from ``start_s`` to ``stop_s``.

    Args:
        rng: of the performance.
        own: of the person, the same one each time: how fast and how clearly the person talks.
    """
    rate_hz, clearly = own.uniform(*SYLLABLES_HZ), own.uniform(0.6, 1.2)
    time_s = start_s
    while True:
        whole_s = math.exp(0.2 * rng.standard_normal()) / rate_hz
        if time_s + 1.6 * whole_s > stop_s:
            break
        loud = clearly * math.exp(0.3 * rng.standard_normal())
        for name, strength in CONSONANTS[rng.integers(len(CONSONANTS))].items():
            _add(bumps, rng, name, time_s, 0.25 * whole_s, 0.08 * whole_s, 0.3 * whole_s, clearly * strength)
        for name, strength in VOWELS[rng.integers(len(VOWELS))].items():
            rise, fall = rng.uniform(0.45, 0.6), rng.uniform(0.5, 0.7)
            _add(bumps, rng, name, time_s + 0.2 * whole_s, rise * whole_s, 0.1 * whole_s, fall * whole_s,
                 loud * strength)  # fmt: skip
        time_s += whole_s + (rng.uniform(0.15, 0.45) if rng.random() < PAUSE else 0.0)
    _add_head(bumps, rng, start_s, stop_s)


def _add(
    bumps: Bumps, rng: np.random.Generator, name: str, start_s: float, rise_s: float, stay_s: float, fall_s: float,
    gain: float,
) -> None:  # fmt: skip
    for channel in channels_of(name):
        bumps.add(channel, start_s, rise_s, stay_s, fall_s, min(0.9, gain * (1 + 0.08 * rng.standard_normal())))


def _add_head(bumps: Bumps, rng: np.random.Generator, start_s: float, stop_s: float) -> None:
    time_s = start_s + rng.uniform(0.0, 0.5)
    while time_s < stop_s - 0.5:
        rise_s, fall_s = rng.uniform(0.15, 0.35, 2)
        channel, degrees = ((PITCH, 2.2), (PITCH, 2.2), (YAW, 1.8), (ROLL, 1.2))[rng.integers(4)]
        gain = math.radians(degrees) * rng.standard_normal()
        bumps.add(channel, time_s, rise_s, rng.uniform(0.0, 0.3), fall_s, gain)
        time_s += rng.uniform(0.4, 1.5)
