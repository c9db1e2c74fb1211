"""Whether templates of two applications tell that they are of one person: Dsys of several ways to compare them.

The cosine is what the literature reports. Somebody who wants to link does better: embeddings of length 1 have values
far below 1, so the term with exponent 1 leads each sum, and a template is close to every fifth value of the embedding
times a coefficient. Where that term stands at the same place under both keys, templates are alike up to their sign.
With an overlap of 2, a place is also another one's, a window further on.
"""

from __future__ import annotations

import argparse

import numpy as np
from rows import Row
from templates_people import ENROLLED, Population, populations, unit

from faceedge.perception.templates.inversion import Prior, invert
from faceedge.perception.templates.polyprotect import Key, draw_key, protect
from faceedge.perception.templates.unlinkability import linkability

SHIFTS = (-1, 0, 1)
"""In windows."""
INVERTED = 100
"""People whose templates are inverted for the comparison with both keys known."""


def _cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return unit(first) @ unit(second).T


def _largest(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Largest magnitude of the cosine over shifts by a window."""
    count = first.shape[1]
    found = []
    for shift in SHIFTS:
        left = first[:, max(shift, 0) : count + min(shift, 0)]
        right = second[:, max(-shift, 0) : count + min(-shift, 0)]
        found.append(np.abs(_cosines(left, right)))
    return np.max(found, axis=0)


def _strict_keys(count: int) -> list[Key]:
    taken: list[tuple[int, ...]] = []
    keys = []
    for _ in range(count):
        keys.append(draw_key(taken))
        taken.append(keys[-1].exponents)
    return keys


def _inverted(templates: np.ndarray, keys: list[Key], prior: Prior, rng: np.random.Generator) -> np.ndarray:
    found = [invert([row], [key], prior, 1, rng).embedding for row, key in zip(templates, keys, strict=True)]
    return np.stack(found)


def compared(population: Population, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """(person, person) scores between two applications, by way of comparing."""
    half = ENROLLED - 1
    first, second = unit(population.sessions[:, :half].mean(axis=1)), unit(population.sessions[:, half:].mean(axis=1))
    keys = [[draw_key() for _ in first] for _ in range(2)]
    strict = _strict_keys(2 * len(first))
    one, two = (
        np.stack([protect(row, key) for row, key in zip(rows, own, strict=True)])
        for rows, own in zip((first, second), keys, strict=True)
    )
    one_strict, two_strict = (
        np.stack([protect(row, key) for row, key in zip(rows, own, strict=True)])
        for rows, own in zip((first, second), (strict[::2], strict[1::2]), strict=True)
    )
    prior = Prior.of(population.known)
    some = slice(INVERTED)
    mean = population.known.mean(axis=0)
    ways = [_inverted(rows[some], own[some], prior, rng) - mean for rows, own in zip((one, two), keys, strict=True)]
    return {
        "unprotected, cosine": _cosines(first, second),
        "cosine": _cosines(one, two),
        "cosine, all exponents different": _cosines(one_strict, two_strict),
        "cosine, sign ignored": np.abs(_cosines(one, two)),
        "cosine, sign and shift ignored": _largest(one, two),
        "both keys known, inverted": _cosines(ways[0], ways[1]),
    }


def section(args: argparse.Namespace) -> list[Row]:
    """Of each population."""
    rng = np.random.default_rng(args.seed)
    rows = []
    for population in populations(args):
        for way, matrix in compared(population, rng).items():
            others = matrix[~np.eye(len(matrix), dtype=bool)]
            found = linkability(np.diag(matrix), others)
            rows.append(Row(f"{population.name}: Dsys, {way}", found.system, "", note=f"{found.chance:.3f} by chance"))
    return rows
