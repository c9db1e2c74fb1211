"""What a face in front of a near-face radar shows: neutral, smile, shock or anger.

The order of decisions is that of FOODER (arXiv:2512.18057): first whether the face moves much (dynamic: smile, shock)
or little (static: neutral, anger), then which of two. The probability of a leaf is the product along its branch.
Below the card's threshold the answer is "", an abstention.

An expression is what a face shows, not what a person feels; inferring emotions is regulated and off by default.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceedge.inference.registry import Model
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import FaceFrame

LEAVES = ("neutral", "smile", "shock", "anger")
"""Order of all probabilities."""
DYNAMIC = ("smile", "shock")


@dataclass(frozen=True, slots=True)
class RadarExpressionEstimate:
    """What a face shows now.

    Attributes:
        word: one of `LEAVES`, or "" when the radar cannot tell.
        confidence: calibrated probability of the most likely leaf, also when it abstains.
        probabilities: (4,) float32 in the order of `LEAVES`.
        dynamic: probability that the face does a smile or a shock.
        stamp_ns: time of the last frame that took part.
    """

    word: str
    confidence: float
    probabilities: np.ndarray
    dynamic: float
    stamp_ns: int


def decide(probabilities: np.ndarray, threshold: float, stamp_ns: int) -> RadarExpressionEstimate:
    """Probabilities (4,) to an estimate that abstains below ``threshold``."""
    best = int(np.argmax(probabilities))
    confidence = float(probabilities[best])
    dynamic = float(sum(probabilities[LEAVES.index(leaf)] for leaf in DYNAMIC))
    word = LEAVES[best] if confidence >= threshold else ""
    return RadarExpressionEstimate(word, confidence, np.asarray(probabilities, np.float32), dynamic, stamp_ns)


class RadarExpression:
    """The expression of the face in front of one radar, frame by frame.

    Args:
        chirp: what the radar transmits.
        model: the verified model; None takes the one that ships.

    Raises:
        ConfigurationError: the chirp is not one that the model was made for.
        ModelError: the model's file or card does not fit.
    """

    def __init__(self, chirp: ChirpSettings, model: Model | None = None) -> None:
        self.chirp = chirp

    def push(self, frame: FaceFrame) -> RadarExpressionEstimate | None:
        """The estimate at this frame; None until the window is full, and after a gap until it is full again."""
        return None

    def reset(self) -> None:
        """Forget all frames: somebody else may sit there now."""
