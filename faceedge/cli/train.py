"""`faceedge train expression`: make the shipped model again, from its data to its file and card."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
from pathlib import Path

from faceedge.errors import ConfigurationError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `faceedge train expression`."""
    parser.add_argument("--data", type=Path, required=True, help="folder with training.npz and public_test.npz")
    parser.add_argument("--output", type=Path, default=Path("runs/expression"), help="checkpoint, history, float file")
    parser.add_argument("--models", type=Path, default=Path("models"), help="where the .tflite and its card go")
    parser.add_argument("--epochs", type=int, default=None, help="default: the recipe's")
    parser.add_argument("--seed", type=int, default=None, help="default: the recipe's")
    parser.add_argument("--threads", type=int, default=None, help="default: the recipe's")


def main(args: argparse.Namespace) -> int:
    """Train, export, measure; goes on from the checkpoint if a run was cut short."""
    if importlib.util.find_spec("torch") is None:
        raise ConfigurationError("training needs torch, which is not installed; run `pip install faceedge[train]`")
    from faceedge.perception.expression_networks import CROP_SIZE
    from faceedge.training import expression, expression_card, fer2013, restoration

    changes = {key: getattr(args, key) for key in ("epochs", "seed", "threads") if getattr(args, key) is not None}
    settings = dataclasses.replace(expression.TrainingSettings(), **changes)

    def say(line: str) -> None:
        print(line, flush=True)

    validation, training = (fer2013.load(args.data / name) for name in ("public_test.npz", "training.npz"))
    restored, blur = restoration.restore(training.images, validation.images)
    say(
        "training data: as sharp as PublicTest"
        if blur.is_sharp
        else f"training data: blur undone up to {blur.band:.0f}"
    )
    seen = dataclasses.replace(validation, images=restoration.limit(validation.images, blur))
    training, report = fer2013.clean(dataclasses.replace(training, images=restored), seen)
    say(f"training data: {report}")
    half = blur.band <= CROP_SIZE // 2
    network = expression.train(training, seen, args.output, settings, say, half_resolution=half)
    options = " ".join(f"--{key} {value}" for key, value in changes.items() if key != "threads")
    command = f"faceedge train expression --data FER2013 {options}".strip()
    figures = expression_card.finish(
        network, training, validation, report, blur, settings, args.output, args.models, command, say
    )
    say(json.dumps(figures.as_dict(), indent=1))
    return 0
