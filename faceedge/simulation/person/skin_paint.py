"""Painted skin: tone, blood, pores and lines, lips, nostrils, lids, freckles, brows, stubble."""

from __future__ import annotations

import numpy as np

from faceedge.simulation.person.atlas import Atlas
from faceedge.simulation.person.canvas import Canvas, Colour, Noise
from faceedge.simulation.person.covering import EYE_M, beard, soft
from faceedge.simulation.person.person import Person

SKIN = (
    # linear R, G, B and the albedo at 850 nm, where melanin hardly absorbs, for steps 1 to 6 of skin tone
    (0.70, 0.49, 0.39, 0.63),
    (0.62, 0.405, 0.305, 0.62),
    (0.52, 0.320, 0.225, 0.60),
    (0.38, 0.220, 0.145, 0.56),
    (0.23, 0.125, 0.080, 0.49),
    (0.12, 0.064, 0.043, 0.40),
)
"""After the mean spectra of skin of Cooksey, Allen and Tsai (J. Res. NIST 122:26, 2017), rounded."""

LIPS: tuple[Colour, Colour] = ((0.42, 0.135, 0.125), (0.115, 0.050, 0.045))
"""Of the palest and of the darkest skin."""

HAIR = {
    "black": (0.012, 0.011, 0.011, 0.10),
    "dark brown": (0.030, 0.020, 0.014, 0.18),
    "brown": (0.075, 0.045, 0.026, 0.28),
    "blond": (0.36, 0.25, 0.125, 0.45),
    "red": (0.22, 0.085, 0.032, 0.38),
    "grey": (0.34, 0.33, 0.32, 0.42),
}
"""Linear R, G, B and the albedo at 850 nm of a person's hair."""

_MM = 1e3


def skin_colour(step: float) -> tuple[Colour, float]:
    """Albedo and albedo at 850 nm for a step of skin tone."""
    red, green, blue, nir = (float(np.interp(step, range(1, 7), column)) for column in np.array(SKIN).T)
    return (red, green, blue), nir


def hair_colour(person: Person) -> tuple[Colour, float]:
    """Albedo and albedo at 850 nm of a person's hair."""
    red, green, blue, nir = HAIR[person.hair]
    return (red, green, blue), nir


def paint_skin(canvas: Canvas, atlas: Atlas, person: Person, noise: Noise) -> None:
    """Everything that is skin, and the short hair on it."""
    skin = atlas.of("skin").astype(np.float32)
    across, up = atlas.position_m[..., 1], atlas.position_m[..., 2]
    columns, rows = np.meshgrid(
        np.arange(atlas.shape[1], dtype=np.float32), np.arange(atlas.shape[0], dtype=np.float32)
    )
    colour, nir = skin_colour(person.skin.step)
    canvas.cover(skin, colour, nir, 0.35)
    blotches = skin * noise.cloud(columns / 48, rows / 48, 1)
    canvas.tint(blotches, (0.985, 0.96, 0.955), 0.985)
    _blood(canvas, atlas, person, skin)
    pores = skin * noise.at(columns / 1.3, rows / 1.3, 2)
    canvas.tint(pores * (0.5 + person.skin.roughness), (0.968, 0.960, 0.960), 0.98)
    oil = skin * noise.cloud(columns / 20, rows / 20, 3)
    canvas.gloss *= np.clip(1 + 0.25 * oil - 0.06 * pores, 0.2, 2)
    _oily_zone(canvas, atlas)
    _marks(canvas, atlas, person, noise, columns, rows)
    _lines(canvas, atlas, person)
    _lids(canvas, atlas, person)
    _lips(canvas, atlas, person, noise)
    _openings(canvas, atlas, person)
    _stubble(canvas, atlas, person, noise, columns, rows)
    _brows(canvas, atlas, person, noise, across, up)


def _bump(atlas: Atlas, centre_m: tuple[float, float, float], radius_m: tuple[float, float, float]) -> np.ndarray:
    """(h, w) Gaussian about a place and its mirror image."""
    position = atlas.position_m
    distance = ((position[..., 0] - np.float32(centre_m[0])) / np.float32(radius_m[0])) ** 2
    distance += ((np.abs(position[..., 1]) - np.float32(centre_m[1])) / np.float32(radius_m[1])) ** 2
    distance += ((position[..., 2] - np.float32(centre_m[2])) / np.float32(radius_m[2])) ** 2
    out = np.exp(-np.minimum(distance, 30.0))
    out[(distance > 9.0) | (atlas.part != 0)] = 0.0
    return np.asarray(out)


