"""A scan-line rasteriser of triangle meshes, for one core.

Pixel centres lie at whole numbers. A pixel belongs to the triangle that covers its centre and is nearest; edges are
half-open, so triangles that share one neither leave a gap nor draw a pixel twice. What a pixel shows is then a
continuous function of where the mesh is, except at outlines, where the nearest surface changes. There, the pixels on
both sides become blends, by how much of them the outline covers, computed from the outline's exact place (the idea of
Malan, "Edge anti-aliasing by post-processing", GPU Pro, 2010, and of Laine et al., "Modular primitives for
high-performance differentiable rendering", 2020, doi 10.1145/3414685.3417861). The pixel outside takes its share from
what the surface shows at the very outline, so that nothing jumps when the outline passes a pixel's centre. A picture
therefore changes smoothly when the mesh moves by a hundredth of a pixel, as an event camera needs it.
"""

from __future__ import annotations

import math

import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.simulation.compiled import compiled

_LEAST_AREA_PX2 = 1e-7  # thinner triangles cover no pixel's centre, and their gradients are noise
_FULL_GAP = 0.001  # an outline this much of its distance in front of what is behind it is blended in full
_BLENDS = 32  # room for so many blends for each row and column; outlines beyond that many stay hard
_SAME_SURFACE = 0.03  # the pixel inside an outline may lie this much of its distance behind it


def edges_of(triangles: np.ndarray) -> np.ndarray:
    """Every edge of a mesh once, and once for each side of a sheet whose triangles are there both ways round.

    Args:
        triangles: (f, 3) vertices.

    Returns:
        (e, 6) int32: the edge's two vertices, its two triangles, and the vertex of each triangle that is not on the
        edge; -1 for the second triangle (and its vertex) of an edge that has but one.
    """
    corners = np.asarray(triangles, np.int64)
    starts = corners.T.ravel()
    ends = np.roll(corners, -1, axis=1).T.ravel()
    opposite = np.roll(corners, -2, axis=1).T.ravel()
    owner = np.tile(np.arange(len(corners)), 3)
    low, high = np.minimum(starts, ends), np.maximum(starts, ends)
    order = np.lexsort((owner, high, low))
    first = np.ones(len(order), bool)
    first[1:] = (low[order][1:] != low[order][:-1]) | (high[order][1:] != high[order][:-1])
    places = np.flatnonzero(first)
    partner = np.full(len(order), -1)
    for place, count in zip(places, np.diff(np.append(places, len(order))), strict=True):
        for one, two in _pairs(order[place : place + count], starts, opposite):
            partner[one] = two
    chosen = np.flatnonzero((partner == -1) | (np.arange(len(order)) < partner))
    edges = np.full((len(chosen), 6), -1, np.int32)
    edges[:, 0], edges[:, 1], edges[:, 2], edges[:, 4] = (each[chosen] for each in (low, high, owner, opposite))
    paired = partner[chosen] >= 0
    edges[paired, 3], edges[paired, 5] = (each[partner[chosen][paired]] for each in (owner, opposite))
    return edges


def _pairs(sides: np.ndarray, starts: np.ndarray, opposite: np.ndarray) -> list[tuple[int, int]]:
    """Which of the triangles' sides along one edge belong together, both ways: neighbours run along it in opposite
    directions, and so do the two sides of a sheet, but those have the same third vertex.
    """
    if len(sides) == 2:
        one, two = int(sides[0]), int(sides[1])
        return [(one, two), (two, one)] if opposite[one] != opposite[two] else []
    pairs: list[tuple[int, int]] = []
    left = [int(side) for side in sides]
    while left:
        one = left.pop(0)
        for two in left:
            if starts[one] != starts[two] and opposite[one] != opposite[two]:
                left.remove(two)
                pairs += [(one, two), (two, one)]
                break
    return pairs


