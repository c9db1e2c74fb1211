"""What a radar delivers once in a frame period."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class RadarFrame:
    """One frame. A radar that delivers raw samples fills ``cube``; one that computes by itself fills the others.

    Attributes:
        stamp_ns: first chirp of the frame, ns on the ROS system clock (converted once, in the driver).
        sequence: counts the frames that the sensor made, so that a gap is a loss.
        cube: (rx, chirp, sample) uint16, 12-bit ADC counts; receivers must not write into it. None: no raw samples.
        range_doppler: (range bin, Doppler bin) float32 as the device computed it, zero Doppler in the middle, or None.
        range_profile: (range bin,) float32, dB, or None.
        points: (n, 5) float32: x, y, z in m (REP-103: x forward, y left, z up), radial velocity in m/s (positive:
            receding), signal-to-noise ratio in dB (NaN: unknown), or None.
        temperature_c: of the chip; NaN: unknown.
    """

    stamp_ns: int
    sequence: int
    cube: np.ndarray | None = None
    range_doppler: np.ndarray | None = None
    range_profile: np.ndarray | None = None
    points: np.ndarray | None = None
    temperature_c: float = math.nan
