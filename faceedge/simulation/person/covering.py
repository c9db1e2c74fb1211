"""Where hair, beard and clothes cover the base head: smooth masks over places, for the texture and for the mesh alike.

Places are those of the base head, in metres in the head's frame (x out of the face, y to the left, z up), so the
masks sit at the same anatomical place on everybody. Edges are soft over some millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceedge.simulation.person.person import Person

EYE_M = (0.1085, 0.0308, 0.0309)
"""Middle of the left eyeball; that of the right one is its mirror image."""
MOUTH_M = (0.133, 0.0, -0.035)
EAR_X_M = 0.030

NECKLINES = ("crew", "v", "shirt")


@dataclass(frozen=True, slots=True)
class Clothes:
    """What a person wears in a session.

    Attributes:
        neckline: one of `NECKLINES`.
        opening_m: how far the neckline reaches down below the pit of the neck.
        colour, second: (3,) linear albedo.
        nir: albedo at 850 nm; many dyes are pale there.
        pattern: ``plain``, ``stripes``, ``checks`` or ``heather``.
        period_m: of the pattern.
        thickness_m: of the cloth.
        seed: of folds and of the gap between cloth and skin.
    """

    neckline: str
    opening_m: float
    colour: tuple[float, float, float]
    second: tuple[float, float, float]
    nir: float
    pattern: str
    period_m: float
    thickness_m: float
    seed: int


def draw_clothes(clothing_seed: int) -> Clothes:
    """The clothes of ``clothing_seed``."""
    random = np.random.default_rng((clothing_seed, 60))
    grey = random.uniform(0.02, 0.6)
    colour = grey * np.exp(random.normal(0, 0.22, 3))
    second = colour * random.uniform(0.4, 1.9) * np.exp(random.normal(0, 0.12, 3))
    return Clothes(
        neckline=NECKLINES[int(random.integers(len(NECKLINES)))],
        opening_m=float(random.uniform(0.0, 0.05)),
        colour=_triple(colour),
        second=_triple(second),
        nir=float(np.clip(0.35 + 0.5 * colour.mean() + random.normal(0, 0.12), 0.06, 0.8)),
        pattern=("plain", "plain", "stripes", "checks", "heather")[int(random.integers(5))],
        period_m=float(random.uniform(0.012, 0.045)),
        thickness_m=float(random.uniform(0.4e-3, 2.2e-3)),
        seed=int(clothing_seed),
    )


def _triple(colour: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = np.clip(colour, 0.015, 0.8)
    return float(red), float(green), float(blue)


def soft(value: np.ndarray, width: float) -> np.ndarray:
    """0 below -width, 1 above +width, smooth between."""
    t = np.clip(value / np.float32(2 * width) + np.float32(0.5), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def scalp_m(place_m: np.ndarray, person: Person) -> np.ndarray:
    """(...,) roughly how far inside the hairline a place is, in m; negative: skin.

    The forehead's line recedes in the middle and more at the temples; the sides have sideburns in front of the ears and
    end below them, at the nape.
    """
    x, y, z = np.moveaxis(place_m, -1, 0)
    aside = np.abs(y)
    receding = np.float32(person.hairline)
    corner = 0.030 * np.maximum(receding - 0.25, 0)
    line = 0.092 + 0.024 * receding + corner * np.exp(-(((aside - 0.046) / 0.016) ** 2))
    front = np.minimum(z - line, 0.126 - 0.020 * receding - x)
    temple = 0.060 + 0.032 * soft(z - 0.055, 0.03) * (1 - 0.5 * receding) - 0.012 * soft(0.016 - z, 0.012)
    side = np.minimum(temple - x, aside - 0.045)
    lower = np.where(x < EAR_X_M - 0.012, -0.045, 0.004 if person.sex == "male" else 0.012)
    side = np.minimum(side, z - lower)
    back = np.minimum(0.012 - x, z + 0.055)
    return np.asarray(np.maximum(np.maximum(front, side), back), np.float32)


def hair(place_m: np.ndarray, ears: np.ndarray, person: Person) -> np.ndarray:
    """(...,) 0 to 1, how much of the scalp's hair is at a place; ``ears`` (...,) is the region of that name."""
    if person.hair_length < 0.04:
        return np.zeros(place_m.shape[:-1], np.float32)
    return np.asarray(soft(scalp_m(place_m, person) - 0.002, 0.005) * (1 - soft(ears - 0.35, 0.2)), np.float32)


def beard(place_m: np.ndarray, lips: np.ndarray, ears: np.ndarray) -> np.ndarray:
    """(...,) 0 to 1, where a beard grows: moustache, chin, jaw, and up to the sideburns; ``lips`` and ``ears``
    (...,), the regions of these names, are left out.
    """
    x, y, z = np.moveaxis(place_m, -1, 0)
    aside = np.abs(y)
    top = np.interp(aside, [0.0, 0.022, 0.034, 0.055, 0.068, 0.09], [-0.020, -0.020, -0.040, -0.022, 0.006, 0.012])
    upper = soft(top.astype(np.float32) - z, 0.006)
    behind = soft(x - np.interp(z, [-0.06, -0.03, 0.02], [0.035, 0.030, 0.040]).astype(np.float32), 0.006)
    below = soft(z - np.interp(x, [0.04, 0.09, 0.12], [-0.055, -0.098, -0.104]).astype(np.float32), 0.010)
    under_lip = 1 - 0.75 * np.exp(-((aside / 0.016) ** 2 + ((z + 0.053) / 0.006) ** 2))  # a hairless patch on most
    bare = (1 - soft(lips - 0.55, 0.15)) * (1 - soft(ears - 0.3, 0.2))
    return np.asarray(upper * behind * below * under_lip * bare, np.float32)


def clothed(place_m: np.ndarray, clothes: Clothes) -> np.ndarray:
    """(...,) 0 to 1, where clothes cover the trunk."""
    return np.asarray(soft(collar_m(place_m, clothes), 0.0012), np.float32)


def collar_m(place_m: np.ndarray, clothes: Clothes) -> np.ndarray:
    """(...,) how far below the neckline a place is, in m; negative: bare skin."""
    x, y, z = np.moveaxis(place_m, -1, 0)
    aside = np.abs(y)
    round_neck = -0.150 - clothes.opening_m * np.exp(-((aside / 0.055) ** 2)) + 0.55 * np.maximum(aside - 0.035, 0)
    if clothes.neckline == "v":
        round_neck = (
            -0.150
            - (0.03 + 1.3 * clothes.opening_m) * np.clip(1 - aside / 0.055, 0, 1)
            + 0.55 * np.maximum(aside - 0.05, 0)
        )
    elif clothes.neckline == "shirt":
        round_neck = -0.122 - 0.07 * np.clip(1 - aside / 0.032, 0, 1) + 0.2 * np.maximum(aside - 0.03, 0)
    back = 0.05 - x  # the neck's sides and back are covered higher up
    return np.asarray(np.minimum(round_neck + 0.3 * np.clip(back, 0, 0.1), -0.085) - z, np.float32)
