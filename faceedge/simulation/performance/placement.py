"""Where a synthetic person sits, and how the head is turned on average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.simulation.performance.turning import FACING, rotation

NEAREST_M, FARTHEST_M = 0.15, 1.5
FARTHEST_OFFSET_M = 0.5
GREATEST_TURN_DEG = (60.0, 40.0, 40.0)
"""Of yaw, pitch and roll. Beyond it the neck does not go, or the face is no longer seen."""


@dataclass(frozen=True, slots=True)
class Placement:
    """The mean pose of a session, about which the person moves.

    Attributes:
        distance_m: along x from the radar to the tip of the nose, neutral face.
        offset_m: (y, z) of the tip of the nose from the radar's axis: positive to the left as the radar looks, and up.
        turn_deg: (yaw, pitch, roll) of the head against facing the radar's way, as `Motion.head_rad` has it.

    Raises:
        ConfigurationError: a figure is no number, or no head can be there.
    """

    distance_m: float
    offset_m: tuple[float, float] = (0.0, 0.0)
    turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if not NEAREST_M <= self.distance_m <= FARTHEST_M:
            inside = 0 <= self.distance_m < NEAREST_M
            raise ConfigurationError(
                f"a face can be {NEAREST_M} to {FARTHEST_M} m from the radar, got {self.distance_m} m"
                f"{', which would put the radar inside the head once the person moves' if inside else ''}; choose a "
                "distance_m in between."
            )
        if len(self.offset_m) != 2 or not all(abs(offset) <= FARTHEST_OFFSET_M for offset in self.offset_m):
            raise ConfigurationError(
                f"offset_m is two numbers, to the left and up, each within {FARTHEST_OFFSET_M} m of the radar's axis, "
                f"got {self.offset_m}."
            )
        turns = len(self.turn_deg) == 3 and all(
            abs(turn) <= most for turn, most in zip(self.turn_deg, GREATEST_TURN_DEG, strict=True)
        )
        if not turns:
            raise ConfigurationError(
                f"turn_deg is yaw, pitch and roll of the head, at most {GREATEST_TURN_DEG} degrees either way, got "
                f"{self.turn_deg}."
            )

    @property
    def turn_rad(self) -> np.ndarray:
        """(3,) yaw, pitch, roll."""
        return np.radians(np.array(self.turn_deg, np.float64))

    def pivot_m(self, nose_m: np.ndarray) -> np.ndarray:
        """Where the head's pivot is in the world so that the nose is where this placement has it.

        Args:
            nose_m: (3,) the tip of the nose from the pivot, in the head's own frame.
        """
        nose = np.array([self.distance_m, *self.offset_m])
        pivot: np.ndarray = nose - FACING @ rotation(self.turn_rad) @ nose_m
        return pivot
