"""Clips for tests of the evaluation: small images and looks with a pattern and a level of the person."""

from __future__ import annotations

import numpy as np
from chirps import bgt60_chirp

from faceedge.evaluation.radar.clips import Clip, Facts

CHIRP = bgt60_chirp()
SIDE = 16


def clip(
    person: str = "anna",
    session: str = "s0",
    frames: int = 100,
    level: float = 0.5,
    *,
    seed: int = 0,
    labels: np.ndarray | None = None,
    facts: Facts | None = None,
) -> Clip:
    """20 frames a second of images with the mean ``level``."""
    rng = np.random.default_rng((seed, *map(ord, person + session)))
    own = np.random.default_rng([*map(ord, person)])
    pattern = np.repeat(np.repeat(own.standard_normal((2, SIDE // 2, SIDE // 2)), 2, axis=1), 2, axis=2)
    pattern -= pattern.mean(axis=(1, 2), keepdims=True)
    noise = 0.02 * rng.standard_normal((frames, 2, SIDE, SIDE))
    images = (level + 0.03 * pattern + noise).astype(np.float16)
    shape = 3, CHIRP.cube_shape[2]
    looks = (20 * own.standard_normal(shape) + rng.standard_normal((frames, *shape))).astype(np.float32)
    return Clip(
        f"{person}/{session}",
        person,
        session,
        CHIRP,
        0.05 * np.arange(frames),
        images,
        looks,
        np.zeros_like(looks),
        np.full(frames, -1, np.int8) if labels is None else labels,
        facts or Facts(),
    )
