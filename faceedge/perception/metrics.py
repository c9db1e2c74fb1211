"""How good a classifier is: figures with intervals and the trivial baseline beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

CALIBRATION_BINS = 15


@dataclass(frozen=True, slots=True)
class Interval:
    """A share with its 95 % Wilson score interval (E. Wilson, 1927), which stays honest for few or extreme counts."""

    value: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, hits: int, count: int, z: float = 1.959964) -> Interval:
        """The share of ``hits`` among ``count``; nan with the widest interval for an empty count."""
        if count == 0:
            return cls(math.nan, 0.0, 1.0, 0)
        share = hits / count
        centre = share + z * z / (2 * count)
        spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
        scale = 1 + z * z / count
        return cls(share, (centre - spread) / scale, (centre + spread) / scale, count)


@dataclass(frozen=True, slots=True)
class Classification:
    """Figures of a classifier on labelled data.

    Attributes:
        classes: names in the order of all arrays.
        confusion: (k, k) counts, row = truth, column = answer.
        accuracy: over everything, abstentions not considered.
        majority: share of the most frequent class, the trivial baseline.
        recall: (k,), nan for a class without examples.
        precision: (k,), nan for a class that was never answered.
        macro_f1: mean over the classes that have examples.
        ece: expected calibration error over 15 equal-width confidence bins.
        coverage: share of answers at or above the threshold.
        selective_accuracy: accuracy among these answers.
        threshold: the confidence below which the classifier abstains.
    """

    classes: tuple[str, ...]
    confusion: np.ndarray
    accuracy: Interval
    majority: float
    recall: np.ndarray
    precision: np.ndarray
    macro_f1: float
    ece: float
    coverage: Interval
    selective_accuracy: Interval
    threshold: float

    def as_dict(self) -> dict[str, object]:
        """Plain numbers for JSON and cards."""

        def interval(value: Interval) -> dict[str, float | int | None]:
            return {
                "value": _number(value.value),
                "low": round(value.low, 4),
                "high": round(value.high, 4),
                "n": value.count,
            }

        return {
            "accuracy": interval(self.accuracy),
            "majority_baseline": round(self.majority, 4),
            "macro_f1": round(self.macro_f1, 4),
            "ece": round(self.ece, 4),
            "threshold": round(self.threshold, 4),
            "coverage": interval(self.coverage),
            "selective_accuracy": interval(self.selective_accuracy),
            "recall": {name: _number(value) for name, value in zip(self.classes, self.recall, strict=True)},
            "precision": {name: _number(value) for name, value in zip(self.classes, self.precision, strict=True)},
            "confusion": self.confusion.tolist(),
            "classes": list(self.classes),
        }


def _number(value: float) -> float | None:
    """JSON has no nan."""
    return None if math.isnan(value) else round(float(value), 4)


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error of (n,) confidences against (n,) hits: mean gap between them, weighted by bin size."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    count = np.bincount(index, minlength=bins)
    gap = np.bincount(index, weights=confidence - correct, minlength=bins)
    return float(np.abs(gap).sum() / max(1, count.sum()))


def classification(
    probabilities: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], threshold: float = 0.0
) -> Classification:
    """Figures of calibrated probabilities (n, k) against labels (n,)."""
    k = len(classes)
    answers = probabilities.argmax(1)
    confidence = probabilities[np.arange(len(labels)), answers]
    correct = answers == labels
    confusion = np.bincount(labels * k + answers, minlength=k * k).reshape(k, k)
    hits, truth, answered = np.diag(confusion).astype(float), confusion.sum(1), confusion.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, precision = hits / truth, hits / answered
    f1 = 2 * hits / np.maximum(truth + answered, 1)
    given = confidence >= threshold
    return Classification(
        classes=classes,
        confusion=confusion,
        accuracy=Interval.of(int(correct.sum()), len(labels)),
        majority=float(truth.max() / max(1, len(labels))),
        recall=recall,
        precision=precision,
        macro_f1=float(f1[truth > 0].mean()) if (truth > 0).any() else math.nan,
        ece=calibration_error(confidence, correct),
        coverage=Interval.of(int(given.sum()), len(labels)),
        selective_accuracy=Interval.of(int(correct[given].sum()), int(given.sum())),
        threshold=threshold,
    )
