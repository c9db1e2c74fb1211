"""How well scores tell a person from everybody else: AUROC and FPR95, with intervals over people.

Scores are larger for the person. Frames of one person resemble each other, so an interval over frames would be far too
narrow: people are drawn instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLINGS = 2000


@dataclass(frozen=True, slots=True)
class Spread:
    """A mean over people with its 95 % interval by the percentile bootstrap over people (B. Efron, 1979)."""

    mean: float
    low: float
    high: float
    people: int

    @classmethod
    def of(cls, values: Sequence[float] | np.ndarray, seed: int = 0) -> Spread:
        """Of one value a person; needs at least one."""
        each = np.asarray(values, np.float64)
        picks = np.random.default_rng(seed).integers(0, len(each), (RESAMPLINGS, len(each)))
        low, high = np.percentile(each[picks].mean(axis=1), (2.5, 97.5))
        return cls(float(each.mean()), float(low), float(high), len(each))


def auroc(genuine: np.ndarray, impostor: np.ndarray) -> float:
    """Chance that a genuine score is above an impostor's, ties counted half (J. Hanley and B. McNeil, 1982).

    Args:
        genuine, impostor: (n,), (m,) scores, none of them empty.
    """
    scores = np.concatenate([genuine, impostor])
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[place]  # ties share the mean of their ranks
    n, m = len(genuine), len(impostor)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def fpr_at_tpr(genuine: np.ndarray, impostor: np.ndarray, share: float = 0.95) -> float:
    """Share of impostor scores at or above the threshold that accepts ``share`` of the genuine ones; 0.95: FPR95."""
    ordered = np.sort(genuine)
    threshold = ordered[int(np.floor((1 - share) * len(ordered)))]
    return float(np.mean(impostor >= threshold))
