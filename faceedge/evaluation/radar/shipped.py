"""faceedge's own methods in the tables: the shipped models with the enrolment that a device does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from faceedge.errors import InputError
from faceedge.evaluation.radar.baselines import room_power
from faceedge.evaluation.radar.clips import HOP_S, Clip
from faceedge.evaluation.radar.methods import Enrolment, FrameMethod, Method
from faceedge.inference.registry import Model, find_model
from faceedge.perception.authentication.body_part import MODEL_NAME as BODY_PART
from faceedge.perception.authentication.body_part import BodyPart, BodyPartOutput
from faceedge.perception.authentication.look_spectrum import LookPower, LookSpectrum
from faceedge.perception.authentication.one_class import POWER, OneClass
from faceedge.perception.authentication.one_class import TERMS as STANDARD_TERMS
from faceedge.perception.identity.embedding import NAME as IDENTITY
from faceedge.perception.identity.embedding import WINDOW_S, IdentityEmbedder
from faceedge.perception.identity.window_statistics import FEWEST_LOOKS
from faceedge.perception.templates.polyprotect import LARGEST_COEFFICIENT, TERMS, Key, protect, similarity

RANGE_DOPPLER, MICRO = (0, 2), (1, 3)
"""Places of each image's features in a `BodyPartOutput`."""
BODY = (0, 1, 2, 3)
LOOK, FACE_POWER, ROOM_POWER = 4, 5, 6
"""Places of what is added to them: the look's spectrum, its power where the face is, and its power with the room."""
ONE_CLASS = "deviances"
"""Changes with what `OneClass` computes, so that cached figures of another one are not taken."""
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
        outputs: of clips, shared among methods so that the network runs once.
        features: places of the features that count.
        reconstruction: whether errors of the reproduced images count.
    """

    def __init__(
        self, name: str, outputs: BodyPartOutputs, features: tuple[int, ...] = BODY, *, reconstruction: bool = False
    ) -> None:
        super().__init__()
        self.name, self.version = name, f"{outputs.version} {ONE_CLASS}"
        self._outputs, self._features, self._reconstruction = outputs, features, reconstruction
        self._models: dict[str, OneClass] = {}

    def _of(self, clip: Clip) -> list[BodyPartOutput]:
        return [
            BodyPartOutput(tuple(output.features[place] for place in self._features), output.errors)
            for output in self._outputs(clip)
        ]

    def fit(self, enrolled: Mapping[str, Enrolment]) -> None:
        """See `Method.fit`."""
        self.forget()
        terms = [(*STANDARD_TERMS, POWER)[place] for place in self._features]
        self._models = {
            person: OneClass.fit(
                [output for clip in enrolment.clips for output in self._of(clip)],
                [output for clip in enrolment.held_out for output in self._of(clip)],
                terms=terms,
                reconstruction=self._reconstruction,
            )
            for person, enrolment in enrolled.items()
        }

    def frame_scores(self, person: str, clip: Clip) -> np.ndarray:
        """See `FrameMethod.frame_scores`."""
        outputs = self._of(clip)
        return self._models[person].scores(outputs) if outputs else np.zeros(0)


class BodyPartOutputs:
    """What the shipped body part says of clips, and the vectors of their looks; kept, whole recordings once.

    Raises:
        ModelError: there is no model.
    """

    def __init__(self, model: Model | None = None) -> None:
        self._body_part = BodyPart(find_model(BODY_PART) if model is None else model)
        self.version = self._body_part.model.card.sha256
        self._vectors: tuple[LookSpectrum, LookPower] | None = None
        self._known: dict[tuple[str, int], BodyPartOutput] = {}

    def __call__(self, clip: Clip) -> list[BodyPartOutput]:
        """Each frame's, with features at `BODY`, `LOOK`, `FACE_POWER` and `ROOM_POWER`."""
        if self._vectors is None:
            self._vectors = LookSpectrum(clip.chirp), LookPower(clip.chirp)
        spectrum, power = self._vectors
        if clip.images.shape[1:] != (2, 64, 64):
            raise InputError(f"the body part takes images of 2 x 64 x 64, this chirp gives {clip.images.shape[1:]}.")
        keys = [(clip.name, round(stamp_s * 1e6)) for stamp_s in clip.stamps_s]
        missing = [place for place, key in enumerate(keys) if key not in self._known]
        room = room_power(clip.part(np.array(missing))) if missing else ()
        for place, of_room in zip(missing, room, strict=True):
            look = clip.looks[place]
            output = self._body_part(clip.images[place].astype(np.float32))
            features = (*output.features, spectrum(look), power(look), of_room)
            self._known[keys[place]] = BodyPartOutput(features, output.errors)
        return [self._known[key] for key in keys]


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
    looks = (LOOK, FACE_POWER)
    return [
        BodyPartMethod("body part + ILED + look + power (faceedge)", outputs, (*BODY, *looks)),
        BodyPartMethod("with room: body part + ILED + look + power", outputs, (*BODY, LOOK, ROOM_POWER)),
        BodyPartMethod("without power: body part + ILED + look", outputs, (*BODY, LOOK)),
        BodyPartMethod("without look: body part + ILED + power", outputs, (*BODY, FACE_POWER)),
        BodyPartMethod("without body part: look + power", outputs, looks),
        BodyPartMethod("look only", outputs, (LOOK,)),
        BodyPartMethod("power only", outputs, (FACE_POWER,)),
        BodyPartMethod("body part + ILED", outputs),
        BodyPartMethod("without ILED: reconstruction", outputs, (), reconstruction=True),
        BodyPartMethod("body part + ILED + reconstruction", outputs, reconstruction=True),
        BodyPartMethod("range-Doppler only: body part + ILED", outputs, RANGE_DOPPLER),
        BodyPartMethod("micro only: body part + ILED", outputs, MICRO),
    ]
