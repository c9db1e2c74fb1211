"""How somebody holds the trunk today: a chair, a table and a mood, not the face."""

from __future__ import annotations

import math

import numpy as np

from faceedge.simulation.performance.turning import rotation

LEAN_DEG = (7.0, 5.0, 3.0)
"""Standard deviation from session to session of the trunk's yaw, pitch and roll against the mean (assumed); nobody
holds it more than twice that away. Five degrees move the breastbone by 2 cm against the face: without this, a chest
that is always as far behind the nose would tell who is there."""


def leaned_m(points_m: np.ndarray, follow: np.ndarray, seed: int) -> np.ndarray:
    """(v, 3) float32 by how much the trunk of ``seed`` is elsewhere than the upright one.

    Args:
        points_m: (v, 3) in the head's frame, about whose origin, the first vertebra, the trunk is turned.
        follow: (v,) 0 to 1, how much of the head's turn each point takes part in.
    """
    drawn = np.clip(np.random.default_rng((seed, 67)).standard_normal(3), -2, 2)
    turn = rotation(drawn * LEAN_DEG * (math.pi / 180))
    moved = points_m @ turn.T - points_m
    return np.asarray((1 - np.clip(follow, 0, 1))[:, None] * moved, np.float32)
