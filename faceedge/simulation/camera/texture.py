"""Textures that fit the picture's scale, and their look-up."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from faceedge.compiled import compiled
from faceedge.simulation.camera.raster import Raster

LUMINANCE_WEIGHTS = (0.2126, 0.7152, 0.0722)
"""Of linear R, G, B (ITU-R BT.709)."""
_IRIS_NIR = 0.12  # at 850 nm no iris is darker
_BRIGHT_PUPIL = 0.9  # as bright as a white surface, about: several times what the face sends back
_TEXEL_PX = 1.0  # texels are blurred until one covers this much of a pixel at the surface's mean slant
_LEAST_SLANT = 0.3  # cosine; more grazing surfaces are not blurred further, or outlines would lose their texture


class Appearance(Protocol):
    """What a surface looks like, over its texture."""

    @property
    def albedo(self) -> np.ndarray:
        """(h, w, 3) float32 linear R, G, B, 0 to 1."""

    @property
    def nir(self) -> np.ndarray:
        """(h, w) float32 albedo at 850 nm, 0 to 1."""

    @property
    def gloss(self) -> np.ndarray:
        """(h, w) float32, 0 to 1: how much of the highlight is there."""


def level_map(
    shape: tuple[int, int], triangles: np.ndarray, corner_uv: np.ndarray, points_m: np.ndarray,
    camera_m: tuple[float, float, float], focal_px: float,
) -> np.ndarray:  # fmt: skip
    """How strongly each place of a texture must be blurred to fit the picture's pixels.

    Args:
        shape: of the texture, rows and columns.
        triangles: (f, 3).
        corner_uv: (f, 3, 2).
        points_m: (v, 3) the surface as it usually stands.
        camera_m, focal_px: of the camera.

    Returns:
        (h, w) float32, log2 of texels per pixel, not below 0; smooth over the surface.
    """
    corners = points_m[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    to_camera = np.asarray(camera_m) - corners.mean(axis=1)
    distance = np.maximum(np.linalg.norm(to_camera, axis=1), 1e-3)
    area = np.maximum(np.linalg.norm(normal, axis=1), 1e-12)
    slant = np.maximum((normal * to_camera).sum(axis=1) / area / distance, _LEAST_SLANT)
    pixels = area / 2 * slant * (focal_px / distance) ** 2
    texels = corner_uv.astype(np.float64) * (shape[1], shape[0])
    one, two = texels[:, 1] - texels[:, 0], texels[:, 2] - texels[:, 0]
    covered = np.abs(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]) / 2
    level = 0.5 * np.log2(np.maximum(covered, 1e-9) / pixels)
    # A corner's level is the mean of its triangles', weighted by their pixels: steps at edges would show.
    weight = np.zeros(len(points_m))
    total = np.zeros(len(points_m))
    for corner in triangles.T:
        np.add.at(weight, corner, pixels)
        np.add.at(total, corner, pixels * level)
    at_vertex = np.maximum(total / np.maximum(weight, 1e-30), 0.0)
    return _paint(shape, triangles, texels, at_vertex)


def _paint(shape: tuple[int, ...], triangles: np.ndarray, texels: np.ndarray, at_vertex: np.ndarray) -> np.ndarray:
    """Draw a quantity of the vertices into the texture's plane, and a little beyond its seams."""
    flat = np.arange(triangles.size, dtype=np.int32).reshape(-1, 3)
    flipped = flat[:, ::-1]
    raster = Raster(shape[0], shape[1], np.concatenate((flat, flipped)), np.zeros((2 * len(flat), 3, 2)), flat.size)
    values = np.zeros((2, flat.size), np.float32)
    values[0] = at_vertex[triangles.ravel()]
    raster.draw(np.ascontiguousarray(texels.reshape(-1, 2) - 0.5), np.ones(flat.size), values)
    known = (raster.nearness > 0).astype(np.float32)
    painted = raster.values[0] * known
    for _ in range(4):  # spread a few texels over the seams, where the look-up interpolates
        around = cv2.blur(known, (3, 3))
        spread = cv2.blur(painted, (3, 3)) / np.maximum(around, 1e-6)
        painted = np.where(known > 0, painted, np.where(around > 1e-4, spread, 0.0)).astype(np.float32)
        known = np.maximum(known, (around > 1e-4).astype(np.float32))
    return np.asarray(painted)


