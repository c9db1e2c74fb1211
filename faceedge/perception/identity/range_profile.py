"""From looks to range profiles: complex echoes by range, as if every face were 30 cm away.

A look is the mean of a few chirps. Its transform at steps finer than the resolution (2.9 cm with the full band) keeps
phase; what is known of the radar is taken out: the gain and the filters of the receiver, and the fall of a surface's
echo with range. The face begins at the *leading edge*, where the power of many looks first comes near its maximum.
"""

from __future__ import annotations

import math

import numpy as np

from faceedge.errors import ConfigurationError, InputError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.windows import window

STEP_M = 0.01
RANGES_M = np.arange(0.06, 0.80, STEP_M)
"""Where echoes are looked at. Faces are 0.15 to 0.5 m away; the trunk is up to 0.2 m behind."""
REFERENCE_M, REFERENCE_GAIN_DB = 0.30, 23.0
EDGE_RANGES_M = (0.12, 0.55)
"""Between these the face's first echo is looked for; what is nearer is the transmitter's leakage."""
EDGE_DROP_DB = 20.0
"""The edge is where the power, from the near side, comes within this of its maximum."""
_TINY = 1e-3


class RangeProfiles:
    """Complex range profiles of one chirp's looks.

    Args:
        chirp: what the radar transmits.
        taper: name of the window over the samples of a chirp.

    Raises:
        ConfigurationError: the chirp does not see `RANGES_M`, or no window has this name.
    """

    def __init__(self, chirp: ChirpSettings, taper: str = "hann") -> None:
        if chirp.max_range_m < RANGES_M[-1]:
            raise ConfigurationError(
                f"range profiles of faces need a chirp that sees {RANGES_M[-1]:.2f} m, this one sees "
                f"{chirp.max_range_m:.2f} m; use a chirp file such as bgt60_face_full_band."
            )
        self.chirp = chirp
        self._matrix = _matrix(chirp, taper)

    def __call__(self, looks: np.ndarray) -> np.ndarray:
        """(..., rx, range) complex64, ADC counts at `REFERENCE_M` and `REFERENCE_GAIN_DB`.

        Args:
            looks: (..., rx, sample) ADC counts.

        Raises:
            InputError: another number of receivers or samples than the chirp's.
        """
        expected = (len(self.chirp.rx_antennas), self.chirp.samples_per_chirp)
        if looks.shape[-2:] != expected:
            raise InputError(f"looks must be (..., {expected[0]} rx, {expected[1]} samples), {looks.shape} came.")
        samples = looks.astype(np.float32)
        samples -= samples.mean(axis=-1, keepdims=True)
        return np.asarray(samples @ self._matrix)


def response(chirp: ChirpSettings, beat_hz: np.ndarray) -> np.ndarray:
    """Complex gain of the filters before the ADC: high-pass of first order, low-pass of second (Butterworth)."""
    high = 1j * beat_hz / (1j * beat_hz + chirp.high_pass_hz)
    low = 1j * beat_hz / chirp.low_pass_hz
    return np.asarray(high / (1 + math.sqrt(2) * low + low**2))


def leading_edge_m(power: np.ndarray) -> float:
    """Range at which the face begins.

    Args:
        power: (range,) mean power of range profiles at `RANGES_M`.
    """
    in_db = 10 * np.log10(power + _TINY)
    near, far = EDGE_RANGES_M
    inside = np.flatnonzero((near < RANGES_M) & (far > RANGES_M))
    wanted = in_db[inside].max() - EDGE_DROP_DB
    place = int(inside[np.argmax(in_db[inside] > wanted)])
    below, above = in_db[place - 1], in_db[place]
    part = np.clip((wanted - below) / max(above - below, 1e-9), 0, 1)
    return float(RANGES_M[place - 1] + STEP_M * part)


def _matrix(chirp: ChirpSettings, taper: str) -> np.ndarray:
    """(sample, range) complex64."""
    weights = window(taper, chirp.samples_per_chirp)
    beat_hz = chirp.beat_frequency_hz(1.0) * RANGES_M
    turns = np.outer(np.arange(chirp.samples_per_chirp) / chirp.sample_rate_hz, beat_hz)
    gain = 10 ** ((chirp.if_gain_db - REFERENCE_GAIN_DB) / 20)
    scale = 2 / weights.sum() * (RANGES_M / REFERENCE_M) ** 2 / (gain * response(chirp, beat_hz))
    return np.asarray(weights[:, np.newaxis] * np.exp(-2j * np.pi * turns) * scale, np.complex64)
