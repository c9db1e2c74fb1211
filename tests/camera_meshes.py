"""Surfaces of which a picture can be computed by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceedge.simulation.camera.optics import Optics
from faceedge.simulation.camera.renderer import Renderer
from faceedge.simulation.camera.shading import Light
from faceedge.simulation.surface import Mesh, Still

FLAT = Light(1000.0, (), 1.0, from_above=0.0)
"""Light from everywhere: a white surface shows 1 wherever nothing is in front of it."""


@dataclass(frozen=True)
class Painted:
    """Textures; see `faceedge.simulation.camera.texture.Appearance`."""

    albedo: np.ndarray
    nir: np.ndarray
    gloss: np.ndarray


def painted(grey: np.ndarray, gloss: float = 0.0) -> Painted:
    grey = np.asarray(grey, np.float32)
    return Painted(np.repeat(grey[..., None], 3, axis=2), grey, np.full(grey.shape, gloss, np.float32))


WHITE = painted(np.ones((8, 8)))


def mesh_of(triangles: np.ndarray, uv: np.ndarray) -> Mesh:
    """A mesh of skin with the place in the texture (v, 2) of each vertex."""
    count = len(triangles)
    return Mesh(
        np.asarray(triangles, np.int32), np.asarray(uv, np.float32)[triangles], np.zeros(count, np.uint8),
        np.ones(count, np.float32), np.ones(count, bool),
    )  # fmt: skip


def plane(left: float, right: float, top: float, bottom: float, x: float = 0.3, cells: int = 1) -> Still:
    """A rectangle that faces the camera: ``left`` and ``right`` as the camera sees it are world -y, rows run down."""
    step = np.linspace(0, 1, cells + 1)
    v, u = (each.ravel() for each in np.meshgrid(step, step, indexing="ij"))
    points = np.stack([np.full(u.shape, x), -(left + u * (right - left)), -(top + v * (bottom - top))], axis=1)
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    a, b, c, d = corner, corner + 1, corner + cells + 1, corner + cells + 2
    return Still(mesh_of(np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)]), np.stack([u, v], 1)), points)


def sphere(radius: float, centre: tuple[float, float, float], rings: int = 40) -> Still:
    """A ball whose texture begins and ends behind."""
    polar, turn = np.meshgrid(np.linspace(0, np.pi, rings + 1), np.linspace(0, 2 * np.pi, 2 * rings + 1), indexing="ij")
    unit = np.stack([np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)], -1).reshape(-1, 3)
    row = np.arange(rings)[:, None] * (2 * rings + 1) + np.arange(2 * rings)
    a, b = row.ravel(), row.ravel() + 1
    c, d = a + 2 * rings + 1, b + 2 * rings + 1
    top = np.repeat(np.arange(rings), 2 * rings)
    triangles = np.concatenate([np.stack([a, c, d], 1)[top < rings - 1], np.stack([a, d, b], 1)[top > 0]])
    first = unit.reshape(rings + 1, 2 * rings + 1, 3)
    first[:, -1], first[0], first[-1] = first[:, 0], (0, 0, 1), (0, 0, -1)
    uv = np.stack([turn / (2 * np.pi), polar / np.pi], -1).reshape(-1, 2)
    return Still(mesh_of(triangles, uv), unit * radius + np.asarray(centre))


def together(*surfaces: Still) -> Still:
    meshes = [surface.mesh for surface in surfaces]
    offsets = np.cumsum([0] + [len(surface.points_m) for surface in surfaces])
    return Still(
        Mesh(
            np.concatenate([mesh.triangles + offset for mesh, offset in zip(meshes, offsets, strict=False)]),
            np.concatenate([mesh.corner_uv for mesh in meshes]),
            np.concatenate([mesh.part for mesh in meshes]),
            np.concatenate([mesh.reflection for mesh in meshes]),
            np.concatenate([mesh.opaque for mesh in meshes]),
        ),
        np.concatenate([surface.points_m for surface in surfaces]),
    )


def sharp(width: int = 64, height: int = 48, focal_px: float = 100.0) -> Optics:
    """A camera at the origin without blur."""
    return Optics(width, height, focal_px=focal_px, position_m=(0.0, 0.0, 0.0), blur_px=0.0)


def black(optics: Optics) -> np.ndarray:
    return np.zeros((optics.height, optics.width, 3), np.float32)


def rendered(
    surface: Still, appearance: Painted = WHITE, optics: Optics | None = None, light: Light = FLAT
) -> Renderer:
    """A renderer of luminance in front of black."""
    optics = optics or sharp()
    return Renderer(surface, appearance, optics, light, background=black(optics))
