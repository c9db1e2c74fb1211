"""Places in the texture for what a person wears: rectangles that no island of the head uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Patch:
    """A rectangle in the texture, columns to the right and rows down, 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float

    def uv(self, across: np.ndarray, along: np.ndarray) -> np.ndarray:
        """(..., 2) float32 places for coordinates 0 to 1 in the patch, a little inside of its edges."""
        margin = 0.004
        u = self.left + margin + (self.right - self.left - 2 * margin) * np.clip(across, 0, 1)
        v = self.top + margin + (self.bottom - self.top - 2 * margin) * np.clip(along, 0, 1)
        return np.stack([u, v], axis=-1).astype(np.float32)


HAIR_PATCH = Patch(0.01, 0.89, 0.35, 0.99)
MASK_PATCH = Patch(0.37, 0.89, 0.47, 0.99)
FRAME_PATCH = Patch(0.48, 0.89, 0.53, 0.99)
