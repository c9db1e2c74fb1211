"""How well four expressions are told apart, within recordings and on people who were never seen.

Figures are of single frames with a label, *balanced*: the mean of the four leaves' recalls, each person by itself, with
95 % intervals over people; chance is 0.25. Frames between acts count as neutral.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from faceedge.evaluation.radar.baselines import Picture, both_images, principal, thinned
from faceedge.evaluation.radar.clips import AT_REST, LEAVES, UNLABELLED, Clip
from faceedge.evaluation.radar.methods import ExpressionMethod
from faceedge.evaluation.radar.protocols import by_person
from faceedge.perception.verification import Spread

CHANCE = 1 / len(LEAVES)
TRAINED_UNTIL, TESTED_FROM = 0.5, 0.6
"""Shares of a recording in *same recording*."""
REFERENCE_S = 10.0
"""Of neutral frames from the enrolment, where a method is given a reference."""
NOISE = 0.1
"""Share of an act by which labels are shifted, either way, to see what inexact labels do."""
PEOPLE_SHARE = 0.4
"""Of the people are tested in *person-disjoint* where there are no strangers."""
COMPONENTS = 64
MOST_FRAMES = 3000
"""That a baseline learns from, evenly spread."""


@dataclass(frozen=True, slots=True)
class ExpressionProtocol:
    """Who is learnt from and who is tested.

    Attributes:
        name: of the protocol.
        training: clips whose labels may be learnt from.
        testing: clips of each person.
        references: neutral frames of each tested person, from another recording where there is one.
        counted: which frames of a tested clip count, (n,) bool by its key; a clip that is not named counts as a whole.
    """

    name: str
    training: tuple[Clip, ...]
    testing: Mapping[str, tuple[Clip, ...]]
    references: Mapping[str, tuple[Clip, ...]]
    counted: Mapping[tuple[str, int, int], np.ndarray] = field(default_factory=dict)


def same_recording_expressions(clips: Sequence[Clip]) -> ExpressionProtocol:
    """The first half of each recording to learn from, its last 40 % to test."""
    people = by_person(labelled(clips))
    return ExpressionProtocol(
        "same recording",
        tuple(clip.between(0, TRAINED_UNTIL) for own in people.values() for clip in own),
        {person: tuple(clip.between(TESTED_FROM, 1) for clip in own) for person, own in people.items()},
        {person: neutral_frames(own[0].between(0, TRAINED_UNTIL)) for person, own in people.items()},
    )


def person_disjoint_expressions(clips: Sequence[Clip], strangers: Sequence[Clip] = ()) -> ExpressionProtocol:
    """Everybody enrolled to learn from, the strangers to test; without strangers, the last people.

    A tested person's first recording gives the reference alone, where there is more than one.
    """
    people, others = by_person(labelled(clips)), by_person(labelled(strangers))
    if not others:
        names = list(people)
        count = math.ceil(PEOPLE_SHARE * len(names)) if len(names) > 1 else 0
        tested = set(names[len(names) - count :])
        others = {person: own for person, own in people.items() if person in tested}
        people = {person: own for person, own in people.items() if person not in tested}
    return ExpressionProtocol(
        "person-disjoint",
        tuple(clip for own in people.values() for clip in own),
        {person: tuple(own[1:] or own) for person, own in others.items()},
        {person: neutral_frames(own[0]) for person, own in others.items()},
    )


def labelled(clips: Sequence[Clip]) -> list[Clip]:
    """Those in which anything was shown."""
    return [clip for clip in clips if np.any(clip.labels >= 0)]


def neutral_frames(clip: Clip) -> tuple[Clip, ...]:
    """The first neutral seconds."""
    frames = np.flatnonzero(clip.labels == AT_REST)[: round(REFERENCE_S / clip.chirp.frame_period_s)]
    return (clip.part(frames),) if len(frames) else ()


@dataclass(frozen=True, slots=True)
class ExpressionResult:
    """A method's figures under a protocol.

    Attributes:
        method, protocol: what was measured.
        reference: whether the method was given the person's neutral frames.
        balanced: of each person, mean recall over the leaves that it showed.
        noisy: the same with labels whose times are shifted.
        recall: (4,) over all frames, nan for a leaf that nobody showed.
        answered: share of labelled frames with an answer; the others are left out.
        confusion: 4 x 4 counts, row = truth.
        note: why there are no figures.
    """

    method: str
    protocol: str
    reference: bool
    balanced: dict[str, float]
    noisy: dict[str, float]
    recall: tuple[float, ...]
    answered: float
    confusion: tuple[tuple[int, ...], ...]
    note: str = ""

    def spread(self) -> Spread | None:
        """Of the balanced accuracy; None without people."""
        return Spread.of(list(self.balanced.values())) if self.balanced else None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        spread = self.spread()
        found = dataclasses.asdict(self)
        found["recall"] = [None if math.isnan(value) else round(value, 4) for value in self.recall]
        found["chance"] = CHANCE
        if spread is not None:
            found["mean"] = {name: round(getattr(spread, name), 4) for name in ("mean", "low", "high")}
        return found


def evaluate_expressions(
    method: ExpressionMethod, protocol: ExpressionProtocol, *, reference: bool = False
) -> ExpressionResult:
    """Let a method learn and answer."""
    method.fit(protocol.training)
    confusion = np.zeros((len(LEAVES), len(LEAVES)), np.int64)
    balanced, noisy, seen = {}, {}, 0
    rng = np.random.default_rng(0)
    for person, clips in protocol.testing.items():
        own, shifted = np.zeros_like(confusion), np.zeros_like(confusion)
        for clip in clips:
            given = protocol.references.get(person, ()) if reference else ()
            probabilities = method.probabilities(clip, given)
            counts = protocol.counted.get(clip.key, np.ones(len(clip), bool))
            seen += int(np.count_nonzero(counts & (clip.labels >= 0)))
            own += _count(np.where(counts, clip.labels, UNLABELLED), probabilities)
            shifted += _count(np.where(counts, shifted_labels(clip.labels, rng), UNLABELLED), probabilities)
        if own.sum():
            balanced[person], noisy[person] = _balanced(own), _balanced(shifted)
        confusion += own
    with np.errstate(invalid="ignore"):
        recall = np.diag(confusion) / confusion.sum(axis=1)
    return ExpressionResult(
        method.name,
        protocol.name,
        reference,
        balanced,
        noisy,
        tuple(float(value) for value in recall),
        float(confusion.sum() / max(1, seen)),
        tuple(tuple(int(count) for count in row) for row in confusion),
        "" if balanced else "no labelled frames to test on",
    )


def _count(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Confusion of the frames that have a label and an answer."""
    use = (labels >= 0) & np.isfinite(probabilities).all(axis=1)
    answers = probabilities[use].argmax(axis=1)
    size = len(LEAVES)
    return np.bincount(labels[use] * size + answers, minlength=size * size).reshape(size, size)


