"""What every synthetic sensor looks at: a triangle mesh that moves.

The world's frame is the radar's, as REP-103 has it: x forward, away from the sensors; y to the left; z up; metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

PARTS = (
    "skin", "eye_left", "eye_right", "lashes", "teeth", "tongue", "hair", "clothes", "glasses", "mask", "beard",
    "other",
)  # fmt: skip
"""What a triangle is part of; `Mesh.part` holds the index."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """Everything of a surface that does not move.

    Attributes:
        triangles: (f, 3) int32 vertices, counter-clockwise seen from outside.
        corner_uv: (f, 3, 2) float32 place in the texture of each corner: columns to the right, rows down, 0 to 1.
        part: (f,) uint8, index into `PARTS`.
        reflection: (f,) float32, amplitude reflection at 60 GHz at normal incidence, 0 to 1 (1: metal).
        opaque: (f,) bool, whether the radar sees nothing behind it. A mask and the lenses of glasses are not.
    """

    triangles: np.ndarray
    corner_uv: np.ndarray
    part: np.ndarray
    reflection: np.ndarray
    opaque: np.ndarray


class Surface(Protocol):
    """A mesh that moves."""

    @property
    def mesh(self) -> Mesh:
        """What does not move."""

    def vertices(self, time_s: np.ndarray) -> np.ndarray:
        """(t, v, 3) float64 positions in m in the world's frame at the times (t,)."""


@dataclass(frozen=True, slots=True)
class Still:
    """A surface that stands still at ``points_m`` (v, 3)."""

    mesh: Mesh
    points_m: np.ndarray

    def vertices(self, time_s: np.ndarray) -> np.ndarray:
        """See `Surface.vertices`."""
        return np.broadcast_to(self.points_m, (len(time_s), *self.points_m.shape))
