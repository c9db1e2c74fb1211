"""One person against everybody else: the second half of FOODER, on outputs of a frozen body part.

For each feature vector of the body part a linear encoder-decoder (ILED) is fitted to frames of the person. Its errors,
and on request those with which the images were reproduced, are brought to a common scale by their mean and spread over
frames of the person that were held out, and averaged. Nothing is trained, so that enrolment takes a second and needs no
torch. The model lives in memory only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faceedge.errors import InputError
from faceedge.perception.authentication.body_part import BODY_FEATURES, BodyPartOutput
from faceedge.perception.authentication.iled import LinearEncoderDecoder

FEWEST_FRAMES = 20
"""One second. Of fewer frames principal components say little."""
RANK = 8
"""Components of the ILED of each vector of the body part. More reproduce other people as well."""
ADDED_RANK = 32
"""Components of the ILED of each vector that a caller added, such as the look: as it keeps phases, every movement turns
it, and few components do not reproduce even the person."""
SHARE = 4
"""An ILED keeps at most one number of so many: one that keeps all of them reproduces everybody."""
SMALLEST_SPREAD = 1e-9


@dataclass(frozen=True, slots=True)
class OneClass:
    """Scores how much a frame is like the frames of one person.

    Attributes:
        iled: one linear encoder-decoder for each feature vector.
        reconstruction: whether the errors of the reproduced images count as well.
        centre, spread: (terms,) float64 of the held-out frames: of the ILED terms, then of the images.
    """

    iled: tuple[LinearEncoderDecoder, ...]
    reconstruction: bool
    centre: np.ndarray
    spread: np.ndarray

    @classmethod
    def fit(
        cls,
        outputs: Sequence[BodyPartOutput],
        held_out: Sequence[BodyPartOutput],
        *,
        rank: int = RANK,
        added_rank: int = ADDED_RANK,
        reconstruction: bool = False,
    ) -> OneClass:
        """Fit to frames of one person.

        Args:
            outputs: of frames to learn from.
            held_out: of other frames, best a while later, from which the scale of the terms is taken.
            rank: of the linear encoder-decoder of each vector of the body part.
            added_rank: of each vector that was added to them.
            reconstruction: count the errors of the reproduced images as well. They know nobody where the body part was
                trained on other people, and only weaken the rest.

        Raises:
            InputError: fewer than `FEWEST_FRAMES` frames in either.
        """
        if min(len(outputs), len(held_out)) < FEWEST_FRAMES:
            raise InputError(
                f"expected {FEWEST_FRAMES} or more frames to learn from and to hold out, got {len(outputs)} and "
                f"{len(held_out)}; capture more"
            )
        iled = tuple(
            _fit(np.stack(x), rank if place < BODY_FEATURES else added_rank)
            for place, x in enumerate(zip(*(output.features for output in outputs), strict=True))
        )
        model = cls(iled, reconstruction, np.zeros(()), np.ones(()))
        terms = model.terms(held_out)
        return cls(iled, reconstruction, terms.mean(axis=0), np.maximum(terms.std(axis=0), SMALLEST_SPREAD))

    def terms(self, outputs: Sequence[BodyPartOutput]) -> np.ndarray:
        """Errors (frame, term) float64 before they are brought to one scale."""
        columns = [
            model.error(np.stack([output.features[place] for output in outputs]))
            for place, model in enumerate(self.iled)
        ]
        if self.reconstruction:
            columns.extend(np.stack([output.errors for output in outputs]).T)
        return np.stack(columns, axis=1).astype(np.float64)

    def score(self, output: BodyPartOutput) -> float:
        """How much one frame is like the person's; larger is more, about 0 for a typical one."""
        return float(self.scores([output])[0])

    def scores(self, outputs: Sequence[BodyPartOutput]) -> np.ndarray:
        """Scores (frame,) float64 of several frames; the mean over a window decides better than one of them.

        The terms of the body part together count as much as each vector that was added to them.
        """
        deviations = (self.terms(outputs) - self.centre) / self.spread
        added = np.zeros(deviations.shape[1], bool)
        added[BODY_FEATURES : len(self.iled)] = True
        own: np.ndarray = deviations[:, ~added].mean(axis=1, keepdims=True)
        scores: np.ndarray = -np.hstack([own, deviations[:, added]]).mean(axis=1)
        return scores


def _fit(x: np.ndarray, rank: int) -> LinearEncoderDecoder:
    return LinearEncoderDecoder.fit(x, max(1, min(rank, x.shape[1] // SHARE)))
