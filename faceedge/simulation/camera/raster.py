"""A scan-line rasteriser of triangle meshes, for one core.

Pixel centres lie at whole numbers. A pixel belongs to the triangle that covers its centre and is nearest; edges are
half-open, so triangles that share one neither leave a gap nor draw a pixel twice. What a pixel shows is then a
continuous function of where the mesh is, except at outlines, where the nearest surface changes: there the pixels on
both sides become blends (`outlines`). A picture therefore changes smoothly when the mesh moves by a hundredth of a
pixel, as an event camera needs it.
"""

from __future__ import annotations

import math

import numpy as np

from faceedge.compiled import compiled
from faceedge.errors import ConfigurationError
from faceedge.simulation.camera.outlines import Outlines

_LEAST_AREA_PX2 = 1e-7  # thinner triangles cover no pixel's centre, and their gradients are noise
_CROSSINGS = 32  # room for so many crossings of outlines for each row and column; the rest stays hard


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
        room = _CROSSINGS * (height + width)
        self.shape = (height, width)
        self._pixels = height * width
        self.samples = np.zeros((5, self._pixels + room), np.float32)
        self.used = self._pixels
        self.facing = np.zeros(len(triangles), np.uint8)
        self._triangles = np.array(triangles, np.int32, order="C")
        self._corner_uv = np.array(corner_uv, np.float32, order="C")
        self._outlines = Outlines(height, width, self._triangles, self._corner_uv, room)
        self._steps = np.zeros(self._outlines.room, np.float32)

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
        self.used = self._pixels + self._outlines.find(self.facing, screen, nearness, values, self.samples)

    def blend(self, shown: np.ndarray) -> None:
        """Smooth the outlines of the mesh last drawn.

        Args:
            shown: what each of `samples` shows, float32; its pixels are changed in place.
        """
        self._outlines.blend(shown, self._steps)


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
