"""Pictures of a moving surface: linear radiance at any instant, fast enough for an event camera's thousand a second."""

from __future__ import annotations

import math
from typing import Literal

import cv2
import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.simulation.camera.background import wall
from faceedge.simulation.camera.optics import Optics
from faceedge.simulation.camera.raster import Raster
from faceedge.simulation.camera.shading import (
    SKIN_LOBE,
    WET_LOBE,
    Light,
    light_into,
    normals_into,
    shade_of,
)
from faceedge.simulation.camera.texture import (
    LUMINANCE_WEIGHTS,
    Appearance,
    fitted,
    level_map,
    look_up,
    stacked,
    with_bright_pupils,
)
from faceedge.simulation.surface import PARTS, Surface

Band = Literal["rgb", "nir", "luminance"]
_BEHIND_M = {"eye_left": 0.0012, "eye_right": 0.0012, "lashes": -0.0012}
"""How much farther away parts count that lie on others, where it is a matter of less than a millimetre which is in
front: the lids cover the eyeballs, and lashes both."""
_WET_PARTS = ("eye_left", "eye_right", "teeth", "tongue", "glasses")


class Renderer:
    """Renders one surface with one camera in one light.

    Args:
        surface: what to look at.
        appearance: its textures.
        optics: of the camera.
        light: in the room.
        band: ``rgb`` for three planes, ``luminance`` for their weighted sum, ``nir`` for 850 nm.
        background: (height, width, 3) float32 linear radiance behind the surface; None: a plain wall from ``seed``.
        seed: of the background.
        reference_s: the instant whose pose decides shadows and how fine the textures must be.

    Raises:
        ConfigurationError: an unknown band, textures or a background that do not fit.
    """

    def __init__(
        self,
        surface: Surface,
        appearance: Appearance,
        optics: Optics,
        light: Light,
        band: Band = "luminance",
        *,
        background: np.ndarray | None = None,
        seed: int = 0,
        reference_s: float = 0.0,
    ) -> None:
        if band not in ("rgb", "nir", "luminance"):
            raise ConfigurationError(f"band must be rgb, nir or luminance, got {band!r}.")
        self.surface, self.optics, self.light, self.band = surface, optics, light, band
        mesh = surface.mesh
        # Lenses are the one part of a person that light passes and the radar does too.
        lenses = (mesh.part == PARTS.index("glasses")) & ~mesh.opaque
        self._triangles = np.array(mesh.triangles[~lenses], np.int32, order="C")
        corner_uv = np.array(mesh.corner_uv[~lenses], np.float32, order="C")
        points = np.array(surface.vertices(np.array([reference_s]))[0], np.float64, order="C")
        self._points = points
        self._screen = np.zeros((len(points), 2))
        self._nearness = np.zeros(len(points))
        self._normals = np.zeros(points.shape, np.float32)
        self._values = np.zeros((2, len(points)), np.float32)
        self._raster = Raster(optics.height, optics.width, self._triangles, corner_uv, len(points))
        self._lamps = light.lamp_table()
        self._shade = shade_of(points, self._triangles, light)
        self._lobes = np.full(len(points), SKIN_LOBE, np.uint8)
        self._behind_m = np.zeros(len(points))
        for name, behind_m in _BEHIND_M.items():
            chosen = mesh.part[~lenses] == PARTS.index(name)
            self._behind_m[self._triangles[chosen].ravel()] = behind_m
        wet = np.isin(mesh.part[~lenses], [PARTS.index(name) for name in _WET_PARTS])
        self._lobes[self._triangles[wet].ravel()] = WET_LOBE
        eyes = np.isin(mesh.part[~lenses], [PARTS.index(name) for name in ("eye_left", "eye_right")])
        self._set_textures(appearance, corner_uv, points, eyes)
        if background is None:
            background = wall(optics.height, optics.width, light, seed)
        self._set_background(background)
        pixels = optics.height * optics.width
        self._shown = np.zeros((len(self._textures), self._raster.samples.shape[1]), np.float32)
        self._planes = [plane[:pixels].reshape(optics.height, optics.width) for plane in self._shown]
        self._blur = _point_spread(optics.blur_px)
        self._out = np.zeros((optics.height, optics.width, 3), np.float32) if band == "rgb" else self._planes[0]

    def _set_textures(
        self, appearance: Appearance, corner_uv: np.ndarray, points: np.ndarray, eyes: np.ndarray
    ) -> None:
        colour = np.asarray(appearance.albedo, np.float32)
        if colour.ndim != 3 or colour.shape[2] != 3 or min(colour.shape[:2]) < 2:
            raise ConfigurationError(f"an albedo texture must be (h, w, 3) from 2x2 on, got {colour.shape}.")
        self._tints: tuple[float, ...] = self.light.tint
        if self.band == "nir":
            nir = np.asarray(appearance.nir, np.float32)
            if self.light.bright_pupil:
                nir = with_bright_pupils(nir, corner_uv[eyes])
            planes, self._tints = [nir], (1.0,)
        elif self.band == "rgb":
            planes = [colour[..., channel] for channel in range(3)]
        else:
            weights = np.multiply(LUMINANCE_WEIGHTS, self.light.tint)
            planes, self._tints = [colour @ (weights / weights.sum()).astype(np.float32)], (float(weights.sum()),)
        shape = colour.shape[:2]
        gloss = np.asarray(appearance.gloss, np.float32)
        for plane in (*planes, gloss):
            if plane.shape != shape:
                raise ConfigurationError(f"textures must be of one size, got {plane.shape} beside {shape}.")
        levels = level_map(shape, self._triangles, corner_uv, points, self.optics.position_m, self.optics.focal_px)
        gloss = fitted(gloss, levels)
        self._textures = [stacked(fitted(plane, levels), gloss) for plane in planes]

    def _set_background(self, background: np.ndarray) -> None:
        expected = (self.optics.height, self.optics.width, 3)
        if background.shape != expected:
            raise ConfigurationError(f"a background must be {expected} like the picture, got {background.shape}.")
        if self.band == "rgb":
            planes = [background[..., channel] for channel in range(3)]
        else:
            planes = [background @ np.array(LUMINANCE_WEIGHTS, np.float32)]
        self._background = [np.ascontiguousarray(plane, np.float32) for plane in planes]

    def radiance(self, time_s: float) -> np.ndarray:
        """The picture at an instant.

        Returns:
            (height, width) float32, for ``rgb`` (height, width, 3) in the order R, G, B; relative to a white diffuse
            surface in the full light. The next call overwrites it.

        Raises:
            ConfigurationError: the time is not a finite number.
        """
        if not math.isfinite(time_s):
            raise ConfigurationError(f"a picture needs a time in s, got {time_s}.")
        return self.draw(self.surface.vertices(np.array([time_s]))[0])

    def draw(self, points_m: np.ndarray) -> np.ndarray:
        """`radiance` of the surface with its vertices at ``points_m`` (v, 3): who has them already saves a call."""
        np.copyto(self._points, points_m)
        self.optics.project_into(self._points, self._screen, self._nearness)
        self._nearness *= 1.0 - self._nearness * self._behind_m
        normals_into(self._points, self._triangles, self._normals)
        light_into(
            self._points, self._normals, self.light, self._lamps, self.optics.position_m, self._shade, self._lobes,
            self._values,
        )  # fmt: skip
        self._raster.draw(self._screen, self._nearness, self._values)
        for shown, texture, tint, behind in zip(
            self._shown, self._textures, self._tints, self._background, strict=True
        ):
            look_up(self._raster, texture, tint, behind, shown)
            self._raster.blend(shown)
        if self._blur is not None:
            for plane in self._planes:
                cv2.sepFilter2D(plane, -1, self._blur, self._blur, dst=plane, borderType=cv2.BORDER_REPLICATE)
        if self.band == "rgb":
            cv2.merge(self._planes, dst=self._out)
        return self._out

    @property
    def screen_px(self) -> np.ndarray:
        """(v, 2) float64 columns and rows of the vertices in the last picture; the next one overwrites them."""
        return self._screen

    @property
    def coverage(self) -> np.ndarray:
        """(height, width) bool, where the last picture shows the surface."""
        return np.asarray(self._raster.nearness > 0)


def _point_spread(blur_px: float) -> np.ndarray | None:
    """A Gaussian's samples as a row of weights, or None where it would be narrower than it can be sampled."""
    if blur_px < 0.2:
        return None
    reach = max(1, math.ceil(2.5 * blur_px))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / blur_px) ** 2)
    return np.asarray(weights / weights.sum(), np.float32)
