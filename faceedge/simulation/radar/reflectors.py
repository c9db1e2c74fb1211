"""Shapes whose radar cross section stands in textbooks: plate, sphere, corner reflector.

Knott, Shaeffer and Tuley, Radar Cross Section, 2nd ed., ch. 3 and 6; Skolnik, Introduction to Radar Systems, ch. 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull

from faceedge.errors import ConfigurationError
from faceedge.simulation.radar.images import Mirror
from faceedge.simulation.surface import PARTS, Mesh

MOST_TRIANGLES = 2_000_000
_GOLDEN_RAD = math.pi * (1 + math.sqrt(5))
_ASIDE = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]


@dataclass(frozen=True, slots=True)
class Shifted:
    """A shape that moves as a whole.

    Attributes:
        mesh: what does not change.
        points_m: (v, 3) where it is without displacement.
        displacement_m: of time in s (t,): (t, 3). None: it stands still.
    """

    mesh: Mesh
    points_m: np.ndarray
    displacement_m: Callable[[np.ndarray], np.ndarray] | None = None

    def vertices(self, time_s: np.ndarray) -> np.ndarray:
        """See `Surface.vertices`."""
        if self.displacement_m is None:
            return np.broadcast_to(self.points_m, (len(time_s), *self.points_m.shape))
        return np.asarray(self.points_m + self.displacement_m(time_s)[:, np.newaxis])


def mesh_of(triangles: np.ndarray, reflection: float = 1.0) -> Mesh:
    """Triangles (f, 3) all of one opaque material."""
    count = len(triangles)
    return Mesh(
        np.asarray(triangles, np.int32),
        np.zeros((count, 3, 2), np.float32),
        np.full(count, PARTS.index("other"), np.uint8),
        np.full(count, reflection, np.float32),
        np.ones(count, np.bool_),
    )


def parallelogram(
    corner_m: np.ndarray, first_m: np.ndarray, second_m: np.ndarray, edge_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Points (v, 3) and triangles (f, 3) of a flat piece that faces first x second, edges of ``edge_m`` at most."""
    corner, first, second = (np.asarray(vector, np.float64) for vector in (corner_m, first_m, second_m))
    if not edge_m > 0:
        raise ConfigurationError(f"the edge of a facet must be positive, got {edge_m!r} m.")
    columns, rows = (max(math.ceil(np.linalg.norm(side) / edge_m), 1) for side in (first, second))
    if 2 * columns * rows > MOST_TRIANGLES:
        raise ConfigurationError(
            f"{2 * columns * rows:,} facets are more than {MOST_TRIANGLES:,}; take longer edges than {edge_m:g} m."
        )
    u, v = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows + 1))
    points = corner + u.reshape(-1, 1) * first + v.reshape(-1, 1) * second
    start = (np.arange(rows)[:, np.newaxis] * (columns + 1) + np.arange(columns)).reshape(-1, 1)
    step = columns + 1
    triangles = np.concatenate([start + (0, 1, step), start + (1, step + 1, step)])
    return points, triangles


def plate(
    range_m: float, width_m: float, height_m: float, edge_m: float = 2.5e-3, turn_deg: float = 0.0
) -> tuple[Mesh, np.ndarray]:
    """A metal plate with its middle straight ahead, turned about the upright axis; mesh and points (v, 3)."""
    turn = math.radians(turn_deg)
    across = np.array([math.sin(turn), -math.cos(turn), 0.0]) * width_m
    up = np.array([0.0, 0.0, height_m])
    # It faces the radar: across x up points back along x.
    points, triangles = parallelogram(np.array([range_m, 0, 0]) - (across + up) / 2, across, up, edge_m)
    return mesh_of(triangles), points


def sphere(range_m: float, radius_m: float, edge_m: float = 2.5e-3) -> tuple[Mesh, np.ndarray]:
    """A metal sphere, its centre straight ahead; mesh and points (v, 3).

    The points are spread evenly and without any order that the radar could see (a Fibonacci lattice whose poles lie
    aside). Rings of facets around the line of sight would be a grating: half a wavelength apart they turn the cross
    section by 2 to 3 dB, where this lattice stays within 0.3 dB up to a wavelength.
    """
    if not 0 < edge_m < radius_m:
        raise ConfigurationError(
            f"facets of a sphere must be smaller than its radius, got {edge_m!r} of {radius_m!r} m."
        )
    count = math.ceil(4 * math.pi * (radius_m / edge_m) ** 2 * 2 / math.sqrt(3))
    step = np.arange(count) + 0.5
    height = 1 - 2 * step / count
    around = _GOLDEN_RAD * step
    across = np.sqrt(1 - height**2)
    lattice = np.stack([across * np.cos(around), across * np.sin(around), height], axis=1) @ _ASIDE
    triangles = ConvexHull(lattice).simplices
    corners = lattice[triangles]
    outward = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inside_out = np.einsum("fi,fi->f", outward, corners[:, 0]) < 0
    triangles[inside_out] = triangles[inside_out, ::-1]
    return mesh_of(triangles), lattice * radius_m + (range_m, 0, 0)


def corner(
    range_m: float, edge_m: float, facet_m: float, turn_deg: float = 0.0
) -> tuple[Mesh, np.ndarray, list[Mirror]]:
    """A corner reflector of three square metal plates, its inner corner straight ahead, opening towards the radar.

    Args:
        range_m: of the inner corner.
        edge_m: of the plates.
        facet_m: edges of the facets.
        turn_deg: about the upright axis, away from the direction in which all three plates are seen alike.

    Returns:
        Mesh, points (v, 3), and the plates as mirrors. The facets of each plate follow one another, as many for each.
    """
    tilt = math.asin(1 / math.sqrt(3))
    turn = math.radians(turn_deg)
    upright = np.array([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]])
    lean = np.array([[math.cos(tilt), 0, -math.sin(tilt)], [0, 1, 0], [math.sin(tilt), 0, math.cos(tilt)]])
    # Before: one edge straight up, two level ones at 45 degrees towards the radar.
    half = math.sqrt(0.5)
    edges = np.array([[-half, half, 0], [-half, -half, 0], [0, 0, 1]]) @ lean.T @ upright.T * edge_m
    at = np.array([range_m, 0.0, 0.0])
    sides = [(edges[number], edges[(number + 1) % 3]) for number in range(3)]
    pieces = [parallelogram(at, first, second, facet_m) for first, second in sides]
    mirrors = [Mirror(tuple(at), tuple(first), tuple(second), 1.0, 0.0) for first, second in sides]
    triangles = np.concatenate([facets + number * len(points) for number, (points, facets) in enumerate(pieces)])
    return mesh_of(triangles), np.concatenate([points for points, _ in pieces]), mirrors
