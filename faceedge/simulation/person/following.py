"""The compiled loop that moves the vertices of a body."""

from __future__ import annotations

import math

import numpy as np

from faceedge.simulation.compiled import compiled


@compiled
def follow_motion(
    out: np.ndarray, points: np.ndarray, follow: np.ndarray, chest: np.ndarray, pulse: np.ndarray, eye: np.ndarray,
    centres: np.ndarray, unit_start: np.ndarray, unit_vertex: np.ndarray, unit_delta: np.ndarray, units: np.ndarray,
    chest_m: np.ndarray, pulse_m: np.ndarray, pivot_m: np.ndarray, axis: np.ndarray, angle_rad: np.ndarray,
    turn: np.ndarray, gaze: np.ndarray,
) -> None:  # fmt: skip
    """Write the vertices in the world (t, v, 3) to ``out``.

    For each time: neutral ``points`` (v, 3), plus ``units`` (t, 52) times their displacements, breath and pulse; eyes
    turned by ``gaze`` (t, 3, 3) about their ``centres`` (2, 3); all turned about the pivot by ``follow`` (v,) times
    ``angle_rad`` (t,) about ``axis`` (t, 3), which is ``turn`` (t, 3, 3) where ``follow`` is 1; faced to -x; moved to
    ``pivot_m`` (t, 3).
    """
    count = len(points)
    place = np.empty((count, 3), np.float32)
    for t in range(len(out)):
        beat = np.float32(pulse_m[t])
        for v in range(count):
            for k in range(3):
                place[v, k] = points[v, k] + beat * pulse[v, k]
        for u in range(units.shape[1]):
            amount = units[t, u]
            if abs(amount) > 1e-5:
                for row in range(unit_start[u], unit_start[u + 1]):
                    v = unit_vertex[row]
                    place[v, 0] += amount * unit_delta[row, 0]
                    place[v, 1] += amount * unit_delta[row, 1]
                    place[v, 2] += amount * unit_delta[row, 2]
        for v in range(count):
            x, y, z = np.float64(place[v, 0]), np.float64(place[v, 1]), np.float64(place[v, 2])
            if eye[v] > 0:
                c = eye[v] - 1
                dx, dy, dz = x - centres[c, 0], y - centres[c, 1], z - centres[c, 2]
                x = centres[c, 0] + gaze[t, 0, 0] * dx + gaze[t, 0, 1] * dy + gaze[t, 0, 2] * dz
                y = centres[c, 1] + gaze[t, 1, 0] * dx + gaze[t, 1, 1] * dy + gaze[t, 1, 2] * dz
                z = centres[c, 2] + gaze[t, 2, 0] * dx + gaze[t, 2, 1] * dy + gaze[t, 2, 2] * dz
            share = follow[v]
            if share > 0.999:
                rx = turn[t, 0, 0] * x + turn[t, 0, 1] * y + turn[t, 0, 2] * z
                ry = turn[t, 1, 0] * x + turn[t, 1, 1] * y + turn[t, 1, 2] * z
                rz = turn[t, 2, 0] * x + turn[t, 2, 1] * y + turn[t, 2, 2] * z
                x, y, z = rx, ry, rz
            elif share > 0.001:
                ax, ay, az = axis[t, 0], axis[t, 1], axis[t, 2]
                cosine, sine = math.cos(share * angle_rad[t]), math.sin(share * angle_rad[t])
                along = (1.0 - cosine) * (ax * x + ay * y + az * z)
                rx = cosine * x + sine * (ay * z - az * y) + along * ax
                ry = cosine * y + sine * (az * x - ax * z) + along * ay
                rz = cosine * z + sine * (ax * y - ay * x) + along * az
                x, y, z = rx, ry, rz
            out[t, v, 0] = pivot_m[t, 0] - (x + chest[v, 0] * chest_m[t])
            out[t, v, 1] = pivot_m[t, 1] - (y + chest[v, 1] * chest_m[t])
            out[t, v, 2] = pivot_m[t, 2] + (z + chest[v, 2] * chest_m[t])
