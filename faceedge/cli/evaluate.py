"""`faceedge evaluate expression`: how good the shipped model is on anyone's data."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceedge.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from faceedge.perception.metrics import Classification, Interval

WORDS = {
    "angry": ("angry", "anger"),
    "disgusted": ("disgusted", "disgust"),
    "scared": ("scared", "fear", "fearful", "afraid"),
    "happy": ("happy", "happiness", "joy", "smile"),
    "neutral": ("neutral",),
    "sad": ("sad", "sadness"),
    "surprised": ("surprised", "surprise"),
}
"""What data sets call the seven expressions."""

PICTURES = (".png", ".jpg", ".jpeg", ".pgm", ".bmp", ".webp")
ALREADY_CROPPED = 64
"""A picture of at most this many pixels a side is taken for a face crop, a larger one for a scene with a face."""


@dataclass(frozen=True, slots=True)
class LabelledCrops:
    """Grey crops (n, 48, 48) uint8, labels (n,) into EXPRESSIONS, and pictures in which no face was found.

    ``sides`` (n,): pixels that each crop had in its picture.
    """

    crops: np.ndarray
    labels: np.ndarray
    sides: np.ndarray
    without_face: int = 0
    unreadable: int = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `faceedge evaluate expression`."""
    parser.add_argument("data", type=Path, help=".npz with image, label, classes; or a folder of class folders")
    parser.add_argument("--models", type=Path, default=None, help="folder of the model (default: the shipped one)")
    parser.add_argument("--runtime", default="auto", help="ai-edge-litert, tflite-runtime or auto")
    parser.add_argument("--json", action="store_true", help="for machines")


def label_of(name: str, origin: Path) -> int:
    """Index into EXPRESSIONS of a data set's word for it.

    Raises:
        InputError: the word is none of the seven.
    """
    for index, words in enumerate(WORDS.values()):
        if name.lower() in words:
            return index
    known = ", ".join(word for words in WORDS.values() for word in words)
    raise InputError(f"{origin}: expected classes named among {known}; got {name!r}; rename or remove it")


def load_arrays(path: Path) -> LabelledCrops:
    """Read an ``.npz`` like the FER2013 splits."""
    import numpy as np

    from faceedge.training import fer2013

    data = fer2013.load(path)
    if data.images.shape[1:] != (48, 48):
        raise InputError(f"{path}: expected pictures of 48x48, got {data.images.shape[1:]}")
    order = np.array([label_of(name, path) for name in data.classes])
    return LabelledCrops(data.images, order[data.labels], np.full(len(data), 48.0))


def load_folder(folder: Path, models: Path | None, runtime: str) -> LabelledCrops:
    """Read a folder of class folders; faces in larger pictures are found and aligned as on a robot."""
    import cv2
    import numpy as np

    from faceedge.camera.detection import FaceDetector
    from faceedge.camera.landmarks import LandmarkNetwork, square_of_detection
    from faceedge.inference.registry import find_model
    from faceedge.perception.expression import align, side_px
    from faceedge.perception.expression_networks import CROP_SIZE

    detector = FaceDetector(find_model("face_detection_near", models), runtime=runtime)
    landmarks = LandmarkNetwork(find_model("face_landmarks", models), runtime=runtime)
    crops, labels, sides, without_face, unreadable = [], [], [], 0, 0
    classes = sorted(entry for entry in folder.iterdir() if entry.is_dir())
    if not classes:
        raise InputError(f"{folder}: expected one folder a class (angry, happy, ...), found none")
    for entry in classes:
        label = label_of(entry.name, folder)
        for path in sorted(p for p in entry.rglob("*") if p.suffix.lower() in PICTURES):
            image = cv2.imread(str(path))
            if image is None:
                unreadable += 1
                continue
            if max(image.shape[:2]) <= ALREADY_CROPPED:
                grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
                crops.append(cv2.resize(grey, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_AREA))
                labels.append(label)
                sides.append(float(max(image.shape[:2])))
                continue
            found = detector.detect(image)
            if len(found.scores) == 0:
                without_face += 1
                continue
            mesh = landmarks.locate(image, square_of_detection(found.boxes[0], found.keypoints[0]))
            crops.append(align(image, mesh.points))
            labels.append(label)
            sides.append(side_px(mesh.points))
    return LabelledCrops(
        np.stack(crops) if crops else np.zeros((0, CROP_SIZE, CROP_SIZE), np.uint8),
        np.array(labels, np.int64),
        np.array(sides),
        without_face,
        unreadable,
    )


def main(args: argparse.Namespace) -> int:
    """Measure and print."""
    from faceedge.inference.registry import find_model
    from faceedge.perception.expression import ExpressionClassifier
    from faceedge.perception.expression_networks import EXPRESSIONS
    from faceedge.perception.metrics import classification

    if args.data.is_dir():
        data = load_folder(args.data, args.models, args.runtime)
    else:
        data = load_arrays(args.data)
    if len(data.labels) == 0:
        raise InputError(
            f"{args.data}: expected at least one face, found none "
            f"({data.without_face} pictures without a face, {data.unreadable} unreadable)"
        )
    model = find_model("expression", args.models)
    classifier = ExpressionClassifier(model, runtime=args.runtime)
    figures = classification(
        classifier.classify_crops(data.crops, data.sides), data.labels, EXPRESSIONS, round(classifier.threshold, 4)
    )
    if args.json:
        extra = {"without_face": data.without_face, "unreadable": data.unreadable, "sha256": model.card.sha256}
        print(json.dumps({"data": str(args.data), **extra, **figures.as_dict()}, indent=1))
    else:
        show(figures, data, str(args.data), f"{model.path.name} {model.card.sha256[:12]}")
    return 0


def percent(value: float) -> str:
    """A share for people."""
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def show(figures: Classification, data: LabelledCrops, origin: str, model: str) -> None:
    """Print the figures as tables."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    def interval(value: Interval) -> str:
        return f"{percent(value.value)}  (95 %: {100 * value.low:.1f} to {100 * value.high:.1f}, n = {value.count})"

    console = Console()
    summary = Table(title=f"{model} on {origin}", show_header=False, title_justify="left")
    rows = {
        "accuracy": interval(figures.accuracy),
        "majority baseline": percent(figures.majority),
        "macro-F1": f"{figures.macro_f1:.3f}",
        "calibration error (ECE, 15 bins)": percent(figures.ece),
        f"answered at confidence >= {figures.threshold:.2f}": interval(figures.coverage),
        "right among the answered": interval(figures.selective_accuracy),
        "pictures without a face, unreadable": f"{data.without_face}, {data.unreadable}",
    }
    for name, value in rows.items():
        summary.add_row(name, value)
    console.print(summary)
    table = Table(title="rows: truth; columns: answer", title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for name in figures.classes:
        table.add_column(name[:4], justify="right", no_wrap=True)
    table.add_column("recall %", justify="right", no_wrap=True)
    table.add_column("prec. %", justify="right", no_wrap=True)
    for index, name in enumerate(figures.classes):
        cells = [f"[bold]{n}[/]" if index == k else str(n) for k, n in enumerate(figures.confusion[index])]
        shares = (figures.recall[index], figures.precision[index])
        table.add_row(name, *cells, *("-" if math.isnan(x) else f"{100 * x:.1f}" for x in shares))
    console.print(table)
