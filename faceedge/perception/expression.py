"""Which of seven expressions a face shows, how sure that is, and when to say nothing.

A detection becomes a 48x48 grey crop in the framing of the training data, which one or two networks read, as the size
of the face makes them good at it. Their mean log-probabilities, divided by the temperature from the model's card, give
calibrated probabilities (C. Guo et al., "On calibration of modern neural networks", 2017). Below the card's threshold
the classifier abstains.

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


CORNER_PX = 26.0
"""No corner of a crop is farther from the nearest of these centres, in pixels of the crop."""


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
    centres = _centres(mesh_points)
    matrix = similarity(centres, CANONICAL)
    zoom = math.hypot(matrix[0, 0], matrix[1, 0])
    # Far down-scaling aliases with bilinear sampling: blur to the target's Nyquist rate first, on the face alone.
    interpolation = cv2.INTER_LINEAR
    if zoom < 0.5:
        factor = 2 ** math.floor(math.log2(1 / zoom))
        margin = CORNER_PX / zoom
        low = np.floor(centres.min(0) - margin).astype(int).clip(0)
        high = np.ceil(centres.max(0) + margin).astype(int)
        part = image[low[1] : high[1], low[0] : high[0]]
        if part.size == 0:
            raise InputError(f"expected the face inside the picture {image.shape[1]}x{image.shape[0]}, it lies outside")
        small = (max(1, part.shape[1] // factor), max(1, part.shape[0] // factor))
        image = cv2.resize(part, small, interpolation=cv2.INTER_AREA)
        ratio = np.array([small[0] / part.shape[1], small[1] / part.shape[0]])
        matrix = similarity((centres - low + 0.5) * ratio - 0.5, CANONICAL)
    crop = cv2.warpAffine(image, matrix, (CROP_SIZE, CROP_SIZE), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), np.uint8)


def side_px(mesh_points: np.ndarray) -> float:
    """Side in the picture's pixels of the square that `align` cuts out; below `CROP_SIZE` the crop is magnified."""
    matrix = similarity(_centres(mesh_points), CANONICAL)
    return CROP_SIZE / math.hypot(matrix[0, 0], matrix[1, 0])


def _centres(mesh_points: np.ndarray) -> np.ndarray:
    """Centres (3, 2) of the right eye, the left eye and the mouth."""
    return np.stack([mesh_points[list(pair), :2].mean(0) for pair in (RIGHT_EYE, LEFT_EYE, MOUTH)])


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


@dataclass(frozen=True, slots=True)
class Share:
    """How much a partner counts beside the model, by the size of the face.

    Its weight is (side / ``equal_at_px``) ** ``power``, where the side of the crop in the picture's pixels counts up to
    `CROP_SIZE`; the model's own weight is one. A network whose share is below `SMALLEST_SHARE` is not run.
    """

    equal_at_px: float
    power: float

    def weight(self, side: float) -> float:
        """Weight of the partner for a crop of ``side`` pixels."""
        return float((min(side, CROP_SIZE) / self.equal_at_px) ** self.power)


SMALLEST_SHARE = 0.12


def shares(weights: list[float]) -> list[float]:
    """Weights as parts of one, without those that are too small to be worth their time."""
    total = sum(weights)
    kept = [weight if weight >= SMALLEST_SHARE * total else 0.0 for weight in weights]
    return [weight / sum(kept) for weight in kept]


class ExpressionClassifier:
    """The expression model, with its partners where its card names some, and the calibration of its confidence.

    Partners are models in the same folder that read faces of another size better. Which counts how much is decided for
    each face by its size (`Share`); the weighted mean of log-probabilities is divided by the temperature, which depends
    on the size as well: small faces deserve less confidence.
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
        self._networks = [ExpressionNetwork(model, threads=threads, runtime=runtime)]
        try:
            processing = model.card.extra["processing"]
            by_side = sorted((float(side), float(value)) for side, value in processing["temperature"].items())
            self._temperature_sides, self._temperatures = np.array(by_side).T
            self.threshold = float(processing["threshold"] if threshold is None else threshold)
            partners = {
                str(name): Share(float(share["equal_at_px"]), float(share["power"]))
                for name, share in processing.get("partners", {}).items()
            }
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{model.path}: its card must give temperature (by side in pixels), threshold and partners "
                f"(equal_at_px and power of each) under processing; {error!r}"
            ) from error
        self._shares = list(partners.values())
        for name in partners:
            partner = find_model(name, model.path.parent)
            self._networks.append(ExpressionNetwork(partner, threads=threads, runtime=runtime))
        if not 0.0 <= self.threshold <= 1.0:
            raise ConfigurationError(f"expression threshold: expected 0 to 1, got {self.threshold}")

    def classify(self, image: np.ndarray, mesh_points: np.ndarray) -> ExpressionEstimate:
        """What the face with these landmarks (468, 3) in pixels shows in ``image`` (height, width, 3) BGR uint8."""
        return self.decide(self.probabilities(align(image, mesh_points), side_px(mesh_points)))

    def classify_crops(self, crops: np.ndarray, sides: np.ndarray | None = None) -> np.ndarray:
        """Calibrated probabilities (n, 7) of grey crops (n, 48, 48) uint8 that are framed like the training data.

        ``sides`` (n,): how many pixels each crop had in its picture; None for as many as it has now.
        """
        if crops.ndim != 3 or crops.shape[1:] != (CROP_SIZE, CROP_SIZE) or crops.dtype != np.uint8:
            raise InputError(f"expected crops (n, 48, 48) uint8, got {crops.shape} {crops.dtype}")
        if sides is None:
            sides = np.full(len(crops), CROP_SIZE)
        rows = [self.probabilities(crop, float(side)) for crop, side in zip(crops, sides, strict=True)]
        return np.stack(rows) if rows else np.zeros((0, len(EXPRESSIONS)), np.float32)

    def probabilities(self, crop: np.ndarray, side: float = CROP_SIZE) -> np.ndarray:
        """Calibrated probabilities (7,) float32 of a grey crop (48, 48) uint8 that had ``side`` pixels."""
        parts = shares([1.0, *(share.weight(side) for share in self._shares)])
        total = sum(
            part * network.log_probabilities(crop)
            for part, network in zip(parts, self._networks, strict=True)
            if part > 0
        )
        temperature = np.interp(side, self._temperature_sides, self._temperatures)
        return softmax(np.asarray(total) / temperature).astype(np.float32)

    def decide(self, probabilities: np.ndarray) -> ExpressionEstimate:
        """Turn calibrated probabilities (7,) into a word, or into an abstention below the threshold."""
        best = int(np.argmax(probabilities))
        confidence = float(probabilities[best])
        valence, arousal = (float(value) for value in probabilities @ VALENCE_AROUSAL)
        word = EXPRESSIONS[best] if confidence >= self.threshold else ""
        return ExpressionEstimate(word, confidence, np.asarray(probabilities, np.float32), valence, arousal)
