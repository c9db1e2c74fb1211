"""What a performance needs to know of the person who gives it."""

from __future__ import annotations

from typing import Protocol


class Subject(Protocol):
    """Habits and figures of one person; `faceedge.simulation.person.person.Person` has them all.

    Attributes:
        seed: of all that is the person's own.
        breathing_hz, breathing_m: breaths per second and how far the breastbone rises, both at rest.
        heart_hz, pulse_m: beats per second at rest, and how far the pulse moves the skin of the face.
        blink_hz, blink_s: blinks per second at rest and how long one takes.
        sway_m: root mean square movement of the head towards the sensors and away while sitting still.
        expressiveness: about 1; multiplies intensities.
        asymmetry: -1 to 1: which side expressions favour; positive is the person's left.
        restlessness: about 1; multiplies how often posture and gestures change.
    """

    @property
    def seed(self) -> int: ...
    @property
    def breathing_hz(self) -> float: ...
    @property
    def breathing_m(self) -> float: ...
    @property
    def heart_hz(self) -> float: ...
    @property
    def pulse_m(self) -> float: ...
    @property
    def blink_hz(self) -> float: ...
    @property
    def blink_s(self) -> float: ...
    @property
    def sway_m(self) -> float: ...
    @property
    def expressiveness(self) -> float: ...
    @property
    def asymmetry(self) -> float: ...
    @property
    def restlessness(self) -> float: ...
