"""The four expressions that a radar tells apart, in the words of REP-155, with the pleasure and arousal of each."""

from __future__ import annotations

import numpy as np

from faceedge.perception.expression import VALENCE_AROUSAL
from faceedge.perception.expression_networks import EXPRESSIONS
from faceedge.perception.radar_expression import LEAVES

REP155_WORDS = {"neutral": "neutral", "smile": "happy", "shock": "surprised", "anger": "angry"}
"""hri_msgs/Expression knows no smile and no shock; a smile is not always happy, but it is what that word looks like."""
_AFFECT = np.array([VALENCE_AROUSAL[EXPRESSIONS.index(REP155_WORDS[leaf])] for leaf in LEAVES], np.float64)


def rep155_word(leaf: str) -> str:
    """The word of REP-155 for one of `LEAVES`; empty stays empty."""
    return REP155_WORDS[leaf] if leaf else ""


def affect(probabilities: np.ndarray) -> tuple[float, float]:
    """Expected valence and arousal, -1 to 1, of probabilities (4,) in the order of `LEAVES`."""
    valence, arousal = np.clip(np.asarray(probabilities, np.float64) @ _AFFECT, -1.0, 1.0)
    return float(valence), float(arousal)
