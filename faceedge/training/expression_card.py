"""Finishing an expression model: choose its views, calibrate its confidence, measure it, and write file and card."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import yaml

from faceedge.errors import InputError
from faceedge.inference import interpreter, registry
from faceedge.perception.expression import EXPRESSIONS, ExpressionClassifier, softmax, standardise
from faceedge.perception.metrics import Classification, classification
from faceedge.training import calibration, export, fer2013, restoration
from faceedge.training.expression import TrainingSettings
from faceedge.training.expression_network import ExpressionNetwork

NAME = "expression"
WANTED_ACCURACY = 0.80
"""The abstention threshold is the lowest one at which this share of the answers is right on the choosing split."""

VIEW_SETS = {
    "one": [[1.0, 0.0, 0.0]],
    "two zooms": [[1.0, 0.0, 0.0], [1.12, 0.0, 0.0]],
    "cross": [[1.0, 0.0, 0.0], [1.08, -1.5, 0.0], [1.08, 1.5, 0.0], [1.08, 0.0, -1.5]],
}
"""Candidate sets of views (zoom, x, y); each view is also seen mirrored."""

Say = Callable[[str], None]


def logits_of(model: registry.Model, views: list[list[float]], band: float, images: np.ndarray) -> np.ndarray:
    """Mean logits (n, 7) over ``views`` for grey faces (n, 48, 48), through the code that runs on a robot."""
    processing = {"temperature": 1.0, "threshold": 0.0, "views": views, "band": band}
    card = dataclasses.replace(model.card, extra={**model.card.extra, "processing": processing})
    classifier = ExpressionClassifier(registry.Model(model.path, card))
    return np.stack([classifier.logits(image) for image in images])


def finish(
    network: ExpressionNetwork,
    training: fer2013.FaceSet,
    validation: fer2013.FaceSet,
    report: fer2013.CleaningReport,
    blur: restoration.Blur,
    settings: TrainingSettings,
    work: Path,
    models: Path,
    command: str,
    say: Say = print,
) -> Classification:
    """Export ``network`` as ``models/expression.tflite`` with its card.

    Args:
        network: trained; on the CPU.
        training: cleaned and restored faces; 500 of them calibrate the quantisation.
        validation: the choosing split: views, temperature and threshold are fitted to it, and the figures say so.
        report: what cleaning left out, for the card.
        blur: what restoration undid; its band limits the model's input.
        settings: the recipe, for the card.
        work: folder for intermediate files.
        models: folder of shipped models.
        command: the command line that reproduces this, for the card.
        say: receives progress, a line each.

    Returns:
        Figures of the int8 file on ``validation``.
    """
    if validation.classes != fer2013.CLASSES:
        raise InputError(f"expected the classes {fer2013.CLASSES} in this order, got {validation.classes}")
    float_path, int8_path = work / f"{NAME}_float.tflite", models / f"{NAME}.tflite"
    models.mkdir(parents=True, exist_ok=True)
    export.to_tflite(network, torch.zeros(1, 1, 48, 48), float_path)
    chosen = np.random.default_rng(settings.seed).choice(len(training), min(500, len(training)), replace=False)
    crops = standardise(training.images[np.sort(chosen)])
    export.to_int8(float_path, int8_path, (crop[None] for crop in crops))
    say(f"exported {int8_path} ({int8_path.stat().st_size} bytes)")

    def run(path: Path, views: str) -> np.ndarray:
        card = registry.ModelCard(NAME, path.name, export.sha256(path), "facial expression")
        return logits_of(registry.Model(path, card), VIEW_SETS[views], blur.band, validation.images)

    labels = validation.labels
    candidates = {views: run(int8_path, views) for views in VIEW_SETS}
    accuracies = {views: float((logits.argmax(1) == labels).mean()) for views, logits in candidates.items()}
    say(f"accuracy by views: {accuracies}")
    best = max(accuracies, key=lambda views: accuracies[views])
    logits, float_logits = candidates[best], run(float_path, best)
    temperature = calibration.fit_temperature(logits, labels)
    probabilities = softmax(logits / temperature)
    threshold = calibration.threshold_for(probabilities, labels, WANTED_ACCURACY)
    figures = classification(probabilities, labels, EXPRESSIONS, threshold)
    float_probabilities = softmax(float_logits / calibration.fit_temperature(float_logits, labels))
    float_figures = classification(float_probabilities, labels, EXPRESSIONS, threshold)
    times = {
        f"{kind}, {runtime}": export.median_ms(path, runtime)
        for kind, path in (("int8", int8_path), ("float", float_path))
        for runtime in interpreter.available_runtimes()
    }
    card = {
        "name": NAME,
        "file": int8_path.name,
        "sha256": export.sha256(int8_path),
        "task": "Which of seven expressions a face shows. Not what the person feels.",
        "licence": "Apache-2.0",
        "source": "Trained by the faceedge authors; faceedge/training/expression_network.py.",
        "input": "One grey face (1, 48, 48, 1), int8; zero mean and unit spread per picture, framed as FER2013 is.",
        "output": "Logits (1, 7), int8: " + ", ".join(EXPRESSIONS) + ".",
        "processing": {
            "temperature": round(temperature, 4),
            "threshold": threshold,
            "views": VIEW_SETS[best],
            "band": blur.band,
            "mirrored": "each view is also seen mirrored; logits are averaged",
        },
        "training": {
            "data": "FER2013 Training (28,709 grey 48x48 faces from a web search), cleaned: "
            + _cleaning(report)
            + _restoration(blur),
            "terms": "Research use; the pictures are not part of this package.",
            "command": command,
            "seed": settings.seed,
            "recipe": asdict(settings),
        },
        "metrics": {
            "FER2013 PublicTest": {
                "note": "The choosing split: views, temperature and threshold were fitted to it, so the figures lean "
                "to the good side. The private test split was not used.",
                **figures.as_dict(),
                "ece_cross_fitted": round(calibration.cross_fitted_error(logits, labels, settings.seed), 4),
                "accuracy_by_views": {name: round(value, 4) for name, value in accuracies.items()},
            },
            "groups": "FER2013 carries no age, sex or skin labels, so no figures by group exist for it.",
        },
        "float_against_int8": {
            "accuracy_float": round(float_figures.accuracy.value, 4),
            "accuracy_int8": round(figures.accuracy.value, 4),
            "macro_f1_float": round(float_figures.macro_f1, 4),
            "macro_f1_int8": round(figures.macro_f1, 4),
            "same_answer": round(float((float_logits.argmax(1) == logits.argmax(1)).mean()), 4),
            "size_float_bytes": float_path.stat().st_size,
        },
        "size_bytes": int8_path.stat().st_size,
        "time_ms": {
            "note": "median of one view on one thread of a server core; an estimate takes two per view",
            **times,
        },
        "limits": "Labels of one annotator on posed and acted web pictures; sad, scared and angry are often confused, "
        "disgusted is rare. Worse on children, profiles beyond 30 degrees, covered mouths and faces below 40 pixels. "
        "Says what a face shows, never what a person feels; do not use it for decisions about people.",
    }
    partial = models / f"{NAME}.yaml.partial"
    partial.write_text(yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=118), encoding="utf-8")
    partial.replace(models / f"{NAME}.yaml")
    return figures


def _restoration(blur: restoration.Blur) -> str:
    if blur.is_sharp:
        return ""
    return (
        " The copy of the training split that was used is blurred against PublicTest (transfer "
        f"{blur.transfer[6]:.2f} at index 6 and {blur.transfer[12]:.2f} at index 12 of 48 cosines); the blur was "
        f"undone up to index {blur.band:.0f}, and the model sees nothing finer."
    )


def _cleaning(report: fer2013.CleaningReport) -> str:
    return (
        f"{report.blank} blank, {report.in_held_out} also in PublicTest, {report.duplicate} repeated and "
        f"{report.conflicting} with conflicting labels left out, {report.kept} kept."
    )
