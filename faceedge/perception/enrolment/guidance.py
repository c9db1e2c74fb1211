"""Guided capture: what the person is asked to do, and a meter of how much of it the radar has seen.

A single look cannot tell one face from another: echoes of its parts add up or cancel with every millimetre and degree.
What tells is the average over many looks that differ. So the meter counts looks that differ from all counted before,
as the radar sees them, and the span of distances; the person is asked for movements that make such looks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from faceedge.perception.enrolment.sight import Sight

DIFFERS_BELOW = 0.8
"""Looks whose spectra have a smaller correlation (magnitude) are counted as different. Twelve seconds of sitting still
and natural movement give 2 to 22 such looks (29 synthetic recordings, full band)."""
MOST_LOOKS = 200
"""Counted; more would only cost time."""
WANTED_SECONDS, WANTED_LOOKS, WANTED_SPAN_M = 20.0, 24, 0.05
"""Of good frames, of looks that differ, and between the nearest and the farthest distance: a full meter."""
SPAN_PERCENTILES = (5, 95)


class Measure(StrEnum):
    """By what a step is judged."""

    SECONDS = "seconds"
    LOOKS = "looks"
    SPAN = "span"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the person is asked to do.

    Attributes:
        name: in a word.
        say: the request.
        measure: what the meter of this step shows.
        wanted: how much of it: seconds, looks that differ, or metres.
        least_s, longest_s: the step takes at least and at most so long.
    """

    name: str
    say: str
    measure: Measure
    wanted: float
    least_s: float
    longest_s: float


STEPS = (
    Step("still", "Sit as you usually do and look straight ahead.", Measure.SECONDS, 5.0, 5.0, 5.0),
    Step("turn", "Turn your head slowly to the left, then to the right.", Measure.LOOKS, 8, 3.0, 10.0),
    Step("nod", "Nod slowly, up and down.", Measure.LOOKS, 5, 3.0, 8.0),
    Step("lean", "Lean slowly a hand's breadth closer, and back again.", Measure.SPAN, 0.05, 3.0, 8.0),
)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was seen so far.

    Attributes:
        seconds: of good frames with a face.
        looks: that differ from each other.
        span_m: of distances, between their 5th and 95th percentile.
        distance_m: the median; NaN: none yet.
    """

    seconds: float = 0.0
    looks: int = 0
    span_m: float = 0.0
    distance_m: float = math.nan

    @property
    def share(self) -> float:
        """How full the meter is, 0 to 1: the mean of its three parts."""
        parts = (self.seconds / WANTED_SECONDS, self.looks / WANTED_LOOKS, self.span_m / WANTED_SPAN_M)
        return sum(min(part, 1.0) for part in parts) / len(parts)

    def sentences(self) -> list[str]:
        """What is thin, each with what helps; empty: nothing."""
        found = []
        if self.looks < WANTED_LOOKS / 2:
            found.append(
                f"only {self.looks} looks differ from each other, {WANTED_LOOKS} are wanted: turn the head and nod "
                "slowly while the meter runs."
            )
        if self.span_m < WANTED_SPAN_M / 2:
            found.append(
                f"the distance changed by {100 * self.span_m:.0f} cm only, {100 * WANTED_SPAN_M:.0f} cm are wanted: "
                "lean closer and back."
            )
        return found


class CoverageMeter:
    """Counts what good frames show.

    Args:
        frame_period_s: of the radar.
    """

    def __init__(self, frame_period_s: float) -> None:
        self._period_s = frame_period_s
        self._frames = 0
        self._ranges_m: list[float] = []
        self._kept: np.ndarray | None = None
        self._looks = 0

    def add(self, sight: Sight) -> None:
        """Count one good look of a person who is there."""
        self._frames += 1
        self._ranges_m.append(sight.range_m)
        if self._kept is None:
            self._kept = np.zeros((MOST_LOOKS, len(sight.spectrum)), np.complex64)
        if self._looks < MOST_LOOKS:
            alike = np.abs(self._kept[: self._looks].conj() @ sight.spectrum)
            if not self._looks or alike.max() < DIFFERS_BELOW:
                self._kept[self._looks] = sight.spectrum
                self._looks += 1

    def coverage(self) -> Coverage:
        """So far."""
        if not self._ranges_m:
            return Coverage()
        low, high = np.percentile(self._ranges_m, SPAN_PERCENTILES)
        seconds = self._frames * self._period_s
        return Coverage(seconds, self._looks, float(high - low), float(np.median(self._ranges_m)))


class Guide:
    """Leads through the steps of one sitting.

    Args:
        steps: in their order.
        frame_period_s: of the radar.
    """

    def __init__(self, steps: tuple[Step, ...], frame_period_s: float) -> None:
        self.steps, self._period_s = steps, frame_period_s
        self._index = 0
        self._begin()

    def _begin(self) -> None:
        self._elapsed_s = 0.0
        self._meter = CoverageMeter(self._period_s)

    @property
    def step(self) -> Step | None:
        """The current one; None: all are done."""
        return self.steps[self._index] if self._index < len(self.steps) else None

    def share(self) -> float:
        """How far the current step is, 0 to 1."""
        step = self.step
        if step is None:
            return 1.0
        seen = self._meter.coverage()
        got = {Measure.SECONDS: seen.seconds, Measure.LOOKS: seen.looks, Measure.SPAN: seen.span_m}[step.measure]
        # A step that was asked for has its least time even where the first movement already showed enough.
        return min(1.0, max(got / step.wanted, 0.0), self._elapsed_s / step.least_s)

    def add(self, sight: Sight) -> None:
        """Count one good look, and go on to the next step where this one is full or has lasted long enough."""
        step = self.step
        if step is None:
            return
        self._elapsed_s += self._period_s
        self._meter.add(sight)
        if self.share() >= 1.0 - 1e-9 or self._elapsed_s >= step.longest_s - 1e-9:
            self._index += 1
            self._begin()
