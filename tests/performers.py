"""Somebody who can perform, without a face."""

from __future__ import annotations

from dataclasses import dataclass

from faceedge.simulation.performance.placement import Placement


@dataclass(frozen=True)
class Somebody:
    """A person as far as a performance goes."""

    seed: int = 3
    breathing_hz: float = 0.25
    breathing_m: float = 6e-3
    heart_hz: float = 1.15
    pulse_m: float = 40e-6
    blink_hz: float = 0.25
    blink_s: float = 0.25
    sway_m: float = 3e-3
    expressiveness: float = 1.0
    asymmetry: float = 0.1
    restlessness: float = 1.0


HERE = Placement(0.3)
