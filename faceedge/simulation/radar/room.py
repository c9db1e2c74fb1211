"""What stands around the person: things that reflect and do not move, a wall, and the desk with the radar on it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from faceedge.simulation.radar.images import Mirror
from faceedge.simulation.radar.scene import direction

POINTS = (15, 40)
NEAR_POINTS = (2, 8)
FAR_M, NEAR_M = (1.2, 5.0), (0.35, 1.2)
"""Ranges of furniture and walls, and of what lies about on the desk."""
FAR_RCS_M2, NEAR_RCS_M2 = 0.01, 2e-4
"""Mean cross section at 1 m, growing with the range squared as surfaces do; of one small thing."""
WALL_M, DESK_M = (0.5, 1.6), (0.18, 0.40)
"""How far aside the wall, how far below the radar the desk's top."""
WALL_REFLECTION, DESK_REFLECTION = (0.25, 0.6), (0.1, 0.35)
"""Amplitude. Plasterboard has a permittivity of 2.7 to 2.9 at 60 GHz and wood one of 2 (ITU-R P.2040-3), which is 0.25
and 0.17 at normal incidence. Vertical polarisation is perpendicular to the plane of incidence at a wall, where it
reflects better at an angle, and in it at a desk, where it reflects worse. Both faces of a sheet add up or cancel."""


@dataclass(frozen=True, slots=True)
class Room:
    """Everything but the person.

    Attributes:
        clutter_m: (n, 3) places that reflect and stand still.
        rcs_m2: (n,) their radar cross sections.
        mirrors: planes in which the person is seen once more.
        decimation: of so many facets one is seen in the mirrors, and stands for all of them with their power. What
            comes by a mirror is speckle of many facets; the others would change its details and not its size.
    """

    clutter_m: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    rcs_m2: np.ndarray = field(default_factory=lambda: np.zeros(0))
    mirrors: tuple[Mirror, ...] = ()
    decimation: int = 8


def draw_room(seed: int) -> Room:
    """A room of its own for each seed: clutter, one wall at the side, one desk below."""
    generator = np.random.default_rng((seed, 0))
    far, near = int(generator.integers(*POINTS)), int(generator.integers(*NEAR_POINTS))
    range_m = np.concatenate([generator.uniform(*FAR_M, far), generator.uniform(*NEAR_M, near)])
    angles = np.concatenate([generator.uniform((-55, -25), (55, 30), (far, 2)), _low(generator, near)])
    towards = np.array([direction(*pair) for pair in angles])
    rcs_m2 = generator.exponential(1.0, far + near)
    rcs_m2[:far] *= FAR_RCS_M2 * range_m[:far] ** 2
    rcs_m2[far:] *= NEAR_RCS_M2
    return Room(range_m[:, np.newaxis] * towards, rcs_m2, (_wall(generator), _desk(generator)))


def _low(generator: np.random.Generator, count: int) -> np.ndarray:
    """(count, 2) azimuth and elevation of things on the desk: beside and below a face."""
    side = generator.choice((-1.0, 1.0), count)
    return np.stack([side * generator.uniform(25, 65, count), generator.uniform(-45, -5, count)], axis=1)


def _wall(generator: np.random.Generator) -> Mirror:
    """At the left or right, nearly along the radar's boresight."""
    side = float(generator.choice((-1.0, 1.0)))
    turn = math.radians(generator.uniform(-5, 5))
    length = 4.0
    return Mirror(
        (-0.5, side * generator.uniform(*WALL_M), -1.2),
        (length * math.cos(turn), length * math.sin(turn), 0.0),
        (0.0, 0.0, 2.4),
        float(generator.uniform(*WALL_REFLECTION)),
    )


def _desk(generator: np.random.Generator) -> Mirror:
    """Below the radar, up to where the person sits."""
    return Mirror(
        (-0.3, -0.6, -float(generator.uniform(*DESK_M))),
        (0.3 + float(generator.uniform(0.10, 0.25)), 0.0, 0.0),
        (0.0, 1.2, 0.0),
        float(generator.uniform(*DESK_REFLECTION)),
    )
