"""The labels of the event camera's network in the words of REP-155, with the pleasure and arousal of each."""

from __future__ import annotations

import numpy as np

from faceedge.perception.event_input import LABELS
from faceedge.perception.expression import VALENCE_AROUSAL
from faceedge.perception.expression_networks import EXPRESSIONS

REP155_WORDS = {
    "neutral": "neutral", "happy": "happy", "surprise": "surprised", "sad": "sad", "fear": "scared",
    "disgust": "disgusted", "anger": "angry", "contempt": "skeptical",
}  # fmt: skip
"""hri_msgs/Expression knows no contempt; of its words `skeptical` is the nearest."""
_PLACES = [EXPRESSIONS.index(REP155_WORDS[label]) for label in LABELS if REP155_WORDS[label] in EXPRESSIONS]
_KNOWN = [REP155_WORDS[label] in EXPRESSIONS for label in LABELS]


def rep155_word(label: str) -> str:
    """The word of REP-155 for one of `LABELS`; empty stays empty."""
    return REP155_WORDS[label] if label else ""


def affect(probabilities: np.ndarray) -> tuple[float, float]:
    """Expected valence and arousal, -1 to 1, of probabilities (label,) in the order of `LABELS`.

    Contempt has no figures in the table that is used, so it counts as nothing.
    """
    known = np.asarray(probabilities, np.float64)[_KNOWN]
    valence, arousal = np.clip(known @ np.asarray(VALENCE_AROUSAL, np.float64)[_PLACES], -1.0, 1.0)
    return float(valence), float(arousal)
