"""The score from which on a person is accepted, from sittings that the template has not seen.

Scores of the sittings that made the template are far too good: distance, pose, posture and clothes are the same. A
threshold from them would refuse the person on the next day. So whole sittings are held out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from faceedge.errors import InputError

ACCEPT = 0.95
"""Share of the decisions of the held-out sittings that the threshold accepts."""
LEAST_DECISIONS = 8
"""Fewer say nothing about a share of 95 %. They overlap, so that these are two or three independent ones."""
LEAST_VALUE = 0.0
"""At similarity 0 a stranger's score is as likely above as below."""
HELD_OUT = 1 / 3
"""Share of the sittings that are held out, at least one."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold and what it rests on.

    Attributes:
        value: scores at or above it are accepted.
        usual: median of the held-out scores.
        accepted: share of the held-out decisions at or above it.
        decisions: held out.
        sittings: held out.
    """

    value: float
    usual: float
    accepted: float
    decisions: int
    sittings: int


def held_out_count(sittings: int) -> int:
    """How many of so many sittings are held out: the last ones."""
    return max(1, math.floor(sittings * HELD_OUT))


def threshold_of(scores: list[np.ndarray], accept: float = ACCEPT, least: float = LEAST_VALUE) -> Threshold:
    """The largest threshold that accepts ``accept`` of the held-out decisions.

    Args:
        scores: of each held-out sitting (n,).
        accept: above 0 and up to 1.
        least: the threshold has to be above it; -1 takes any.

    Raises:
        InputError: fewer than `LEAST_DECISIONS` scores, or the threshold would let strangers in.
    """
    every = np.sort(np.concatenate(scores)) if scores else np.zeros(0)
    if len(every) < LEAST_DECISIONS:
        raise InputError(
            f"the sittings held out of the template give {len(every)} decisions, a threshold needs {LEAST_DECISIONS}: "
            "record a few seconds more in each sitting."
        )
    value = float(every[math.floor((1 - accept) * len(every) + 1e-9)])
    if value <= least:
        raise InputError(
            f"the sittings resemble each other so little that the threshold would be {value:.2f}, which lets every "
            "second stranger in; nothing was stored. Capture again, with more sittings, in the usual place and posture."
        )
    return Threshold(value, float(np.median(every)), float(np.mean(every >= value)), len(every), len(scores))
