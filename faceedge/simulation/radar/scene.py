"""Synthetic radar: point scatterers in front of a BGT60TR13C-like FMCW radar, and the ADC samples that they cause.

A scatterer at the two-way delay tau adds to the mixer's output, t seconds after the ramp passed f0,

    a * cos(2 pi (f0 tau + slope tau t - slope tau^2 / 2))

Delays are exact for each chirp, receiver and scatterer, so range migration, Doppler, angles and curved wave fronts need
no terms of their own. Within a chirp everything stands still. The amplitude a follows from the radar equation; filters,
leakage, noise and ADC from `front_end`.

What is missing: multipath, shadowing, polarisation, mutual coupling, and interference of other radars; `view` has a
surface with shadows, walls and a desk. What comes out is synthetic: good for testing software and for training what is
then tested on a real sensor, and no measurement.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from faceedge.radar.chirp import SPEED_OF_LIGHT_M_S, ChirpSettings
from faceedge.simulation.radar.front_end import NEAREST_M, FrontEnd, Receiver


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
        self.receiver = Receiver(chirp, self.front_end, seed)

    # The whole frame

    def cube(self, frame_index: int) -> np.ndarray:
        """(rx, chirp, sample) uint16, 12-bit ADC counts: one frame with all that the receiver adds."""
        return self.receiver.cube(self.if_signal(frame_index), frame_index)

    def if_signal(self, frame_index: int) -> np.ndarray:
        """(rx, chirp, sample) float32, ADC counts: the echoes alone, neither quantised nor clipped."""
        chirp = self.chirp
        time_s = frame_index * chirp.frame_period_s + np.arange(chirp.chirps_per_frame) * chirp.chirp_period_s
        points = np.asarray(self.scatterers.positions_m(time_s), np.float64)
        if points.shape[1] == 0:
            return np.zeros(chirp.cube_shape, np.float32)
        tx = points - self.receiver.tx_m
        tx_m = np.maximum(np.sqrt(np.einsum("tni,tni->tn", tx, tx)), NEAREST_M)
        rx = points - self.receiver.rx_m[:, np.newaxis, np.newaxis]
        rx_m = np.maximum(np.sqrt(np.einsum("rtni,rtni->rtn", rx, rx)), NEAREST_M)
        delay_s = (tx_m + rx_m) / SPEED_OF_LIGHT_M_S
        amplitude = self._amplitude(time_s, points, tx_m, rx_m)
        return self._sum_of_tones(delay_s, amplitude, self.receiver.frequency_errors(frame_index))

    # The echoes

    def _amplitude(self, time_s: np.ndarray, points: np.ndarray, tx_m: np.ndarray, rx_m: np.ndarray) -> np.ndarray:
        """(rx, t, n) ADC counts before the filters, by the radar equation."""
        cosine = np.maximum(points[..., 0], 0.0) / tx_m  # nothing from behind the radar
        root = np.sqrt(self.scatterers.rcs_at(time_s)) * cosine**self.front_end.pattern_exponent
        return np.asarray(self.receiver.counts_of_unit_echo() * root / (tx_m * rx_m))

    def _sum_of_tones(self, delay_s: np.ndarray, amplitude: np.ndarray, error_hz: np.ndarray) -> np.ndarray:
        """(rx, chirp, sample) float32: all scatterers' tones added up.

        A tone is a geometric series, and sample n = a * width + b of it the product of two numbers of which one depends
        on a, the other on b. So the sum over scatterers is a product of two small matrices for each receiver and chirp.
        """
        chirp = self.chirp
        beat_hz = chirp.slope_hz_per_s * delay_s
        turns = (self.receiver.first_hz + error_hz[:, np.newaxis]) * delay_s - beat_hz * delay_s / 2
        start = (amplitude * self.receiver.response(beat_hz)).astype(np.complex64) * _rotation(turns)
        step_turns = beat_hz / chirp.sample_rate_hz
        width = 1 << math.ceil(math.log2(math.sqrt(chirp.samples_per_chirp)))
        fine = _powers(_rotation(step_turns), width)
        coarse = _powers(_rotation(step_turns * width), -(-chirp.samples_per_chirp // width))
        coarse = coarse * start[:, :, np.newaxis]  # with more chirps than `coarse` had when only the frequency varies
        tones = (coarse @ fine.swapaxes(-1, -2)).real
        samples = tones.reshape(*tones.shape[:2], -1)[..., : chirp.samples_per_chirp]
        return np.array(np.broadcast_to(samples, chirp.cube_shape))


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
