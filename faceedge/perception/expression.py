"""Which of seven expressions a face shows, how sure that is, and when to say nothing.

A detection becomes a 48x48 grey crop in the framing of the training data, the crop is seen in several slightly
different views, and the mean of their logits, divided by the temperature from the model's card, gives calibrated
probabilities (C. Guo et al., "On calibration of modern neural networks", 2017). Below the card's threshold the
classifier abstains.

An expression is what a face shows, not what a person feels; inferring emotions is regulated and off by default.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from faceedge.errors import ConfigurationError, InputError, ModelError
from faceedge.inference.registry import Model, find_model
from faceedge.perception.expression_networks import CROP_SIZE, EXPRESSIONS, ExpressionNetwork, softmax

VALENCE_AROUSAL = np.array(
    [(-0.51, 0.59), (-0.60, 0.35), (-0.64, 0.60), (0.81, 0.51), (0.0, 0.0), (-0.63, -0.27), (0.40, 0.67)], np.float32
)
"""Pleasure and arousal of each expression's word. Source: J. Russell and A. Mehrabian, "Evidence for a three-factor
theory of emotions", 1977, table 2 (angry, disgusted, fearful, happy, sad, surprised); neutral is the origin by
definition."""

RIGHT_EYE = (33, 133)
LEFT_EYE = (362, 263)
MOUTH = (61, 291)
"""Corner points of the eyes and the mouth in the 468-point mesh; right and left are the person's own."""

CANONICAL = np.array([(14.5, 18.2), (33.2, 18.2), (23.85, 36.8)], np.float32)
"""Where the eye centres and the mouth's centre lie in a 48x48 crop, x and y in pixels: medians, made symmetric, over
the faces of FER2013 PublicTest in which the landmark network is sure of a face."""


@dataclass(frozen=True, slots=True)
class ExpressionEstimate:
    """What a face shows.

    Attributes:
        word: one of `EXPRESSIONS`, or "" when the classifier abstains.
        confidence: calibrated probability of the most likely expression, also when it abstains.
        probabilities: (7,) float32 in the order of `EXPRESSIONS`.
        valence: expected pleasure, -1 to 1.
        arousal: expected arousal, -1 to 1.
    """

    word: str
    confidence: float
    probabilities: np.ndarray
    valence: float
    arousal: float