def _blood(canvas: Canvas, atlas: Atlas, person: Person, skin: np.ndarray) -> None:
    much = (0.25 + 0.9 * person.skin.redness) * (1.0 if person.skin.step < 4 else 0.5)
    red = 0.9 * _bump(atlas, (0.11, 0.042, -0.004), (0.05, 0.020, 0.020))
    red += 0.9 * _bump(atlas, (0.148, 0.0, -0.006), (0.012, 0.014, 0.012))
    red += 0.5 * _bump(atlas, (0.128, 0.0, -0.065), (0.02, 0.016, 0.012))
    red += 0.7 * skin * np.clip(atlas.regions["ears"], 0, 1)
    canvas.tint(red * np.float32(much), (0.97, 0.80, 0.80), 0.98)


def _oily_zone(canvas: Canvas, atlas: Atlas) -> None:
    shine = 0.5 * _bump(atlas, (0.135, 0.0, 0.08), (0.03, 0.035, 0.025))
    shine += 0.7 * _bump(atlas, (0.15, 0.0, 0.005), (0.02, 0.010, 0.028))
    shine += 0.3 * _bump(atlas, (0.115, 0.045, 0.005), (0.03, 0.016, 0.016))
    canvas.gloss *= 1 + shine


def _marks(canvas: Canvas, atlas: Atlas, person: Person, noise: Noise, columns: np.ndarray, rows: np.ndarray) -> None:
    """Freckles, and a few moles."""
    face = atlas.regions["face"] * (atlas.part == 0)
    if person.skin.freckles > 0.02:
        where = _bump(atlas, (0.125, 0.025, 0.005), (0.06, 0.040, 0.030)) + 0.3 * face
        spots = soft(noise.at(columns / 1.7, rows / 1.7, 4) - np.float32(2.2 - 1.0 * person.skin.freckles), 0.5)
        canvas.tint(where * spots, (0.84, 0.74, 0.68), 0.97)
    random = np.random.default_rng((person.seed, 31))
    row, column = np.nonzero(face > 0.3)
    for pick in random.integers(0, max(len(row), 1), int(random.poisson(3.5))):
        near = np.exp(-((columns - column[pick]) ** 2 + (rows - row[pick]) ** 2) / random.uniform(0.8, 4.0))
        near[near < 0.02] = 0
        canvas.tint(near, (0.45, 0.33, 0.30), 0.8)


def _lines(canvas: Canvas, atlas: Atlas, person: Person) -> None:
    """Fold from nose to mouth, lines of the forehead and at the eyes' corners: as deep as the skin is old."""
    old = np.float32(0.25 + 0.9 * person.skin.roughness)
    x, y, z = np.moveaxis(atlas.position_m, -1, 0)
    aside = np.abs(y)
    front = (atlas.part == 0) & (x > 0.08)
    fold = np.interp(z, [-0.045, -0.03, -0.012, 0.0], [0.036, 0.031, 0.0225, 0.019]).astype(np.float32)
    depth = np.exp(-(((aside - fold) / 0.0022) ** 2)) * soft(z + 0.044, 0.008) * soft(0.0 - z, 0.006) * front
    lines = 0.8 * depth
    waves = z - 0.003 * np.cos(y * 55)
    for height in (0.072, 0.081, 0.091):
        lines += 0.55 * front * np.exp(-(((waves - height) / 0.0010) ** 2)) * soft(0.045 - aside, 0.012)
    corner_y, corner_z = aside - np.float32(0.049), z - np.float32(0.031)
    ray = np.arctan2(corner_z, np.maximum(corner_y, 1e-4))
    crow = np.exp(-((np.sin(ray * 5.0) / 0.28) ** 2)) * soft(corner_y - 0.003, 0.003) * soft(0.016 - corner_y, 0.004)
    lines += 0.35 * crow * soft(0.9 - np.abs(ray), 0.2) * front
    lines[lines < 0.01] = 0
    canvas.tint(lines * old, (0.80, 0.74, 0.72), 0.9)


