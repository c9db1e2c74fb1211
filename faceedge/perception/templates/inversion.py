"""An attempt to find the embedding behind protected templates whose keys are known: what a thief of both could do.

Gauss-Newton from several starts. Fewer equations than unknowns have many solutions; the likeliest is taken, under a
prior of embeddings that a thief can have, since anyone can compute embeddings of other people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faceedge.perception.templates.polyprotect import OVERLAP, TERMS, Key, windows

LEVELS = 10.0 ** np.arange(-1, -11, -1)
"""Variances of an error that the equations are granted, over their own: at first much, so that the prior leads, in the
end next to none."""
STEPS = 8
"""At each level."""
FIRST = 0.2
"""Deviation of the first start, over the prior's. Not 0: there only the terms with exponent 1 have a slope."""
SOLVED = 1e-4
"""Residual over the templates' length from which on they count as reproduced."""


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """What embeddings look like: mean (d,) and covariance (d, d)."""

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, embeddings: np.ndarray, ridge: float = 1e-3) -> Prior:
        """From (n, d) embeddings of other people; ``ridge``: share of the mean variance added to each."""
        covariance = np.cov(embeddings, rowvar=False)
        floor = ridge * np.trace(covariance) / len(covariance)
        return cls(embeddings.mean(axis=0), covariance + floor * np.eye(len(covariance)))

    @classmethod
    def ignorant(cls, size: int) -> Prior:
        """All directions alike, lengths about 1: nothing known but the embedding's length."""
        return cls(np.zeros(size), np.eye(size) / size)


@dataclass(frozen=True, slots=True, eq=False)
class Inversion:
    """Attributes:
    embedding: (d,) of length 1, the most plausible of those found.
    residual: how far it is from reproducing the templates, over their length.
    solved: starts, of all, that reproduced the templates.
    """

    embedding: np.ndarray
    residual: float
    solved: int


def invert(
    templates: Sequence[np.ndarray], keys: Sequence[Key], prior: Prior, starts: int, rng: np.random.Generator
) -> Inversion:
    """Look for the embedding.

    Args:
        templates: one or more (k,) of the same person.
        keys: of the templates.
        prior: of embeddings.
        starts: one near the prior's mean, the others drawn from it.
        rng: of the draws.
    """
    target = np.concatenate([np.asarray(template, np.float64) for template in templates])
    scale = float(np.linalg.norm(target))
    root = np.linalg.cholesky(prior.covariance)
    candidates = []
    for start in range(starts):
        x = prior.mean + (FIRST if start == 0 else 1.0) * root @ rng.standard_normal(len(prior.mean))
        x, residual = _solve(x, target, keys, prior)
        plausible = float(np.sum(np.linalg.solve(root, x - prior.mean) ** 2))
        candidates.append((max(residual / scale, SOLVED), plausible, residual / scale, x))
    _, _, residual, best = min(candidates, key=lambda candidate: candidate[:2])
    length = max(float(np.linalg.norm(best)), np.finfo(float).tiny)
    return Inversion(best / length, residual, sum(each[2] < SOLVED for each in candidates))


def _solve(x: np.ndarray, target: np.ndarray, keys: Sequence[Key], prior: Prior) -> tuple[np.ndarray, float]:
    """Gauss-Newton on error and prior together, the error weighed more and more; the step halved until it helps."""
    inverse = np.linalg.inv(prior.covariance)
    values, slopes = _forward(x, keys)
    for level in LEVELS:
        system = slopes @ prior.covariance @ slopes.T
        variance = level * float(np.trace(system)) / len(system)

        def cost(x: np.ndarray, values: np.ndarray, variance: float = variance) -> float:
            off = x - prior.mean
            return float(np.sum((target - values) ** 2) / variance + off @ inverse @ off)

        now = cost(x, values)
        for _ in range(STEPS):
            weighted = prior.covariance @ slopes.T
            system = slopes @ weighted + variance * np.eye(len(target))
            wanted = target - values + slopes @ (x - prior.mean)
            step = prior.mean + weighted @ np.linalg.solve(system, wanted) - x
            for share in (1.0, 0.5, 0.25, 0.1, 0.03):
                values_there, slopes_there = _forward(x + share * step, keys)
                there = cost(x + share * step, values_there)
                if there < now:
                    break
            else:
                break
            small = now - there < 1e-6 * now
            x, values, slopes, now = x + share * step, values_there, slopes_there, there
            if small:
                break
    return x, float(np.linalg.norm(target - values))


def _forward(x: np.ndarray, keys: Sequence[Key]) -> tuple[np.ndarray, np.ndarray]:
    """Protected values (sum of k,) under all keys, and their slopes (sum of k, d)."""
    pieces = windows(x)
    count, size = len(pieces), len(x)
    columns = np.arange(count)[:, None] * (TERMS - OVERLAP) + np.arange(TERMS)
    rows = np.broadcast_to(np.arange(count)[:, None], columns.shape)
    inside = columns < size
    values, slopes = [], []
    for key in keys:
        exponents, coefficients = np.array(key.exponents), np.array(key.coefficients, np.float64)
        values.append(pieces**exponents @ coefficients)
        slope = np.zeros((count, size))
        slope[rows[inside], columns[inside]] = (coefficients * exponents * pieces ** (exponents - 1))[inside]
        slopes.append(slope)
    return np.concatenate(values), np.concatenate(slopes)