def _balanced(confusion: np.ndarray) -> float:
    shown = confusion.sum(axis=1)
    return float(np.mean(np.diag(confusion)[shown > 0] / shown[shown > 0])) if shown.any() else math.nan


def shifted_labels(labels: np.ndarray, rng: np.random.Generator, share: float = NOISE) -> np.ndarray:
    """The labels with every border between two of them moved by up to ``share`` of the length of what ends there."""
    borders = np.flatnonzero(np.diff(labels)) + 1
    edges = np.concatenate([[0], borders, [len(labels)]])
    moved = [0]
    for place in range(1, len(edges) - 1):
        length = edges[place] - edges[place - 1]
        moved.append(max(moved[-1], round(edges[place] + rng.uniform(-share, share) * length)))
    moved.append(len(labels))
    shifted = labels.copy()
    for place in range(len(edges) - 1):
        shifted[min(moved[place], len(labels)) : moved[place + 1]] = labels[edges[place]]
    return shifted


class AlwaysNeutral:
    """The trivial baseline."""

    name = "always neutral"

    def fit(self, clips: Sequence[Clip]) -> None:
        """See `ExpressionMethod.fit`."""

    def probabilities(self, clip: Clip, reference: Sequence[Clip]) -> np.ndarray:
        """See `ExpressionMethod.probabilities`."""
        answers = np.zeros((len(clip), len(LEAVES)))
        answers[:, AT_REST] = 1
        return answers


class LinearDiscriminant:
    """Fisher's linear discriminant on principal components of both images, all leaves equally likely.

    Args:
        name: in the tables.
        picture: what a frame is to it.
    """

    def __init__(self, name: str = "linear discriminant", picture: Picture = both_images) -> None:
        self.name, self._picture = name, picture

    def fit(self, clips: Sequence[Clip]) -> None:
        """See `ExpressionMethod.fit`."""
        labels = np.concatenate([clip.labels for clip in clips])
        pictures = np.concatenate([self._picture(clip) for clip in clips])
        pictures, labels = thinned(pictures[labels >= 0], MOST_FRAMES), thinned(labels[labels >= 0], MOST_FRAMES)
        self._centre, _, self._axes = principal(pictures, COMPONENTS)
        self._rest = pictures[labels == AT_REST].mean(axis=0) if np.any(labels == AT_REST) else self._centre
        inside = (pictures - self._centre) @ self._axes.T
        shown = [leaf for leaf in range(len(LEAVES)) if np.any(labels == leaf)]
        means = np.stack([inside[labels == leaf].mean(axis=0) for leaf in shown])
        within = sum(np.cov(inside[labels == leaf].T, bias=True) for leaf in shown if np.sum(labels == leaf) > 1)
        within = np.atleast_2d(within) / len(shown)
        within += 1e-2 * np.trace(within) / len(within) * np.eye(len(within)) + 1e-12 * np.eye(len(within))
        self._shown, self._weights = shown, np.linalg.solve(within, means.T)
        self._bias = -0.5 * np.einsum("kd,dk->k", means, self._weights)

    def probabilities(self, clip: Clip, reference: Sequence[Clip]) -> np.ndarray:
        """See `ExpressionMethod.probabilities`; a reference's mean takes the place of the mean neutral frame."""
        pictures = self._picture(clip) - self._centre
        if reference:
            pictures += self._rest - np.concatenate([self._picture(each) for each in reference]).mean(axis=0)
        scores = (pictures @ self._axes.T) @ self._weights + self._bias
        answers = np.zeros((len(clip), len(LEAVES)))
        exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        answers[:, self._shown] = exponentials / exponentials.sum(axis=1, keepdims=True)
        return answers
