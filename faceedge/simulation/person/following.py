"""The compiled loop that moves the vertices of a body."""

from __future__ import annotations

import math

import numpy as np

from faceedge.compiled import compiled

HIPS_M = 0.5
"""From the first vertebra down to the hips of somebody who sits (assumed; sitting height less the head's)."""


@compiled
def follow_motion(
    out: np.ndarray, points: np.ndarray, follow: np.ndarray, chest: np.ndarray, pulse: np.ndarray, neck: np.ndarray,
    eyes: np.ndarray, centres: np.ndarray, unit_start: np.ndarray, unit_vertex: np.ndarray, unit_delta: np.ndarray,
    units: np.ndarray, chest_m: np.ndarray, pulse_m: np.ndarray, pivot_m: np.ndarray, axis: np.ndarray,
    angle_rad: np.ndarray, turn: np.ndarray, gaze: np.ndarray, swayed_m: np.ndarray,
) -> None:  # fmt: skip
    """Write the vertices in the world (t, v, 3) to ``out``.

    For each time: neutral ``points`` (v, 3), plus ``units`` (t, 52) times their displacements, and pulse; ``eyes``
    (n, 2), vertex and side, turned by ``gaze`` (t, 3, 3) about their ``centres`` (2, 3); all turned about the pivot by
    ``turn`` (t, 3, 3), but the vertices ``neck`` (m,), which alone breathe, by ``follow`` (v,) times ``angle_rad``
    (t,) about ``axis`` (t, 3); faced to -x; moved to ``pivot_m`` (t, 3). The trunk is left behind by a part of
    ``swayed_m`` (t, 3) that grows down to the hips.
    """
    place = np.empty((len(points), 3), np.float32)
    for t in range(len(out)):
        _displace(place, points, pulse, pulse_m[t], unit_start, unit_vertex, unit_delta, units[t])
        _turn_eyes(place, eyes, centres, gaze[t])
        m00, m01, m02 = turn[t, 0, 0], turn[t, 0, 1], turn[t, 0, 2]
        m10, m11, m12 = turn[t, 1, 0], turn[t, 1, 1], turn[t, 1, 2]
        m20, m21, m22 = turn[t, 2, 0], turn[t, 2, 1], turn[t, 2, 2]
        px, py, pz = pivot_m[t, 0], pivot_m[t, 1], pivot_m[t, 2]
        for v in range(len(points)):
            x, y, z = np.float64(place[v, 0]), np.float64(place[v, 1]), np.float64(place[v, 2])
            out[t, v, 0] = px - (m00 * x + m01 * y + m02 * z)
            out[t, v, 1] = py - (m10 * x + m11 * y + m12 * z)
            out[t, v, 2] = pz + (m20 * x + m21 * y + m22 * z)
        ax, ay, az = axis[t, 0], axis[t, 1], axis[t, 2]
        for v in neck:
            x, y, z = np.float64(place[v, 0]), np.float64(place[v, 1]), np.float64(place[v, 2])
            angle = follow[v] * angle_rad[t]
            cosine, sine = math.cos(angle), math.sin(angle)
            along = (1.0 - cosine) * (ax * x + ay * y + az * z)
            left = (1.0 - follow[v]) * min(max(-z / HIPS_M, 0.0), 1.0)
            bx, by, bz = px - left * swayed_m[t, 0], py - left * swayed_m[t, 1], pz - left * swayed_m[t, 2]
            out[t, v, 0] = bx - (cosine * x + sine * (ay * z - az * y) + along * ax + chest[v, 0] * chest_m[t])
            out[t, v, 1] = by - (cosine * y + sine * (az * x - ax * z) + along * ay + chest[v, 1] * chest_m[t])
            out[t, v, 2] = bz + (cosine * z + sine * (ax * y - ay * x) + along * az + chest[v, 2] * chest_m[t])


@compiled
def _displace(
    place: np.ndarray, points: np.ndarray, pulse: np.ndarray, beat: float, unit_start: np.ndarray,
    unit_vertex: np.ndarray, unit_delta: np.ndarray, amounts: np.ndarray,
) -> None:  # fmt: skip
    """Write ``points`` with pulse and face units, in the head's frame, to ``place`` (v, 3)."""
    flat, still, moved = place.ravel(), points.ravel(), pulse.ravel()
    for k in range(len(flat)):
        flat[k] = still[k] + np.float32(beat) * moved[k]
    for unit in range(len(amounts)):
        amount = amounts[unit]
        if abs(amount) > 1e-5:
            for row in range(unit_start[unit], unit_start[unit + 1]):
                v = unit_vertex[row]
                place[v, 0] += amount * unit_delta[row, 0]
                place[v, 1] += amount * unit_delta[row, 1]
                place[v, 2] += amount * unit_delta[row, 2]


@compiled
def _turn_eyes(place: np.ndarray, eyes: np.ndarray, centres: np.ndarray, gaze: np.ndarray) -> None:
    """Turn the eyeballs about their centres, in place."""
    for row in range(len(eyes)):
        v, side = eyes[row, 0], eyes[row, 1]
        x, y, z = place[v, 0] - centres[side, 0], place[v, 1] - centres[side, 1], place[v, 2] - centres[side, 2]
        for k in range(3):
            place[v, k] = centres[side, k] + gaze[k, 0] * x + gaze[k, 1] * y + gaze[k, 2] * z
