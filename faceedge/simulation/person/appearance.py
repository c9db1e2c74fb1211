"""What a synthetic person looks like: textures that are painted from the person's description, with no photograph.

The painting is procedural and seeded: tones, lips, brows stroke by stroke, lash lines, iris and pupil, hair, stubble,
clothes. It aims at the contrast edges that cameras and event cameras see in faces, not at portraits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceedge.simulation.person.atlas import Atlas, load_atlas
from faceedge.simulation.person.canvas import Canvas, Noise
from faceedge.simulation.person.covering import Clothes, clothed, collar_m, draw_clothes, hair, scalp_m, soft
from faceedge.simulation.person.layout import FRAME_PATCH, HAIR_PATCH, MASK_PATCH, Patch
from faceedge.simulation.person.person import Person
from faceedge.simulation.person.skin_paint import hair_colour, paint_skin

IRIS = {
    "brown": (0.085, 0.040, 0.018),
    "hazel": (0.16, 0.095, 0.035),
    "green": (0.15, 0.17, 0.075),
    "grey": (0.21, 0.24, 0.26),
    "blue": (0.13, 0.22, 0.33),
}
"""Linear albedo of the iris."""
_IRIS_RAD, _PUPIL_RAD = 0.41, 0.145  # radii of iris (11.8 mm across) and pupil as angles of the eyeball
_NIR_IRIS = 0.28  # at 850 nm irises of all colours are alike
_TEETH = (0.62, 0.55, 0.43)
_TONGUE = (0.36, 0.11, 0.10)
_LASH = (0.012, 0.010, 0.010)
_MASK = (0.42, 0.60, 0.70)  # the blue of surgical masks
_FRAMES = ((0.012, 0.012, 0.013), (0.05, 0.022, 0.012), (0.30, 0.29, 0.28), (0.02, 0.03, 0.09))
"""Of glasses: black, tortoiseshell, steel, dark blue. The third is of metal."""
_MM = 1e3


@dataclass(frozen=True, slots=True)
class Appearance:
    """Attributes:
    albedo: (h, w, 3) float32 linear R, G, B, 0 to 1.
    nir: (h, w) float32 albedo at 850 nm, 0 to 1.
    gloss: (h, w) float32, 0 to 1, how much of a highlight there is.
    """

    albedo: np.ndarray
    nir: np.ndarray
    gloss: np.ndarray


def appearance(person: Person, clothing_seed: int = 0, *, size: int = 1024) -> Appearance:
    """Textures of ``size`` x ``size`` texels; ``clothing_seed`` changes the clothes and nothing else."""
    atlas = load_atlas(size)
    canvas = Canvas.blank(atlas.shape)
    noise = Noise(person.seed, 30)
    paint_skin(canvas, atlas, person, noise)
    _paint_scalp(canvas, atlas, person, noise)
    _paint_mouth(canvas, atlas)
    _paint_eyes(canvas, atlas, person, noise)
    clothes = draw_clothes(clothing_seed)
    _paint_clothes(canvas, atlas, clothes, Noise(clothing_seed, 61))
    _paint_patches(canvas, atlas, person, noise)
    for plane in (canvas.albedo, canvas.nir, canvas.gloss):
        np.clip(plane, 0.0, 1.0, out=plane)
    return Appearance(canvas.albedo, canvas.nir, canvas.gloss)


def metal_frame(person: Person) -> bool:
    """Whether the frame of the person's glasses is of metal."""
    return _frame_number(person) == 2


def _frame_number(person: Person) -> int:
    return int(np.random.default_rng((person.seed, 35)).integers(len(_FRAMES)))


