"""Faces in a picture: an SSD network's raw outputs to boxes, scores and six key points, in the picture's pixels.

The networks are MediaPipe's BlazeFace family (Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on
Mobile GPUs", 2019). Each has one anchor or several per cell of one or several square grids. An anchor is a point, the
centre of its cell: the published anchor options fix all anchors' width and height to 1, so that only centres remain
and box sizes come straight from the network, in input pixels. A card gives its grids as
``anchors: [[stride_px, anchors_per_cell], ...]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from faceedge.errors import ConfigurationError, InputError, ModelError
from faceedge.inference.interpreter import Interpreter
from faceedge.inference.registry import Model

# Order of a detection's key points; left and right are the person's own.
KEYPOINTS = ("right_eye", "left_eye", "nose_tip", "mouth", "right_ear", "left_ear")
_VALUES_PER_ANCHOR = 4 + 2 * len(KEYPOINTS)
# The blend below compares all candidates with each other; a picture made to fool it must not cost gigabytes.
_MAX_CANDIDATES = 512


@dataclass(frozen=True, slots=True)
class Detections:
    """Faces of one picture, best score first.

    Attributes:
        boxes: (n, 4) float32, xmin ymin xmax ymax in pixels; may reach over the picture's edge.
        scores: (n,) float32, 0..1.
        keypoints: (n, 6, 2) float32, x y in pixels, in the order of KEYPOINTS.
    """

    boxes: np.ndarray
    scores: np.ndarray
    keypoints: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> Detections:
        """No face."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, len(KEYPOINTS), 2), np.float32))


def check_image(image: np.ndarray) -> None:
    """Raise InputError unless ``image`` is (height, width, 3) uint8 with at least one pixel."""
    if not isinstance(image, np.ndarray):
        raise InputError(f"A picture must be a (height, width, 3) uint8 array, got {type(image).__name__}.")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise InputError(
            f"A picture must be a (height, width, 3) uint8 array with at least one pixel, got shape {image.shape} of "
            f"{image.dtype}."
        )


class Letterbox:
    """Fits pictures of any size into a square, centred, with black bars; keeps its canvas between calls.

    Args:
        size: side of the square, px.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._canvas = np.zeros((size, size, 3), np.uint8)
        self._inner = (0, 0, size, size)

    def fit(self, image: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
        """Fit one picture.

        Args:
            image: (height, width, 3) uint8.

        Returns:
            The canvas (size, size, 3) uint8, which the next call overwrites; the scale, canvas pixels per picture
            pixel; and the offset (2,) float32, x y of the picture's corner on the canvas.
        """
        height, width = image.shape[:2]
        scale = self.size / max(height, width)
        inner_width, inner_height = max(1, round(width * scale)), max(1, round(height * scale))
        x, y = (self.size - inner_width) // 2, (self.size - inner_height) // 2
        inner = (x, y, inner_width, inner_height)
        if inner != self._inner:
            self._canvas[:] = 0
            self._inner = inner
        region = self._canvas[y : y + inner_height, x : x + inner_width]
        cv2.resize(image, (inner_width, inner_height), dst=region, interpolation=cv2.INTER_LINEAR)
        return self._canvas, scale, np.array((x, y), np.float32)


def anchor_centres(size: int, grids: Sequence[Sequence[int]]) -> np.ndarray:
    """Centres of all anchors in the network's order.

    Args:
        size: side of the network's input, px.
        grids: (stride_px, anchors_per_cell) of each grid.

    Returns:
        (anchors, 2) float32, x y in input pixels.
    """
    parts = []
    for stride, repeats in grids:
        cells = -(-size // stride)
        centres = (np.arange(cells, dtype=np.float32) + 0.5) * (size / cells)
        grid = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
        parts.append(np.repeat(grid, repeats, axis=0))
    return np.concatenate(parts).astype(np.float32)


def pairwise_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of each box of ``first`` (n, 4) with each of ``second`` (m, 4): (n, m) float32.

    A box without area has 0 with every box.
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(high - low, 0.0)
    intersection = sides[..., 0] * sides[..., 1]
    union = _areas(first)[:, None] + _areas(second)[None, :] - intersection
    return np.asarray(np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0), np.float32)


def _areas(boxes: np.ndarray) -> np.ndarray:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
    return np.asarray(sides[:, 0] * sides[:, 1])


def blend_overlapping(values: np.ndarray, scores: np.ndarray, iou_threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Non-maximum suppression that averages instead of discarding (the "blending" of the BlazeFace paper).

    The best candidate and all that overlap it by more than ``iou_threshold`` become one detection: their mean
    weighted by score, with the best one's score. The rest go through the same until none is left. Less jitter than
    plain suppression.

    Args:
        values: (n, 4 + k) float32, a box in the first four columns, points after it.
        scores: (n,) float32, above 0.

    Returns:
        values (m, 4 + k) and scores (m,), best first, m <= n.
    """
    order = np.argsort(-scores, kind="stable")
    values, scores = values[order], scores[order]
    overlap = pairwise_iou(values[:, :4], values[:, :4]) > iou_threshold
    np.fill_diagonal(overlap, True)
    left = np.ones(len(scores), bool)
    blended, leaders = [], []
    while left.any():
        leader = int(np.argmax(left))
        cluster = overlap[leader] & left
        weights = scores[cluster]
        blended.append(weights @ values[cluster] / weights.sum())
        leaders.append(leader)
        left &= ~cluster
    if not blended:
        return values, scores
    return np.asarray(blended, np.float32), scores[leaders]


