"""Outlines of a mesh in a picture: where they cross the lines between neighbouring pixels, and who shows what there.

Between the centres of two neighbouring pixels the nearest surface may change, at an outline or at several. Each pixel
shows the mean over its own half of that line (Malan, "Edge anti-aliasing by post-processing", GPU Pro, 2010, and Laine
et al., "Modular primitives for high-performance differentiable rendering", 2020, doi 10.1145/3414685.3417861, do so for
one outline at a time). What a surface shows beyond the pixel whose centre it covers is sampled at the very outline, so
that nothing jumps when an outline passes a pixel's centre.
"""

from __future__ import annotations

import math

import numpy as np

from faceedge.compiled import compiled

_FULL_GAP = 0.001  # an outline this much of its distance in front of what is behind it counts in full
_SAME_SURFACE = (
    0.002  # a pixel that lies more than this much of its distance behind an outline does not show its surface
)
_INSIDE_PX = 0.3  # so far inside their outlines surfaces are compared, because sheets may share an outline
_LEAST_PX2 = 1e-7  # of an edge's length; shorter ones cross nothing
_MOST = 8  # outlines between two neighbouring pixels; more are not looked at


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


class Outlines:
    """The outlines of one mesh in pictures of one size.

    Args:
        height, width: of the pictures, px.
        triangles: (f, 3) int32.
        corner_uv: (f, 3, 2) float32.
        room: how many crossings of outlines with lines between pixels are found at most; the rest stays hard.
    """

    def __init__(self, height: int, width: int, triangles: np.ndarray, corner_uv: np.ndarray, room: int) -> None:
        self._shape = (height, width)
        self._triangles, self._corner_uv = triangles, corner_uv
        self._edges = edges_of(triangles)
        self._heads = np.full(2 * height * width, -1, np.int32)
        self._links = np.zeros((room, 2), np.int32)
        self._crossings = np.zeros((room, 4), np.float32)
        self._blends = np.zeros((4 * room, 2), np.int32)
        self._shares = np.zeros(4 * room, np.float32)
        self._totals = np.zeros(height * width, np.float32)
        self._used = 0

    def find(
        self, facing: np.ndarray, screen: np.ndarray, nearness: np.ndarray, values: np.ndarray, samples: np.ndarray
    ) -> int:
        """Look for the outlines of the mesh as it was just drawn.

        Args:
            facing: (f,) uint8, which triangles show their outside.
            screen, nearness, values: of the vertices; see `raster.Raster.draw`.
            samples: (5, height * width + room) of `raster.Raster`; places on outlines are added behind the pixels.

        Returns:
            How many places were added.
        """
        height, width = self._shape
        added = _cross(
            self._edges, self._triangles, self._corner_uv, facing, screen, nearness, values, height, width, samples,
            self._heads, self._links, self._crossings,
        )  # fmt: skip
        self._used = _share(
            samples[0], height * width, width, added, self._heads, self._links, self._crossings, self._blends,
            self._shares, self._totals,
        )  # fmt: skip
        return int(added)

    def blend(self, shown: np.ndarray, steps: np.ndarray) -> None:
        """Smooth a picture.

        Args:
            shown: what each of the samples shows, float32; its pixels are changed in place.
            steps: float32 room to work in.
        """
        _blend(self._blends, self._shares, steps, self._used, shown)

    @property
    def room(self) -> int:
        """How long ``steps`` of `blend` must be."""
        return len(self._shares)


@compiled
def _cross(
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
    heads: np.ndarray,
    links: np.ndarray,
    crossings: np.ndarray,
) -> int:
    """Collect where outlines cross lines between neighbouring pixels, in a list for each such line.

    An edge is part of an outline if one of its triangles shows its outside and the other one does not, or is missing.

    Returns:
        How many crossings there are.
    """
    pixels = height * width
    found = 0
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
        if length < _LEAST_PX2:
            continue
        corner_a, corner_b = 0, 0
        for corner in range(3):
            if triangles[owner, corner] == a:
                corner_a = corner
            if triangles[owner, corner] == b:
                corner_b = corner
        # Steep outlines count along rows, flat ones along columns, and those between a little of both, so that
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
                if not 0.0 <= place < room - 1 or found >= len(links):
                    continue
                low = int(place)
                pixel = line * width + low if way == 0 else low * width + line
                back = pixel if after else pixel + (1 if way == 0 else width)
                near = ia + part * (ib - ia)
                gap = (near - samples[0, back]) / (near * _FULL_GAP)
                if gap <= 0.0:
                    continue
                line_between = pixel + way * pixels
                links[found, 0], links[found, 1] = heads[line_between], line_between
                heads[line_between] = found
                crossings[found, 0] = place - low
                crossings[found, 1] = 1.0 if after else 0.0
                crossings[found, 2] = weight * min(gap, 1.0)
                x, y = (place, line) if way == 0 else (line, place)
                reach = math.hypot(screen[inside, 0] - x, screen[inside, 1] - y)
                crossings[found, 3] = near + (nearness[inside] - near) * _INSIDE_PX / max(reach, _INSIDE_PX)
                sample, rest = pixels + found, ia * (1.0 - part)
                samples[0, sample] = near
                for axis in range(2):
                    uv_a, uv_b = corner_uv[owner, corner_a, axis], corner_uv[owner, corner_b, axis]
                    samples[1 + axis, sample] = rest * uv_a + (near - rest) * uv_b
                    samples[3 + axis, sample] = values[axis, a] + part * (values[axis, b] - values[axis, a])
                found += 1
    return found


