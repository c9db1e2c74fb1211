"""Figures by distance, pose, and what is worn: each probed recording belongs to one group of each kind."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from faceedge.evaluation.radar.clips import Clip
from faceedge.evaluation.radar.figures import Comparison
from faceedge.evaluation.radar.protocols import Protocol
from faceedge.perception.verification import Spread, auroc

DISTANCES_CM = (18, 24, 30, 36, 45)
MOVES_CM = (0, 3, 8, 27)
"""Between the probed recording and the nearest enrolled one."""
TURNS_DEG = (0, 4, 8, 16, 90)
"""Away from the radar, of yaw and pitch together."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A group of probed recordings.

    Attributes:
        method, protocol: what was measured.
        kind, group: such as distance, 18 to 24 cm.
        clips: number of probed recordings in the group.
        mean, low, high: AUROC of their windows against all impostors of the person, with the interval over recordings.
    """

    method: str
    protocol: str
    kind: str
    group: str
    clips: int
    mean: float
    low: float
    high: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in dataclasses.asdict(self).items()
        }


def conditions(method: str, comparisons: Sequence[Comparison], protocol: Protocol) -> list[Condition]:
    """Every group that has a recording, in order."""
    found: dict[tuple[str, str], list[float]] = {}
    order = [(kind, group) for kind, (groups, _) in _KINDS.items() for group in groups]
    for comparison in comparisons:
        enrolled = protocol.enrolled[comparison.person].clips
        for clip, scores in comparison.own:
            if len(scores) == 0:
                continue
            area = auroc(scores, comparison.impostor)
            for kind, (_, choose) in _KINDS.items():
                group = choose(clip, enrolled)
                if group is not None:
                    found.setdefault((kind, group), []).append(area)
    rows = []
    for kind, group in order:
        if (kind, group) in found:
            spread = Spread.of(found[kind, group])
            rows.append(
                Condition(method, protocol.name, kind, group, spread.people, spread.mean, spread.low, spread.high)
            )
    return rows


def _names(edges: Sequence[int], unit: str) -> list[str]:
    return [f"{low} to {high} {unit}" for low, high in itertools.pairwise(edges)]


def _group(value: float, edges: Sequence[int], unit: str) -> str | None:
    """The group of a value; the outer ones take what lies beyond."""
    if math.isnan(value):
        return None
    place = int(np.clip(np.searchsorted(edges, value, side="right") - 1, 0, len(edges) - 2))
    return _names(edges, unit)[place]


def _distance(clip: Clip, _: Sequence[Clip]) -> str | None:
    return _group(100 * clip.facts.distance_m, DISTANCES_CM, "cm")


def _move(clip: Clip, enrolled: Sequence[Clip]) -> str | None:
    nearest = min((abs(clip.facts.distance_m - each.facts.distance_m) for each in enrolled), default=math.nan)
    return _group(100 * nearest, MOVES_CM, "cm")


def _turn(clip: Clip, _: Sequence[Clip]) -> str | None:
    return _group(math.hypot(clip.facts.yaw_deg, clip.facts.pitch_deg), TURNS_DEG, "deg")


def _worn(name: str) -> Callable[[Clip, Sequence[Clip]], str | None]:
    def choose(clip: Clip, _: Sequence[Clip]) -> str | None:
        worn = getattr(clip.facts, name)
        return None if worn is None else ("worn" if worn else "not worn")

    return choose


_KINDS: dict[str, tuple[list[str], Callable[[Clip, Sequence[Clip]], str | None]]] = {
    "distance": (_names(DISTANCES_CM, "cm"), _distance),
    "moved since enrolment": (_names(MOVES_CM, "cm"), _move),
    "head turned": (_names(TURNS_DEG, "deg"), _turn),
    "glasses": (["worn", "not worn"], _worn("glasses")),
    "mask": (["worn", "not worn"], _worn("mask")),
}
