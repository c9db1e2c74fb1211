"""A look as vectors for linear models: its range spectrum where a face and the trunk behind it are.

The echoes of a face sum up to a spectrum whose shape over ranges and receivers changes little while the person stays,
whose phase turns with every movement of a fraction of a millimetre, and whose size depends on the angle of the head. A
linear model with many components reproduces all that of the recording that it was fitted to (`LookSpectrum`). Without
the phase and on a scale of dB few components are enough, and they still fit when the head has moved a little
(`LookPower`).

Both end where the room begins: the ranges behind a person tell recordings apart as well, but a room says nothing of who
sits in it, and stays when people are swapped.
"""

from __future__ import annotations

import numpy as np

from faceedge.errors import InputError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.range_doppler import range_axis, range_matrix

NEAREST_M, FARTHEST_M = 0.12, 0.75
"""Nearer is the leakage from transmitter to receiver, farther is the room."""
FLOOR_COUNTS = 0.03
"""Amplitude in ADC counts, below the noise of a look, that is added before the logarithm."""


class LookSpectrum:
    """Computes complex spectra of one radar.

    Args:
        chirp: what the radar transmits.
    """

    def __init__(self, chirp: ChirpSettings) -> None:
        self._bins = _FaceBins(chirp)

    def __call__(self, look: np.ndarray) -> np.ndarray:
        """(k,) float32, of length 1: real and imaginary parts over range bins, receiver after receiver.

        Args:
            look: (rx, sample) float32, ADC counts.

        Raises:
            InputError: a look of another shape.
        """
        vector: np.ndarray = self._bins(look).ravel()
        return vector / max(float(np.linalg.norm(vector)), 1e-6)


class LookPower:
    """Computes power by range of one radar.

    Args:
        chirp: what the radar transmits.
    """

    def __init__(self, chirp: ChirpSettings) -> None:
        self._bins = _FaceBins(chirp)

    def __call__(self, look: np.ndarray) -> np.ndarray:
        """(k,) float32 without its mean: logarithm of the amplitude over range bins, receiver after receiver.

        Args:
            look: (rx, sample) float32, ADC counts.

        Raises:
            InputError: a look of another shape.
        """
        parts = self._bins(look)
        vector = np.log(np.hypot(parts[:, 0::2], parts[:, 1::2]) + np.float32(FLOOR_COUNTS)).ravel()
        return np.asarray(vector - vector.mean(), np.float32)


class _FaceBins:
    """(rx, 2 x bin) float32: real and imaginary part side by side, of the bins between the leakage and the room."""

    def __init__(self, chirp: ChirpSettings) -> None:
        axis = range_axis(chirp)
        bins = np.flatnonzero((axis >= NEAREST_M) & (axis <= FARTHEST_M))
        columns = slice(2 * int(bins[0]), 2 * int(bins[-1]) + 2)
        self._shape = (chirp.cube_shape[0], chirp.cube_shape[2])
        self._matrix = np.ascontiguousarray(range_matrix(chirp.cube_shape[2], "hann")[:, columns])

    def __call__(self, look: np.ndarray) -> np.ndarray:
        if look.shape != self._shape:
            raise InputError(f"expected a look of {self._shape} receivers and samples, got {look.shape}")
        return np.asarray(look.astype(np.float32, copy=False) @ self._matrix)
