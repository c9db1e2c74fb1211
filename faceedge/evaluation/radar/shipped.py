"""faceedge's own methods in the tables: the shipped models with the enrolment that a device does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from faceedge.errors import InputError
from faceedge.evaluation.radar.clips import HOP_S, Clip
from faceedge.evaluation.radar.methods import Enrolment, FrameMethod, Method
from faceedge.inference.registry import Model, find_model
from faceedge.perception.authentication.body_part import MODEL_NAME as BODY_PART
from faceedge.perception.authentication.body_part import BodyPart, BodyPartOutput
from faceedge.perception.authentication.look_spectrum import LookSpectrum
from faceedge.perception.authentication.one_class import ADDED_RANK, RANK, OneClass
from faceedge.perception.identity.embedding import NAME as IDENTITY
from faceedge.perception.identity.embedding import WINDOW_S, IdentityEmbedder
from faceedge.perception.identity.window_statistics import FEWEST_LOOKS
from faceedge.perception.templates.polyprotect import LARGEST_COEFFICIENT, TERMS, Key, protect, similarity

RANGE_DOPPLER, MICRO = (0, 2), (1, 3)
"""Places of each image's features in a `BodyPartOutput`."""
KEY_SEED = 0


class Identity:
    """Who it is in a new session: cosine to the mean embedding of the enrolled windows.

    Args:
        name: in the tables.
        protected: compare protected vectors under the claimed person's key, as a device does.
        model: None takes the shipped one.

    Raises:
        ModelError: there is no model.
    """

    def __init__(self, name: str, *, protected: bool = False, model: Model | None = None) -> None:
        self.name, self.shortest_s, self._protected = name, 2.0, protected
        self._model = find_model(IDENTITY) if model is None else model
        self.version = self._model.card.sha256
        self._embedder: IdentityEmbedder | None = None
        self._embeddings: dict[tuple[tuple[str, int, int], float], np.ndarray] = {}
        self._templates: dict[str, np.ndarray] = {}
        self._keys: dict[str, Key] = {}

    def fit(self, enrolled: Mapping[str, Enrolment]) -> None:
        """See `Method.fit`."""
        rng = np.random.default_rng(KEY_SEED)
        for person, enrolment in enrolled.items():
            parts = [
                self._embed(clip, min(WINDOW_S, len(clip) * clip.chirp.frame_period_s)) for clip in enrolment.clips
            ]
            mean = np.mean([part.mean(axis=0) for part in parts if len(part)], axis=0)
            template = np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)
            if self._protected:
                self._keys[person] = _key(rng)
                template = protect(template, self._keys[person])
            self._templates[person] = template

    def _embed(self, clip: Clip, window_s: float) -> np.ndarray:
        """(k, d) of windows, one every `HOP_S`."""
        key = clip.key, window_s
        if key not in self._embeddings:
            if self._embedder is None:
                self._embedder = IdentityEmbedder(clip.chirp, self._model)
            period_s = clip.chirp.frame_period_s
            length, hop = max(FEWEST_LOOKS, round(window_s / period_s)), max(1, round(HOP_S / period_s))
            rows = [
                self._embedder.embed(clip.looks[first : first + length])
                for first in range(0, len(clip) - length + 1, hop)
            ]
            self._embeddings[key] = np.stack(rows) if rows else np.zeros((0, self._embedder.size), np.float32)
        return self._embeddings[key]

    def score(self, person: str, clip: Clip, window_s: float) -> np.ndarray:
        """See `Method.score`."""
        embedded = self._embed(clip, window_s)
        if not self._protected:
            return np.asarray(embedded @ self._templates[person])
        key, template = self._keys[person], self._templates[person]
        return np.atleast_1d(similarity(protect(embedded, key), template)) if len(embedded) else np.zeros(0)


def _key(rng: np.random.Generator) -> Key:
    """A key as a device draws it, but the same in every run."""
    choices = [value for value in range(-LARGEST_COEFFICIENT, LARGEST_COEFFICIENT + 1) if value]
    coefficients = rng.choice(choices, TERMS, replace=False)
    return Key(tuple(int(value) for value in coefficients), tuple(int(value) + 1 for value in rng.permutation(TERMS)))


