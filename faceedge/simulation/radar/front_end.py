"""The analogue part of a synthetic FMCW radar, from the antennas to the ADC: figures, filters, leakage, noise, 12 bits.

Figures of the front end are published, assumed (of the size usual for such a part), or fitted to recordings; each says
which. Together they give echoes, leakage and noise within a factor of three of recordings, and no more is claimed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.radar.angles import RECEIVER_POSITIONS_M
from faceedge.radar.chirp import SPEED_OF_LIGHT_M_S, ChirpSettings

SAMPLING_DELAY_S = 249 / 80e6
"""From the start frequency (power amplifier on) to the first sample: TR_SSTART of 31, in cycles of 80 MHz."""
ADC_LEVELS = 4096
NEAREST_M = 0.005
"""Nothing gets closer to an antenna than its own size."""

_BOLTZMANN_J_K = 1.380649e-23
_ROOM_K = 293.0
_LOAD_OHM = 50.0


def _receivers() -> dict[int, tuple[float, float, float]]:
    return {number: (0.0, y, z) for number, (y, z) in RECEIVER_POSITIONS_M["bgt60tr13c"].items()}


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """Analogue part of the radar.

    Attributes:
        tx_power_w: at power level 31 (assumed: 5 dBm).
        tx_step_db: of one power level (assumed; the real ones are no equal steps).
        tx_gain_dbi, rx_gain_dbi: of the antennas at boresight (published: HOOD, arXiv 2308.02396).
        pattern_exponent: power gain of each antenna falls with the cosine of the angle from boresight to this power.
        conversion_gain_db: of the mixer (assumed).
        noise_figure_db: single side band (assumed; with the gains it gives the noise of recordings).
        adc_volts: full scale of the ADC (assumed).
        adc_noise_counts: of the ADC alone, root mean square (fitted: 0.9 to 1.5).
        leakage_db: power at a receiver's input per transmitted power (fitted).
        leakage_range_m: range at which the leakage appears, half its path (fitted).
        offset_counts: DC at the ADC for receiver 1, 2, 3 (fitted: recordings have 1400 to 2070).
        tx_position_m: of the transmitter's phase centre (assumed).
        rx_positions_m: of the receivers by number: x forward, y left, z up.
        frequency_noise_hz: root mean square error of the ramp's frequency from chirp to chirp. Its effect grows with
            the delay, as that of slow phase noise does. 0: none.
    """

    tx_power_w: float = 3.16e-3
    tx_step_db: float = 0.5
    tx_gain_dbi: float = 6.0
    rx_gain_dbi: float = 10.0
    pattern_exponent: float = 3.0
    conversion_gain_db: float = 14.0
    noise_figure_db: float = 12.0
    adc_volts: float = 1.2
    adc_noise_counts: float = 1.0
    leakage_db: float = -46.0
    leakage_range_m: float = 0.03
    offset_counts: tuple[float, float, float] = (1650.0, 1920.0, 2070.0)
    tx_position_m: tuple[float, float, float] = (0.0, 5.0e-3, 0.0)
    rx_positions_m: dict[int, tuple[float, float, float]] = field(default_factory=_receivers)
    frequency_noise_hz: float = 0.0

    def counts_per_root_watt(self, chirp: ChirpSettings) -> float:
        """ADC counts of peak amplitude, before the filters, for 1 W at a receiver's input (a 50 ohm system)."""
        gain_db = self.conversion_gain_db + chirp.if_gain_db
        return math.sqrt(2 * _LOAD_OHM * ratio(gain_db)) * ADC_LEVELS / self.adc_volts

    def transmitted_w(self, chirp: ChirpSettings) -> float:
        """Power at the antenna for the chirp's power level."""
        return self.tx_power_w * ratio(self.tx_step_db * (chirp.tx_power_level - 31))


