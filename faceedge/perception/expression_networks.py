"""The networks behind an expression estimate: from a grey 48x48 crop to log-probabilities of the seven expressions.

What a network wants to see (size, scaling, bandwidth, views) and what it gives (order, logits or probabilities) stands
in its card under ``processing``, so that a network of another origin takes part without code of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from faceedge.errors import ModelError
from faceedge.inference.interpreter import Interpreter
from faceedge.inference.registry import Model

EXPRESSIONS = ("angry", "disgusted", "scared", "happy", "neutral", "sad", "surprised")
"""Order of all probabilities, in the words of REP-155 (hri_msgs/Expression)."""

CROP_SIZE = 48
SCALINGS = ("standardised", "minus one to one")
OUTPUTS = ("logits", "probabilities")
SMALLEST_PROBABILITY = 1e-6


@dataclass(frozen=True, slots=True)
class View:
    """One way of looking at a crop: magnified by ``zoom`` and moved by (``x``, ``y``) pixels, perhaps mirrored."""

    zoom: float = 1.0
    x: float = 0.0
    y: float = 0.0
    mirrored: bool = False

    def matrix(self, size: int = CROP_SIZE) -> np.ndarray:
        """The (2, 3) affine map from a crop to a view of ``size`` pixels for ``cv2.warpAffine``."""
        centre, scale = (CROP_SIZE - 1) / 2, size / CROP_SIZE
        sign = -1.0 if self.mirrored else 1.0
        zoom = scale * self.zoom
        return np.array(
            [
                [sign * zoom, 0, (size - 1) / 2 + sign * (scale * self.x - zoom * centre)],
                [0, zoom, (size - 1) / 2 + scale * self.y - zoom * centre],
            ],
            np.float32,
        )


def band_mask(band: float) -> np.ndarray:
    """Gain (48, 48) of a low-pass over the cosine transform of a crop.

    One up to 3/4 of the radius ``band`` (in index steps), zero from 5/4 on, half a cosine between; a band of 48 or
    more passes everything.
    """
    if band >= CROP_SIZE:
        return np.ones((CROP_SIZE, CROP_SIZE), np.float32)
    index = np.arange(CROP_SIZE)
    position = np.clip((np.hypot(index[:, None], index) - 0.75 * band) / (0.5 * band), 0, 1)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * position), np.float32)


def band_limit(crop: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Grey crop (48, 48) as float32 without what the model has not learned to see; ``mask`` from `band_mask`."""
    return np.asarray(cv2.idct(cv2.dct(crop.astype(np.float32)) * mask), np.float32)


def standardise(crops: np.ndarray) -> np.ndarray:
    """Zero mean and unit spread per crop: (n, 48, 48) grey to (n, 48, 48, 1) float32, as in training."""
    x = crops.astype(np.float32) - crops.mean((1, 2), keepdims=True, dtype=np.float32)
    return np.asarray((x / np.maximum(x.std((1, 2), keepdims=True), 1.0))[..., None], np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over the last axis."""
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(-1, keepdims=True))


class ExpressionNetwork:
    """One model file with the pre- and post-processing of its card."""

    def __init__(self, model: Model, *, threads: int = 1, runtime: str = "auto") -> None:
        """Load the model.

        Raises:
            ModelError: the file is not an expression network, or its card does not say how to use it.
        """
        self._interpreter = Interpreter(model.path, threads=threads, runtime=runtime)
        shapes = (self._interpreter.input_shapes, self._interpreter.output_shapes)
        size = shapes[0][0][1] if len(shapes[0][0]) == 4 else 0
        if shapes != ([(1, size, size, 1)], [(1, len(EXPRESSIONS))]):
            raise ModelError(f"{model.path}: expected an input (1, n, n, 1) and an output (1, 7), got {shapes}")
        try:
            processing = model.card.extra["processing"]
            band = float(processing["band"])
            views = [View(float(zoom), float(x), float(y), bool(m)) for zoom, x, y, m in processing["views"]]
            self._standardised = bool(SCALINGS.index(processing["scaling"]) == 0)
            self._logits = bool(OUTPUTS.index(processing["output"]) == 0)
            self._columns = np.array([processing["classes"].index(name) for name in EXPRESSIONS])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{model.path}: its card must give band, views, scaling ({' or '.join(SCALINGS)}), output "
                f"({' or '.join(OUTPUTS)}) and classes (the seven of REP-155) under processing; {error!r}"
            ) from error
        self._mask = band_mask(band) if band < CROP_SIZE else None
        self._matrices = [view.matrix(size) for view in views]
        self._seen = np.empty((len(views), size, size), np.float32)

    def log_probabilities(self, crop: np.ndarray) -> np.ndarray:
        """(7,) float32 in the order of `EXPRESSIONS`, the mean over the views of one grey crop (48, 48) uint8."""
        limited = crop.astype(np.float32) if self._mask is None else band_limit(crop, self._mask)
        size = self._seen.shape[1]
        for matrix, seen in zip(self._matrices, self._seen, strict=True):
            cv2.warpAffine(limited, matrix, (size, size), dst=seen, borderMode=cv2.BORDER_REFLECT_101)
        x = standardise(self._seen) if self._standardised else (self._seen / 127.5 - 1)[..., None]
        outputs = np.array([self._interpreter.run(view[None])[0][0] for view in x])
        if not self._logits:
            outputs = np.log(np.maximum(outputs, SMALLEST_PROBABILITY))
        mean = outputs.mean(0)[self._columns]
        return np.asarray(mean - np.log(np.exp(mean - mean.max()).sum()) - mean.max(), np.float32)
