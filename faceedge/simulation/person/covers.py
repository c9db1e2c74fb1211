"""Hair, beard and clothes on the mesh: how far they stand out from the skin, and which triangles they are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from faceedge.simulation.person.covering import Clothes, beard, clothed, collar_m, hair, scalp_m, soft
from faceedge.simulation.person.head import Head
from faceedge.simulation.person.person import Person
from faceedge.simulation.surface import PARTS

THICK_BEARD = 0.3
"""Of `Person.beard`: from here on a beard is a layer of its own and no shadow on the skin."""

_EDGE_M = 0.010  # over which hair rises from the skin to its full thickness
_FOLD_M, _FOLD_LENGTH_M = 3e-3, (0.04, 0.14)


@dataclass(frozen=True, slots=True)
class Covers:
    """How much of each thing is at n places of the base head, 0 to 1.

    Attributes:
        hair, beard, clothes: (n,) float32.
    """

    hair: np.ndarray
    beard: np.ndarray
    clothes: np.ndarray

    @classmethod
    def at(cls, head: Head, person: Person, clothes: Clothes) -> Covers:
        """At the vertices of the base head."""
        place = head.base_m[: head.vertices]
        on_head = (head.follow > 0.5) & _of_skin(head)
        return cls(
            hair=hair(place, head.regions["ears"], person) * on_head,
            beard=beard(place, head.regions["lips"], head.regions["ears"])
            * on_head
            * (1 - head.regions["inside-mouth"])
            * (person.beard > 0),
            clothes=clothed(place, clothes) * (head.follow < 0.5) * _of_skin(head),
        )

    def of_triangles(self, triangles: np.ndarray) -> Covers:
        """The mean at the corners of each of the triangles (f, 3)."""
        return Covers(*(values[triangles].mean(axis=1) for values in (self.hair, self.beard, self.clothes)))


def volume(head: Head, skin_m: np.ndarray, person: Person, clothes: Clothes, covers: Covers) -> np.ndarray:
    """(v, 3) float32 m, from the skin (v, 3) outward to the surface of what covers it."""
    place = head.base_m[: head.vertices]
    inside = np.maximum(scalp_m(place, person), 0)
    top = soft(place[:, 2] - 0.07, 0.04)
    length = person.hair_length
    thickness = (0.0015 + 0.012 * length + top * 0.022 * length) * (1 - np.exp(-inside / _EDGE_M)) * covers.hair
    locks = random_field(place, clothes.seed, 40, (0.03, 0.09))  # hair lies otherwise on another day
    thickness *= 1 + 0.07 * np.clip(locks, -2, 2)
    thickness += covers.beard * 0.009 * max(0.0, person.beard - 0.2) * (1 + 0.1 * np.clip(locks, -2, 2))
    below = np.clip(collar_m(place, clothes) / 0.02, 0, 1)
    folds = np.clip(random_field(place, clothes.seed, 62, _FOLD_LENGTH_M), -2, 2)
    thickness += covers.clothes * (clothes.thickness_m + below * _FOLD_M * (1 + 0.45 * folds))
    return np.asarray(thickness[:, None] * vertex_normals(skin_m, head.triangles), np.float32)


def parts(head: Head, person: Person, covers: Covers) -> np.ndarray:
    """(f,) uint8 parts of the base head's triangles, with what covers the skin."""
    part = head.part.copy()
    shares = covers.of_triangles(head.triangles)
    skin = part == PARTS.index("skin")
    for name, share in (("hair", shares.hair), ("clothes", shares.clothes)):
        part[skin & (share > 0.5)] = PARTS.index(name)
    if person.beard > THICK_BEARD:
        part[skin & (shares.beard > 0.5)] = PARTS.index("beard")
    return part


def vertex_normals(points_m: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(v, 3) float32 of unit length, each the mean of the normals of the triangles around weighted by their areas."""
    corners = points_m[triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal = np.stack(
        [np.bincount(triangles.ravel(), weights=np.repeat(face[:, k], 3), minlength=len(points_m)) for k in range(3)],
        axis=1,
    )
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    return np.asarray(normal / np.maximum(length, 1e-12), np.float32)


def random_field(place_m: np.ndarray, seed: int, stream: int, wavelengths_m: tuple[float, float]) -> np.ndarray:
    """(n,) float32: a smooth random field with mean 0 and standard deviation 1 at places (n, 3).

    A sum of plane waves with random directions, phases, and lengths between the two ``wavelengths_m``.
    """
    random = np.random.default_rng((seed, stream))
    waves = 32
    direction = random.normal(size=(3, waves))
    direction /= np.linalg.norm(direction, axis=0)
    length = np.exp(random.uniform(math.log(wavelengths_m[0]), math.log(wavelengths_m[1]), waves))
    phase = random.uniform(0, 2 * np.pi, waves)
    turns = place_m.astype(np.float32) @ (2 * np.pi * direction / length).astype(np.float32)
    return np.asarray(np.sqrt(2 / waves) * np.cos(turns + phase.astype(np.float32)).sum(axis=1), np.float32)


def _of_skin(head: Head) -> np.ndarray:
    on_skin = np.zeros(head.vertices, bool)
    on_skin[np.unique(head.triangles[head.part == PARTS.index("skin")])] = True
    return on_skin
