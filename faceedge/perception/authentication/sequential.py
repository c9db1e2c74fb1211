"""Sequential tests: how long to look until a change is certain, and how often to be wrong about it.

CUSUM (E. S. Page, Biometrika 41, 1954) sums up the log likelihood ratio of *changed* over *unchanged* and starts over
whenever the sum falls below nothing. Among all tests with as few false alarms it has the shortest delay in the worst
case (G. Lorden, Annals of Mathematical Statistics 42, 1971; G. V. Moustakides, Annals of Statistics 14, 1986).

With increments that are what they claim to be, a threshold h gives at least exp(h) increments between false alarms.
Real increments are not, so the rate at a threshold is measured: between two returns to nothing lies one *excursion*,
excursions are nearly independent, and the height of high ones falls exponentially, which `excursions` and
`false_alarms_per_hour` use.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from faceedge.errors import ConfigurationError, InputError

FEWEST_EXCURSIONS = 10
"""That are fitted."""


class Cusum:
    """Cumulative sum of evidence for a change.

    Args:
        threshold: of the sum, nats.

    Attributes:
        sum: now, 0 and more.

    Raises:
        ConfigurationError: a threshold that is not positive.
    """

    def __init__(self, threshold: float) -> None:
        if not threshold > 0:
            raise ConfigurationError(f"the threshold of a cumulative sum is {threshold}, expected a positive number.")
        self.threshold = threshold
        self.sum = 0.0

    def reset(self) -> None:
        """Begin anew."""
        self.sum = 0.0

    def push(self, increment: float) -> bool:
        """Add a log likelihood ratio, nats; whether the change is certain. What is no number counts as certain."""
        if math.isnan(increment):
            self.sum = math.inf
        else:
            self.sum = max(0.0, self.sum + increment)
        return self.sum >= self.threshold


def excursions(increments: Iterable[float]) -> np.ndarray:
    """Heights of the sum's excursions from nothing, in order, (n,) float64; the last one may be unfinished."""
    heights, total, highest = [], 0.0, 0.0
    for increment in increments:
        total += increment
        if total <= 0:
            if highest > 0:
                heights.append(highest)
            total = highest = 0.0
        highest = max(highest, total)
    if highest > 0:
        heights.append(highest)
    return np.array(heights)


@dataclass(frozen=True, slots=True)
class TailFit:
    """How excursions above ``start`` fall off: exp(-(height - start) / scale).

    Attributes:
        start: from where on they were fitted.
        scale: mean height above it, nats.
        count: of excursions that were fitted.
        hours: in which they were seen.
    """

    start: float
    scale: float
    count: int
    hours: float

    def per_hour(self, threshold: float) -> float:
        """Excursions above a threshold at or above ``start``, extrapolated."""
        return self.count / self.hours * math.exp(-(threshold - self.start) / self.scale)

    def threshold(self, per_hour: float) -> float:
        """The threshold above which so many excursions come in an hour."""
        return self.start + self.scale * math.log(self.count / self.hours / per_hour)


def fit_tail(heights: np.ndarray, hours: float, share: float = 0.1) -> TailFit:
    """Fit the highest excursions by maximum likelihood.

    Args:
        heights: (n,) of excursions in genuine recordings.
        hours: that were observed.
        share: of the excursions that are fitted, the highest; at least `FEWEST_EXCURSIONS`.

    Raises:
        InputError: too few excursions, or no time.
    """
    count = max(FEWEST_EXCURSIONS, round(share * len(heights)))
    if len(heights) <= count or hours <= 0:
        raise InputError(
            f"expected more than {count} excursions in some time, got {len(heights)} in {hours:g} h; observe longer."
        )
    ordered = np.sort(heights)[::-1]
    start = float(ordered[count])
    return TailFit(start, float(ordered[:count].mean()) - start, count, hours)


def most_per_hour(alarms: int, hours: float, confidence: float = 0.95) -> float:
    """Upper limit of a rate after ``alarms`` in ``hours``: the exact one for rare independent events (Garwood 1936).

    Without alarms that is 3.0 divided by the hours at a confidence of 95 %.
    """
    if alarms < 0 or hours <= 0 or not 0 < confidence < 1:
        raise InputError(f"expected alarms in some hours at a confidence in 0..1, got {alarms}, {hours}, {confidence}.")
    low, high = 0.0, 10.0 + 10.0 * (alarms + 1)
    for _ in range(100):
        middle = (low + high) / 2
        seen = sum(math.exp(-middle + k * math.log(middle) - math.lgamma(k + 1)) for k in range(alarms + 1))
        low, high = (middle, high) if seen > 1 - confidence else (low, middle)
    return high / hours
