"""What networks of events read: the grids, their scale, and the words of their answers."""

from __future__ import annotations

import numpy as np

CELLS = 64
"""Rows and columns of cells."""
STEP_US = 50_000
STEPS = 16
"""Of a clip, for networks that take all of it at once: 0.8 s."""
LARGEST_LOG = 6.0
"""Log counts are cut here: 400 events of a cell in a step, as a lamp that flickers makes them."""
LABELS = ("neutral", "happy", "surprise", "sad", "fear", "disgust", "anger", "contempt")
"""Order of all answers; the words of the simulation's scripts."""


def as_input(grids: np.ndarray) -> np.ndarray:
    """Counts (..., polarity, row, column) to what networks read: log(1 + count), `LARGEST_LOG` at most."""
    return np.asarray(np.minimum(np.log1p(grids), LARGEST_LOG), np.float32)
