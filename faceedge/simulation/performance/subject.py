"""What a performance needs to know of the person who gives it."""

from __future__ import annotations

import dataclasses
import math
from typing import Protocol, TypeVar

import numpy as np

DAILY_SPREAD = {
    "breathing_hz": 0.10,
    "breathing_m": 0.25,
    "heart_hz": 0.08,
    "pulse_m": 0.25,
    "blink_hz": 0.35,
    "blink_s": 0.08,
    "sway_m": 0.40,
    "expressiveness": 0.20,
    "restlessness": 0.40,
}
"""Standard deviation of the logarithm of a habit from one day to another. Resting hearts differ by some beats a minute
from week to week (Quer et al. 2020, DOI 10.1371/journal.pone.0227709); the others are assumed: half to all of what lies
between people, because a chair, a cup of coffee and boredom do much of it."""

_DAY = 72
"""Number of the stream of random numbers."""


class Subject(Protocol):
    """Habits and figures of one person; `faceedge.simulation.person.person.Person` has them all.

    Attributes:
        seed: of all that is the person's own.
        breathing_hz, breathing_m: breaths per second and how far the breastbone rises, both at rest.
        heart_hz, pulse_m: beats per second at rest, and how far the pulse moves the skin of the face.
        blink_hz, blink_s: blinks per second at rest and how long one takes.
        sway_m: root mean square movement of the head towards the sensors and away while sitting still.
        expressiveness: about 1; multiplies intensities.
        asymmetry: -1 to 1: which side expressions favour; positive is the person's left.
        restlessness: about 1; multiplies how often posture and gestures change.
    """

    @property
    def seed(self) -> int: ...
    @property
    def breathing_hz(self) -> float: ...
    @property
    def breathing_m(self) -> float: ...
    @property
    def heart_hz(self) -> float: ...
    @property
    def pulse_m(self) -> float: ...
    @property
    def blink_hz(self) -> float: ...
    @property
    def blink_s(self) -> float: ...
    @property
    def sway_m(self) -> float: ...
    @property
    def expressiveness(self) -> float: ...
    @property
    def asymmetry(self) -> float: ...
    @property
    def restlessness(self) -> float: ...


_Subject = TypeVar("_Subject", bound=Subject)


def on_the_day(person: _Subject, seed: int) -> _Subject:
    """``person``, a dataclass, on the day of ``seed``: habits near the usual ones, within two standard deviations."""
    rng = np.random.default_rng((seed, _DAY))
    changed = {
        name: getattr(person, name) * math.exp(spread * float(np.clip(rng.standard_normal(), -2, 2)))
        for name, spread in DAILY_SPREAD.items()
    }
    return dataclasses.replace(person, **changed)  # type: ignore[type-var]


def habits(person: Subject) -> dict[str, float]:
    """What is not the same every day, by name."""
    return {name: getattr(person, name) for name in DAILY_SPREAD}
