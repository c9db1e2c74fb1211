"""One person against everybody else: the second half of FOODER, on outputs of a frozen body part.

For each feature vector of the body part, and each that a caller added, a linear encoder-decoder (ILED) is fitted to
frames of the person. The logarithms of its deviances, and on request those of the errors with which the images were
reproduced, are brought to a common scale by their mean and spread over frames of the person that were held out, and
averaged by weight. Nothing is trained, so that enrolment takes a second and needs no torch. The model lives in memory
only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faceedge.errors import ConfigurationError, InputError
from faceedge.perception.authentication.body_part import BodyPartOutput
from faceedge.perception.authentication.iled import LinearEncoderDecoder

FEWEST_FRAMES = 20
"""One second. Of fewer frames principal components say little."""
SHARE = 2
"""An ILED keeps at most one number of so many, and at most one for so many frames: one that keeps all of them
reproduces everybody."""
SMALLEST_ERROR = 1e-12
SMALLEST_SPREAD = 1e-9


@dataclass(frozen=True, slots=True)
class Term:
    """How one feature vector counts.

    Attributes:
        rank: components of its linear encoder-decoder.
        weight: in the mean of all terms.
    """

    rank: int
    weight: float


BODY = Term(8, 0.25)
"""Each of the body part's four vectors: together they count as much as one other. More components reproduce other
people as well."""
LOOK = Term(64, 1.0)
"""A `LookSpectrum`: as it keeps phases, every movement turns it, and few components do not reproduce even the
person."""
POWER = Term(8, 2.0)
"""A `LookPower`."""
TERMS = (BODY, BODY, BODY, BODY, LOOK, POWER)
RECONSTRUCTION_WEIGHT = 0.25
"""Of each image, where their errors count at all."""


@dataclass(frozen=True, slots=True)
class OneClass:
    """Scores how much a frame is like the frames of one person.

    Attributes:
        iled: one linear encoder-decoder for each feature vector.
        reconstruction: whether the errors of the reproduced images count as well.
        weights: (terms,) float64, of the ILED terms, then of the images.
        centre, spread: (terms,) float64 of the held-out frames, in the same order.
    """

    iled: tuple[LinearEncoderDecoder, ...]
    reconstruction: bool
    weights: np.ndarray
    centre: np.ndarray
    spread: np.ndarray

    @classmethod
    def fit(
        cls,
        outputs: Sequence[BodyPartOutput],
        held_out: Sequence[BodyPartOutput],
        *,
        terms: Sequence[Term] = TERMS,
        reconstruction: bool = False,
    ) -> OneClass:
        """Fit to frames of one person.

        Args:
            outputs: of frames to learn from.
            held_out: of other frames, best a while later, from which the scale of the terms is taken.
            terms: of each feature vector in the order of `BodyPartOutput.features`; what there are too many of is left
                out, so that frames without a look need no other ones.
            reconstruction: count the errors of the reproduced images as well. They know nobody where the body part was
                trained on other people, and only weaken the rest.

        Raises:
            InputError: fewer than `FEWEST_FRAMES` frames in either.
            ConfigurationError: fewer terms than feature vectors.
        """
        if min(len(outputs), len(held_out)) < FEWEST_FRAMES:
            raise InputError(
                f"expected {FEWEST_FRAMES} or more frames to learn from and to hold out, got {len(outputs)} and "
                f"{len(held_out)}; capture more"
            )
        vectors = [np.stack(each) for each in zip(*(output.features for output in outputs), strict=True)]
        if len(vectors) > len(terms):
            raise ConfigurationError(f"expected a term for each of {len(vectors)} feature vectors, got {len(terms)}")
        counted = list(terms[: len(vectors)])
        iled = tuple(_fit(x, term.rank) for x, term in zip(vectors, counted, strict=True))
        weights = [term.weight for term in counted] + [RECONSTRUCTION_WEIGHT] * (2 * reconstruction)
        model = cls(iled, reconstruction, np.array(weights), np.zeros(()), np.ones(()))
        found = model.terms(held_out)
        spread = np.maximum(found.std(axis=0), SMALLEST_SPREAD)
        return cls(iled, reconstruction, np.array(weights), found.mean(axis=0), spread)

    def terms(self, outputs: Sequence[BodyPartOutput]) -> np.ndarray:
        """Logarithms (frame, term) float64 of deviances and errors before they are brought to one scale."""
        columns = [
            model.deviance(np.stack([output.features[place] for output in outputs]))
            for place, model in enumerate(self.iled)
        ]
        if self.reconstruction:
            columns.extend(np.stack([output.errors for output in outputs]).T)
        return np.log(np.maximum(np.stack(columns, axis=1).astype(np.float64), SMALLEST_ERROR))

    def score(self, output: BodyPartOutput) -> float:
        """How much one frame is like the person's; larger is more, about 0 for a typical one."""
        return float(self.scores([output])[0])

    def scores(self, outputs: Sequence[BodyPartOutput]) -> np.ndarray:
        """Scores (frame,) float64 of several frames; the mean over a window decides better than one of them."""
        deviations = (self.terms(outputs) - self.centre) / self.spread
        return np.asarray(-(deviations @ self.weights) / self.weights.sum())


def _fit(x: np.ndarray, rank: int) -> LinearEncoderDecoder:
    return LinearEncoderDecoder.fit(x, max(1, min(rank, x.shape[1] // SHARE, len(x) // SHARE)))
