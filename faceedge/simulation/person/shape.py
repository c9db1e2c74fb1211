"""The shape of a synthetic person's head: random, and as large as people's heads are.

Ancestry, sex, age and weight mix MakeHuman's averages; axes of the single features are drawn at random; then depth,
breadth and height are brought to dimensions drawn from a survey of 3,997 people (Zhuang and Bradtmiller, J. Occup.
Environ. Hyg. 2:567-576, 2005).
"""

from __future__ import annotations

import numpy as np

from faceedge.simulation.person.head import Head, load_head

SURVEY_MM = {
    #                       men: mean, standard deviation; women
    "head length": ((197.3, 7.4), (187.5, 7.2)),
    "face breadth": ((143.5, 6.9), (135.1, 6.5)),
    "face length": ((122.7, 7.0), (113.4, 6.1)),
}
"""Head length (glabella to back), bizygomatic breadth, menton-sellion length."""

_CORRELATION = np.array([[1.0, 0.3, 0.35], [0.3, 1.0, 0.3], [0.35, 0.3, 1.0]])
"""Of the three with one another (assumed, of the size usual between dimensions of the head)."""

SPREADS = (
    # the first of these that an axis's name begins with gives its standard deviation
    ("asym-", 0.16),
    ("ear-", 0.35),
    ("head-angle", 0.2),
    ("head-back", 0.25),
    ("head-scale", 0.15),
    ("head-fat", 0.3),
    ("head-", 0.3),  # outlines: oval, round, square ...
    ("chin-cleft", 0.3),
    ("chin-jaw-drop", 0.3),
    ("neck-double", 0.25),
    ("neck-", 0.3),
    ("eye-epicanthus", 0.3),
    ("eye-trans-out", 0.25),
    ("eye-scale", 0.2),
    ("eye-push", 0.3),
    ("nose-compression", 0.25),
    ("", 0.33),
)

_ONE_SIDED = ("head-diamond", "head-invertedtriangular", "head-oval", "head-rectangular", "head-round", "head-square",
              "head-triangular", "chin-triangle")  # fmt: skip

_LARGEST = 2.3
"""Standard deviations at which draws are cut: nobody is a caricature."""


def draw_shape(
    random: np.random.Generator, sex: str, age_years: float, ancestry: tuple[float, float, float]
) -> tuple[tuple[float, ...], tuple[float, float, float]]:
    """Coefficients of the head's targets, and the factors of depth, breadth and height."""
    head = load_head()
    male = float(np.clip(random.normal(0.9 if sex == "male" else 0.1, 0.08), 0, 1))
    weight = float(np.clip(random.normal(0.0, 0.35), -1, 1))
    macro = _macro(head.macro_names, male, (age_years - 25.0) / 65.0, weight, ancestry)
    shape = np.concatenate([macro, [_axis(random, name) for name in head.axis_names]]).astype(np.float32)
    means, spreads = np.array([SURVEY_MM[name][0 if sex == "male" else 1] for name in SURVEY_MM]).T
    drawn = np.clip(random.multivariate_normal(np.zeros(3), _CORRELATION), -_LARGEST, _LARGEST)
    size = (means + spreads * drawn) / (1e3 * _three(head, head.shaped(shape)))
    return tuple(float(x) for x in shape), (float(size[0]), float(size[1]), float(size[2]))


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
    value = float(np.clip(random.normal(), -_LARGEST, _LARGEST)) * spread
    return max(0.0, value) if name in _ONE_SIDED else value


def _three(head: Head, points_m: np.ndarray) -> np.ndarray:
    """(3,) head length, face breadth and face length in m of ``points_m`` (v + j, 3)."""
    measured = measure(head, points_m)
    return np.array([measured[name] for name in SURVEY_MM])


def measure(head: Head, points_m: np.ndarray) -> dict[str, float]:
    """Dimensions in m that surveys measure, of ``points_m`` (v, 3) in the head's frame."""
    at = {name: points_m[vertex] for name, vertex in head.landmarks.items()}
    skin = points_m[: head.vertices][(head.follow > 0.97) & (head.regions["ears"] < 0.05)]
    height = skin[:, 2]
    cheeks = skin[(np.abs(height - (0.45 * at["sellion"] + 0.55 * at["subnasale"])[2]) < 0.008) & (skin[:, 0] > 0.02)]
    return {
        "head length": float(at["glabella"][0] - skin[:, 0].min()),
        "face breadth": float(np.ptp(cheeks[:, 1])),
        "face length": float(np.linalg.norm(at["sellion"] - at["menton"])),
    }
