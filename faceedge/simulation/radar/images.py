"""Echoes over a detour: a plane mirror shows the radar at another place, and a facet is lit from there as well.

A way that bounces off mirrors before it reaches a facet is the straight way from the image of the transmitter in those
mirrors, as long as it passes through all of them in their order; on the way back it is the same with the receivers. So
one mirror adds three echoes to a facet's own: there by the mirror, back by it, and both. At the facet itself physical
optics applies. The plates of a corner reflector are mirrors of each other: `corner_detours` lights each from the images
in the others, up to two, and the last plate scatters straight to the receivers. Going there by mirrors and back without
covers each order of bounces once, so nothing is counted twice.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faceedge.compiled import compiled
from faceedge.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Mirror:
    """A plane that reflects: a parallelogram from a corner along two edges.

    Attributes:
        corner_m, first_m, second_m: (3,) corner, and the edges from there.
        reflection: amplitude, 0 to 1; the field turns its sign.
        fade_m: width at its rim over which it fades, so that an echo does not appear all at once. 0: sharp.
    """

    corner_m: tuple[float, float, float]
    first_m: tuple[float, float, float]
    second_m: tuple[float, float, float]
    reflection: float = 1.0
    fade_m: float = 0.02

    @property
    def normal(self) -> np.ndarray:
        """(3,) unit vector."""
        across = np.cross(self.first_m, self.second_m)
        return np.asarray(across / np.linalg.norm(across))

    def image(self, points_m: np.ndarray) -> np.ndarray:
        """Where the points (..., 3) seem to be behind the mirror."""
        normal = self.normal
        distance = (points_m - np.asarray(self.corner_m)) @ normal
        return np.asarray(points_m - 2 * distance[..., np.newaxis] * normal)

    def turned(self, directions: np.ndarray) -> np.ndarray:
        """The directions (..., 3) in the mirror."""
        normal = self.normal
        return np.asarray(directions - 2 * (directions @ normal)[..., np.newaxis] * normal)

    def row(self) -> np.ndarray:
        """(10,) corner, edges and fade, for compiled code."""
        return np.array([*self.corner_m, *self.first_m, *self.second_m, self.fade_m])


@dataclass(frozen=True, slots=True)
class Way:
    """One kind of echo: off some mirrors to a facet, and off some back.

    Attributes:
        tx_m, tx_axis: (3,) place and boresight of the transmitter, or of its image.
        rx_m, rx_axis: (r, 3) and (3,) of the receivers or their images.
        amplitude: what the mirrors leave of it, with its sign.
        sources_m, mirrors: (k, 3) and (k, 10) places from which mirrors are looked through, the last one first, for the
            way there and, behind those, the way back; each mirror's row.
        stages: how many of them belong to the way there.
        straight: whether the way there or the way back is free of mirrors: the radar then has to see the facet.
    """

    tx_m: np.ndarray
    tx_axis: np.ndarray
    rx_m: np.ndarray
    rx_axis: np.ndarray
    amplitude: float
    sources_m: np.ndarray
    mirrors: np.ndarray
    stages: int
    straight: bool


def way(tx_m: np.ndarray, rx_m: np.ndarray, there: Sequence[Mirror], back: Sequence[Mirror]) -> Way:
    """Of antennas that look along x, by the mirrors ``there`` in their order to a facet, and from it by ``back``.

    ``back`` is in the order as seen from the receivers: the last bounce first.
    """
    middle = (tx_m + rx_m.mean(axis=0)) / 2
    boresight = np.array([1.0, 0.0, 0.0])
    tx, rx = tx_m, rx_m
    axes, sources, rows, amplitude = [], [], [], 1.0
    for mirrors, receiving in ((there, False), (back, True)):
        axis, source = boresight, middle
        looks = []
        for mirror in mirrors:
            axis, source = mirror.turned(axis), mirror.image(source)
            tx, rx = (tx, mirror.image(rx)) if receiving else (mirror.image(tx), rx)
            amplitude *= -mirror.reflection
            looks.append((source, mirror.row()))
        axes.append(axis)
        sources += [source for source, _ in reversed(looks)]
        rows += [row for _, row in reversed(looks)]
    return Way(
        tx,
        axes[0],
        rx,
        axes[1],
        amplitude,
        np.array(sources).reshape(-1, 3),
        np.array(rows).reshape(-1, 10),
        len(there),
        not there or not back,
    )


@dataclass(frozen=True, slots=True)
class Detour:
    """A way, and who takes it.

    Attributes:
        way: there and back.
        facets: (n,) numbers of the facets that scatter.
        gain: of their amplitude.
    """

    way: Way
    facets: np.ndarray
    gain: float


def room_detours(
    tx_m: np.ndarray, rx_m: np.ndarray, mirrors: Sequence[Mirror], facets: int, decimation: int
) -> list[Detour]:
    """The three detours by each mirror, for one of so many facets, which has the power of all of them.

    Neighbours in the list of facets are neighbours on the surface, so every so manyth is taken, jittered.

    Raises:
        ConfigurationError: the decimation is none.
    """
    if decimation < 1:
        raise ConfigurationError(f"a room's decimation must be 1 or more, got {decimation}.")
    starts = np.arange(0, facets, decimation)
    jitter = np.random.default_rng(0).integers(0, decimation, len(starts))
    fewer = np.minimum(starts + jitter, facets - 1)
    gain = math.sqrt(facets / max(len(fewer), 1))
    return [
        Detour(way(tx_m, rx_m, there, back), fewer, gain)
        for mirror in mirrors
        for there, back in (((mirror,), ()), ((), (mirror,)), ((mirror,), (mirror,)))
    ]


def corner_detours(tx_m: np.ndarray, rx_m: np.ndarray, plates: Sequence[Mirror], facets: int) -> list[Detour]:
    """Ways to each plate by one or two of the others; the facets of the plates follow one another, as many for each."""
    each = facets // len(plates)
    found = []
    for last in range(len(plates)):
        own = np.arange(each * last, each * (last + 1))
        others = [plate for number, plate in enumerate(plates) if number != last]
        for bounces in range(1, len(others) + 1):
            orders = itertools.permutations(others, bounces)
            found += [Detour(way(tx_m, rx_m, there, ()), own, 1.0) for there in orders]
    return found


@compiled
def lit(
    points: np.ndarray, triangles: np.ndarray, sources: np.ndarray, mirrors: np.ndarray, stages: int, seen: np.ndarray
) -> None:
    """Multiply each facet's share ``seen`` (f,) by what passes through the mirrors of a `Way`."""
    for facet in range(len(triangles)):
        if seen[facet] <= 0:
            continue
        i, j, k = triangles[facet]
        share = 1.0
        x, y, z = 0.0, 0.0, 0.0
        for number in range(len(mirrors)):
            if number in (0, stages):
                x = (points[i, 0] + points[j, 0] + points[k, 0]) / 3
                y = (points[i, 1] + points[j, 1] + points[k, 1]) / 3
                z = (points[i, 2] + points[j, 2] + points[k, 2]) / 3
            part, x, y, z = _through(mirrors[number], sources[number], x, y, z)
            share *= part
        seen[facet] *= share