class Raster:
    """Buffers of one picture size and the mesh that is drawn into them.

    Args:
        height, width: of the picture, px.
        triangles: (f, 3) vertices, counter-clockwise seen from outside.
        corner_uv: (f, 3, 2) what to interpolate between the corners in perspective; place in a texture.
        vertices: how many vertices the mesh has.

    Attributes:
        shape: height and width.
        samples: (5, height * width + room) float32: 1 / depth of the nearest surface (0 where there is none), the two
            of `corner_uv` times that, and the two values of `draw`. First all pixels, row by row, then places on
            outlines, which `blend` needs.
        used: how many samples the last picture has.
        facing: (f,) uint8, 1 for triangles that showed their outside in the last picture.

    Raises:
        ConfigurationError: an empty picture, or triangles of vertices that do not exist.
    """

    def __init__(self, height: int, width: int, triangles: np.ndarray, corner_uv: np.ndarray, vertices: int) -> None:
        if height < 1 or width < 1:
            raise ConfigurationError(f"a picture needs at least 1x1 pixels, got {width}x{height}.")
        if triangles.ndim != 2 or triangles.shape[1:] != (3,) or corner_uv.shape != (len(triangles), 3, 2):
            raise ConfigurationError(
                f"a mesh needs triangles (f, 3) with corner_uv (f, 3, 2), got {triangles.shape} and {corner_uv.shape}."
            )
        if len(triangles) and not 0 <= int(triangles.min()) <= int(triangles.max()) < vertices:
            raise ConfigurationError(
                f"the mesh's triangles use vertices {int(triangles.min())} to {int(triangles.max())}, it has "
                f"{vertices}."
            )
        room = _BLENDS * (height + width)
        self.shape = (height, width)
        self._pixels = height * width
        self.samples = np.zeros((5, self._pixels + room), np.float32)
        self.used = self._pixels
        self.facing = np.zeros(len(triangles), np.uint8)
        self._triangles = np.array(triangles, np.int32, order="C")
        self._corner_uv = np.array(corner_uv, np.float32, order="C")
        self._edges = edges_of(self._triangles)
        self._blends = np.zeros((room, 2), np.int32)
        self._shares = np.zeros(room, np.float32)
        self._steps = np.zeros(room, np.float32)
        self._totals = np.zeros(self._pixels, np.float32)
        self._blended = 0

    @property
    def nearness(self) -> np.ndarray:
        """(height, width) float32, 1 / depth of the nearest surface; 0 where there is none."""
        return self.samples[0, : self._pixels].reshape(self.shape)

    @property
    def values(self) -> np.ndarray:
        """(2, height, width) float32, the two interpolated values of `draw`."""
        return self.samples[3:, : self._pixels].reshape(2, *self.shape)

    def draw(self, screen: np.ndarray, nearness: np.ndarray, values: np.ndarray) -> None:
        """Fill the buffers with the mesh as it now stands.

        Args:
            screen: (v, 2) float64 columns and rows in px.
            nearness: (v,) float64, 1 / depth; 0 for a vertex that cannot be seen (behind the camera): its triangles
                are left out.
            values: (2, v) float32, interpolated between the vertices along the picture.
        """
        height, width = self.shape
        self.samples[0, : self._pixels] = 0.0
        depth, u, v, first, second = self.samples
        _fill(
            screen, nearness, values, self._triangles, self._corner_uv, height, width, self.facing, depth, u, v, first,
            second,
        )  # fmt: skip
        self._blended, on_outlines = _outlines(
            self._edges, self._triangles, self._corner_uv, self.facing, screen, nearness, values, height, width,
            self.samples, self._blends, self._shares,
        )  # fmt: skip
        _share_out(self._blends, self._shares, self._totals, self._blended)
        self.used = self._pixels + on_outlines

    def blend(self, shown: np.ndarray) -> None:
        """Smooth the outlines of the mesh last drawn.

        Args:
            shown: what each of `samples` shows, float32; its pixels are changed in place.
        """
        _blend(self._blends, self._shares, self._steps, self._blended, shown)


