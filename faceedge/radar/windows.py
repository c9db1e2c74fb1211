"""Cosine-sum windows, and what they do to amplitude and noise."""

from __future__ import annotations

import numpy as np

from faceedge.errors import ConfigurationError

# Coefficients a_k of w(u) = sum over k of (-1)^k a_k cos(2 pi k u), u from 0 to 1. Source: F. J. Harris, "On the use of
# windows for harmonic analysis with the discrete Fourier transform", Proceedings of the IEEE 66 (1), 1978, section V.
COEFFICIENTS = {
    "rectangular": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (25 / 46, 21 / 46),
    "blackman": (0.42, 0.5, 0.08),
    "blackman_harris": (0.35875, 0.48829, 0.14128, 0.01168),
}


def window_at(name: str, position: np.ndarray) -> np.ndarray:
    """The window at positions between 0 (its start) and 1 (its end), float64 of the same shape.

    Raises:
        ConfigurationError: no window has this name.
    """
    if name not in COEFFICIENTS:
        raise ConfigurationError(f"The window is {name!r}, expected one of: {', '.join(COEFFICIENTS)}.")
    order = np.arange(len(COEFFICIENTS[name]))
    coefficients = (-1.0) ** order * COEFFICIENTS[name]
    weights: np.ndarray = np.cos(2 * np.pi * np.multiply.outer(position, order)) @ coefficients
    return weights


def window(name: str, count: int) -> np.ndarray:
    """The window at ``count`` equal steps, (count,) float64, positive throughout and symmetric.

    It is sampled in the middle of each step, so that no sample has weight zero.

    Raises:
        ConfigurationError: no window has this name.
    """
    return window_at(name, (np.arange(count) + 0.5) / count)