def _lids(canvas: Canvas, atlas: Atlas, person: Person) -> None:
    """Shade around the eyes, the pink margin of the lids, and the dark line where lashes grow."""
    x, y, z = np.moveaxis(atlas.position_m, -1, 0)
    ahead, aside, above = x - np.float32(EYE_M[0]), np.abs(y) - np.float32(EYE_M[1]), z - np.float32(EYE_M[2])
    distance = np.sqrt(ahead**2 + aside**2 + above**2)
    near = (atlas.part == 0) & (distance < 0.03)
    # The socket is darker and a little bluish below the eye, more so in some people.
    random = np.random.default_rng((person.seed, 32))
    shade = _bump(atlas, (0.122, 0.031, 0.018), (0.02, 0.015, 0.006)) * np.float32(random.uniform(0.2, 0.9))
    shade += 0.6 * _bump(atlas, (0.124, 0.017, 0.034), (0.02, 0.007, 0.012))
    shade += 0.5 * _bump(atlas, (0.122, 0.032, 0.0425), (0.02, 0.016, 0.0045))
    canvas.tint(shade, (0.80, 0.75, 0.76), 0.92, 0.8)
    margin = near * soft(0.0163 - distance, 0.0004) * (ahead > -0.002)
    canvas.cover(margin.astype(np.float32), (0.30, 0.13, 0.11), 0.45, 0.9)
    deep = near * soft(0.0151 - distance, 0.0006) * (ahead > -0.002)
    canvas.cover(deep.astype(np.float32), (0.10, 0.04, 0.035), 0.25, 0.2)
    colour, nir = hair_colour(person)
    dark: Colour = (min(colour[0], 0.03), min(colour[1], 0.022), min(colour[2], 0.02))
    line = np.exp(-(((distance - 0.0166) / 0.0006) ** 2)) * near * (ahead > 0.003)
    upper = line * soft(above - 0.0005, 0.001)
    lower = 0.42 * line * soft(-0.0012 - above, 0.001)
    canvas.cover(np.where(upper + lower > 0.02, upper + lower, 0).astype(np.float32), dark, min(nir, 0.15), 0.1)
    crease = np.exp(-(((distance - 0.0202 - 0.0008 * np.cos(aside * 90)) / 0.0006) ** 2)) * near
    crease *= soft(above - 0.006, 0.002) * (ahead > 0)
    canvas.tint(np.where(crease > 0.02, crease, 0).astype(np.float32), (0.62, 0.55, 0.53), 0.85)


def _lips(canvas: Canvas, atlas: Atlas, person: Person, noise: Noise) -> None:
    x, y, z = np.moveaxis(atlas.position_m, -1, 0)
    mask = soft(atlas.regions["lips"] - 0.45, 0.18) * (atlas.part == 0)
    share = (person.skin.step - 1) / 5
    random = np.random.default_rng((person.seed, 33))
    tone = np.array(LIPS[0]) + share**0.8 * (np.array(LIPS[1]) - np.array(LIPS[0]))
    tone *= np.exp(random.normal(0, 0.12)) * (1.0 if person.sex == "female" else 1.12)
    strength = np.float32(random.uniform(0.65, 0.95) if person.sex == "female" else random.uniform(0.45, 0.75))
    red, green, blue = (float(value) for value in tone)
    canvas.cover(mask * strength, (red, green, blue), 0.52, 0.55)
    wrinkles = noise.at(y * np.float32(1.3 * _MM), z * np.float32(0.15 * _MM), 6)
    canvas.tint(mask * wrinkles * 0.6, (0.88, 0.85, 0.85), 0.95)
    meeting = np.exp(-(((z + 0.0335 + 1.5 * y**2) / 0.0012) ** 2)) * mask * (x > 0.118)
    canvas.tint(np.where(meeting > 0.02, meeting, 0).astype(np.float32), (0.42, 0.35, 0.35), 0.7)


def _openings(canvas: Canvas, atlas: Atlas, person: Person) -> None:
    """Nostrils and the inside of the mouth."""
    dark = skin_colour(person.skin.step)[0]
    hole = _bump(atlas, (0.1395, 0.0095, -0.0108), (0.0052, 0.0040, 0.0032)) * 2.2
    canvas.cover(np.minimum(hole, 1).astype(np.float32), (0.10 * dark[0], 0.07 * dark[1], 0.07 * dark[2]), 0.08, 0.0)
    wing = _bump(atlas, (0.130, 0.0185, -0.006), (0.008, 0.0022, 0.010))
    canvas.tint(wing, (0.70, 0.62, 0.60), 0.85)
    mouth = atlas.regions["inside-mouth"] * (atlas.part == 0)
    canvas.cover(soft(mouth - 0.4, 0.2), (0.11, 0.028, 0.025), 0.3, 0.8)


