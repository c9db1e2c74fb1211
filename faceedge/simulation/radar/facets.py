"""Echoes of a surface by physical optics: each facet in the light of the transmitter scatters as a plate of its size.

The amplitude of facet k at receiver r follows from the radar equation with

    sqrt(RCS) = (2 sqrt(pi) / wavelength) * area * cosine * reflection * mean over the facet of exp(j phase)

(Knott, Shaeffer and Tuley, Radar Cross Section, ch. 5). The cosine is the mean of those towards transmitter and
receiver, the phase that of the way transmitter, point of the facet, receiver, taken as linear over the facet, so that
its mean has a closed form. That leaves out the curvature of the wave front: 2 pi * edge^2 / (4 wavelength * distance)
rad between the middle and the corners, 0.03 rad for 5 mm at 0.3 m and 60 GHz, so a centimetre is small enough. The mean
is that of the middle of the ramp.

The reflection is Fresnel's, for vertical polarisation (assumed), of a half space whose refractive index follows from
the amplitude reflection at normal incidence. What goes into a body does not come out again: 60 GHz end within half a
millimetre of skin (Alekseev and Ziskin, Bioelectromagnetics 28, 2007).

Physical optics knows one bounce, no waves that creep around edges, and no polarisation that turns. Bounces between
planes are image sources: see `images`.
"""

from __future__ import annotations

import math

import numpy as np

from faceedge.compiled import compiled
from faceedge.radar.chirp import SPEED_OF_LIGHT_M_S
from faceedge.simulation.radar.front_end import NEAREST_M

MOST_REFLECTION = 0.999
"""Above it a surface is a metal, which reflects the same at all angles; Fresnel's refractive index has no use there."""
_SERIES_TO_RAD = 2.0
_SERIES_TERMS = 14
_LEAST_COSINE = 1e-3


@compiled
def triangle_mean(first_rad: float, second_rad: float) -> tuple[float, float]:
    """Mean of exp(j phase) over a triangle on which the phase is linear, right to 1e-7: real and imaginary part.

    It is -2 times the second divided difference of exp(j x) at the corners' phases. Where they lie apart it is taken
    between the two farthest, else as the sum of its series 2 j^n h_n / (n + 2)! with the complete homogeneous
    polynomials h_n.

    Args:
        first_rad, second_rad: at two corners; the phase is counted from the centroid, so at the third it is less both.
    """
    third_rad = -first_rad - second_rad
    low = min(first_rad, second_rad, third_rad)
    high = max(first_rad, second_rad, third_rad)
    between = -low - high
    if max(high, -low) > _SERIES_TO_RAD:
        near, far = (low + between) / 2, (between + high) / 2
        near_size, far_size = _sinc((between - low) / 2), _sinc((high - between) / 2)
        scale = 2 / (high - low)
        # -2 (f[low, between] - f[between, high]) / (low - high), f[a, b] = j exp(j (a + b) / 2) sinc((b - a) / 2)
        real = scale * (far_size * math.sin(far) - near_size * math.sin(near))
        return real, scale * (near_size * math.cos(near) - far_size * math.cos(far))
    pairs = -(low * high + low * between + high * between)
    product = low * high * between
    older, old, now = 1.0, 0.0, pairs
    real, imaginary = 1.0, 0.0
    factor = 1 / 12
    sign = -1.0
    for power in range(2, _SERIES_TERMS, 2):
        real += sign * factor * now
        older, old, now = old, now, pairs * old + product * older
        factor /= power + 3
        imaginary += sign * factor * now
        older, old, now = old, now, pairs * old + product * older
        factor /= power + 4
        sign = -sign
    return real, imaginary


@compiled
def _sinc(x: float) -> float:
    return math.sin(x) / x if abs(x) > 1e-4 else 1 - x * x / 6


