"""How strongly each triangle of a person reflects the radar's wave.

Skin reflects as `faceedge.simulation.person.materials` has it, times a smooth random field of the person's own (within
2 dB), which stands for what no mean figure tells: thickness and dryness of the horny layer, hair too fine to see, oil.
Moisture changes from session to session. Over the trunk, cloth and an air gap of some millimetres act as a layer whose
reflection interferes with that of the skin. Hair and beards send most of the wave aside: what is given for them is the
part that is left in the mirror's direction (assumed: no measurement at 60 GHz is known to us).
"""

from __future__ import annotations

import numpy as np

from faceedge.simulation.person.covering import Clothes
from faceedge.simulation.person.covers import Covers, random_field
from faceedge.simulation.person.materials import (
    LENS_M,
    MASK_M,
    half_space,
    layered,
    permittivity,
)
from faceedge.simulation.person.person import Person
from faceedge.simulation.surface import PARTS

_FIELD_DB, _FIELD_LIMIT_DB = 0.8, 2.0
_FIELD_LENGTH_M = (0.012, 0.06)
_HAIR_LEFT = 0.16  # amplitude against skin, under long hair
_BEARD_LEFT = 0.45  # and under a full beard
_GAP_M = (0.2e-3, 6e-3)  # between cloth and skin
_GAP_STEPS = 64


def part_reflections() -> dict[str, float]:
    """Amplitude reflection of the parts that are the same on everybody."""
    return {
        "eye_left": abs(half_space(permittivity("cornea"))),
        "eye_right": abs(half_space(permittivity("cornea"))),
        "lashes": 0.0,
        "teeth": abs(half_space(permittivity("tooth"))),
        "tongue": abs(half_space(permittivity("tongue"))),
        "mask": abs(layered(((permittivity("fleece"), MASK_M),))),
    }


def lens_reflection() -> float:
    """Of a lens of glasses, both faces together."""
    return abs(layered(((permittivity("polycarbonate"), LENS_M),)))


def frame_reflection(metal: bool) -> float:
    """Of the frame of glasses. One of plastic is too thin a bar for its two faces to act as a layer's."""
    return 1.0 if metal else abs(half_space(permittivity("polycarbonate")))


def reflections(person: Person, clothes: Clothes, place_m: np.ndarray, part: np.ndarray, covers: Covers) -> np.ndarray:
    """Amplitude reflection at normal incidence of triangles.

    Args:
        person: whose.
        clothes: of the session; its seed also draws the session's moisture.
        place_m: (f, 3) middles of the triangles on the base head.
        part: (f,) index into `PARTS`.
        covers: of the triangles.

    Returns:
        (f,) float32, 0 to 1.
    """
    moisture = float(np.random.default_rng((person.seed, clothes.seed, 63)).beta(1.5, 3.0))
    skin = abs(half_space((1 - moisture) * permittivity("dry skin") + moisture * permittivity("wet skin")))
    field_db = _FIELD_DB * random_field(place_m, person.seed, 64, _FIELD_LENGTH_M)
    out = skin * 10 ** (np.clip(field_db, -_FIELD_LIMIT_DB, _FIELD_LIMIT_DB) / 20)
    hair_left = _HAIR_LEFT + (1 - _HAIR_LEFT) * np.exp(-person.hair_length * 9.0)
    out *= 1 - covers.hair * (1 - hair_left)
    out *= 1 - covers.beard * (1 - _BEARD_LEFT) * min(1.0, 1.4 * person.beard)
    out += covers.clothes * (_clothed_skin(clothes, place_m) - out)
    for name, value in part_reflections().items():
        out[part == PARTS.index(name)] = value
    return np.asarray(np.clip(out, 0, 1), np.float32)


def _clothed_skin(clothes: Clothes, place_m: np.ndarray) -> np.ndarray:
    """(f,) amplitude reflection of cloth, a gap that varies over the trunk, and skin."""
    knitted = clothes.thickness_m > 1.4e-3
    cloth = permittivity("wool" if knitted else "cotton")
    gaps = np.linspace(*_GAP_M, _GAP_STEPS)
    skin = permittivity("dry skin")
    table = [abs(layered(((cloth, clothes.thickness_m), (1.0, float(gap))), skin)) for gap in gaps]
    share = 0.5 + 0.25 * random_field(place_m, clothes.seed, 65, (0.03, 0.12))
    return np.interp(_GAP_M[0] + share * (_GAP_M[1] - _GAP_M[0]), gaps, table)
