"""Synthetic radar: point scatterers in front of a BGT60TR13C-like FMCW radar, and the ADC samples that they cause.

A scatterer at the two-way delay tau adds to the mixer's output, t seconds after the ramp passed f0,

    a * cos(2 pi (f0 tau + slope tau t - slope tau^2 / 2))

Delays are exact for each chirp, receiver and scatterer, so range migration, Doppler, angles and curved wave fronts need
no terms of their own. Within a chirp everything stands still. The amplitude a follows from the radar equation, and the
receiver's gain and filters; leakage from transmitter to receiver, noise, DC offset and the 12-bit ADC follow. Figures
of the front end are published, assumed (of the size usual for such a part), or fitted to recordings; each says which.
Together they give echoes, leakage and noise within a factor of three of recordings, which is all that is claimed.

What is missing: multipath, shadowing, polarisation, mutual coupling, and interference of other radars. What comes out
is synthetic: good for testing software and for training what is then tested on a real sensor, and no measurement.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.radar.angles import RECEIVER_POSITIONS_M
from faceedge.radar.chirp import SPEED_OF_LIGHT_M_S, ChirpSettings

SAMPLING_DELAY_S = 249 / 80e6
"""From the start frequency (power amplifier on) to the first sample: TR_SSTART of 31, in cycles of 80 MHz."""
ADC_LEVELS = 4096

_NEAREST_M = 0.005  # a scatterer does not get closer than the antenna's own size
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
        return math.sqrt(2 * _LOAD_OHM * _ratio(gain_db)) * ADC_LEVELS / self.adc_volts

    def transmitted_w(self, chirp: ChirpSettings) -> float:
        """Power at the antenna for the chirp's power level."""
        return self.tx_power_w * _ratio(self.tx_step_db * (chirp.tx_power_level - 31))


@dataclass(frozen=True, slots=True)
class Scatterers:
    """Points that reflect: the whole of what a scene is made of, from one corner reflector to a mesh.

    Attributes:
        positions_m: of time in s (t,), ascending: (t, n, 3), or (1, n, 3) when nothing moves. x forward, y left, z up.
        rcs_m2: (n,) radar cross sections, or a function of time in s that returns (t, n) or (1, n) of them.
    """

    positions_m: Callable[[np.ndarray], np.ndarray]
    rcs_m2: np.ndarray | Callable[[np.ndarray], np.ndarray]

    def rcs_at(self, time_s: np.ndarray) -> np.ndarray:
        """(t, n) or (1, n)"""
        return self.rcs_m2(time_s) if callable(self.rcs_m2) else self.rcs_m2[np.newaxis]