def _strands(
    canvas: Canvas, mask: np.ndarray, person: Person, across: np.ndarray, along: np.ndarray, noise: Noise
) -> None:
    """Hair: strands along ``along``, in mm, with a sheen that follows the locks."""
    colour, nir = hair_colour(person)
    locks = noise.at(across / np.float32(4.0), along / np.float32(40.0), 11)
    fine = noise.at(across / np.float32(0.9), along / np.float32(14.0), 12)
    light = np.clip(1 + 0.28 * locks + 0.32 * fine, 0.25, 2.4)
    canvas.cover(mask, np.asarray(colour, np.float32) * light[..., None], nir * np.clip(light, 0.5, 1.5), 0.5)
    canvas.gloss *= np.clip(1 + mask * (0.5 * locks + 0.3 * fine), 0.1, 2)


def _paint_scalp(canvas: Canvas, atlas: Atlas, person: Person, noise: Noise) -> None:
    cover = hair(atlas.position_m, atlas.regions["ears"], person) * atlas.of("skin") * (atlas.follow > 0.5)
    if not cover.any():
        return
    x, y, z = np.moveaxis(atlas.position_m * np.float32(_MM), -1, 0)
    # Combed back and down from a parting: along is the angle from the crown, across goes around it.
    around = np.arctan2(y - 12.0, x - 20.0) * 75.0
    along = np.sqrt((x - 20.0) ** 2 + (y - 12.0) ** 2 + (z - 60.0) ** 2)
    edge = scalp_m(atlas.position_m, person) * np.float32(_MM)
    thin = noise.at(around / np.float32(0.9), along / np.float32(9.0), 10)
    hairs = soft(edge + 2.2 * thin - 0.5, 1.8) * np.minimum(cover * 4, 1)
    short = np.float32(np.clip(person.hair_length * 5, 0.45, 1.0))
    _strands(canvas, (cover * hairs * short).astype(np.float32), person, around, along, noise)


def _paint_mouth(canvas: Canvas, atlas: Atlas) -> None:
    canvas.cover(atlas.of("teeth").astype(np.float32), _TEETH, 0.6, 1.0)
    canvas.cover(atlas.of("tongue").astype(np.float32), _TONGUE, 0.5, 0.8)
    canvas.cover(atlas.of("lashes").astype(np.float32), _LASH, 0.06, 0.0)


def _paint_eyes(canvas: Canvas, atlas: Atlas, person: Person, noise: Noise) -> None:
    """White with fine vessels, iris with its fibres and dark rim, pupil."""
    eye = atlas.of("eye_left", "eye_right")
    angle, turn = atlas.eye_rad, atlas.eye_turn_rad
    white = np.clip(0.68 - 0.10 * np.maximum(angle - 0.5, 0), 0.3, 1).astype(np.float32)
    canvas.cover(eye.astype(np.float32), white[..., None] * np.array((1.0, 0.95, 0.92), np.float32), 0.62, 1.0)
    vessels = soft(np.abs(noise.at(turn * 9, angle * 6, 14)) * -1 + 0.10, 0.10) * soft(angle - 0.75, 0.25) * eye
    canvas.tint(vessels.astype(np.float32), (0.95, 0.72, 0.70), 0.95)
    fibres = noise.at(turn * np.float32(14.0), angle * np.float32(6.0), 15)
    ring = np.exp(-(((angle - 0.20) / 0.05) ** 2))
    light = np.clip(1 + 0.30 * fibres + 0.35 * ring, 0.3, 2)
    iris = soft(_IRIS_RAD - angle, 0.02) * eye
    canvas.cover(iris.astype(np.float32), np.array(IRIS[person.iris], np.float32) * light[..., None], _NIR_IRIS * light)
    rim = np.exp(-(((angle - (_IRIS_RAD - 0.015)) / 0.03) ** 2)) * eye
    canvas.tint(np.where(rim > 0.02, rim, 0).astype(np.float32), (0.40, 0.40, 0.42), 0.7)
    pupil = soft(_PUPIL_RAD - angle, 0.012) * eye
    canvas.cover(pupil.astype(np.float32), (0.004, 0.004, 0.004), 0.01)


