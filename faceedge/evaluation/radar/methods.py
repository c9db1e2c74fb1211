"""What an authentication method and an expression method are here: fitted on enrolments, asked for scores.

Anything with these few methods stands in the tables. Scores are larger for the person, and of any scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from faceedge.evaluation.radar.clips import Clip, windows


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a method may know of one person.

    Attributes:
        clips: to enrol from.
        held_out: of the same person, apart from ``clips``: for thresholds and the scale of scores, not to fit.
    """

    clips: tuple[Clip, ...]
    held_out: tuple[Clip, ...]


class Method(Protocol):
    """A way to tell a person from others.

    Attributes:
        name: in the tables.
        shortest_s: the shortest window it gives scores of.
        version: changes when scores do, such as with a model's sha256; part of what cached figures are found by.
    """

    name: str
    shortest_s: float
    version: str

    def fit(self, enrolled: Mapping[str, Enrolment]) -> None:
        """Enrol everybody, from nothing; a one-class method looks at one person at a time."""
        ...

    def score(self, person: str, clip: Clip, window_s: float) -> np.ndarray:
        """(k,) scores of ``clip``'s windows, if it were ``person`` who sits there; empty where the clip is too short.

        A decision every `clips.HOP_S`, or window after window where they are shorter.
        """
        ...


class FrameMethod:
    """A `Method` that scores single frames; a window's score is the mean of those of its frames.

    A subclass gives `fit` and `frame_scores`. The scores of a clip are kept, so that windows of all lengths cost those
    of one; `fit` of a subclass calls `forget`.
    """

    name = ""
    shortest_s = 0.0
    version = ""

    def __init__(self) -> None:
        self._known: dict[tuple[str, tuple[str, int, int]], np.ndarray] = {}

    def forget(self) -> None:
        """Drop the scores of an earlier enrolment."""
        self._known.clear()

    def frame_scores(self, person: str, clip: Clip) -> np.ndarray:
        """(n,) float, nan for a frame without a score."""
        raise NotImplementedError

    def score(self, person: str, clip: Clip, window_s: float) -> np.ndarray:
        """See `Method.score`."""
        key = person, clip.key
        if key not in self._known:
            self._known[key] = np.asarray(self.frame_scores(person, clip), np.float64)
        return windows(clip.stamps_s, self._known[key], window_s)


class ExpressionMethod(Protocol):
    """A way to tell four expressions apart.

    Attributes:
        name: in the tables.
    """

    name: str

    def fit(self, clips: Sequence[Clip]) -> None:
        """Learn from the labels of ``clips``; a method that was trained before does nothing."""
        ...

    def probabilities(self, clip: Clip, reference: Sequence[Clip]) -> np.ndarray:
        """(n, 4) of each frame, in the order of `clips.LEAVES`; nan where there is no answer.

        Args:
            clip: one recording, its frames in order.
            reference: neutral frames of the same person, taken at enrolment; empty: without.
        """
        ...
