"""From logits to honest confidences: the temperature, its error on faces it was not fitted to, and the threshold."""

from __future__ import annotations

import numpy as np

from faceedge.perception.expression_networks import softmax
from faceedge.perception.metrics import calibration_error

TEMPERATURES = np.exp(np.linspace(np.log(0.2), np.log(5.0), 241))


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that gives labels (n,) the least negative log-likelihood under logits (n, k), by a fine
    grid.
    """
    rows = np.arange(len(labels))
    losses = [-np.log(softmax(logits / t)[rows, labels] + 1e-12).mean() for t in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def cross_fitted_error(logits: np.ndarray, labels: np.ndarray, seed: int, folds: int = 2) -> float:
    """Expected calibration error where each fold is scored with the temperature of the other folds."""
    fold = np.random.default_rng(seed).integers(folds, size=len(labels))
    confidence, correct = np.empty(len(labels)), logits.argmax(1) == labels
    for index in range(folds):
        inside = fold == index
        temperature = fit_temperature(logits[~inside], labels[~inside])
        confidence[inside] = softmax(logits[inside] / temperature).max(1)
    return calibration_error(confidence, correct)


def threshold_for(probabilities: np.ndarray, labels: np.ndarray, accuracy: float) -> float:
    """The lowest confidence in steps of 0.01 at which the answers given reach ``accuracy``."""
    confidence, correct = probabilities.max(1), probabilities.argmax(1) == labels
    for threshold in (step / 100 for step in range(100)):
        given = confidence >= threshold
        if given.any() and correct[given].mean() >= accuracy:
            return threshold
    return 1.0