@compiled
def _fill(
    screen: np.ndarray,
    nearness: np.ndarray,
    values: np.ndarray,
    triangles: np.ndarray,
    corner_uv: np.ndarray,
    height: int,
    width: int,
    facing: np.ndarray,
    depth: np.ndarray,
    map_u: np.ndarray,
    map_v: np.ndarray,
    map_first: np.ndarray,
    map_second: np.ndarray,
) -> None:
    """Scan every triangle that faces the camera; see `Raster.draw`."""
    first, second = values[0], values[1]
    for f in range(len(triangles)):
        facing[f] = 0
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ia, ib, ic = nearness[a], nearness[b], nearness[c]
        if ia <= 0.0 or ib <= 0.0 or ic <= 0.0:
            continue
        xa, ya, xb, yb, xc, yc = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1]
        abx, aby, acx, acy = xb - xa, yb - ya, xc - xa, yc - ya
        area = aby * acx - abx * acy  # twice it; rows run down, so counter-clockwise is positive this way round
        if area <= 0.0:
            continue
        facing[f] = 1
        top, bottom = min(ya, yb, yc), max(ya, yb, yc)
        first_row, last_row = max(math.ceil(top), 0), min(math.ceil(bottom), height)
        if area < _LEAST_AREA_PX2 or first_row >= last_row:
            continue
        if max(math.ceil(min(xa, xb, xc)), 0) >= min(math.ceil(max(xa, xb, xc)), width):
            continue
        # Corners by row: p above q above r. Each edge is computed from its upper corner, so that both of its
        # triangles get the same columns to the last digit.
        px, py, qx, qy, rx, ry = xa, ya, xb, yb, xc, yc
        if qy < py:
            px, py, qx, qy = qx, qy, px, py
        if ry < py:
            px, py, qx, qy, rx, ry = rx, ry, px, py, qx, qy
        elif ry < qy:
            qx, qy, rx, ry = rx, ry, qx, qy
        long_slope = (rx - px) / (ry - py)
        upper_slope = (qx - px) / (qy - py) if qy > py else 0.0
        lower_slope = (rx - qx) / (ry - qy) if ry > qy else 0.0
        # Every interpolated quantity is a plane over the picture: its value at corner a, and two gradients.
        scale = 1.0 / area
        gbx, gby, gcx, gcy = -acy * scale, acx * scale, aby * scale, -abx * scale
        ua, va = corner_uv[f, 0, 0] * ia, corner_uv[f, 0, 1] * ia
        ub, vb = corner_uv[f, 1, 0] * ib - ua, corner_uv[f, 1, 1] * ib - va
        uc, vc = corner_uv[f, 2, 0] * ic - ua, corner_uv[f, 2, 1] * ic - va
        ib, ic = ib - ia, ic - ia
        sa, ta = first[a], second[a]
        sb, tb, sc, tc = first[b] - sa, second[b] - ta, first[c] - sa, second[c] - ta
        ix, iy = np.float32(ib * gbx + ic * gcx), ib * gby + ic * gcy
        ux, uy = np.float32(ub * gbx + uc * gcx), ub * gby + uc * gcy
        vx, vy = np.float32(vb * gbx + vc * gcx), vb * gby + vc * gcy
        sx, sy = np.float32(sb * gbx + sc * gcx), sb * gby + sc * gcy
        tx, ty = np.float32(tb * gbx + tc * gcx), tb * gby + tc * gcy
        for y in range(first_row, last_row):
            one = px + (y - py) * long_slope
            two = px + (y - py) * upper_slope if y < qy else qx + (y - qy) * lower_slope
            start, stop = max(math.ceil(min(one, two)), 0), min(math.ceil(max(one, two)), width)
            if start >= stop:
                continue
            dy, dx = y - ya, start - xa
            i0 = np.float32(ia + dx * ix + dy * iy)
            u0 = np.float32(ua + dx * ux + dy * uy)
            v0 = np.float32(va + dx * vx + dy * vy)
            s0 = np.float32(sa + dx * sx + dy * sy)
            t0 = np.float32(ta + dx * tx + dy * ty)
            at = np.uint64(y * width + start)  # unsigned: numba then leaves out what makes negative places wrap
            for k in range(np.uint64(stop - start)):
                step, pixel = np.float32(np.int32(k)), at + k
                near = i0 + step * ix
                if near > depth[pixel]:
                    depth[pixel] = near
                    map_u[pixel] = u0 + step * ux
                    map_v[pixel] = v0 + step * vx
                    map_first[pixel] = s0 + step * sx
                    map_second[pixel] = t0 + step * tx


