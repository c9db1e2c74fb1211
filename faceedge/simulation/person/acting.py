"""A person who performs: the surface that the synthetic sensors look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from faceedge.simulation.performance.motion import Motion
from faceedge.simulation.person.body import Body
from faceedge.simulation.surface import Mesh


class Performance(Protocol):
    """What a person does over time.

    One that also has ``seat_m``, (3,) the head's pivot in the mean pose, sways about the hips.
    """

    def motion(self, time_s: np.ndarray) -> Motion:
        """The state at the times (t,)."""


@dataclass(frozen=True, slots=True)
class Acting:
    """``body`` as ``performance`` moves it; a `faceedge.simulation.surface.Surface`."""

    body: Body
    performance: Performance

    @property
    def mesh(self) -> Mesh:
        """What does not move."""
        return self.body.mesh

    def vertices(self, time_s: np.ndarray) -> np.ndarray:
        """(t, v, 3) float64 positions in m in the world's frame at the times (t,)."""
        motion = self.performance.motion(np.asarray(time_s, np.float64))
        return self.body.vertices(motion, getattr(self.performance, "seat_m", None))
