"""Light on a mesh: smooth normals, diffuse and glossy reflection for each vertex, and soft shadows.

Radiance is relative: 1 is what a white diffuse surface sends out that faces the main light at its full strength.
Light is computed at vertices and interpolated; the texture's albedo and gloss are looked up for each pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from faceedge.compiled import compiled
from faceedge.errors import ConfigurationError
from faceedge.simulation.camera.raster import Raster

SKIN_LOBE = 4  # log2 of the exponent of the highlight of skin and cloth: broad
WET_LOBE = 8  # of eyes, teeth and glasses: small
_FRESNEL_FLOOR = 0.028  # reflectance of skin's oily surface at normal incidence, refractive index 1.4
_SKY_DIRECTIONS = 96
_SHADOW_SIDE = 160  # px of the pictures that decide who shades whom
_SHADOW_BIAS_M = 0.004  # what is this much behind the foremost surface still counts as lit
_LAMP_SPREAD_RAD = 0.22  # half the angle that a soft lamp fills
_LAMP_RAYS = 9
_LEAST_SHADE = 0.12  # light that skin sends from fold to fold


@dataclass(frozen=True, slots=True)
class Light:
    """The light in a room.

    Attributes:
        illuminance_lux: on a surface that faces the main light; for near infrared, of visible light that would give as
            many electrons.
        lamps: (direction to the light (3,) in the world, strength); the strongest should have about 1 less `ambient`.
        ambient: light from all around, on a surface that nothing shades.
        from_above: how much more of the ambient light comes from above than from below, 0 to 1.
        ring: strength of a ring of LEDs around the lens, at `ring_distance_m`; falls with the distance squared.
        ring_distance_m: see `ring`.
        softness: 0: a Lambertian surface; above: light that wraps around, as it does in skin, up to 1.
        tint: (3,) colour of the light, R G B, white is 1 1 1.
        bright_pupil: whether the ring is so near to the lens that the eyes' backs shine.

    Raises:
        ConfigurationError: light that is negative or not finite.
    """

    illuminance_lux: float = 500.0
    lamps: tuple[tuple[tuple[float, float, float], float], ...] = (
        ((-0.62, 0.5, 0.6), 0.7),
        ((-0.5, -0.85, 0.15), 0.18),
    )
    ambient: float = 0.3
    from_above: float = 0.5
    ring: float = 0.0
    ring_distance_m: float = 0.3
    softness: float = 0.12
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    bright_pupil: bool = False

    def __post_init__(self) -> None:
        strengths = [self.illuminance_lux, self.ambient, self.ring, *self.tint, *(lamp[1] for lamp in self.lamps)]
        if not all(math.isfinite(value) and value >= 0.0 for value in strengths):
            raise ConfigurationError(f"light must be finite and not below 0, got {self}.")
        if not all(0.0 <= value <= 1.0 for value in (self.softness, self.from_above)):
            raise ConfigurationError(
                f"softness and from_above must be 0 to 1, got {self.softness:g} and {self.from_above:g}."
            )
        if not self.ring_distance_m > 0.0:
            raise ConfigurationError(f"ring_distance_m must be above 0, got {self.ring_distance_m}.")
        for direction, _ in self.lamps:
            if not (all(map(math.isfinite, direction)) and any(direction)):
                raise ConfigurationError(f"a lamp needs a direction, got {direction}.")

    def lamp_table(self) -> np.ndarray:
        """(lamps, 4) float64: unit direction and strength."""
        rows = [(*(np.asarray(way) / np.linalg.norm(way)), strength) for way, strength in self.lamps]
        return np.array(rows, np.float64).reshape(-1, 4)


LIGHTS = {
    "day": Light(500.0, tint=(1.0, 0.98, 0.94)),
    "dim": Light(80.0, (((-0.5, -0.5, 0.75), 0.75),), 0.3, tint=(1.0, 0.86, 0.68)),
    "dark": Light(3.0, (((-0.7, 0.6, -0.2), 0.85),), 0.15, tint=(0.85, 0.92, 1.0)),
    "nir": Light(900.0, (), 0.02, ring=1.0, bright_pupil=False),
}
"""A lit room by day, a room in the evening, a room with the light of a screen, and darkness with infrared LEDs."""


def normals_into(points: np.ndarray, triangles: np.ndarray, normals: np.ndarray) -> None:
    """Normals of the vertices, not of unit length: each is the sum of its triangles' area vectors.

    Args:
        points: (v, 3) float64.
        triangles: (f, 3) int32.
        normals: (v, 3) float32, overwritten.
    """
    _normals(points, triangles, normals)


def light_into(
    points: np.ndarray,
    normals: np.ndarray,
    light: Light,
    lamps: np.ndarray,
    camera_m: tuple[float, float, float],
    shade: np.ndarray,
    lobes: np.ndarray,
    values: np.ndarray,
) -> None:
    """Light that each vertex sends to the camera, for albedo 1 and for gloss 1.

    Args:
        points: (v, 3) float64 m.
        normals: (v, 3) float32 of any length.
        light: in the room.
        lamps: its `Light.lamp_table`.
        camera_m: the pinhole.
        shade: (1 + lamps, v) float32, share of the ambient light and of each lamp that reaches the vertex.
        lobes: (v,) uint8, log2 of the exponent of the highlight.
        values: (2, v) float32, overwritten: diffuse and glossy.
    """
    _light(
        points, normals, lamps, camera_m, light.ambient, light.from_above, light.ring, light.ring_distance_m,
        light.softness, shade, lobes, values,
    )  # fmt: skip


def shade_of(points: np.ndarray, triangles: np.ndarray, light: Light) -> np.ndarray:
    """How much of the ambient light and of each lamp reaches each vertex: pictures taken from there tell.

    Shadows are those of this pose and ride with the surface: right for the folds of a face, and a little off for a
    head that has turned.

    Args:
        points: (v, 3) float64 m.
        triangles: (f, 3) int32.
        light: in the room.

    Returns:
        (1 + lamps, v) float32, 0 to 1.
    """
    caster = _Caster(points, triangles)
    shade = np.zeros((1 + len(light.lamps), len(points)), np.float32)
    normals = np.zeros(points.shape, np.float32)
    normals_into(points, caster.triangles, normals)
    unit = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
    total = np.full(len(points), 1e-6, np.float32)
    for way in _sphere(_SKY_DIRECTIONS):
        cosine = np.maximum(unit @ way.astype(np.float32), 0.0)
        shade[0] += cosine * caster.lit_from(way)
        total += cosine
    shade[0] /= total
    for row, (way, _) in zip(shade[1:], light.lamps, strict=True):
        for ray in _cone(np.asarray(way, np.float64), _LAMP_SPREAD_RAD, _LAMP_RAYS):
            row += caster.lit_from(ray) / _LAMP_RAYS
    return np.asarray(_LEAST_SHADE + (1.0 - _LEAST_SHADE) * np.clip(shade, 0.0, 1.0), np.float32)


class _Caster:
    """Decides which vertices a distant light reaches."""

    def __init__(self, points: np.ndarray, triangles: np.ndarray) -> None:
        self.triangles = np.array(triangles, np.int32, order="C")
        self._points = np.array(points, np.float64, order="C")
        self._middle = (self._points.min(axis=0) + self._points.max(axis=0)) / 2
        self._reach = float(np.linalg.norm(self._points - self._middle, axis=1).max()) + 1e-6
        uv = np.zeros((len(triangles), 3, 2), np.float32)
        self._raster = Raster(_SHADOW_SIDE, _SHADOW_SIDE, self.triangles, uv, len(points))
        self._none = np.zeros((2, len(points)), np.float32)

    def lit_from(self, way: np.ndarray) -> np.ndarray:
        """(v,) float32, 1 where light from the direction ``way`` arrives, and a soft step to 0 in the shade."""
        forward = -way / np.linalg.norm(way)
        side = np.cross(forward, (0.0, 0.0, 1.0) if abs(forward[2]) < 0.9 else (1.0, 0.0, 0.0))
        side /= np.linalg.norm(side)
        up = np.cross(side, forward)
        local = (self._points - self._middle) @ np.stack((side, -up, forward), axis=1)
        scale = (_SHADOW_SIDE - 3) / 2 / self._reach
        screen = np.ascontiguousarray(local[:, :2] * scale + (_SHADOW_SIDE - 1) / 2)
        # Parallel rays: any measure that is linear and larger nearby does for the depth test.
        near = np.ascontiguousarray(1.0 + self._reach - local[:, 2])
        self._raster.draw(screen, near, self._none)
        column = np.clip(np.rint(screen[:, 0]).astype(np.intp), 1, _SHADOW_SIDE - 2)
        row = np.clip(np.rint(screen[:, 1]).astype(np.intp), 1, _SHADOW_SIDE - 2)
        # The farthest of the neighbours: otherwise steep slopes would shade themselves.
        depth = np.minimum.reduce([self._raster.nearness[row + dy, column + dx] for dy, dx in _CROSS])
        behind = depth - near
        return np.asarray(np.clip(2.0 - behind / _SHADOW_BIAS_M, 0.0, 1.0), np.float32)


_CROSS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))


def _sphere(count: int) -> np.ndarray:
    """(count, 3) directions that fill the sphere evenly (a Fibonacci spiral)."""
    height = 1.0 - (2.0 * np.arange(count) + 1.0) / count
    turn = np.arange(count) * math.pi * (3.0 - math.sqrt(5.0))
    radius = np.sqrt(1.0 - height**2)
    return np.stack((radius * np.cos(turn), radius * np.sin(turn), height), axis=1)


def _cone(axis: np.ndarray, half_angle_rad: float, count: int) -> np.ndarray:
    """(count, 3) directions that fill a cone evenly."""
    axis = axis / np.linalg.norm(axis)
    side = np.cross(axis, (0.0, 0.0, 1.0) if abs(axis[2]) < 0.9 else (1.0, 0.0, 0.0))
    side /= np.linalg.norm(side)
    up = np.cross(axis, side)
    radius = math.tan(half_angle_rad) * np.sqrt((np.arange(count) + 0.5) / count)[:, np.newaxis]
    turn = (np.arange(count) * math.pi * (3.0 - math.sqrt(5.0)))[:, np.newaxis]
    ways = axis + radius * (np.cos(turn) * side + np.sin(turn) * up)
    return np.asarray(ways / np.linalg.norm(ways, axis=1, keepdims=True))


@compiled
def _normals(points: np.ndarray, triangles: np.ndarray, normals: np.ndarray) -> None:
    normals[:] = 0.0
    for f in range(len(triangles)):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        px, py, pz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        qx, qy, qz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = py * qz - pz * qy, pz * qx - px * qz, px * qy - py * qx
        for vertex in (a, b, c):
            normals[vertex, 0] += nx
            normals[vertex, 1] += ny
            normals[vertex, 2] += nz


@compiled
def _power(base: float, log2_exponent: int) -> float:
    for _ in range(log2_exponent):
        base *= base
    return base


@compiled
def _highlight(
    nx: float, ny: float, nz: float, lx: float, ly: float, lz: float, vx: float, vy: float, vz: float, lobe: int
) -> float:
    """Blinn and Phong's highlight of unit energy with Schlick's Fresnel term, for a light of strength 1."""
    hx, hy, hz = lx + vx, ly + vy, lz + vz
    squared = hx * hx + hy * hy + hz * hz
    if squared < 1e-6:
        return 0.0
    inverse = 1.0 / math.sqrt(squared)
    cosine = (nx * hx + ny * hy + nz * hz) * inverse
    if cosine <= 0.0:
        return 0.0
    towards = 1.0 - (vx * hx + vy * hy + vz * hz) * inverse
    fresnel = _FRESNEL_FLOOR + (1.0 - _FRESNEL_FLOOR) * _power(towards, 2) * towards
    exponent = 1 << lobe
    return fresnel * (exponent + 8) * 0.125 * _power(cosine, lobe)


@compiled
def _light(
    points: np.ndarray,
    normals: np.ndarray,
    lamps: np.ndarray,
    camera: tuple[float, float, float],
    ambient: float,
    from_above: float,
    ring: float,
    ring_distance: float,
    softness: float,
    shade: np.ndarray,
    lobes: np.ndarray,
    values: np.ndarray,
) -> None:
    for n in range(len(points)):
        nx, ny, nz = normals[n, 0], normals[n, 1], normals[n, 2]
        squared = nx * nx + ny * ny + nz * nz
        vx, vy, vz = camera[0] - points[n, 0], camera[1] - points[n, 1], camera[2] - points[n, 2]
        distance2 = vx * vx + vy * vy + vz * vz
        if squared < 1e-30 or distance2 < 1e-12:
            values[0, n] = ambient
            values[1, n] = 0.0
            continue
        inverse = 1.0 / math.sqrt(squared)
        nx, ny, nz = nx * inverse, ny * inverse, nz * inverse
        inverse = 1.0 / math.sqrt(distance2)
        vx, vy, vz = vx * inverse, vy * inverse, vz * inverse
        facing = nx * vx + ny * vy + nz * vz
        diffuse = ambient * shade[0, n] * (1.0 + from_above * nz) / (1.0 + from_above)
        towards = 1.0 - max(facing, 0.0)
        glossy = diffuse * (_FRESNEL_FLOOR + 0.5 * _power(towards, 2))
        for k in range(len(lamps)):
            lx, ly, lz = lamps[k, 0], lamps[k, 1], lamps[k, 2]
            strength = lamps[k, 3] * shade[k + 1, n]
            cosine = nx * lx + ny * ly + nz * lz
            wrapped = (cosine + softness) / (1.0 + softness)
            if wrapped > 0.0:
                diffuse += strength * wrapped
            if cosine > 0.0:
                glossy += strength * min(8.0 * cosine, 1.0) * _highlight(nx, ny, nz, lx, ly, lz, vx, vy, vz, lobes[n])
        if ring > 0.0 and facing > 0.0:
            strength = ring * ring_distance * ring_distance / distance2
            diffuse += strength * facing
            glossy += strength * facing * _highlight(nx, ny, nz, vx, vy, vz, vx, vy, vz, lobes[n])
        values[0, n] = diffuse
        values[1, n] = glossy
