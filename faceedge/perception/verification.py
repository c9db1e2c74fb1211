"""How well scores tell a person from everybody else: areas, error rates, and intervals over people.

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


def aupr(genuine: np.ndarray, impostor: np.ndarray) -> float:
    """Area under precision over recall, as average precision; both classes weigh the same, so that chance is 0.5.

    Equal scores are accepted together. Weighing makes figures with different numbers of impostors comparable.
    """
    scores = np.concatenate([genuine, impostor])
    weights = np.concatenate([np.full(len(genuine), 1 / len(genuine)), np.full(len(impostor), 1 / len(impostor))])
    is_genuine = np.arange(len(scores)) < len(genuine)
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits = np.cumsum((weights * is_genuine)[order])[last]
    accepted = np.cumsum(weights[order])[last]
    return min(1.0, float(np.sum(np.diff(hits, prepend=0.0) * hits / accepted)))  # above 1 by rounding alone


def equal_error_rate(genuine: np.ndarray, impostor: np.ndarray) -> float:
    """Where the shares of rejected genuine and accepted impostor scores meet, mean of both at the nearest threshold."""
    thresholds = np.unique(np.concatenate([genuine, impostor]))
    misses = np.searchsorted(np.sort(genuine), thresholds, side="left") / len(genuine)
    passes = 1 - np.searchsorted(np.sort(impostor), thresholds, side="left") / len(impostor)
    misses, passes = np.append(misses, 1.0), np.append(passes, 0.0)
    nearest = int(np.argmin(np.abs(misses - passes)))
    return float((misses[nearest] + passes[nearest]) / 2)


def fnmr_at_fmr(genuine: np.ndarray, impostor: np.ndarray, fmr: float = 0.01) -> float:
    """Share of genuine scores below the lowest threshold that accepts at most ``fmr`` of the impostors'.

    With fewer than 1 / ``fmr`` impostor scores no impostor may pass.
    """
    ordered = np.sort(impostor)[::-1]
    allowed = int(np.floor(fmr * len(ordered) + 1e-9))
    if allowed >= len(ordered):
        return 0.0
    return float(np.mean(genuine <= ordered[allowed]))