class FaceDetector:
    """One BlazeFace network with its decoding.

    Args:
        model: from ``find_model``; its card's ``anchors`` entry describes the grids.
        threads: threads of one inference.
        score_threshold: faces below it are not returned, 0..1.
        iou_threshold: candidates that overlap more than this are one face.
        runtime: see ``Interpreter``.

    Raises:
        ModelError: the file does not fit its card, or is not a network of this family.
        ConfigurationError: a threshold is not within 0..1.
    """

    def __init__(
        self,
        model: Model,
        *,
        threads: int = 1,
        score_threshold: float = 0.5,
        iou_threshold: float = 0.3,
        runtime: str = "auto",
    ) -> None:
        for name, value in (("score_threshold", score_threshold), ("iou_threshold", iou_threshold)):
            if not 0.0 < value < 1.0:
                raise ConfigurationError(f"{name} is {value}, expected a number between 0 and 1.")
        self._interpreter = Interpreter(model.path, threads=threads, runtime=runtime)
        input_shape = self._interpreter.input_shapes[0]
        if len(input_shape) != 4 or input_shape[1] != input_shape[2] or input_shape[3] != 3:
            raise ModelError(f"{model.path}: a face detector takes (1, size, size, 3), this file takes {input_shape}.")
        self.size = input_shape[1]
        self._anchors = self._read_anchors(model)
        self._letterbox = Letterbox(self.size)
        self._rgb = np.empty((self.size, self.size, 3), np.uint8)
        self._input = np.empty(input_shape, np.float32)
        # The network gives logits; comparing those spares the sigmoid of all anchors but the few that pass.
        self._logit_threshold = float(np.log(score_threshold / (1.0 - score_threshold)))
        self._iou_threshold = iou_threshold

    def _read_anchors(self, model: Model) -> np.ndarray:
        grids: Any = model.card.extra.get("anchors")
        try:
            anchors = anchor_centres(self.size, [(int(stride), int(repeats)) for stride, repeats in grids])
        except (TypeError, ValueError, ZeroDivisionError) as error:
            raise ModelError(
                f"{model.card.name}: the card of a face detector needs "
                f"anchors: [[stride_px, anchors_per_cell], ...], got {grids!r}."
            ) from error
        expected = [(1, len(anchors), _VALUES_PER_ANCHOR), (1, len(anchors), 1)]
        if self._interpreter.output_shapes != expected:
            raise ModelError(
                f"{model.path}: the card's anchors ask for outputs {expected}, the file has "
                f"{self._interpreter.output_shapes}."
            )
        return anchors

    def detect(self, image: np.ndarray) -> Detections:
        """Find the faces of one picture.

        Args:
            image: (height, width, 3) uint8, BGR, of any size.

        Raises:
            InputError: the picture has another shape or type, or no pixel.
        """
        check_image(image)
        canvas, scale, offset = self._letterbox.fit(image)
        cv2.cvtColor(canvas, cv2.COLOR_BGR2RGB, dst=self._rgb)
        np.multiply(self._rgb, np.float32(1 / 127.5), out=self._input[0])
        self._input -= 1.0
        raw, logits = self._interpreter.run(self._input)
        return self._decode(raw[0], logits[0, :, 0], scale, offset)

    def _decode(self, raw: np.ndarray, logits: np.ndarray, scale: float, offset: np.ndarray) -> Detections:
        passed = np.flatnonzero(logits > self._logit_threshold)
        if passed.size == 0:
            return Detections.none()
        if passed.size > _MAX_CANDIDATES:
            passed = passed[np.argpartition(-logits[passed], _MAX_CANDIDATES)[:_MAX_CANDIDATES]]
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits[passed], -50.0, 50.0)))
        # Columns: box centre, box size, then six points; all but the size are relative to the anchor.
        points = raw[passed].reshape(len(passed), -1, 2)
        points[:, 0] += self._anchors[passed]
        points[:, 2:] += self._anchors[passed, None]
        half = points[:, 1] / 2
        points[:, 1] = points[:, 0] + half
        points[:, 0] -= half
        values, scores = blend_overlapping(points.reshape(len(passed), -1), scores, self._iou_threshold)
        points = (values.reshape(len(values), -1, 2) - offset) / np.float32(scale)
        return Detections(points[:, :2].reshape(-1, 4), scores.astype(np.float32), points[:, 2:])
