"""The shape of a synthetic person's head: random, and as large as people's heads are.

Ancestry, sex, age and weight mix MakeHuman's averages; axes of the single features are drawn at random; then depth,
breadth and height are brought to dimensions drawn from a survey of 3,997 people (Zhuang and Bradtmiller, J. Occup.
Environ. Hyg. 2:567-576, 2005).
"""

from __future__ import annotations

import math

import numpy as np

from faceedge.simulation.person.head import Head, load_head

SURVEY_MM = {
    #                    men: mean, standard deviation; women
    "head length": ((197.3, 7.4), (187.5, 7.2)),
    "face breadth": ((143.5, 6.9), (135.1, 6.5)),
    "face length": ((122.7, 7.0), (113.4, 6.1)),
    "nose breadth": ((36.6, 4.1), (33.2, 3.9)),
    "nose length": ((52.0, 4.1), (48.2, 3.8)),
    "nose protrusion": ((21.1, 2.7), (19.8, 2.7)),
    "lip length": ((51.1, 4.2), (48.0, 4.0)),
    "eye distance": ((64.5, 3.6), (61.9, 3.5)),
}
"""Glabella to back of head, bizygomatic, menton to sellion, between the wings of the nose, sellion to
subnasale, subnasale to tip, between the corners of the mouth, between the pupils. Cited figures, not checked against
the survey's own tables; head breadth (about 152 and 147 mm) is left free and comes out 10 mm narrower."""

_SHARED = 0.35
"""Correlation of any two of the dimensions: large people are large everywhere (assumed, of the usual size)."""

_SCALED = {"head length": 0, "face breadth": 1, "face length": 2}
"""Dimensions that set the factors of depth, breadth and height."""

_ADJUSTED = {
    "nose breadth": "nose-width3", "nose length": "nose-scale-vert",
    "nose protrusion": "nose-scale-depth", "lip length": "mouth-scale-horiz", "eye distance": "eye-trans-out",
}  # fmt: skip
"""Dimensions that set an axis instead of a random draw."""

_REACH = 1.25
"""How far an axis may be taken to meet a dimension: a little beyond its modelled range."""

SPREADS = (
    # the first of these that an axis's name begins with gives its standard deviation
    ("asym-mouth", 0.05),
    ("asym-jaw", 0.06),
    ("asym-brow", 0.05),
    ("asym-", 0.08),
    ("ear-", 0.28),
    ("head-angle", 0.12),
    ("head-back", 0.12),
    ("head-scale", 0.0),  # what the factors do
    ("head-fat", 0.16),
    ("head-", 0.15),  # outlines: oval, round, square ...
    ("forehead-", 0.2),
    ("cheek-", 0.2),
    ("chin-height", 0.12),
    ("chin-", 0.2),
    ("eye-trans-up", 0.12),
    ("eye-scale", 0.12),
    ("eye-", 0.2),
    ("mouth-upperlip-width", 0.12),
    ("mouth-lowerlip-height", 0.12),
    ("mouth-scale-vert", 0.1),
    ("mouth-angles", 0.08),
    ("mouth-lowerlip-volume", 0.1),
    ("mouth-lowerlip-middle", 0.1),
    ("mouth-lowerlip-ext", 0.1),
    ("mouth-lowerlip-width", 0.12),
    ("mouth-upperlip-volume", 0.12),
    ("mouth-upperlip-ext", 0.1),
    ("mouth-scale-depth", 0.12),
    ("mouth-trans", 0.14),
    ("mouth-laugh-lines", 0.1),
    ("mouth-dimples", 0.1),
    ("mouth-", 0.2),
    ("neck-", 0.15),
    ("nose-", 0.17),
    ("", 0.2),
)

_MEANS = {"mouth-angles-up": 0.5, "mouth-lowerlip-volume": -0.3, "mouth-lowerlip-height": -0.35}
"""Of axes whose middle is not 0: the base mesh's mouth droops at rest more than people's do."""

_ONE_SIDED = ("head-diamond", "head-invertedtriangular", "head-oval", "head-rectangular", "head-round", "head-square",
              "head-triangular", "chin-triangle")  # fmt: skip

_LARGEST = 2.3
"""Standard deviations at which draws are cut."""