@compiled
def _through(mirror: np.ndarray, source: np.ndarray, x: float, y: float, z: float) -> tuple[float, float, float, float]:
    """How much of a mirror is there (0 to 1) where the line from ``source`` to the point meets its plane, and where."""
    ax, ay, az, bx, by, bz = mirror[3], mirror[4], mirror[5], mirror[6], mirror[7], mirror[8]
    nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    square = nx * nx + ny * ny + nz * nz
    from_source = (source[0] - mirror[0]) * nx + (source[1] - mirror[1]) * ny + (source[2] - mirror[2]) * nz
    to_point = (x - mirror[0]) * nx + (y - mirror[1]) * ny + (z - mirror[2]) * nz
    if from_source * to_point >= 0:
        return 0.0, x, y, z
    part = from_source / (from_source - to_point)
    x, y, z = source[0] + part * (x - source[0]), source[1] + part * (y - source[1]), source[2] + part * (z - source[2])
    px, py, pz = x - mirror[0], y - mirror[1], z - mirror[2]
    along = ((py * bz - pz * by) * nx + (pz * bx - px * bz) * ny + (px * by - py * bx) * nz) / square
    across = ((ay * pz - az * py) * nx + (az * px - ax * pz) * ny + (ax * py - ay * px) * nz) / square
    first_m = np.sqrt(ax * ax + ay * ay + az * az)
    second_m = np.sqrt(bx * bx + by * by + bz * bz)
    rim_m = min(min(along, 1 - along) * first_m, min(across, 1 - across) * second_m)
    fade_m = mirror[9]
    if fade_m <= 0:
        return (1.0 if rim_m >= 0 else 0.0), x, y, z
    share = min(max(rim_m / fade_m + 0.5, 0.0), 1.0)
    return share * share * (3 - 2 * share), x, y, z