class RadarScene:
    """ADC samples of a scene, frame by frame. ``cube(i)`` depends on ``i`` alone, whatever was asked for before.

    Args:
        chirp: what the radar transmits and how it samples; its receivers need a position in ``front_end``.
        scatterers: in front of the radar, at most some thousands.
        front_end: of the radar.
        seed: of the noise.

    Raises:
        ConfigurationError: a receiver without a position, or complex sampling.
    """

    def __init__(
        self, chirp: ChirpSettings, scatterers: Scatterers, front_end: FrontEnd | None = None, seed: int = 0
    ) -> None:
        self.chirp = chirp
        self.scatterers = scatterers
        self.front_end = front_end or FrontEnd()
        self.seed = seed
        unknown = [rx for rx in chirp.rx_antennas if rx not in self.front_end.rx_positions_m]
        if unknown or chirp.complex_sampling:
            known = ", ".join(str(rx) for rx in self.front_end.rx_positions_m)
            raise ConfigurationError(
                f"the simulated radar has receivers {known} with real sampling; the chirp settings ask for receivers "
                f"{', '.join(str(rx) for rx in chirp.rx_antennas)}{', complex' if chirp.complex_sampling else ''}."
            )
        rx = [self.front_end.rx_positions_m[number] for number in chirp.rx_antennas]
        self._rx_m = np.array(rx, np.float64)
        self._first_hz = chirp.start_frequency_hz + chirp.slope_hz_per_s * SAMPLING_DELAY_S
        self._shaping = self._noise_shaping()
        self._background = self._leakage()

    # The whole frame

    def cube(self, frame_index: int) -> np.ndarray:
        """(rx, chirp, sample) uint16, 12-bit ADC counts: one frame with all that the receiver adds."""
        counts = self.if_signal(frame_index)
        counts += self._background
        counts += self._noise(frame_index)
        np.rint(counts, out=counts)
        np.clip(counts, 0, ADC_LEVELS - 1, out=counts)
        return counts.astype(np.uint16)

    def if_signal(self, frame_index: int) -> np.ndarray:
        """(rx, chirp, sample) float32, ADC counts: the echoes alone, neither quantised nor clipped."""
        chirp = self.chirp
        time_s = frame_index * chirp.frame_period_s + np.arange(chirp.chirps_per_frame) * chirp.chirp_period_s
        points = np.asarray(self.scatterers.positions_m(time_s), np.float64)
        if points.shape[1] == 0:
            return np.zeros(chirp.cube_shape, np.float32)
        tx = points - np.array(self.front_end.tx_position_m)
        tx_m = np.maximum(np.sqrt(np.einsum("tni,tni->tn", tx, tx)), _NEAREST_M)
        rx = points - self._rx_m[:, np.newaxis, np.newaxis]
        rx_m = np.maximum(np.sqrt(np.einsum("rtni,rtni->rtn", rx, rx)), _NEAREST_M)
        delay_s = (tx_m + rx_m) / SPEED_OF_LIGHT_M_S
        amplitude = self._amplitude(time_s, points, tx_m, rx_m)
        return self._sum_of_tones(delay_s, amplitude, self._frequency_errors(frame_index))

    # The echoes

    def _amplitude(self, time_s: np.ndarray, points: np.ndarray, tx_m: np.ndarray, rx_m: np.ndarray) -> np.ndarray:
        """(rx, t, n) ADC counts before the filters, by the radar equation."""
        front = self.front_end
        gain = _ratio(front.tx_gain_dbi + front.rx_gain_dbi)
        constant = front.transmitted_w(self.chirp) * gain * self.chirp.wavelength_m**2 / (4 * math.pi) ** 3
        cosine = np.maximum(points[..., 0], 0.0) / tx_m  # nothing from behind the radar
        root = np.sqrt(constant * self.scatterers.rcs_at(time_s)) * cosine**front.pattern_exponent
        return np.asarray(front.counts_per_root_watt(self.chirp) * root / (tx_m * rx_m))

    def _sum_of_tones(self, delay_s: np.ndarray, amplitude: np.ndarray, error_hz: np.ndarray) -> np.ndarray:
        """(rx, chirp, sample) float32: all scatterers' tones added up.

        A tone is a geometric series, and sample n = a * width + b of it the product of two numbers of which one depends
        on a, the other on b. So the sum over scatterers is a product of two small matrices for each receiver and chirp.
        """
        chirp = self.chirp
        beat_hz = chirp.slope_hz_per_s * delay_s
        turns = (self._first_hz + error_hz[:, np.newaxis]) * delay_s - beat_hz * delay_s / 2
        start = (amplitude * self.response(beat_hz)).astype(np.complex64) * _rotation(turns)
        step_turns = beat_hz / chirp.sample_rate_hz
        width = 1 << math.ceil(math.log2(math.sqrt(chirp.samples_per_chirp)))
        fine = _powers(_rotation(step_turns), width)
        coarse = _powers(_rotation(step_turns * width), -(-chirp.samples_per_chirp // width))
        coarse = coarse * start[:, :, np.newaxis]  # with more chirps than `coarse` had when only the frequency varies
        tones = (coarse @ fine.swapaxes(-1, -2)).real
        samples = tones.reshape(*tones.shape[:2], -1)[..., : chirp.samples_per_chirp]
        return np.array(np.broadcast_to(samples, chirp.cube_shape))

    def response(self, beat_hz: np.ndarray) -> np.ndarray:
        """Complex gain of high-pass (first order) and low-pass (second order, Butterworth) at a beat frequency."""
        high = 1j * beat_hz / (1j * beat_hz + self.chirp.high_pass_hz)
        ratio = 1j * beat_hz / self.chirp.low_pass_hz
        return np.asarray(high / (1 + math.sqrt(2.0) * ratio + ratio**2))

    # What the receiver adds

    def _leakage(self) -> np.ndarray:
        """(rx, 1, sample) float32: leakage and DC offset, the same in every chirp."""
        chirp, front = self.chirp, self.front_end
        watts = front.transmitted_w(chirp) * _ratio(front.leakage_db)
        between_m = np.linalg.norm(self._rx_m - front.tx_position_m, axis=1, keepdims=True)
        delay_s = (2 * front.leakage_range_m + between_m) / SPEED_OF_LIGHT_M_S
        beat_hz = chirp.slope_hz_per_s * delay_s
        time_s = np.arange(chirp.samples_per_chirp) / chirp.sample_rate_hz
        turns = self._first_hz * delay_s + beat_hz * time_s
        amplitude = front.counts_per_root_watt(chirp) * math.sqrt(watts) * self.response(beat_hz)
        offset = np.array([front.offset_counts[(number - 1) % 3] for number in chirp.rx_antennas])
        tones = (amplitude * np.exp(2j * math.pi * turns)).real + offset[:, np.newaxis]
        return np.asarray(tones[:, np.newaxis], np.float32)

    def _noise_shaping(self) -> np.ndarray:
        """(sample, sample) float32: turns white noise of 1 into thermal noise behind the filters, in ADC counts."""
        chirp, front = self.chirp, self.front_end
        band_hz = chirp.sample_rate_hz / 2
        watts = _BOLTZMANN_J_K * _ROOM_K * band_hz * _ratio(front.noise_figure_db)
        counts = front.counts_per_root_watt(chirp) * math.sqrt(watts / 2)  # root mean square of a tone of that power
        shape = np.abs(self.response(np.fft.rfftfreq(chirp.samples_per_chirp, 1 / chirp.sample_rate_hz)))
        kernel = np.fft.irfft(counts * shape, chirp.samples_per_chirp)
        rows = [np.roll(kernel, shift) for shift in range(chirp.samples_per_chirp)]
        return np.array(rows, np.float32)

    def _noise(self, frame_index: int) -> np.ndarray:
        """(rx, chirp, sample) float32, ADC counts: thermal noise and the ADC's own."""
        generator = np.random.default_rng((self.seed, frame_index))
        thermal = generator.standard_normal(self.chirp.cube_shape, np.float32) @ self._shaping
        own = generator.standard_normal(self.chirp.cube_shape, np.float32)
        own *= self.front_end.adc_noise_counts
        thermal += own
        return np.asarray(thermal)

    def _frequency_errors(self, frame_index: int) -> np.ndarray:
        """(chirp,) Hz"""
        if self.front_end.frequency_noise_hz == 0:
            return np.zeros(1)
        generator = np.random.default_rng((self.seed, frame_index, 1))
        return generator.normal(0.0, self.front_end.frequency_noise_hz, self.chirp.chirps_per_frame)


def _ratio(decibels: float) -> float:
    return float(10 ** (decibels / 10))


def _rotation(turns: np.ndarray) -> np.ndarray:
    """exp(2 pi i turns) as complex64; whole turns are taken off in float64, where 1e4 of them still leave the phase."""
    angle = ((turns - np.rint(turns)) * (2 * math.pi)).astype(np.float32)
    out = np.empty(angle.shape, np.complex64)
    np.cos(angle, out=out.real)
    np.sin(angle, out=out.imag)
    return out


def _powers(base: np.ndarray, count: int) -> np.ndarray:
    """Powers 0 to count - 1 of (..., n) as (..., count, n), by doubling: rounding grows with log2 of the power."""
    out = np.empty((*base.shape[:-1], count, base.shape[-1]), base.dtype)
    out[..., 0, :] = 1
    done, factor = 1, base
    while done < count:
        more = min(done, count - done)
        np.multiply(out[..., :more, :], factor[..., np.newaxis, :], out=out[..., done : done + more, :])
        done += more
        factor = factor * factor
    return out


# Scenes. Sizes and motions are textbook figures of adults, reflectivities of the right order of magnitude.

_TURN = 2 * math.pi


def still(positions_m: np.ndarray, rcs_m2: np.ndarray | float) -> Scatterers:
    """Points (n, 3) that stand still."""
    points = np.atleast_2d(np.asarray(positions_m, np.float64))
    return Scatterers(lambda time_s: points[np.newaxis], np.broadcast_to(np.asarray(rcs_m2, float), len(points)))


def moving(
    positions_m: np.ndarray, rcs_m2: np.ndarray | float, fields: np.ndarray, waves: Callable[[np.ndarray], np.ndarray]
) -> Scatterers:
    """Points (n, 3) that are displaced by ``fields`` (m, n, 3), each as far as ``waves`` (t, m) says at that time."""
    base = np.atleast_2d(np.asarray(positions_m, np.float64))
    flat = np.asarray(fields, np.float64).reshape(len(fields), -1)

    def positions(time_s: np.ndarray) -> np.ndarray:
        return base + (waves(time_s) @ flat).reshape(-1, *base.shape)

    return Scatterers(positions, np.broadcast_to(np.asarray(rcs_m2, float), len(base)))


def together(*parts: Scatterers) -> Scatterers:
    """All of them in one scene."""

    def positions(time_s: np.ndarray) -> np.ndarray:
        return _side_by_side([part.positions_m(time_s) for part in parts], len(time_s))

    def rcs(time_s: np.ndarray) -> np.ndarray:
        return _side_by_side([part.rcs_at(time_s) for part in parts], len(time_s))

    return Scatterers(positions, rcs)


def _side_by_side(arrays: list[np.ndarray], times: int) -> np.ndarray:
    most = 1 if all(len(array) == 1 for array in arrays) else times
    return np.concatenate([np.broadcast_to(array, (most, *array.shape[1:])) for array in arrays], axis=1)


def direction(azimuth_deg: float, elevation_deg: float = 0.0) -> np.ndarray:
    """(3,) unit vector; azimuth to the left and elevation upwards are positive."""
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    across = math.cos(elevation)
    return np.array([across * math.cos(azimuth), across * math.sin(azimuth), math.sin(elevation)])


def two_reflectors(
    ranges_m: tuple[float, float] = (0.33, 0.50), azimuths_deg: tuple[float, float] = (8.0, -8.0)
) -> Scatterers:
    """Two equal corner reflectors."""
    points = [distance * direction(azimuth) for distance, azimuth in zip(ranges_m, azimuths_deg, strict=True)]
    return still(np.array(points), 0.006)


def empty_room(seed: int = 0) -> Scatterers:
    """Walls and furniture from 1.5 to 6 m away."""
    generator = np.random.default_rng(seed)
    distance = generator.uniform(1.5, 6.0, 30)
    towards = np.array([direction(*angles) for angles in generator.uniform((-50, -20), (50, 20), (30, 2))])
    return still(distance[:, np.newaxis] * towards, generator.exponential(0.02, 30) * distance**2)


def face_at(
    range_m: float = 0.25,
    *,
    azimuth_deg: float = 0.0,
    breathing_m: float = 4e-3,
    pulse_m: float = 5e-5,
    nod_deg: float = 2.0,
    speech_m: float = 3e-3,
    points: int = 160,
    seed: int = 0,
) -> Scatterers:
    """A head of ``points`` scatterers that faces the radar, and a chest below it.

    Args:
        range_m: of the tip of the nose.
        azimuth_deg: of the head.
        breathing_m: stroke of the chest at 0.25 Hz; the head follows with a tenth of it.
        pulse_m: stroke of the skin at 1.2 Hz.
        nod_deg: amplitude of nodding at 0.4 Hz, about the neck.
        speech_m: stroke of the jaw, syllables at 4 Hz.
        points: of the head.
        seed: of the places of the points.
    """
    generator = np.random.default_rng(seed)
    skin, facing = _head(generator, points)
    chest = generator.uniform((0.08, -0.16, -0.45), (0.12, 0.16, -0.22), (points // 4, 3))
    base = np.concatenate([skin, chest]) + (range_m, 0.0, 0.0)
    is_head = np.arange(len(base)) < points
    is_jaw = is_head & (base[:, 2] < -0.03)
    fields = np.zeros((4, len(base), 3))
    fields[0, :, 0] = np.where(is_head, -0.1, -1.0) * breathing_m / 2
    fields[1, is_head, 0] = -pulse_m / 2
    neck = np.array([range_m + 0.10, 0.0, -0.10])
    fields[2, is_head] = np.cross([0.0, math.radians(nod_deg), 0.0], base[is_head] - neck)
    fields[3, is_jaw, 2] = -speech_m / 2
    fields[3, is_jaw, 0] = speech_m / 4
    hertz = np.array([0.25, 1.2, 0.4, 4.0])
    phases = generator.uniform(0, _TURN, 4)
    rcs = np.concatenate([0.01 * facing / facing.sum(), np.full(len(chest), 0.03 / len(chest))])
    cosine, sine = direction(azimuth_deg)[:2]
    turn = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    return moving(base @ turn, rcs, fields @ turn, lambda time_s: np.sin(_TURN * np.outer(time_s, hertz) + phases))


def _head(generator: np.random.Generator, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) on the front of an ellipsoid with a nose, tip at x = 0, and how much each faces forward (n,)."""
    height = generator.uniform(-1.0, 1.0, points)
    around = generator.uniform(-math.pi / 2, math.pi / 2, points)
    across = np.sqrt(1.0 - height**2)
    normal = np.stack([-across * np.cos(around), across * np.sin(around), height], axis=1)
    skin = normal * (0.09, 0.075, 0.11) + (0.11, 0.0, 0.0)
    distance = np.hypot(skin[:, 1] / 0.018, (skin[:, 2] + 0.01) / 0.03)
    skin[:, 0] -= 0.02 * np.exp(-(distance**2))
    return skin, normal[:, 0] ** 2


def walking_person(
    near_m: float = 1.0, far_m: float = 4.0, *, period_s: float = 10.0, points: int = 60, seed: int = 0
) -> Scatterers:
    """Somebody who walks to and fro between two ranges, arms and legs swinging.

    Args:
        near_m, far_m: where the person turns.
        period_s: of one way there and back.
        points: half of them trunk and head, the others limbs.
        seed: of the places of the points.
    """
    generator = np.random.default_rng(seed)
    base = generator.uniform((-0.12, -0.2, -0.6), (0.12, 0.2, 0.6), (points, 3))
    limb = np.arange(points) >= points // 2
    side = generator.choice((-1.0, 1.0), points)
    leg = limb & (np.arange(points) % 2 == 0)
    base[limb, 1] = side[limb] * np.where(leg[limb], 0.12, 0.28)
    base[leg, 2] -= 0.5
    base[:, 0] += (near_m + far_m) / 2
    fields = np.zeros((2, points, 3))
    fields[0, :, 0] = (far_m - near_m) / 2
    fields[1, limb, 0] = 0.2 * side[limb] * np.where(leg[limb], 1.0, -1.0)
    hertz = np.array([1 / period_s, 0.9])
    return moving(base, 0.5 / points, fields, lambda time_s: np.sin(_TURN * np.outer(time_s, hertz)))


PRESETS: dict[str, Callable[[], Scatterers]] = {
    "face": lambda: together(face_at(), empty_room()),
    "two_reflectors": two_reflectors,
    "walking_person": lambda: together(walking_person(), empty_room()),
    "empty_room": empty_room,
}
"""Scenes by name, for the command line."""
