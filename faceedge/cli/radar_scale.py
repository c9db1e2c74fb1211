"""What the terminal's and the picture's views of radar images share: the part that is shown, its levels, the title."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faceedge.radar.chirp import ChirpSettings, summary
from faceedge.radar.moments import decibels
from faceedge.radar.range_doppler import range_axis, velocity_axis

COLOUR_MAP = "inferno"
SMALLEST_SPAN_DB = 25.0
_FLOOR_PERCENTILE = 60.0
_FOLLOW = 0.1
_NAMES = {"bgt60tr13c": "BGT60TR13C", "iwr6843": "IWR6843"}


class Crop:
    """The part of the images that is shown: ranges up to one, all velocities.

    Args:
        chirp: of the images.
        max_range_m: 0 takes the range up to which the receiver's filter lets echoes through.
        shape: (range bin, Doppler bin) of the images; None: as processed here. A device that computes by itself may
            have other numbers of bins over the same range and velocity.

    Attributes:
        bins: range bins shown.
        range_edges_m: lower edge of the first and upper edge of the last range bin.
        velocity_edges_m_s: outer edges of the first and last Doppler bin; those of micro images lie ``MICRO_FRAMES``
            times closer.
    """

    def __init__(self, chirp: ChirpSettings, max_range_m: float = 0.0, shape: tuple[int, int] | None = None) -> None:
        ranges, velocities = range_axis(chirp), velocity_axis(chirp)
        if shape is not None and shape != (len(ranges), len(velocities)):
            ranges = np.arange(shape[0]) * (chirp.max_range_m / shape[0])
            limit = chirp.max_velocity_m_s
            velocities = (np.arange(shape[1]) - shape[1] // 2) * (2 * limit / shape[1])
        wanted_m = max_range_m or float(summary(chirp)["usable_range_m"])
        self.bins = int(np.clip(np.count_nonzero(ranges <= wanted_m), 2, len(ranges)))
        step_m = float(ranges[1] - ranges[0])
        step_m_s = float(velocities[1] - velocities[0])
        self.range_edges_m = (-step_m / 2, (self.bins - 0.5) * step_m)
        self.velocity_edges_m_s = (float(velocities[0]) - step_m_s / 2, float(velocities[-1]) + step_m_s / 2)

    def levels(self, image: np.ndarray) -> np.ndarray:
        """(range bin shown, Doppler bin) float32 in dB, the nearest range first."""
        return decibels(image[: self.bins])


class Levels:
    """Limits of a colour scale in dB that follow what comes, slowly, so that colours can be compared over time."""

    def __init__(self) -> None:
        self._limits: np.ndarray | None = None

    def add(self, levels: np.ndarray) -> None:
        """Take one image in dB into account."""
        seen = np.array(_span(levels))
        self._limits = seen if self._limits is None else self._limits + _FOLLOW * (seen - self._limits)

    @property
    def limits_db(self) -> tuple[float, float]:
        """Lowest and highest level, in whole dB and far enough apart."""
        return _apart(*self._limits) if self._limits is not None else (0.0, SMALLEST_SPAN_DB)


def common_limits_db(images: Sequence[np.ndarray]) -> tuple[float, float]:
    """Limits of a colour scale for all of these images in dB."""
    spans = np.array([_span(levels) for levels in images])
    return _apart(float(np.median(spans[:, 0])), float(spans[:, 1].max()))


def _span(levels: np.ndarray) -> tuple[float, float]:
    return float(np.percentile(levels, _FLOOR_PERCENTILE)), float(levels.max())


def _apart(low: float, high: float) -> tuple[float, float]:
    return float(round(low)), float(max(round(high), round(low) + SMALLEST_SPAN_DB))


def title(chirp: ChirpSettings, rate_hz: float) -> str:
    """The chirp and the rate in a line."""
    start, end = chirp.start_frequency_hz / 1e9, chirp.end_frequency_hz / 1e9
    name = _NAMES.get(chirp.device, chirp.device)
    receivers, chirps, samples = chirp.cube_shape
    transmitters = f"{len(chirp.tx_antennas)} TX × " if len(chirp.tx_antennas) > 1 else ""
    shape = f"{receivers} RX × {transmitters}{chirps} chirps × {samples} samples"
    parts = [f"{name}  {start:g} to {end:g} GHz", shape]
    if rate_hz > 0:
        parts.append(f"{rate_hz:.1f} frames/s")
    return "  ·  ".join(parts)


def ticks(low: float, high: float, most: int) -> list[float]:
    """At most ``most`` round numbers within the interval, evenly spaced, 0 among them where it lies inside."""
    if most < 2 or not high > low:
        return []
    for exponent in range(-6, 7):
        for factor in (1.0, 2.0, 5.0):
            step = factor * 10.0**exponent
            first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
            if last - first + 1 <= most:
                return [k * step for k in range(first, last + 1)]
    return []
