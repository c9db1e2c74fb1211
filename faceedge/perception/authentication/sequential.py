"""How often a test that goes on for hours is wrong: rates of rare alarms, and the thresholds that keep them rare.

The rate at a threshold is measured. Beyond what was observed it is extrapolated: maxima of blocks of time are nearly
independent, and the highest ones fall off exponentially (`fit_tail`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from faceedge.errors import InputError

FEWEST_MAXIMA = 10
"""That are fitted."""


@dataclass(frozen=True, slots=True)
class TailFit:
    """How maxima above ``start`` fall off: exp(-(height - start) / scale).

    Attributes:
        start: from where on they were fitted.
        scale: mean height above it, nats.
        count: of maxima that were fitted.
        hours: in which they were seen.
    """

    start: float
    scale: float
    count: int
    hours: float

    def per_hour(self, threshold: float) -> float:
        """Maxima above a threshold at or above ``start``, extrapolated."""
        return self.count / self.hours * math.exp(-(threshold - self.start) / self.scale)

    def threshold(self, per_hour: float) -> float:
        """The threshold above which so many maxima come in an hour."""
        return self.start + self.scale * math.log(self.count / self.hours / per_hour)


def fit_tail(heights: np.ndarray, hours: float, share: float = 0.1) -> TailFit:
    """Fit the highest maxima of blocks by maximum likelihood.

    Args:
        heights: (n,) of maxima in genuine recordings.
        hours: that were observed.
        share: of the maxima that are fitted, the highest; at least `FEWEST_MAXIMA`.

    Raises:
        InputError: too few maxima, or no time.
    """
    count = max(FEWEST_MAXIMA, round(share * len(heights)))
    if len(heights) <= count or hours <= 0:
        raise InputError(
            f"expected more than {count} maxima in some time, got {len(heights)} in {hours:g} h; observe longer."
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