@dataclass(frozen=True, slots=True)
class TemperatureDrift:
    """A chip that grows warm after it was switched on. Figures are assumed, of the size usual for such parts.

    Attributes:
        start_c, final_c, time_constant_s: it approaches the final temperature exponentially.
        gain_db_per_c: of transmitter and receiver together.
        frequency_ppm_per_c: of the oscillator that the ramp follows.
    """

    start_c: float = 32.0
    final_c: float = 44.0
    time_constant_s: float = 180.0
    gain_db_per_c: float = -0.04
    frequency_ppm_per_c: float = -0.15

    def __post_init__(self) -> None:
        values = (self.start_c, self.final_c, self.time_constant_s, self.gain_db_per_c, self.frequency_ppm_per_c)
        if not all(map(math.isfinite, values)) or self.time_constant_s <= 0:
            raise ConfigurationError(
                f"temperature drift: all figures must be finite and the time constant positive, got {values}."
            )

    def temperature_c(self, time_s: float) -> float:
        """Of the chip, so long after it was switched on."""
        return self.final_c + (self.start_c - self.final_c) * math.exp(-time_s / self.time_constant_s)

    def amplitude(self, time_s: float) -> float:
        """Of an echo, relative to the first one."""
        return math.sqrt(ratio(self.gain_db_per_c * (self.temperature_c(time_s) - self.start_c)))

    def frequency_ppm(self, time_s: float) -> float:
        """By how much the ramp's frequency is off."""
        return self.frequency_ppm_per_c * (self.temperature_c(time_s) - self.start_c)