def _paint_clothes(canvas: Canvas, atlas: Atlas, clothes: Clothes, noise: Noise) -> None:
    cover = clothed(atlas.position_m, clothes) * atlas.of("skin") * (atlas.follow < 0.5)
    y, z = np.moveaxis(atlas.position_m[..., 1:] * np.float32(_MM), -1, 0)
    colour = np.broadcast_to(np.array(clothes.colour, np.float32), (*atlas.shape, 3))
    period = np.float32(clothes.period_m * _MM)
    if clothes.pattern in ("stripes", "checks"):
        share = soft(np.sin(z * np.float32(2 * np.pi) / period) - 0.2, 0.3)
        if clothes.pattern == "checks":
            share = 0.5 * share + 0.5 * soft(np.sin(y * np.float32(2 * np.pi) / period) - 0.2, 0.3)
        colour = colour + share[..., None] * (np.array(clothes.second, np.float32) - colour)
    columns, rows = np.meshgrid(*(np.arange(count, dtype=np.float32) for count in atlas.shape[::-1]))
    weave = noise.at(columns / np.float32(1.2), rows / np.float32(1.2), 1) * (
        0.16 if clothes.pattern == "heather" else 0.07
    )
    folds = 0.08 * noise.cloud(y / np.float32(60.0), z / np.float32(45.0), 2)
    shade = np.clip(1 + weave + folds, 0.4, 1.6)
    canvas.cover(cover.astype(np.float32), colour * shade[..., None], clothes.nir * shade, 0.06)
    # A hem, and the shadow that it casts on the skin beside it.
    below = collar_m(atlas.position_m, clothes) * np.float32(_MM)
    trunk = atlas.of("skin") * (atlas.follow < 0.6)
    seam = np.exp(-(((below - 14.0) / 0.7) ** 2)) * trunk
    canvas.tint(np.where(seam > 0.02, seam, 0).astype(np.float32), (0.6, 0.6, 0.6), 0.8)
    shadow = soft(below + 5.0, 4.0) * (1 - soft(below, 0.6)) * trunk
    canvas.tint(shadow.astype(np.float32), (0.66, 0.60, 0.60), 0.75)


def _paint_patches(canvas: Canvas, atlas: Atlas, person: Person, noise: Noise) -> None:
    """What has no place on the base head: hair that hangs, the mask, the frame of glasses."""
    rows, columns, across, along = _patch(HAIR_PATCH, atlas.shape)
    strip = Canvas(canvas.albedo[rows, columns], canvas.nir[rows, columns], canvas.gloss[rows, columns])
    _strands(strip, np.ones(across.shape, np.float32), person, across * 300.0, along * 300.0, noise)
    rows, columns, across, along = _patch(MASK_PATCH, atlas.shape)
    pleats = 1 - 0.22 * np.exp(-((np.sin(along * np.float32(4 * np.pi)) / 0.25) ** 2))
    weave = 1 + 0.05 * noise.at(across * 120, along * 120, 17)
    canvas.albedo[rows, columns] = np.array(_MASK, np.float32) * (pleats * weave)[..., None]
    canvas.nir[rows, columns] = 0.7 * pleats
    canvas.gloss[rows, columns] = 0.05
    rows, columns, across, along = _patch(FRAME_PATCH, atlas.shape)
    canvas.albedo[rows, columns] = np.array(_FRAMES[_frame_number(person)], np.float32)
    canvas.nir[rows, columns] = 0.5 if metal_frame(person) else 0.08
    canvas.gloss[rows, columns] = 1.0


def _patch(patch: Patch, shape: tuple[int, int]) -> tuple[slice, slice, np.ndarray, np.ndarray]:
    """Rows and columns of a patch, and its coordinates from 0 to 1, across and along, at each texel."""
    rows = slice(round(patch.top * shape[0]), round(patch.bottom * shape[0]))
    columns = slice(round(patch.left * shape[1]), round(patch.right * shape[1]))
    across, along = np.meshgrid(
        np.linspace(0, 1, columns.stop - columns.start, dtype=np.float32),
        np.linspace(0, 1, rows.stop - rows.start, dtype=np.float32),
    )
    return rows, columns, across, along
