"""Which share of each facet the radar sees: a depth test from where its antennas are.

Opaque facets are drawn into a picture of depth, and each facet asks at points all over it how much of it lies behind
something. All of it is soft, so that nothing jumps when a face moves by a hundredth of a millimetre: a jump would be a
motion that nobody made. A point asks nine pixels with smooth weights; it counts as hidden only from `BIAS_M` behind
what is in front, fully from `RAMP_M` more (a wavelength: waves reach around an edge as far); facets seen at a grazing
angle fade out.
"""

from __future__ import annotations

import math

import numpy as np

from faceedge.compiled import compiled

PIXELS = 384
BIAS_M = 3e-3
RAMP_M = 5e-3
NEAREST_M = 0.02
"""A facet with a corner nearer than this, or behind the radar, hides nothing and is not seen."""
GRAZING = (0.02, 0.12)
"""Cosines towards the radar between which a facet fades in."""

PIXELS_A_PART, MOST_PARTS = 3.0, 6
"""A facet asks at the middles of n x n equal parts, of about so many pixels."""


class DepthView:
    """The picture of depth and the test against it; the buffer is kept.

    Args:
        position_m: (3,) from where the radar looks: the middle of its antennas.
    """

    def __init__(self, position_m: np.ndarray) -> None:
        self.position_m = np.asarray(position_m, np.float64)
        self._nearness = np.zeros((PIXELS, PIXELS), np.float32)

    def seen(self, points_m: np.ndarray, triangles: np.ndarray, opaque: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Share of each facet that is seen, 0 to 1.

        Args:
            points_m: (v, 3) float64.
            triangles: (f, 3) int32.
            opaque: (f,) bool, whether a facet hides what is behind it.
            out: (f,) float32, filled and returned.
        """
        points = points_m - self.position_m
        ahead = points[:, 0] > NEAREST_M
        if not ahead.any():
            out[:] = 0
            return out
        plane = points[ahead, 1:] / points[ahead, :1]
        low, high = plane.min(axis=0), plane.max(axis=0)
        pitch = max(float((high - low).max()) / (PIXELS - 4), 1e-6)
        origin = low - 2 * pitch
        self._nearness[...] = 0
        _draw(points, triangles, opaque, origin, pitch, self._nearness)
        _test(points, triangles, origin, pitch, self._nearness, out)
        return out


@compiled
def _plane(points: np.ndarray, i: int, j: int, k: int) -> tuple[float, float, float, float]:
    """Nearness (1 / x) over the picture: what it is at the axis, its slopes to the left and up; and twice the area.

    Nought where the plane goes through the radar or a corner is too near.
    """
    if min(points[i, 0], points[j, 0], points[k, 0]) <= NEAREST_M:
        return 0.0, 0.0, 0.0, 0.0
    ax, ay, az = points[j, 0] - points[i, 0], points[j, 1] - points[i, 1], points[j, 2] - points[i, 2]
    bx, by, bz = points[k, 0] - points[i, 0], points[k, 1] - points[i, 1], points[k, 2] - points[i, 2]
    nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    along = nx * points[i, 0] + ny * points[i, 1] + nz * points[i, 2]
    if along == 0:
        return 0.0, 0.0, 0.0, 0.0
    return nx / along, ny / along, nz / along, math.sqrt(nx * nx + ny * ny + nz * nz) * (1.0 if along < 0 else -1.0)


@compiled
def _draw(
    points: np.ndarray, triangles: np.ndarray, opaque: np.ndarray, origin: np.ndarray, pitch: float, out: np.ndarray
) -> None:
    """Greatest nearness of all opaque facets at the centres of the pixels (up, left); 0 where there is none."""
    for facet in range(len(triangles)):
        i, j, k = triangles[facet]
        base, left, up, area = _plane(points, i, j, k)
        if area == 0 or not opaque[facet]:
            continue
        ay, az = (points[i, 1] / points[i, 0] - origin[0]) / pitch, (points[i, 2] / points[i, 0] - origin[1]) / pitch
        by, bz = (points[j, 1] / points[j, 0] - origin[0]) / pitch, (points[j, 2] / points[j, 0] - origin[1]) / pitch
        cy, cz = (points[k, 1] / points[k, 0] - origin[0]) / pitch, (points[k, 2] / points[k, 0] - origin[1]) / pitch
        turn = (by - ay) * (cz - az) - (bz - az) * (cy - ay)
        if turn == 0:
            continue
        first, last = max(math.ceil(min(az, bz, cz) - 0.5), 0), min(math.floor(max(az, bz, cz) - 0.5), len(out) - 1)
        start, end = max(math.ceil(min(ay, by, cy) - 0.5), 0), min(math.floor(max(ay, by, cy) - 0.5), len(out) - 1)
        for row in range(first, last + 1):
            z = row + 0.5
            for column in range(start, end + 1):
                y = column + 0.5
                one = ((by - y) * (cz - z) - (bz - z) * (cy - y)) / turn
                two = ((cy - y) * (az - z) - (cz - z) * (ay - y)) / turn
                if one >= 0 and two >= 0 and one + two <= 1:
                    nearness = base + left * (origin[0] + y * pitch) + up * (origin[1] + z * pitch)
                    out[row, column] = max(out[row, column], np.float32(nearness))


@compiled
def _test(
    points: np.ndarray, triangles: np.ndarray, origin: np.ndarray, pitch: float, nearness: np.ndarray, out: np.ndarray
) -> None:
    """Share of each facet that is seen, from all its points; it fades at grazing angles."""
    for facet in range(len(triangles)):
        i, j, k = triangles[facet]
        base, left, up, area = _plane(points, i, j, k)
        out[facet] = 0
        if area <= 0:
            continue
        x = (points[i, 0] + points[j, 0] + points[k, 0]) / 3
        y = (points[i, 1] + points[j, 1] + points[k, 1]) / 3
        z = (points[i, 2] + points[j, 2] + points[k, 2]) / 3
        # 1 / the length of the slopes is the distance of the plane.
        facing = 1 / math.sqrt((base * base + left * left + up * up) * (x * x + y * y + z * z))
        fade = _smooth((facing - GRAZING[0]) / (GRAZING[1] - GRAZING[0]))
        if fade <= 0:
            continue
        parts = math.ceil(math.sqrt(area * facing) / x / pitch / PIXELS_A_PART)
        parts = min(max(parts, 1), MOST_PARTS)
        visible = 0.0
        for m in range(parts):
            for n in range(parts - m):
                visible += _clear(points, i, j, k, (m + 1 / 3) / parts, (n + 1 / 3) / parts, origin, pitch, nearness)
                if m + n < parts - 1:
                    visible += _clear(
                        points, i, j, k, (m + 2 / 3) / parts, (n + 2 / 3) / parts, origin, pitch, nearness
                    )
        out[facet] = visible / parts**2 * fade


@compiled
def _clear(
    points: np.ndarray,
    i: int,
    j: int,
    k: int,
    second: float,
    third: float,
    origin: np.ndarray,
    pitch: float,
    nearness: np.ndarray,
) -> float:
    """How much of the surroundings of a point of a facet nothing hides.

    The facet's own plane is compared with the picture, pixel by pixel, so that a slope does not hide itself.
    """
    base, left, up, _ = _plane(points, i, j, k)
    far = max(points[i, 0], points[j, 0], points[k, 0])
    near = min(points[i, 0], points[j, 0], points[k, 0])
    first = 1 - second - third
    x = first * points[i, 0] + second * points[j, 0] + third * points[k, 0]
    y = first * points[i, 1] + second * points[j, 1] + third * points[k, 1]
    z = first * points[i, 2] + second * points[j, 2] + third * points[k, 2]
    across = (y / x - origin[0]) / pitch
    above = (z / x - origin[1]) / pitch
    column, row = int(across), int(above)
    visible = 0.0
    for q in range(-1, 2):
        r = min(max(row + q, 0), len(nearness) - 1)
        weight = _weight(above - row - 0.5 - q)
        for p in range(-1, 2):
            c = min(max(column + p, 0), len(nearness) - 1)
            front = nearness[r, c]
            hidden = 0.0
            if front > 0:
                own = base + left * (origin[0] + (c + 0.5) * pitch) + up * (origin[1] + (r + 0.5) * pitch)
                depth = min(max(1 / own, near), far) if own > 0 else far
                hidden = _smooth((depth - 1 / front - BIAS_M) / RAMP_M)
            visible += weight * _weight(across - column - 0.5 - p) * (1 - hidden)
    return visible


@compiled
def _weight(distance: float) -> float:
    """Quadratic B-spline; those of three neighbouring pixels make 1."""
    size = abs(distance)
    return 0.75 - size * size if size < 0.5 else 0.5 * max(1.5 - size, 0.0) ** 2


@compiled
def _smooth(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)