@compiled
def co_polar_reflection(cosine: float, normal_incidence: float, across: float) -> float:
    """Fresnel's amplitude reflection, negative as that of a metal.

    Args:
        cosine: of the angle of incidence.
        normal_incidence: amplitude reflection there, 0 to 1.
        across: share of the power whose electric field is perpendicular to the plane of incidence.
    """
    if normal_incidence > MOST_REFLECTION:
        return -1.0
    index = (1 + normal_incidence) / (1 - normal_incidence)
    inside = math.sqrt(index * index - 1 + cosine * cosine)
    perpendicular = (cosine - inside) / (cosine + inside)
    parallel = (inside - index * index * cosine) / (inside + index * index * cosine)
    return across * perpendicular + (1 - across) * parallel


@compiled
def facet_echoes(
    points: np.ndarray,
    triangles: np.ndarray,
    reflection: np.ndarray,
    seen: np.ndarray,
    tx: np.ndarray,
    tx_axis: np.ndarray,
    rx: np.ndarray,
    rx_axis: np.ndarray,
    radar: np.ndarray,
    turns: np.ndarray,
    beat: np.ndarray,
    weights: np.ndarray,
) -> int:
    """Tones of all facets that are seen, for `tones.ToneGrid.add`; how many there are.

    Distances are those of each receiver; angles are those of their middle, which is right to a degree of phase.

    Args:
        points: (e, v, 3) float64 vertices at the instants; shape, cosines and amplitude are those of the middle one.
        triangles: (f, 3) int32.
        reflection: (f,) float32, amplitude at normal incidence.
        seen: (f,) float32, share of the facet that is seen.
        tx, rx: (3,) and (r, 3) float64, where the way begins and ends: antennas, or their images in mirrors.
        tx_axis, rx_axis: (3,) and (3,) float64, boresight of the antennas or images.
        radar: (7,) float64: ADC counts of a unit echo, frequency at the middle sample, slope, sample rate, high-pass
            and low-pass corner, exponent of the antennas' power pattern.
        turns, beat, weights: (r, e, n), (r, e, n), (r, n) with n >= f, to be filled.
    """
    middle = points[len(points) // 2]
    wave = radar[1] / SPEED_OF_LIGHT_M_S
    strength = radar[0] * 2 * math.sqrt(math.pi) * wave
    among = np.array([rx[:, 0].mean(), rx[:, 1].mean(), rx[:, 2].mean()])
    count = 0
    for facet in range(len(triangles)):
        if seen[facet] <= 0:
            continue
        i, j, k = triangles[facet]
        x = (middle[i, 0] + middle[j, 0] + middle[k, 0]) / 3
        y = (middle[i, 1] + middle[j, 1] + middle[k, 1]) / 3
        z = (middle[i, 2] + middle[j, 2] + middle[k, 2]) / 3
        ax, ay, az = middle[i, 0] - x, middle[i, 1] - y, middle[i, 2] - z
        bx, by, bz = middle[j, 0] - x, middle[j, 1] - y, middle[j, 2] - z
        # Twice the triangle's area is thrice that of the two sides from the centroid.
        nx, ny, nz = 1.5 * (ay * bz - az * by), 1.5 * (az * bx - ax * bz), 1.5 * (ax * by - ay * bx)
        area = math.sqrt(nx * nx + ny * ny + nz * nz)
        if area <= 0:
            continue
        tx_x, tx_y, tx_z = x - tx[0], y - tx[1], z - tx[2]
        tx_m = max(math.sqrt(tx_x * tx_x + tx_y * tx_y + tx_z * tx_z), NEAREST_M)
        tx_x, tx_y, tx_z = tx_x / tx_m, tx_y / tx_m, tx_z / tx_m
        tx_facing = -(nx * tx_x + ny * tx_y + nz * tx_z) / area
        rx_x, rx_y, rx_z = x - among[0], y - among[1], z - among[2]
        rx_m = max(math.sqrt(rx_x * rx_x + rx_y * rx_y + rx_z * rx_z), NEAREST_M)
        rx_x, rx_y, rx_z = rx_x / rx_m, rx_y / rx_m, rx_z / rx_m
        rx_facing = -(nx * rx_x + ny * rx_y + nz * rx_z) / area
        tx_cosine = tx_x * tx_axis[0] + tx_y * tx_axis[1] + tx_z * tx_axis[2]
        rx_cosine = rx_x * rx_axis[0] + rx_y * rx_axis[1] + rx_z * rx_axis[2]
        if min(tx_facing, rx_facing) <= _LEAST_COSINE or min(tx_cosine, rx_cosine) <= 0:
            continue
        facing = (tx_facing + rx_facing) / 2
        gx, gy, gz = tx_x + rx_x, tx_y + rx_y, tx_z + rx_z
        turn = 2 * math.pi * wave
        real, imaginary = triangle_mean(turn * (gx * ax + gy * ay + gz * az), turn * (gx * bx + gy * by + gz * bz))
        across = (gx * ny - gy * nx) ** 2
        plane = (gy * nz - gz * ny) ** 2 + (gz * nx - gx * nz) ** 2 + across
        upright = 1 - gz * gz / max(gx * gx + gy * gy + gz * gz, 1e-12)
        share = min(across / max(plane * upright, 1e-30), 1.0)
        size = strength * area * facing * seen[facet] * (tx_cosine * rx_cosine) ** (radar[6] / 2)
        size *= co_polar_reflection(facing, reflection[facet], share)
        for r in range(len(rx)):
            rx_m = math.sqrt((x - rx[r, 0]) ** 2 + (y - rx[r, 1]) ** 2 + (z - rx[r, 2]) ** 2)
            rx_m = max(rx_m, NEAREST_M)
            beat_hz = radar[2] * (tx_m + rx_m) / SPEED_OF_LIGHT_M_S
            response = _response(beat_hz, radar[4], radar[5]) * (size / (tx_m * rx_m))
            weights[r, count] = np.complex64(complex(real, imaginary) * response)
        _follow(points, i, j, k, tx, rx, radar, turns[:, :, count], beat[:, :, count])
        count += 1
    return count


@compiled
def _response(beat_hz: float, high_pass_hz: float, low_pass_hz: float) -> complex:
    """As `front_end.Receiver.response`."""
    low = beat_hz / low_pass_hz
    return complex(0, beat_hz) / (complex(high_pass_hz, beat_hz) * complex(1 - low * low, math.sqrt(2.0) * low))


@compiled
def _turns_per_hz(beat_hz: float, high_pass_hz: float, low_pass_hz: float) -> float:
    """Slope of the filters' phase: minus their group delay."""
    high = high_pass_hz / (high_pass_hz * high_pass_hz + beat_hz * beat_hz)
    low = (beat_hz / low_pass_hz) ** 2
    return -(high + math.sqrt(2.0) * (1 + low) / (1 + low * low) / low_pass_hz) / (2 * math.pi)


@compiled
def _follow(
    points: np.ndarray,
    i: int,
    j: int,
    k: int,
    tx: np.ndarray,
    rx: np.ndarray,
    radar: np.ndarray,
    turns: np.ndarray,
    beat: np.ndarray,
) -> None:
    """Phase (r, e) and beat frequency (r, e) of the centroid at the instants.

    The phase of the filters is part of the weight; how it changes with the beat frequency is added here.
    """
    for e in range(len(points)):
        x = (points[e, i, 0] + points[e, j, 0] + points[e, k, 0]) / 3
        y = (points[e, i, 1] + points[e, j, 1] + points[e, k, 1]) / 3
        z = (points[e, i, 2] + points[e, j, 2] + points[e, k, 2]) / 3
        there_m = max(math.sqrt((x - tx[0]) ** 2 + (y - tx[1]) ** 2 + (z - tx[2]) ** 2), NEAREST_M)
        for r in range(len(rx)):
            back_m = math.sqrt((x - rx[r, 0]) ** 2 + (y - rx[r, 1]) ** 2 + (z - rx[r, 2]) ** 2)
            delay_s = (there_m + max(back_m, NEAREST_M)) / SPEED_OF_LIGHT_M_S
            beat_hz = radar[2] * delay_s
            turns[r, e] = radar[1] * delay_s - beat_hz * delay_s / 2
            beat[r, e] = beat_hz / radar[3]
    middle = len(points) // 2
    for r in range(len(rx)):
        beat_hz = beat[r, middle] * radar[3]
        bend = _turns_per_hz(beat_hz, radar[4], radar[5]) * radar[3]
        for e in range(len(points)):
            turns[r, e] += bend * (beat[r, e] - beat[r, middle])