def draw_shape(
    random: np.random.Generator, sex: str, age_years: float, ancestry: tuple[float, float, float]
) -> tuple[tuple[float, ...], tuple[float, float, float]]:
    """Coefficients of the head's targets, and the factors of depth, breadth and height."""
    head = load_head()
    male = float(np.clip(random.normal(0.9 if sex == "male" else 0.1, 0.08), 0, 1))
    weight = float(np.clip(random.normal(0.0, 0.35), -1, 1))
    macro = _macro(head.macro_names, male, (age_years - 25.0) / 65.0, weight, ancestry)
    shape = np.concatenate([macro, [_axis(random, name) for name in head.axis_names]])
    means, spreads = np.array([figures[0 if sex == "male" else 1] for figures in SURVEY_MM.values()]).T
    drawn = math.sqrt(_SHARED) * random.normal() + math.sqrt(1 - _SHARED) * random.normal(size=len(means))
    wanted_m = (means + spreads * np.clip(drawn, -_LARGEST, _LARGEST)) / 1e3
    shape, size = _fitted(head, shape, dict(zip(SURVEY_MM, wanted_m, strict=True)))
    return tuple(round(float(x), 6) for x in shape), (float(size[0]), float(size[1]), float(size[2]))


def _fitted(head: Head, shape: np.ndarray, wanted_m: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Take ``shape`` to the dimensions ``wanted_m``, by turns: the three factors, then each axis of `_ADJUSTED`."""
    shape = shape.copy()
    size = np.ones(3)
    for _ in range(3):
        points = head.shaped(shape)
        now = measure(head, points * size)
        for name, along in _SCALED.items():
            size[along] *= wanted_m[name] / now[name]
        now = measure(head, points * size)
        for name, axis in _ADJUSTED.items():
            number = len(head.macro_names) + head.axis_names.index(axis)
            before = shape[number]
            towards = math.copysign(0.3, wanted_m[name] - now[name])
            # an axis's two directions are different targets: the slope is measured where it is needed
            trial = points.copy()
            head.move(trial, number, before, before + towards)
            slope = (measure(head, trial * size)[name] - now[name]) / towards
            if abs(slope) > 1e-4:
                shape[number] = np.clip(before + (wanted_m[name] - now[name]) / slope, -_REACH, _REACH)
    return shape, size


def _macro(
    names: tuple[str, ...], male: float, old: float, weight: float, ancestry: tuple[float, float, float]
) -> np.ndarray:
    """Weights of the averages: products of the shares of ancestry, sex, age (25 to 90 years) and weight (-1 to 1)."""
    old = float(np.clip(old, 0, 1))
    share = {
        "african": ancestry[0], "asian": ancestry[1], "caucasian": ancestry[2], "universal": 1.0,
        "male": male, "female": 1 - male, "old": old, "young": 1 - old, "averagemuscle": 1.0,
        "minweight": max(0.0, -weight), "maxweight": max(0.0, weight), "averageweight": 1 - abs(weight),
    }  # fmt: skip
    return np.array([np.prod([share[word] for word in name.split("-")]) for name in names])


def _axis(random: np.random.Generator, name: str) -> float:
    spread = next(value for start, value in SPREADS if name.startswith(start))
    value = float(np.clip(random.normal(), -_LARGEST, _LARGEST)) * spread + _MEANS.get(name, 0.0)
    return max(0.0, value) if name in _ONE_SIDED else value


def measure(head: Head, points_m: np.ndarray) -> dict[str, float]:
    """Dimensions in m that surveys measure, of ``points_m`` (v, 3) in the head's frame."""
    at = {name: points_m[vertex] for name, vertex in head.landmarks.items()}

    def between(one: str, other: str) -> float:
        return float(np.linalg.norm(at[one] - at[other]))

    return {
        "head length": between("glabella", "opisthocranion"),
        "face breadth": between("zygion_left", "zygion_right"),
        "face length": between("sellion", "menton"),
        "head breadth": between("eurion_left", "eurion_right"),
        "bigonial breadth": between("gonion_left", "gonion_right"),
        "nose breadth": between("alare_left", "alare_right"),
        "nose length": between("sellion", "subnasale"),
        "nose protrusion": between("nose_tip", "subnasale"),
        "lip length": between("cheilion_left", "cheilion_right"),
        "eye distance": float(np.linalg.norm(points_m[head.joints["l-eye"]] - points_m[head.joints["r-eye"]])),
    }
