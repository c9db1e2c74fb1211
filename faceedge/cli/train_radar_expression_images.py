"""`faceedge train radar-expression-images`: make FOODER's expression stage again, from synthetic people."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
from pathlib import Path

from faceedge.errors import ConfigurationError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `faceedge train radar-expression-images`."""
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of `faceedge simulate`")
    parser.add_argument("--choosing", type=int, default=12, help="the last so many people of the last one calibrate")
    parser.add_argument("--held-out", type=Path, required=True, help="folder with other people, to measure on")
    parser.add_argument(
        "--output", type=Path, default=Path("runs/radar_expression_images"), help="weights, float files"
    )
    parser.add_argument("--models", type=Path, default=Path("models"), help="where the .tflite and their cards go")
    parser.add_argument("--made-by", default="", help="commands that made the data, for the cards")
    parser.add_argument(
        "--people", type=int, default=None, metavar="N", help="only p000 to N - 1 of each folder, for a trial"
    )
    for name in ("moments", "steps", "seed"):
        parser.add_argument(f"--{name}", type=int, default=None, help="default: the recipe's")


def main(args: argparse.Namespace) -> int:
    """Train, export, calibrate, test."""
    if importlib.util.find_spec("torch") is None:
        raise ConfigurationError("training needs torch, which is not installed; run `pip install faceedge[train]`")
    from faceedge.training import radar_expression_images as images
    from faceedge.training import radar_expression_images_finish as finish

    changes = {key: getattr(args, key) for key in ("moments", "steps", "seed") if getattr(args, key) is not None}
    settings = dataclasses.replace(images.ImageTrainingSettings(), **changes)
    only = None if args.people is None else range(args.people)
    used = changes | ({} if only is None else {"people": args.people, "choosing": args.choosing})
    options = " ".join(f"--{key} {value}" for key, value in used.items())
    facts = {
        "made by": args.made_by,
        "terms": "None: nobody was recorded.",
        "command": f"faceedge train radar-expression-images --data {' '.join(p.name for p in args.data)} "
        f"--held-out {args.held_out.name} {options}".strip(),
        "recipe": dataclasses.asdict(settings),
    }
    finish.run(args.data, args.choosing, args.held_out, settings, facts, args.output, args.models, _say, only)
    return 0


def _say(line: str) -> None:
    print(line, flush=True)
