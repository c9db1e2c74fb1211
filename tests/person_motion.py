"""Motions and views of a person for tests."""

from __future__ import annotations

import numpy as np

from faceedge.simulation.performance.motion import FACE_UNITS, Motion
from faceedge.simulation.person.attachment import Attachment, Worn
from faceedge.simulation.person.head import Head
from faceedge.simulation.surface import PARTS, Mesh


def motion(
    units: dict[str, float] | None = None,
    *,
    times: int = 1,
    gaze_rad: tuple[float, float] = (0.0, 0.0),
    head_rad: tuple[float, float, float] = (0.0, 0.0, 0.0),
    pivot_m: tuple[float, float, float] = (0.0, 0.0, 0.0),
    chest_m: float = 0.0,
    pulse_m: float = 0.0,
) -> Motion:
    """A motion that holds still for ``times`` milliseconds."""
    amounts = np.zeros((times, len(FACE_UNITS)), np.float32)
    for name, amount in (units or {}).items():
        amounts[:, FACE_UNITS.index(name)] = amount
    zero = np.zeros(times, np.float32)
    none = np.zeros(times, np.int8)
    return Motion(
        time_s=np.arange(times) * 1e-3,
        units=amounts,
        gaze_rad=np.tile(np.array(gaze_rad, np.float32), (times, 1)),
        head_rad=np.tile(np.array(head_rad, np.float32), (times, 1)),
        pivot_m=np.tile(np.array(pivot_m, np.float64), (times, 1)),
        chest_m=zero + np.float32(chest_m),
        pulse_m=zero + np.float32(pulse_m),
        breathing_rad=zero,
        heart_rad=zero,
        expression=none,
        phase=none,
        intensity=zero,
        speaking=none > 0,
        calling=none > 0,
    )


def front(points_m: np.ndarray, mesh: Mesh, pixel_m: float = 2e-3) -> tuple[np.ndarray, np.ndarray]:
    """What is seen from x = minus infinity: nearest triangle (h, w), -1 where there is none, and whether its outside
    is what one sees."""
    corners = points_m[mesh.triangles]
    grid = np.stack([-corners[..., 1], -corners[..., 2]], axis=-1) / pixel_m
    low = np.floor(grid.min(axis=(0, 1))).astype(int)
    grid -= low
    columns, rows = np.ceil(grid.max(axis=(0, 1))).astype(int) + 1
    nearest, depth = np.full((rows, columns), -1), np.full((rows, columns), np.inf)
    first, second = grid[:, 1] - grid[:, 0], grid[:, 2] - grid[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    start, stop = np.ceil(grid.min(axis=1)).astype(int), np.floor(grid.max(axis=1)).astype(int) + 1
    for number in np.flatnonzero((np.abs(area) > 1e-9) & (stop > start).all(axis=1)):
        (left, top), (right, bottom) = start[number], stop[number]
        across = np.arange(left, right) - grid[number, 0, 0]
        down = np.arange(top, bottom)[:, None] - grid[number, 0, 1]
        (ax, ay), (bx, by) = first[number], second[number]
        one, two = (across * by - bx * down) / area[number], (ax * down - across * ay) / area[number]
        x = corners[number, :, 0]
        far = x[0] + one * (x[1] - x[0]) + two * (x[2] - x[0])
        view = depth[top:bottom, left:right]
        nearer = (one >= -1e-9) & (two >= -1e-9) & (one + two <= 1 + 1e-9) & (far < view)
        view[nearer] = far[nearer]
        nearest[top:bottom, left:right][nearer] = number
    # rows run down and columns to the right, so triangles that show their outside run counter-clockwise
    return nearest, (area < 0)[nearest] & (nearest >= 0)


def seen(nearest: np.ndarray, mesh: Mesh, *names: str) -> int:
    """Pixels of the parts ``names``."""
    parts = mesh.part[nearest[nearest >= 0]]
    return int(np.isin(parts, [PARTS.index(name) for name in names]).sum())


def bare(head: Head, *meshes: Attachment) -> Worn:
    """Nothing on, but for ``meshes``."""
    return Worn(
        offset_m=np.zeros((head.vertices, 3), np.float32),
        part=head.part,
        reflection=np.full(len(head.part), 0.6, np.float32),
        opaque=np.ones(len(head.part), bool),
        meshes=meshes,
    )
