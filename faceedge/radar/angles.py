"""Where in azimuth and elevation an echo comes from, out of its phase differences between the receivers.

An echo from direction u (a unit vector) reaches a receiver at position p earlier than the origin by p.u / c. The
signal after the mixer follows the phase of the delay, so it is -2 pi p.u / wavelength there relative to the origin.

Angles are the direction cosines' own: azimuth = asin(u_y), positive to the left as the radar looks, elevation =
asin(u_z), positive upwards (x forward, y left, z up: REP-103). Near the boresight they are what is usually meant.

Two receivers half a wavelength apart make a beam of 60 degrees at half power: enough to say on which side a face is,
not to tell two faces in one range bin apart. Sharper methods (Capon, MUSIC) need more receivers in a line than two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from faceedge.errors import ConfigurationError, InputError
from faceedge.radar.chirp import ChirpSettings

# Positions (y, z) in m of the receivers relative to RX3, the corner of the L, on the board that is looked at from
# behind with its USB connector down. RX1 and RX3 lie side by side, RX2 and RX3 one above the other, 2.5 mm apart, which
# is half a wavelength at 60 GHz: Infineon's Radar SDK makes its range-angle map of RX1 and RX3 (`rx_mask` 5) with
# `d_by_lambda` 0.5, and public drivers of this chip take azimuth from RX1 and RX3, elevation from RX2 and RX3.
# The side on which RX1 and RX2 lie follows from how the board is mounted: put a target to the left and above once, and
# pass these positions with another sign where it appears on the other side.
RECEIVER_POSITIONS_M: Mapping[str, Mapping[int, tuple[float, float]]] = {
    "bgt60tr13c": {1: (2.5e-3, 0.0), 2: (0.0, 2.5e-3), 3: (0.0, 0.0)},
}
Y, Z = 0, 1
# A plain 0 would be cast for each frame, through a buffer.
_ZERO = np.float32(0)


def positions_of(chirp: ChirpSettings) -> np.ndarray:
    """(rx, 2) float64: y and z in m of the receivers that are in use, in their order in a cube.

    Raises:
        ConfigurationError: the geometry of the device is unknown.
    """
    known = RECEIVER_POSITIONS_M.get(chirp.device, {})
    missing = [number for number in chirp.rx_antennas if number not in known]
    if missing:
        raise ConfigurationError(
            f"Where receiver {missing[0]} of {chirp.device} lies is unknown; known are: "
            f"{', '.join(f'{name} {sorted(places)}' for name, places in RECEIVER_POSITIONS_M.items())}."
        )
    return np.array([known[number] for number in chirp.rx_antennas])


def baseline(positions_m: np.ndarray, axis: int) -> tuple[int, int]:
    """Two receivers that differ along ``axis`` (Y or Z) only: their places in a cube.

    Raises:
        ConfigurationError: there are none.
    """
    for first in range(len(positions_m)):
        for second in range(first + 1, len(positions_m)):
            offset = np.abs(positions_m[first] - positions_m[second])
            if offset[axis] > 0 and offset[1 - axis] == 0:
                return first, second
    name = ("azimuth", "elevation")[axis]
    raise ConfigurationError(f"No two of the receivers in use lie so that {name} can be told; enable all three.")


def steering_vectors(positions_m: np.ndarray, sines: np.ndarray, wavelength_m: float) -> np.ndarray:
    """Phases that echoes have at receivers in a line.

    Args:
        positions_m: (rx,) along the line.
        sines: (angle,) sines of the angles of arrival.

    Returns:
        (rx, angle) complex128 of magnitude 1.
    """
    vectors: np.ndarray = np.exp(-2j * np.pi / wavelength_m * np.multiply.outer(positions_m, sines))
    return vectors


def arrival_angles(echoes: np.ndarray, chirp: ChirpSettings, positions_m: np.ndarray | None = None) -> np.ndarray:
    """Azimuth and elevation of single echoes, from the phase between two receivers.

    Args:
        echoes: (..., rx) complex: cells of ``RangeDoppler.spectrum``.
        positions_m: of the receivers; None: those of the device.

    Returns:
        (..., 2) float64, rad: azimuth and elevation. Phases of more than half a turn, which are beyond 80 degrees or
        noise, are cut to 90 degrees.
    """
    places = positions_of(chirp) if positions_m is None else positions_m
    angles = []
    for axis in (Y, Z):
        first, second = baseline(places, axis)
        phase = np.angle(echoes[..., first] * np.conj(echoes[..., second]))
        spacing_m = places[first, axis] - places[second, axis]
        angles.append(np.arcsin(np.clip(-phase * chirp.wavelength_m / (2 * np.pi * spacing_m), -1, 1)))
    return np.stack(angles, axis=-1)


class RangeAngle:
    """Range-azimuth and range-elevation images by Bartlett beamforming, without allocating memory per frame.

    Each beam's power is a quadratic form of the receivers' covariance over the chirps, so the beams cost one small
    matrix product, whatever their number.

    Args:
        chirp: what the radar transmits.
        angles: beams in each image.
        limit_deg: beams cover plus or minus this, equal steps in the sine of the angle.
        mti: subtract the mean over the chirps of the frame, as in ``RangeDoppler``.
        positions_m: (rx, 2), y and z of the receivers; None: those of the device.
        phases_rad: (rx,) by which each receiver's phase is ahead, to be taken off; None: none.

    Attributes:
        range_axis_m: of the rows, float64.
        angle_axis_rad: of the columns, float64, ascending: right to left for azimuth, down to up for elevation.

    Raises:
        ConfigurationError: the receivers cannot tell both angles, or their geometry is unknown.
    """

    def __init__(
        self,
        chirp: ChirpSettings,
        *,
        angles: int = 64,
        limit_deg: float = 60.0,
        mti: bool = True,
        positions_m: np.ndarray | None = None,
        phases_rad: Sequence[float] | None = None,
    ) -> None:
        places = positions_of(chirp) if positions_m is None else np.asarray(positions_m, float)
        receivers, chirps, bins = len(chirp.rx_antennas), chirp.chirps_per_frame, chirp.range_bins
        limit = np.sin(np.radians(limit_deg))
        sines = np.linspace(-limit, limit, angles)
        self.range_axis_m = np.arange(bins) * chirp.range_resolution_m
        self.angle_axis_rad = np.arcsin(sines)
        offsets = np.zeros(receivers) if phases_rad is None else np.asarray(phases_rad, float)
        self._pairs = [(i, j) for i in range(receivers) for j in range(i + 1)]
        beams = [_beam_matrix(places, axis, sines, chirp.wavelength_m, offsets, self._pairs) for axis in (Y, Z)]
        self._beams = np.stack(beams).astype(np.float32)
        self._mti = mti
        self._shape = (receivers, chirps, bins)
        self._conjugate = np.zeros((chirps, bins), np.complex64)
        self._products = np.zeros((chirps, bins), np.complex64)
        self._average = np.full((1, chirps), 1 / chirps, np.complex64)
        self._mean_rows = np.zeros((receivers, 1, bins), np.complex64)
        self._means = self._mean_rows[:, 0]
        self._covariance = np.zeros((len(self._pairs), bins), np.complex64)
        self._correction = np.zeros(bins, np.complex64)
        self._parts = np.zeros((bins, 2 * len(self._pairs)), np.float32)
        self._images = np.zeros((2, bins, angles), np.float32)

    def __call__(self, range_spectrum: np.ndarray) -> np.ndarray:
        """Images of one frame.

        Args:
            range_spectrum: (rx, chirp, range bin) complex64, as ``RangeDoppler.range_spectrum``.

        Returns:
            (2, range bin, angle) float32: range-azimuth and range-elevation, amplitude in ADC counts that the beam sees
            (root of the mean over the chirps). Valid until the next call.

        Raises:
            InputError: the spectrum has another shape.
        """
        if range_spectrum.shape != self._shape:
            raise InputError(f"A range spectrum has shape {range_spectrum.shape}, expected {self._shape}.")
        # A product with equal weights averages over the chirps without a buffer, which np.add.reduce would allocate.
        np.matmul(self._average, range_spectrum, out=self._mean_rows)
        for index, (i, j) in enumerate(self._pairs):
            covariance = self._covariance[index]
            np.conjugate(range_spectrum[j], out=self._conjugate)
            np.multiply(range_spectrum[i], self._conjugate, out=self._products)
            np.matmul(self._average, self._products, out=self._covariance[index : index + 1])
            if self._mti:
                np.conjugate(self._means[j], out=self._correction)
                np.multiply(self._means[i], self._correction, out=self._correction)
                np.subtract(covariance, self._correction, out=covariance)
        np.copyto(self._parts[:, ::2], self._covariance.real.T)
        np.copyto(self._parts[:, 1::2], self._covariance.imag.T)
        np.matmul(self._parts, self._beams, out=self._images)
        # Rounding can leave a beam in which two receivers cancel a little below zero.
        np.maximum(self._images, _ZERO, out=self._images)
        np.sqrt(self._images, out=self._images)
        return self._images


def _beam_matrix(
    places: np.ndarray,
    axis: int,
    sines: np.ndarray,
    wavelength_m: float,
    phases_rad: np.ndarray,
    pairs: list[tuple[int, int]],
) -> np.ndarray:
    """(2 * pair, angle): what real and imaginary part of each covariance contribute to the power of each beam.

    A beam is the mean of the receivers of the axis after their phases are undone.
    """
    used = baseline(places, axis)
    weights = steering_vectors(places[:, axis], sines, wavelength_m) * np.exp(1j * phases_rad)[:, None] / len(used)
    matrix = np.zeros((2 * len(pairs), len(sines)))
    for index, (i, j) in enumerate(pairs):
        if i not in used or j not in used:
            continue
        # Power = sum over i, j of conj(w_i) x_i conj(x_j) w_j; the pair (j, i) is the conjugate of (i, j).
        product = np.conj(weights[i]) * weights[j] * (1 if i == j else 2)
        matrix[2 * index] = product.real
        matrix[2 * index + 1] = -product.imag
    return matrix