class BodyPartMethod(FrameMethod):
    """FOODER's authentication: the frozen body part and linear encoder-decoders of one person.

    Args:
        name: in the tables.
        features: places of the features whose linear encoder-decoders count.
        reconstruction: whether errors of the reproduced images count.
        looks: whether the look's spectrum is one more feature.
        outputs: of clips, shared among methods so that the network runs once.
    """

    def __init__(
        self,
        name: str,
        outputs: BodyPartOutputs,
        *,
        features: tuple[int, ...] = (0, 1, 2, 3),
        reconstruction: bool = False,
        looks: bool = False,
    ) -> None:
        super().__init__()
        self.name, self.version = name, outputs.version
        self._outputs, self._features, self._reconstruction, self._looks = outputs, features, reconstruction, looks
        self._models: dict[str, OneClass] = {}

    def _of(self, clip: Clip) -> list[BodyPartOutput]:
        found = []
        for plain, spectrum in self._outputs(clip):
            features = tuple(plain.features[place] for place in self._features)
            found.append(BodyPartOutput((*features, spectrum) if self._looks else features, plain.errors))
        return found

    def fit(self, enrolled: Mapping[str, Enrolment]) -> None:
        """See `Method.fit`."""
        self.forget()
        self._models = {
            person: OneClass.fit(
                [output for clip in enrolment.clips for output in self._of(clip)],
                [output for clip in enrolment.held_out for output in self._of(clip)],
                rank=RANK if self._features else ADDED_RANK,
                reconstruction=self._reconstruction,
            )
            for person, enrolment in enrolled.items()
        }

    def frame_scores(self, person: str, clip: Clip) -> np.ndarray:
        """See `FrameMethod.frame_scores`."""
        outputs = self._of(clip)
        return self._models[person].scores(outputs) if outputs else np.zeros(0)


class BodyPartOutputs:
    """What the shipped body part says of clips; kept, whole recordings once.

    Raises:
        ModelError: there is no model.
    """

    def __init__(self, model: Model | None = None) -> None:
        self._body_part = BodyPart(find_model(BODY_PART) if model is None else model)
        self.version = self._body_part.model.card.sha256
        self._spectrum: LookSpectrum | None = None
        self._known: dict[tuple[str, int], tuple[BodyPartOutput, np.ndarray]] = {}

    def __call__(self, clip: Clip) -> list[tuple[BodyPartOutput, np.ndarray]]:
        """Each frame's output, and its look's spectrum."""
        spectrum = self._spectrum = self._spectrum or LookSpectrum(clip.chirp)
        if clip.images.shape[1:] != (2, 64, 64):
            raise InputError(f"the body part takes images of 2 x 64 x 64, this chirp gives {clip.images.shape[1:]}.")
        found = []
        for place, stamp_s in enumerate(clip.stamps_s):
            key = clip.name, round(stamp_s * 1e6)
            if key not in self._known:
                output = self._body_part(clip.images[place].astype(np.float32))
                self._known[key] = output, spectrum(clip.looks[place])
            found.append(self._known[key])
        return found


def identity_methods() -> Sequence[Method]:
    """Of the shipped identity model.

    Raises:
        ModelError: there is none.
    """
    return [Identity("identity (faceedge)"), Identity("identity, protected (faceedge)", protected=True)]


def body_part_methods() -> Sequence[Method]:
    """FOODER on the shipped body part, and what is left of it without its parts.

    Raises:
        ModelError: there is no model.
    """
    outputs = BodyPartOutputs()
    return [
        BodyPartMethod("body part + ILED + look (faceedge)", outputs, looks=True),
        BodyPartMethod("body part + ILED", outputs),
        BodyPartMethod("without body part: ILED of the look", outputs, features=(), looks=True),
        BodyPartMethod("without ILED: reconstruction", outputs, features=(), reconstruction=True),
        BodyPartMethod("body part + ILED + reconstruction", outputs, reconstruction=True),
        BodyPartMethod("range-Doppler only: body part + ILED", outputs, features=RANGE_DOPPLER),
        BodyPartMethod("micro only: body part + ILED", outputs, features=MICRO),
    ]
