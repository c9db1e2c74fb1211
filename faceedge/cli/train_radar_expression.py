"""`faceedge train radar-expression`: make the radar's expression model again, from synthetic people."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
from pathlib import Path

from faceedge.errors import ConfigurationError

TRAINED, CHOOSING, TESTED = range(200), range(200, 240), range(240, 300)
"""Numbers of people; nobody is in two of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `faceedge train radar-expression`."""
    parser.add_argument("--data", type=Path, required=True, help="folder of `faceedge simulate` with 300 people")
    parser.add_argument(
        "--more", type=Path, nargs="+", default=[], help="further such folders: all of their people are trained with"
    )
    parser.add_argument("--output", type=Path, default=Path("runs/radar_expression"), help="weights, float file")
    parser.add_argument("--models", type=Path, default=Path("models"), help="where the .tflite and its card go")
    parser.add_argument("--epochs", type=int, default=None, help="default: the recipe's")
    parser.add_argument("--seed", type=int, default=None, help="default: the recipe's")


def main(args: argparse.Namespace) -> int:
    """Train, export, calibrate, test."""
    if importlib.util.find_spec("torch") is None:
        raise ConfigurationError("training needs torch, which is not installed; run `pip install faceedge[train]`")
    from faceedge.training import radar_expression, radar_expression_card, radar_expression_data
    from faceedge.training.radar_expression_figures import watch

    changes = {key: getattr(args, key) for key in ("epochs", "seed") if getattr(args, key) is not None}
    settings = dataclasses.replace(radar_expression.MotionTrainingSettings(), **changes)
    training, choosing, testing = (
        radar_expression_data.load(args.data, people) for people in (TRAINED, CHOOSING, TESTED)
    )
    further = [radar_expression_data.load(folder) for folder in args.more]
    learnt = [*training, *(session for sessions in further for session in sessions)]
    network = radar_expression.train(learnt, settings, _say, lambda average: watch(average, choosing))
    radar_expression.save(network, args.output)
    more = ["--more " + " ".join(folder.name for folder in args.more)] if args.more else []
    options = " ".join([*more, *(f"--{key} {value}" for key, value in changes.items())])
    facts = {
        "data": "Synthetic: faceedge simulate looks --people 300 --sessions 4 --seconds 10 --sensors radar "
        "--chirp bgt60_face_looks --seed 100; people 0 to 199 learnt from, 200 to 239 choose, 240 to 299 test"
        + "".join(f"; all of {folder.name}, made with a seed of its own, learnt from" for folder in args.more),
        "terms": "None: nobody was recorded.",
        "command": f"faceedge train radar-expression --data looks {options}".strip(),
        "seed": settings.seed,
        "recipe": dataclasses.asdict(settings) | {"leaf_weights": list(settings.leaf_weights)},
    }
    radar_expression_card.finish(
        network, training, choosing, testing, args.data, args.output, args.models, facts, _say
    )  # fmt: skip
    return 0


def _say(line: str) -> None:
    print(line, flush=True)
