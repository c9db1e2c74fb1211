"""Chirp settings of an FMCW radar, and what follows from them: ranges, velocities, resolution, duty.

A chirp is one linear frequency ramp; a frame is a burst of equal chirps; a cube is what the receivers saw of one frame.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from faceedge.errors import ConfigurationError
from faceedge.radar.json_fields import Fields, parse_object

SPEED_OF_LIGHT_M_S = 299_792_458.0
FACE_RANGES_M = (0.15, 0.25, 0.60)
"""Where a face in front of a radar is: nearest, usual, farthest."""

# What any FMCW radar could be set to; each device's own limits are narrower and stand in `chirp_limits`.
PLAUSIBLE: Mapping[str, tuple[float, float]] = {
    "start_frequency_hz": (1e9, 1e12),
    "end_frequency_hz": (1e9, 1e12),
    "slope_hz_per_s": (1e6, 1e17),
    "samples_per_chirp": (2, 65536),
    "sample_rate_hz": (1e3, 1e9),
    "chirps_per_frame": (1, 65536),
    "chirp_period_s": (1e-6, 10.0),
    "frame_period_s": (1e-6, 1e5),
    "tx_power_level": (0, 31),
    "if_gain_db": (-20.0, 100.0),
    "high_pass_hz": (0.0, 1e9),
    "low_pass_hz": (1.0, 1e9),
}
INTEGERS = ("samples_per_chirp", "chirps_per_frame", "tx_power_level")
ANTENNAS = ("rx_antennas", "tx_antennas")
MOST_ANTENNAS = 16


@dataclass(frozen=True, slots=True)
class ChirpSettings:
    """What a radar transmits and how it samples the echo, in SI units.

    Attributes:
        device: ``bgt60tr13c`` or ``iwr6843``.
        start_frequency_hz, end_frequency_hz: of the ramp as the vendor's format states it. Sampling covers less of it.
        slope_hz_per_s: of the ramp.
        samples_per_chirp, sample_rate_hz: of the ADC, for each receiver.
        chirps_per_frame: chirps of one transmitter in a frame, which is the number of slow-time samples.
        chirp_period_s: from one chirp to the next of the same transmitter.
        frame_period_s: from the first chirp of a frame to the first chirp of the next.
        rx_antennas, tx_antennas: numbers of those in use, from 1, ascending.
        complex_sampling: I and Q are sampled, so beat frequencies reach the sample rate instead of half of it.
        tx_power_level: 0 to 31 (BGT60TR13C).
        if_gain_db: gain of the receiver between mixer and ADC.
        high_pass_hz, low_pass_hz: corners of the filters before the ADC.

    Raises:
        ConfigurationError: a value that no radar could have (``PLAUSIBLE``), a ramp that does not rise, or antennas
            that are not numbered from 1, ascending. What one device can do is checked by ``chirp_limits``.
    """

    device: str
    start_frequency_hz: float
    end_frequency_hz: float
    slope_hz_per_s: float
    samples_per_chirp: int
    sample_rate_hz: float
    chirps_per_frame: int
    chirp_period_s: float
    frame_period_s: float
    rx_antennas: tuple[int, ...] = (1, 2, 3)
    tx_antennas: tuple[int, ...] = (1,)
    complex_sampling: bool = False
    tx_power_level: int = 31
    if_gain_db: float = 33.0
    high_pass_hz: float = 80e3
    low_pass_hz: float = 500e3

    def __post_init__(self) -> None:
        for name, (low, high) in PLAUSIBLE.items():
            value = getattr(self, name)
            if not low <= value <= high:  # NaN is in no interval
                raise ConfigurationError(f"chirp: {name} must lie between {low:g} and {high:g}, got {value!r}.")
        if not self.start_frequency_hz < self.end_frequency_hz:
            raise ConfigurationError(
                f"chirp: the ramp must rise, got {self.start_frequency_hz / 1e9:g} to "
                f"{self.end_frequency_hz / 1e9:g} GHz; swap start and end."
            )
        for name in ANTENNAS:
            antennas = getattr(self, name)
            if not antennas or list(antennas) != sorted(set(antennas)) or not 1 <= antennas[0] <= MOST_ANTENNAS:
                raise ConfigurationError(
                    f"chirp: {name} must be one or more numbers from 1, ascending, got {list(antennas)}."
                )

    @property
    def cube_shape(self) -> tuple[int, int, int]:
        """(rx, chirp, sample) of one frame."""
        return len(self.rx_antennas), self.chirps_per_frame, self.samples_per_chirp

    @property
    def sampled_bandwidth_hz(self) -> float:
        """Part of the ramp during which the ADC samples; this one sets the range scale."""
        return self.slope_hz_per_s * self.samples_per_chirp / self.sample_rate_hz

    @property
    def center_frequency_hz(self) -> float:
        """Middle of the ramp."""
        return (self.start_frequency_hz + self.end_frequency_hz) / 2

    @property
    def wavelength_m(self) -> float:
        """At the middle of the ramp."""
        return SPEED_OF_LIGHT_M_S / self.center_frequency_hz

    @property
    def range_resolution_m(self) -> float:
        """Two targets closer than this are one: c / 2B."""
        return SPEED_OF_LIGHT_M_S / (2 * self.sampled_bandwidth_hz)

    @property
    def range_bins(self) -> int:
        """Range bins of an FFT over all samples of a chirp, without those of negative beat frequency."""
        return self.samples_per_chirp if self.complex_sampling else self.samples_per_chirp // 2

    @property
    def max_range_m(self) -> float:
        """Range at the largest beat frequency that the ADC can represent."""
        return self.range_resolution_m * self.range_bins

    @property
    def max_velocity_m_s(self) -> float:
        """Velocities beyond plus or minus this appear at another one: wavelength / (4 chirp periods)."""
        return self.wavelength_m / (4 * self.chirp_period_s)

    @property
    def velocity_resolution_m_s(self) -> float:
        """Wavelength / (2 chirps * chirp period)."""
        return self.wavelength_m / (2 * self.chirps_per_frame * self.chirp_period_s)

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second."""
        return 1 / self.frame_period_s

    @property
    def frame_duty(self) -> float:
        """Part of the frame period that is filled with chirps, 0 to 1."""
        return self.chirps_per_frame * self.chirp_period_s / self.frame_period_s

    @property
    def ramp_s(self) -> float:
        """Duration of the ramp from start to end frequency."""
        return (self.end_frequency_hz - self.start_frequency_hz) / self.slope_hz_per_s

    @property
    def on_air(self) -> float:
        """Part of the time during which a transmitter is on its ramp, 0 to 1."""
        return self.ramp_s * self.chirps_per_frame * len(self.tx_antennas) / self.frame_period_s

    def beat_frequency_hz(self, range_m: float) -> float:
        """Frequency at the ADC of an echo from ``range_m``."""
        return 2 * range_m * self.slope_hz_per_s / SPEED_OF_LIGHT_M_S

    def range_of_beat_m(self, frequency_hz: float) -> float:
        """Where an echo comes from that beats at ``frequency_hz``."""
        return frequency_hz * SPEED_OF_LIGHT_M_S / (2 * self.slope_hz_per_s)