def _stubble(canvas: Canvas, atlas: Atlas, person: Person, noise: Noise, columns: np.ndarray, rows: np.ndarray) -> None:
    """From a shadow of shaved hair to a full beard."""
    if person.sex != "male" and person.beard == 0:
        return
    where = (
        beard(atlas.position_m, atlas.regions["lips"], atlas.regions["ears"]) * (atlas.part == 0) * (atlas.follow > 0.4)
    )
    colour, nir = hair_colour(person)
    canvas.cover(where * np.float32(0.10 + 0.25 * min(person.beard * 3, 1)), colour, 0.9 * nir + 0.2)
    if person.beard > 0.05:
        strands = 0.8 * noise.at(columns / 0.8, rows / 2.2, 8) + 0.6 * noise.at(columns / 0.7, rows / 0.9, 9)
        level = 1.1 - 2.6 * min(person.beard * 1.3, 1.0)
        full = where * soft(strands + 1.2 * (where - 0.8) - np.float32(level), 0.5)
        light = np.float32(1) + 0.35 * strands
        shades = np.asarray(colour, np.float32) * np.clip(light, 0.4, 2.2)[..., None]
        canvas.cover(full * np.float32(0.9), shades, nir, 0.25)


def _arch(along: np.ndarray) -> np.ndarray:
    """How high a brow is along its length, 0 to 1: rises to two thirds, then falls."""
    return np.asarray(1 - 1.3 * (along - 0.62) ** 2 - 2.2 * np.maximum(along - 0.62, 0) ** 2)


def _brows(canvas: Canvas, atlas: Atlas, person: Person, noise: Noise, across: np.ndarray, up: np.ndarray) -> None:
    """Two arcs of strokes that grow upwards near the nose and outwards along the arc."""
    random = np.random.default_rng((person.seed, 34))
    arch = random.uniform(0.003, 0.006) * (1.15 if person.sex == "female" else 0.8)
    height = 0.0508 + random.uniform(-0.0012, 0.0015)
    inner, outer = 0.0095 + random.uniform(-0.003, 0.0025), 0.0500 + random.uniform(-0.003, 0.003)
    thick = 0.0022 + 0.0034 * person.brows
    along = (np.abs(across) - np.float32(inner)) / np.float32(outer - inner)
    rise = np.interp(along, np.linspace(-0.2, 1.2, 57), _arch(np.linspace(-0.2, 1.2, 57))).astype(np.float32)
    arc = np.float32(height) + np.float32(arch) * rise
    profile = np.interp(along, [-0.08, 0.06, 0.35, 0.75, 1.06], [0.55, 1.0, 1.0, 0.62, 0.12]).astype(np.float32)
    beside = (up - arc) / (np.float32(thick) * profile)
    cover = np.exp(-(np.abs(beside) ** 2.6)) * soft(along + 0.03, 0.07) * soft(1.03 - along, 0.06)
    cover *= (atlas.part == 0) & (atlas.position_m[..., 0] > 0.08)
    # Hairs: noise that is stretched along the direction of growth.
    turn = np.interp(along, [0.0, 0.25, 1.0], [1.1, 0.55, 0.1]).astype(np.float32)
    y, z = np.abs(across) * _MM, (up - arc) * _MM
    lengthwise, crosswise = y * np.cos(turn) + z * np.sin(turn), z * np.cos(turn) - y * np.sin(turn)
    side = np.where(across > 0, 100.0, 0.0).astype(np.float32)
    hairs = noise.at(crosswise / np.float32(0.55) + side, lengthwise / np.float32(3.5), 7)
    density = cover * soft(0.4 * hairs + np.float32(1.2 + 1.2 * person.brows) * cover - 0.65, 0.6)
    colour, nir = hair_colour(person)
    dark: Colour = (min(0.6 * colour[0], 0.12), min(0.6 * colour[1], 0.08), min(0.6 * colour[2], 0.06))
    canvas.cover(np.where(density > 0.01, 0.95 * density, 0).astype(np.float32), dark, 0.8 * nir, 0.1)
