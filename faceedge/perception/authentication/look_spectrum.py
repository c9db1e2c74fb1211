"""A look as a vector for a linear model: its complex range spectrum where a face and the trunk behind it are.

The echoes of a face sum up to a spectrum whose shape over ranges and receivers changes little while the person stays,
whose phase turns with every movement of a fraction of a millimetre, and whose size depends on the angle of the head. A
linear model with some components reproduces all that of the recording that it was fitted to.
"""

from __future__ import annotations

import numpy as np

from faceedge.errors import InputError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.range_doppler import range_axis, range_matrix

NEAREST_M, FARTHEST_M = 0.12, 0.75
"""Nearer is the leakage from transmitter to receiver, farther is the room."""


class LookSpectrum:
    """Computes the vectors of one radar.

    Args:
        chirp: what the radar transmits.
    """

    def __init__(self, chirp: ChirpSettings) -> None:
        axis = range_axis(chirp)
        bins = np.flatnonzero((axis >= NEAREST_M) & (axis <= FARTHEST_M))
        # Real and imaginary parts lie side by side.
        columns = slice(2 * int(bins[0]), 2 * int(bins[-1]) + 2)
        self._shape = (chirp.cube_shape[0], chirp.cube_shape[2])
        self._matrix = np.ascontiguousarray(range_matrix(chirp.cube_shape[2], "hann")[:, columns])

    def __call__(self, look: np.ndarray) -> np.ndarray:
        """(k,) float32, of length 1: real and imaginary parts over range bins, receiver after receiver.

        Args:
            look: (rx, sample) float32, ADC counts.

        Raises:
            InputError: a look of another shape.
        """
        if look.shape != self._shape:
            raise InputError(f"expected a look of {self._shape} receivers and samples, got {look.shape}")
        vector: np.ndarray = (look.astype(np.float32, copy=False) @ self._matrix).ravel()
        return vector / max(float(np.linalg.norm(vector)), 1e-6)