class Receiver:
    """What a front end does to the echoes of one chirp's settings. All that is random depends on seed and frame alone.

    Args:
        chirp: what the radar transmits and how it samples; its receivers need a position in ``front_end``.
        front_end: of the radar.
        seed: of the noise.
        thermal_counts: root mean square of the thermal noise behind the filters; None: as the front end has it.

    Attributes:
        rx_m: (rx, 3) positions of the receivers in use.
        tx_m: (3,) position of the transmitter.
        first_hz: transmitted when the first sample is taken.
        offset: (rx, 1, 1) float32, ADC counts: DC.
        background: (rx, 1, sample) float32, ADC counts: leakage and DC, the same in every chirp.

    Raises:
        ConfigurationError: a receiver without a position, or complex sampling.
    """

    def __init__(
        self, chirp: ChirpSettings, front_end: FrontEnd, seed: int, thermal_counts: float | None = None
    ) -> None:
        unknown = [rx for rx in chirp.rx_antennas if rx not in front_end.rx_positions_m]
        if unknown or chirp.complex_sampling:
            known = ", ".join(str(rx) for rx in front_end.rx_positions_m)
            raise ConfigurationError(
                f"the simulated radar has receivers {known} with real sampling; the chirp settings ask for receivers "
                f"{', '.join(str(rx) for rx in chirp.rx_antennas)}{', complex' if chirp.complex_sampling else ''}."
            )
        self.chirp, self.front_end, self.seed = chirp, front_end, seed
        self.rx_m = np.array([front_end.rx_positions_m[number] for number in chirp.rx_antennas], np.float64)
        self.tx_m = np.array(front_end.tx_position_m, np.float64)
        self.first_hz = chirp.start_frequency_hz + chirp.slope_hz_per_s * SAMPLING_DELAY_S
        self.offset = self._offset()
        self.background = self._leakage() + self.offset
        self._shaping = self._noise_shaping()
        if thermal_counts is not None:
            self._shaping *= np.float32(thermal_counts / self.thermal_counts())

    def counts_of_unit_echo(self) -> float:
        """ADC counts, before the filters, of an echo of 1 m2 whose way there and back is 1 m each, at boresight."""
        front, chirp = self.front_end, self.chirp
        gain = ratio(front.tx_gain_dbi + front.rx_gain_dbi)
        watts = front.transmitted_w(chirp) * gain * chirp.wavelength_m**2 / (4 * math.pi) ** 3
        return front.counts_per_root_watt(chirp) * math.sqrt(watts)

    def response(self, beat_hz: np.ndarray) -> np.ndarray:
        """Complex gain of high-pass (first order) and low-pass (second order, Butterworth) at a beat frequency."""
        high = 1j * beat_hz / (1j * beat_hz + self.chirp.high_pass_hz)
        low = 1j * beat_hz / self.chirp.low_pass_hz
        return np.asarray(high / (1 + math.sqrt(2.0) * low + low**2))

    def cube(self, if_signal: np.ndarray, frame_index: int) -> np.ndarray:
        """(rx, chirp, sample) uint16, 12-bit ADC counts of the echoes (float32, overwritten) with all that is added."""
        if_signal += self.background
        if_signal += self.noise(frame_index)
        return quantised(if_signal)

    def noise(self, frame_index: int) -> np.ndarray:
        """(rx, chirp, sample) float32, ADC counts: thermal noise and the ADC's own."""
        generator = np.random.default_rng((self.seed, frame_index))
        thermal = generator.standard_normal(self.chirp.cube_shape, np.float32) @ self._shaping
        own = generator.standard_normal(self.chirp.cube_shape, np.float32)
        own *= self.front_end.adc_noise_counts
        thermal += own
        return np.asarray(thermal)

    def thermal_counts(self) -> float:
        """Root mean square of the thermal noise behind the filters, in ADC counts."""
        return float(np.sqrt((self._shaping[0].astype(np.float64) ** 2).sum()))

    def frequency_errors(self, frame_index: int) -> np.ndarray:
        """(chirp,) Hz, or (1,) without any."""
        if self.front_end.frequency_noise_hz == 0:
            return np.zeros(1)
        generator = np.random.default_rng((self.seed, frame_index, 1))
        return generator.normal(0.0, self.front_end.frequency_noise_hz, self.chirp.chirps_per_frame)

    def leakage(self) -> tuple[np.ndarray, np.ndarray]:
        """(rx,) delay in s and (rx,) complex amplitude in ADC counts of what the transmitter leaks to the receivers."""
        chirp, front = self.chirp, self.front_end
        watts = front.transmitted_w(chirp) * ratio(front.leakage_db)
        delay_s = (2 * front.leakage_range_m + np.linalg.norm(self.rx_m - self.tx_m, axis=1)) / SPEED_OF_LIGHT_M_S
        amplitude = front.counts_per_root_watt(chirp) * math.sqrt(watts)
        return delay_s, amplitude * self.response(chirp.slope_hz_per_s * delay_s)

    def _leakage(self) -> np.ndarray:
        """(rx, 1, sample) float32: of the transmitter, the same in every chirp."""
        delay_s, amplitude = self.leakage()
        time_s = np.arange(self.chirp.samples_per_chirp) / self.chirp.sample_rate_hz
        turns = np.outer(delay_s, self.first_hz + self.chirp.slope_hz_per_s * time_s)
        tones = (amplitude[:, np.newaxis] * np.exp(2j * math.pi * turns)).real
        return np.asarray(tones[:, np.newaxis], np.float32)

    def _offset(self) -> np.ndarray:
        """(rx, 1, 1) float32: DC."""
        counts = [self.front_end.offset_counts[(number - 1) % 3] for number in self.chirp.rx_antennas]
        return np.array(counts, np.float32).reshape(-1, 1, 1)

    def _noise_shaping(self) -> np.ndarray:
        """(sample, sample) float32: turns white noise of 1 into thermal noise behind the filters, in ADC counts."""
        chirp, front = self.chirp, self.front_end
        band_hz = chirp.sample_rate_hz / 2
        watts = _BOLTZMANN_J_K * _ROOM_K * band_hz * ratio(front.noise_figure_db)
        counts = front.counts_per_root_watt(chirp) * math.sqrt(watts / 2)  # root mean square of a tone of that power
        shape = np.abs(self.response(np.fft.rfftfreq(chirp.samples_per_chirp, 1 / chirp.sample_rate_hz)))
        kernel = np.fft.irfft(counts * shape, chirp.samples_per_chirp)
        rows = [np.roll(kernel, shift) for shift in range(chirp.samples_per_chirp)]
        return np.array(rows, np.float32)


def quantised(counts: np.ndarray) -> np.ndarray:
    """uint16 of the same shape: rounded, and held at the ends of the ADC's 12 bits. ``counts`` is overwritten."""
    np.rint(counts, out=counts)
    np.clip(counts, 0, ADC_LEVELS - 1, out=counts)
    return counts.astype(np.uint16)


def ratio(decibels: float) -> float:
    """Of powers."""
    return float(10 ** (decibels / 10))