@compiled
def _outlines(
    edges: np.ndarray,
    triangles: np.ndarray,
    corner_uv: np.ndarray,
    facing: np.ndarray,
    screen: np.ndarray,
    nearness: np.ndarray,
    values: np.ndarray,
    height: int,
    width: int,
    samples: np.ndarray,
    blends: np.ndarray,
    shares: np.ndarray,
) -> tuple[int, int]:
    """Collect which pixel takes which share of another sample along outlines that can be seen.

    An edge is part of an outline if one of its triangles shows its outside and the other one does not, or is missing.

    Returns:
        How many blends there are, and how many places on outlines were added to the samples.
    """
    depth = samples[0]
    pixels = height * width
    used, added = 0, 0
    for e in range(len(edges)):
        one, two = edges[e, 2], edges[e, 3]
        if facing[one] == (facing[two] if two >= 0 else 0):
            continue
        a, b = edges[e, 0], edges[e, 1]
        owner, inside = (one, edges[e, 4]) if facing[one] else (two, edges[e, 5])
        xa, ya, ia, xb, yb, ib = screen[a, 0], screen[a, 1], nearness[a], screen[b, 0], screen[b, 1], nearness[b]
        dx, dy = xb - xa, yb - ya
        side = (screen[inside, 0] - xa) * dy - (screen[inside, 1] - ya) * dx
        length = dx * dx + dy * dy
        if length < _LEAST_AREA_PX2 or ib <= 0.0:
            continue
        corner_a, corner_b = 0, 0
        for corner in range(3):
            if triangles[owner, corner] == a:
                corner_a = corner
            if triangles[owner, corner] == b:
                corner_b = corner
        # Steep outlines are blended along rows, flat ones along columns, and those between a little of both, so that
        # nothing jumps when an outline turns.
        for way in range(2):
            along, across = (dy, dx) if way == 0 else (dx, dy)
            if abs(along) < 1e-9:
                continue
            a0, c0 = (ya, xa) if way == 0 else (xa, ya)
            start, stop = (a0, a0 + along) if along > 0 else (a0 + along, a0)
            count, room = (height, width) if way == 0 else (width, height)
            after = (side * dy > 0.0) if way == 0 else (side * dx < 0.0)  # the surface is on the larger side
            weight = along * along / length
            for line in range(max(math.ceil(start), 0), min(math.ceil(stop), count)):
                part = (line - a0) / along
                place = c0 + part * across
                if not 0.0 <= place < room - 1:
                    continue
                low = int(place)
                share = place - low - 0.5
                if way == 0:
                    pixel, other = line * width + low, line * width + low + 1
                else:
                    pixel, other = low * width + line, (low + 1) * width + line
                front, back = (other, pixel) if after else (pixel, other)
                near = ia + part * (ib - ia)
                gap = (near - depth[back]) / (near * _FULL_GAP)
                same = 1.0 - (near - depth[front]) / (near * _SAME_SURFACE)
                seen = min(max(gap, 0.0), 1.0) * min(max(same, 0.0), 1.0)
                if seen <= 0.0 or used >= len(blends):
                    continue
                blends[used, 0] = pixel if share < 0.0 else other
                blends[used, 1] = back
                shares[used] = abs(share) * seen * weight
                if blends[used, 0] == back:
                    sample = pixels + added
                    blends[used, 1] = sample
                    added += 1
                    rest = ia * (1.0 - part)
                    samples[0, sample] = near
                    samples[1, sample] = (
                        rest * corner_uv[owner, corner_a, 0] + (near - rest) * corner_uv[owner, corner_b, 0]
                    )
                    samples[2, sample] = (
                        rest * corner_uv[owner, corner_a, 1] + (near - rest) * corner_uv[owner, corner_b, 1]
                    )
                    samples[3, sample] = values[0, a] + part * (values[0, b] - values[0, a])
                    samples[4, sample] = values[1, a] + part * (values[1, b] - values[1, a])
                used += 1
    return used, added


@compiled
def _share_out(blends: np.ndarray, shares: np.ndarray, totals: np.ndarray, used: int) -> None:
    """Cut the shares of pixels that would give away more than all they have, where several outlines meet."""
    for k in range(used):
        totals[blends[k, 0]] = 0.0
    for k in range(used):
        totals[blends[k, 0]] += shares[k]
    for k in range(used):
        shares[k] /= max(totals[blends[k, 0]], np.float32(1.0))


@compiled
def _blend(blends: np.ndarray, shares: np.ndarray, steps: np.ndarray, used: int, shown: np.ndarray) -> None:
    """Move each pixel of ``blends`` by its share towards the other sample, as all of them were before."""
    for k in range(used):
        steps[k] = shares[k] * (shown[blends[k, 1]] - shown[blends[k, 0]])
    for k in range(used):
        # Several outlines may move one sample: together not past what they move it to, or light could fall below 0.
        old, goal = shown[blends[k, 0]], shown[blends[k, 1]]
        shown[blends[k, 0]] = min(max(old + steps[k], min(old, goal)), max(old, goal))
