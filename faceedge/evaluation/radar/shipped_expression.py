"""faceedge's own expressions in the tables: the shipped model, trained before and on other people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faceedge.errors import InputError
from faceedge.evaluation.radar.clips import LEAVES, NANOSECONDS, Clip
from faceedge.inference.registry import Model, find_model
from faceedge.perception.radar_expression import MODEL, RadarExpression
from faceedge.radar.face_frames import FaceFrame


class ShippedExpression:
    """Estimates of the shipped model, each for the moment that it speaks of.

    Args:
        model: None takes the one that ships.

    Raises:
        ModelError: there is no model.
    """

    name = "expression (faceedge)"

    def __init__(self, model: Model | None = None) -> None:
        self._model = find_model(MODEL) if model is None else model
        processing = self._model.card.extra["processing"]
        self._period_s = float(processing["period_s"])
        self._age_s = (int(processing["delay"]) + (int(processing["span"]) - 1) / 2) * self._period_s
        self._references: dict[tuple[str, int, int], np.ndarray | None] = {}

    def fit(self, clips: Sequence[Clip]) -> None:
        """See `ExpressionMethod.fit`; this one was trained before."""

    def probabilities(self, clip: Clip, reference: Sequence[Clip]) -> np.ndarray:
        """See `ExpressionMethod.probabilities`; nan without a reference where one was asked for but was too short."""
        answers = np.full((len(clip), len(LEAVES)), np.nan)
        network = RadarExpression(clip.chirp, self._model)
        if reference:
            known = self._reference(network, reference[0])
            if known is None:
                return answers
            network.reset()
            network.set_reference(known)
        times_s, estimates = _run(network, clip)
        if not len(times_s):
            return answers
        times_s = times_s - self._age_s
        after = np.clip(np.searchsorted(times_s, clip.stamps_s), 1, max(1, len(times_s) - 1))
        before = np.minimum(after - 1, len(times_s) - 1)
        after = np.minimum(after, len(times_s) - 1)
        nearer = np.where(
            np.abs(times_s[after] - clip.stamps_s) < np.abs(times_s[before] - clip.stamps_s), after, before
        )
        near = np.abs(times_s[nearer] - clip.stamps_s) <= self._period_s
        answers[near] = estimates[nearer[near]]
        return answers

    def _reference(self, network: RadarExpression, clip: Clip) -> np.ndarray | None:
        if clip.key not in self._references:
            _run(network, clip)
            try:
                self._references[clip.key] = network.neutral_reference()
            except InputError:
                self._references[clip.key] = None
        return self._references[clip.key]


def _run(network: RadarExpression, clip: Clip) -> tuple[np.ndarray, np.ndarray]:
    """When there was an estimate, s (k,), and its probabilities (k, 4)."""
    times_s, estimates = [], []
    for place, stamp_s in enumerate(clip.stamps_s):
        sequence = round(float(stamp_s) / clip.chirp.frame_period_s)
        frame = FaceFrame(
            sequence, round(float(stamp_s) * NANOSECONDS), None, clip.looks[place], 0.0, False, clip.drifts[place]
        )
        estimate = network.push(frame)
        if estimate is not None:
            times_s.append(float(stamp_s))
            estimates.append(estimate.probabilities)
    return np.array(times_s), np.array(estimates).reshape(len(estimates), len(LEAVES))