def fitted(texture: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Blur each place of ``texture`` (h, w) float32 as strongly as ``levels`` (h, w) of `level_map` says.

    The blur at level n is a Gaussian of 0.5 * 2**n texels: what a pixel sees of a texture that is finer than it.
    """
    texture = np.asarray(texture, np.float32)
    levels = np.maximum(levels + np.float32(np.log2(_TEXEL_PX)), 0.0)
    highest = int(np.ceil(float(levels.max(initial=0.0))))
    result = texture.copy()
    below = texture
    for level in range(1, highest + 1):
        above = cv2.GaussianBlur(texture, (0, 0), 0.5 * 2.0**level, borderType=cv2.BORDER_REPLICATE)
        share = np.clip(levels - (level - 1), 0.0, 1.0)
        chosen = levels > level - 1
        result[chosen] = (below + share * (above - below))[chosen]
        below = above
    return np.ascontiguousarray(result)


def with_bright_pupils(nir: np.ndarray, corner_uv: np.ndarray) -> np.ndarray:
    """The texture ``nir`` with pupils that send light from beside the lens back into it, as the eyes' backs do.

    Args:
        nir: (h, w) float32 albedo.
        corner_uv: (f, 3, 2) of the triangles of the eyes; what is darkest there are the pupils.
    """
    flat = np.arange(3 * len(corner_uv)).reshape(-1, 3)
    eyes = _paint(nir.shape, flat, corner_uv.astype(np.float64) * nir.shape[::-1], np.ones(flat.size))
    dark = np.clip((_IRIS_NIR - nir) / _IRIS_NIR, 0.0, 1.0) * np.clip(eyes, 0.0, 1.0)
    return np.asarray(nir + dark * (_BRIGHT_PUPIL - nir), np.float32)


def stacked(albedo: np.ndarray, gloss: np.ndarray) -> np.ndarray:
    """(h, w, 2) float32 for `look_up`: both textures side by side, because each pixel needs both at the same place."""
    return np.ascontiguousarray(np.stack((albedo, gloss), axis=-1), np.float32)


def look_up(raster: Raster, texture: np.ndarray, tint: float, background: np.ndarray, out: np.ndarray) -> None:
    """Radiance of every sample: ``tint * (albedo * diffuse + gloss * glossy)``, or the background's.

    Args:
        raster: after `Raster.draw`, with the diffuse and the glossy light as its values.
        texture: (h, w, 2) float32 of `stacked`, from 2x2 on.
        tint: of the light in this band.
        background: (height, width) float32 radiance.
        out: float32, one for each of `Raster.samples`; those in use are overwritten.
    """
    near, u, v, diffuse, glossy = raster.samples
    _look_up(
        raster.used, near, u, v, diffuse, glossy, texture.reshape(-1), texture.shape[0], texture.shape[1],
        np.float32(tint), background.reshape(-1), out,
    )  # fmt: skip


@compiled
def _look_up(
    used: int,
    nearness: np.ndarray,
    map_u: np.ndarray,
    map_v: np.ndarray,
    diffuse: np.ndarray,
    glossy: np.ndarray,
    texture: np.ndarray,
    rows: int,
    columns: int,
    tint: np.float32,
    background: np.ndarray,
    out: np.ndarray,
) -> None:
    wide, high = np.float32(columns), np.float32(rows)
    last_x, last_y = np.float32(columns - 1.001), np.float32(rows - 1.001)
    zero, half, one = np.float32(0.0), np.float32(0.5), np.float32(1.0)
    # Places are unsigned: numba then leaves out what makes negative ones count from the end.
    right, below = np.uint64(2), np.uint64(2 * columns)
    gloss = np.uint64(1)
    for n in range(np.uint64(used)):
        near = nearness[n]
        if near <= zero:
            out[n] = background[n]
            continue
        depth = one / near
        x = min(max(map_u[n] * depth * wide - half, zero), last_x)
        y = min(max(map_v[n] * depth * high - half, zero), last_y)
        column, row = np.uint64(x), np.uint64(y)
        part_x, part_y = x - np.float32(column), y - np.float32(row)
        a = row * below + column * right
        b, c = a + right, a + below
        d = c + right
        soft, hard = diffuse[n], glossy[n]
        light_a = texture[a] * soft + texture[a + gloss] * hard
        light_b = texture[b] * soft + texture[b + gloss] * hard
        light_c = texture[c] * soft + texture[c + gloss] * hard
        light_d = texture[d] * soft + texture[d + gloss] * hard
        upper = light_a + part_x * (light_b - light_a)
        lower = light_c + part_x * (light_d - light_c)
        out[n] = tint * (upper + part_y * (lower - upper))
