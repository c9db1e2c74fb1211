"""One person's template against the radar's looks: a score and a decision for each window (1:1, by claimed name)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.perception.enrolment.enrolment import Embedder
from faceedge.perception.enrolment.quality import SATURATED
from faceedge.perception.enrolment.sight import Watch
from faceedge.perception.templates.polyprotect import Key, protect, protected_size, similarity
from faceedge.perception.templates.template import Template
from faceedge.radar.face_frames import FaceFrame


@dataclass(frozen=True, slots=True)
class Verification:
    """One decision.

    Attributes:
        score: similarity to the template, -1 to 1; larger is more alike.
        threshold: of the person.
        accepted: whether the score reaches it.
        stamp_ns: of the last frame of the window.
    """

    score: float
    threshold: float
    accepted: bool
    stamp_ns: int


class Verifier:
    """Compares one radar's frames with one person's template.

    Args:
        template: of the claimed person.
        key: of the template.
        embedder: for the radar's chirp.

    Raises:
        TemplateError: the template is of another chirp or of another model than the embedder's; nothing is scored.
        ConfigurationError: the template has another length than the embedder's embeddings give.
    """

    def __init__(self, template: Template, key: Key, embedder: Embedder) -> None:
        template.require_chirp(embedder.chirp)
        template.require_model(embedder.model.card.sha256)
        self.template = template
        self._key, self._embedder = key, embedder
        self._watch = Watch(embedder.chirp)
        self.reset()

    def reset(self) -> None:
        """Forget the frames so far: what follows may be another person."""
        self._watch.reset()
        self._embedder.reset()

    def push(self, frame: FaceFrame) -> Verification | None:
        """The decision that this frame completes; None: none, or nobody is there.

        A frame that is frozen or overdriven is left out; one without anybody begins the window anew.

        Raises:
            InputError: the frame's look has another shape than the chirp.
        """
        sight = self._watch.push(frame.look, frame.stamp_ns)
        if frame.repeated or frame.saturated > SATURATED:
            return None
        if not sight.present:
            self._embedder.reset()
            return None
        embedding = self._embedder.push(frame.look, frame.stamp_ns)
        return None if embedding is None else self.decide(np.asarray(embedding.vector), frame.stamp_ns)

    def decide(self, embedding: np.ndarray, stamp_ns: int = 0) -> Verification:
        """The decision on one embedding (d,) of length 1.

        Raises:
            ConfigurationError: of another length than the template's.
        """
        if protected_size(len(embedding)) != len(self.template.protected):
            raise ConfigurationError(
                f"the template of {self.template.name} has {len(self.template.protected)} values, embeddings of "
                f"{len(embedding)} give {protected_size(len(embedding))}; enrol again with the model in use."
            )
        score = float(similarity(protect(embedding, self._key), self.template.protected))
        threshold = self.template.threshold
        return Verification(score, threshold, score >= threshold, stamp_ns)