@compiled
def _share(
    depth: np.ndarray,
    pixels: int,
    width: int,
    found: int,
    heads: np.ndarray,
    links: np.ndarray,
    crossings: np.ndarray,
    blends: np.ndarray,
    shares: np.ndarray,
    totals: np.ndarray,
) -> int:
    """Work out which pixel takes which share of which sample.

    Along a line from the centre of pixel ``low`` (0) to that of ``high`` (1), each crossing is the end of a surface
    that reaches there from one side. What is seen between two crossings is the nearest of the surfaces that reach it,
    or, where none does, what is farther away of what the two pixels show.

    Returns:
        How many blends there are.
    """
    used = 0
    begin, end = np.zeros(_MOST), np.zeros(_MOST)
    own = np.zeros(_MOST, np.int64)
    cuts = np.zeros(_MOST + 2)
    for k in range(found):
        totals[links[k, 1] % pixels] = 0.0
        totals[min(links[k, 1] % pixels + (1 if links[k, 1] < pixels else width), pixels - 1)] = 0.0
    for k in range(found):
        between = links[k, 1]
        head = heads[between]
        if head < 0:
            continue
        heads[between] = -1
        low = between % pixels
        high = low + (1 if between < pixels else width)
        if links[head, 0] < 0:  # one crossing, as nearly always
            at, after, weight = crossings[head, 0], crossings[head, 1] > 0.5, crossings[head, 2]
            front, back = (high, low) if after else (low, high)
            if depth[front] < depth[pixels + head] * (1.0 - _SAME_SURFACE):
                continue
            into = low if at < 0.5 else high
            blends[used, 0] = into
            blends[used, 1] = pixels + head if into == back else back
            shares[used] = abs(at - 0.5) * weight
            totals[into] += shares[used]
            used += 1
            continue
        count, k_at = 0, head
        while k_at >= 0 and count < _MOST:
            own[count] = k_at
            cuts[count] = crossings[k_at, 0]
            count += 1
            k_at = links[k_at, 0]
        for i in range(count):
            reach, after = crossings[own[i], 0], crossings[own[i], 1] > 0.5
            begin[i], end[i] = (reach, 1.0) if after else (0.0, reach)
            if depth[high if after else low] >= depth[pixels + own[i]] * (1.0 - _SAME_SURFACE):
                continue
            # The surface does not reach the pixel: it ends at the next crossing of the other kind, or is not there.
            other_end = reach
            for j in range(count):
                if (crossings[own[j], 1] > 0.5) == after:
                    continue
                candidate = crossings[own[j], 0]
                if after and candidate > reach and (other_end == reach or candidate < other_end):
                    other_end = candidate
                if not after and candidate < reach and (other_end == reach or candidate > other_end):
                    other_end = candidate
            begin[i], end[i] = min(reach, other_end), max(reach, other_end)
        cuts[count], cuts[count + 1] = 0.0, 0.5
        pieces = count + 2
        for i in range(1, pieces):  # sort; there are few
            value, j = cuts[i], i - 1
            while j >= 0 and cuts[j] > value:
                cuts[j + 1] = cuts[j]
                j -= 1
            cuts[j + 1] = value
        at_low = _nearest(0.0, count, begin, end, own, crossings)
        at_high = _nearest(1.0, count, begin, end, own, crossings)
        farther = low if depth[low] <= depth[high] else high
        weight = 0.0
        for i in range(count):
            weight = max(weight, crossings[own[i], 2])
        for i in range(pieces):
            stop = cuts[i + 1] if i + 1 < pieces else 1.0
            if stop - cuts[i] < 1e-6:
                continue
            middle = 0.5 * (cuts[i] + stop)
            nearest = _nearest(middle, count, begin, end, own, crossings)
            into = low if middle < 0.5 else high
            source = farther if nearest < 0 else pixels + own[nearest]
            if nearest >= 0 and nearest == (at_low if into == low else at_high):
                source = into
            if source != into and used < len(shares):
                blends[used, 0], blends[used, 1] = into, source
                shares[used] = (stop - cuts[i]) * weight
                totals[into] += shares[used]
                used += 1
    # Where several outlines meet, a pixel must not give away more than all it has.
    for k in range(used):
        shares[k] /= max(totals[blends[k, 0]], np.float32(1.0))
    return used


@compiled
def _nearest(
    place: float, count: int, begin: np.ndarray, end: np.ndarray, own: np.ndarray, crossings: np.ndarray
) -> int:
    """Which of the surfaces that reach ``place`` is in front; -1: there is none."""
    nearest, near = -1, np.float32(0.0)
    for i in range(count):
        if begin[i] <= place <= end[i] and begin[i] < end[i] and crossings[own[i], 3] > near:
            nearest, near = i, crossings[own[i], 3]
    return nearest


@compiled
def _blend(blends: np.ndarray, shares: np.ndarray, steps: np.ndarray, used: int, shown: np.ndarray) -> None:
    """Move each pixel of ``blends`` by its share towards the other sample, as all of them were before."""
    for k in range(used):
        steps[k] = shares[k] * (shown[blends[k, 1]] - shown[blends[k, 0]])
    for k in range(used):
        shown[blends[k, 0]] += steps[k]
