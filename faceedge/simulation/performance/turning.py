"""How turned heads and eyes stand: angles to matrices, in one place for all who turn something."""

from __future__ import annotations

import numpy as np

FACING = np.diag([-1.0, -1.0, 1.0])
"""From the head's own frame to the world's, for a head that faces the radar's way."""


def rotation(turn_rad: np.ndarray) -> np.ndarray:
    """(..., 3, 3) of yaw, pitch and roll (..., 3) about z, y, x: yaw first, then pitch about the new y, then roll."""
    (cy, cp, cr), (sy, sp, sr) = np.moveaxis(np.cos(turn_rad), -1, 0), np.moveaxis(np.sin(turn_rad), -1, 0)
    rows = np.stack(
        [
            cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr,
            sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr,
            -sp, cp * sr, cp * cr,
        ],
        axis=-1,
    )  # fmt: skip
    matrix: np.ndarray = rows.reshape(*np.shape(turn_rad), 3)
    return matrix


def axis_and_angle(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Axis (t, 3) and angle (t,) in rad of rotations (t, 3, 3); the axis of none is zero."""
    skew = np.stack(
        [matrix[:, 2, 1] - matrix[:, 1, 2], matrix[:, 0, 2] - matrix[:, 2, 0], matrix[:, 1, 0] - matrix[:, 0, 1]],
        axis=1,
    )
    sine = np.linalg.norm(skew, axis=1) / 2
    angle_rad = np.arctan2(sine, (np.trace(matrix, axis1=1, axis2=2) - 1) / 2)
    return skew / np.maximum(2 * sine, 1e-12)[:, np.newaxis], angle_rad