def align(image: np.ndarray, mesh_points: np.ndarray) -> np.ndarray:
    """Cut a face out in the framing of the training data.

    Args:
        image: (height, width, 3) uint8, BGR.
        mesh_points: (468, 3) or (468, 2) pixels.

    Returns:
        (48, 48) uint8, grey, upright: eye and mouth centres at `CANONICAL` in the least-squares sense.
    """
    centres = np.stack([mesh_points[list(pair), :2].mean(0) for pair in (RIGHT_EYE, LEFT_EYE, MOUTH)])
    matrix = similarity(centres, CANONICAL)
    zoom = math.hypot(matrix[0, 0], matrix[1, 0])
    # Far down-scaling aliases with bilinear sampling: blur to the target's Nyquist rate first, on the face alone.
    interpolation = cv2.INTER_LINEAR
    if zoom < 0.5:
        factor = 2 ** math.floor(math.log2(1 / zoom))
        low = np.floor(centres.min(0) - 40 / zoom).astype(int).clip(0)
        high = np.ceil(centres.max(0) + 40 / zoom).astype(int)
        part = image[low[1] : high[1], low[0] : high[0]]
        if part.size == 0:
            raise InputError(f"expected the face inside the picture {image.shape[1]}x{image.shape[0]}, it lies outside")
        small = (max(1, part.shape[1] // factor), max(1, part.shape[0] // factor))
        image = cv2.resize(part, small, interpolation=cv2.INTER_AREA)
        ratio = np.array([small[0] / part.shape[1], small[1] / part.shape[0]])
        matrix = similarity((centres - low + 0.5) * ratio - 0.5, CANONICAL)
    crop = cv2.warpAffine(image, matrix, (CROP_SIZE, CROP_SIZE), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), np.uint8)


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Rotation, uniform scale and shift (2, 3) that takes ``source`` (n, 2) nearest to ``target`` (n, 2).

    Raises:
        InputError: the points coincide or are not finite, so no face has them.
    """
    a, b = source - source.mean(0), target - target.mean(0)
    spread = float((a * a).sum())
    if not np.isfinite(spread) or spread < 1e-6:
        raise InputError(
            "expected distinct eye and mouth landmarks, got coinciding or non-finite points; no crop was cut"
        )
    cos = float((a * b).sum()) / spread
    sin = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / spread
    rotation = np.array([[cos, -sin], [sin, cos]])
    shift = target.mean(0) - rotation @ source.mean(0)
    return np.hstack([rotation, shift[:, None]]).astype(np.float32)


class ExpressionClassifier:
    """The expression model, with its partners where its card names some, and the calibration of its confidence.

    Partners are models in the same folder; the weighted mean of all log-probabilities (own weight 1) is divided by the
    temperature.
    """

    def __init__(
        self, model: Model, *, threads: int = 1, threshold: float | None = None, runtime: str = "auto"
    ) -> None:
        """Load the model and its partners.

        Args:
            model: the verified file and its card, whose ``processing`` holds temperature, threshold and partners beside
                what `ExpressionNetwork` needs.
            threads: of each interpreter.
            threshold: abstain below this confidence; None takes the card's.
            runtime: see `Interpreter`.

        Raises:
            ModelError: a file is not an expression network, or a card lacks what is needed.
            ConfigurationError: the threshold is not within 0..1.
        """
        network = ExpressionNetwork(model, threads=threads, runtime=runtime)
        self._members = [(network, 1.0)]
        try:
            processing = model.card.extra["processing"]
            self.temperature = float(processing["temperature"])
            self.threshold = float(processing["threshold"] if threshold is None else threshold)
            partners = {str(name): float(weight) for name, weight in processing.get("partners", {}).items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{model.path}: its card must give temperature, threshold and partners under processing; {error!r}"
            ) from error
        for name, weight in partners.items():
            partner = ExpressionNetwork(find_model(name, model.path.parent), threads=threads, runtime=runtime)
            self._members.append((partner, weight))
        if not 0.0 <= self.threshold <= 1.0:
            raise ConfigurationError(f"expression threshold: expected 0 to 1, got {self.threshold}")

    def classify(self, image: np.ndarray, mesh_points: np.ndarray) -> ExpressionEstimate:
        """What the face with these landmarks (468, 3) in pixels shows in ``image`` (height, width, 3) BGR uint8."""
        return self.decide(self.probabilities(align(image, mesh_points)))

    def classify_crops(self, crops: np.ndarray) -> np.ndarray:
        """Calibrated probabilities (n, 7) of grey crops (n, 48, 48) uint8 that are framed like the training data."""
        if crops.ndim != 3 or crops.shape[1:] != (CROP_SIZE, CROP_SIZE) or crops.dtype != np.uint8:
            raise InputError(f"expected crops (n, 48, 48) uint8, got {crops.shape} {crops.dtype}")
        return np.stack([self.probabilities(crop) for crop in crops]) if len(crops) else np.zeros((0, 7), np.float32)

    def probabilities(self, crop: np.ndarray) -> np.ndarray:
        """Calibrated probabilities (7,) float32 of one grey crop (48, 48) uint8."""
        total = sum(weight * network.log_probabilities(crop) for network, weight in self._members)
        scale = self.temperature * sum(weight for _, weight in self._members)
        return softmax(np.asarray(total) / scale).astype(np.float32)

    def decide(self, probabilities: np.ndarray) -> ExpressionEstimate:
        """Turn calibrated probabilities (7,) into a word, or into an abstention below the threshold."""
        best = int(np.argmax(probabilities))
        confidence = float(probabilities[best])
        valence, arousal = (float(value) for value in probabilities @ VALENCE_AROUSAL)
        word = EXPRESSIONS[best] if confidence >= self.threshold else ""
        return ExpressionEstimate(word, confidence, np.asarray(probabilities, np.float32), valence, arousal)