def summary(chirp: ChirpSettings) -> dict[str, float | int | str]:
    """What a chirp means, as plain numbers with their units in the keys.

    ``usable_range_m`` ends where the low-pass filter before the ADC begins, ``near_range_m`` is where the high-pass
    filter's corner lies: nearer echoes are attenuated. ``cube_bytes`` counts 12-bit samples packed two in three bytes.
    """
    numbers: dict[str, float | int | str] = {
        "device": chirp.device,
        "start_frequency_hz": chirp.start_frequency_hz,
        "end_frequency_hz": chirp.end_frequency_hz,
        "sampled_bandwidth_hz": chirp.sampled_bandwidth_hz,
        "wavelength_m": chirp.wavelength_m,
        "range_bins": chirp.range_bins,
        "range_resolution_m": chirp.range_resolution_m,
        "max_range_m": chirp.max_range_m,
        "usable_range_m": min(chirp.max_range_m, chirp.range_of_beat_m(chirp.low_pass_hz)),
        "near_range_m": chirp.range_of_beat_m(chirp.high_pass_hz),
        "max_velocity_m_s": chirp.max_velocity_m_s,
        "velocity_resolution_m_s": chirp.velocity_resolution_m_s,
        "frame_rate_hz": chirp.frame_rate_hz,
        "active_time_s": chirp.chirps_per_frame * chirp.chirp_period_s,
        "frame_duty_percent": 100 * chirp.frame_duty,
        "on_air_percent": 100 * chirp.on_air,
        "cube_samples": math.prod(chirp.cube_shape),
        "cube_bytes": math.ceil(math.prod(chirp.cube_shape) * 1.5),
    }
    for range_m in FACE_RANGES_M:
        numbers[f"beat_at_{round(range_m * 100)}_cm_hz"] = chirp.beat_frequency_hz(range_m)
    return numbers


def to_json(chirp: ChirpSettings) -> str:
    """The settings as JSON, without loss: keys are the field names, with units. ``from_json`` reads it back.

    What follows from them (``summary``) stands beside them under ``derived``, for readers without this package.
    """
    return json.dumps({**dataclasses.asdict(chirp), "derived": summary(chirp)})


def from_json(text: str) -> ChirpSettings:
    """Settings from the text that ``to_json`` wrote.

    Raises:
        ConfigurationError: no JSON, a key that is missing or of the wrong type, or impossible settings.
    """
    fields = Fields("chirp JSON", parse_object("chirp JSON", text))
    values: dict[str, Any] = {"device": fields.text("device")}
    for name in PLAUSIBLE:
        values[name] = fields.integer(name) if name in INTEGERS else fields.number(name)
    for name in ANTENNAS:
        values[name] = fields.integers(name)
    return ChirpSettings(complex_sampling=fields.boolean("complex_sampling"), **values)
