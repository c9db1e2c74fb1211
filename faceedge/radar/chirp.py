"""Chirp settings of an FMCW radar, and what follows from them: ranges, velocities, resolution, duty.

A chirp is one linear frequency ramp; a frame is a burst of equal chirps; a cube is what the receivers saw of one frame.
"""

from __future__ import annotations

from dataclasses import dataclass

SPEED_OF_LIGHT_M_S = 299_792_458.0


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

    def beat_frequency_hz(self, range_m: float) -> float:
        """Frequency at the ADC of an echo from ``range_m``."""
        return 2 * range_m * self.slope_hz_per_s / SPEED_OF_LIGHT_M_S
