"""`faceedge train radar-fooder`: the radar's body part, from recordings of many people to its file and card."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
from pathlib import Path

from faceedge.errors import ConfigurationError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `faceedge train radar-fooder`."""
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="folders of `faceedge simulate` to learn from"
    )
    parser.add_argument(
        "--held-out", type=Path, nargs="+", required=True, help="folders with other people, to measure on"
    )
    parser.add_argument("--made-by", default="", help="commands that made the data, for the card")
    parser.add_argument("--output", type=Path, default=Path("runs/radar_fooder"), help="weights and float file")
    parser.add_argument("--models", type=Path, default=Path("models"), help="where the .tflite and its card go")
    parser.add_argument("--epochs", type=int, default=None, help="default: the recipe's")
    parser.add_argument("--latent", type=int, default=None, help="default: the recipe's; 128 as published")
    parser.add_argument("--seed", type=int, default=None, help="default: the recipe's")
    parser.add_argument("--threads", type=int, default=None, help="default: the recipe's")


def main(args: argparse.Namespace) -> int:
    """Train, export, measure."""
    if importlib.util.find_spec("torch") is None:
        raise ConfigurationError("training needs torch, which is not installed; run `pip install faceedge[train]`")
    import numpy as np

    from faceedge.training import fooder, fooder_card, fooder_data

    def say(line: str) -> None:
        print(line, flush=True)

    wanted = ("epochs", "latent", "seed", "threads")
    changes = {key: getattr(args, key) for key in wanted if getattr(args, key) is not None}
    settings = dataclasses.replace(fooder.FooderSettings(), **changes)

    def read(folders: list[Path]) -> tuple[np.ndarray, int]:
        sessions = [session for folder in folders for session in fooder_data.find_sessions(folder)]
        found = [fooder_data.read_recording(session).images[:: settings.frame_step] for session in sessions]
        return np.concatenate(found), len(sessions)

    images, sessions = read(args.data)
    held_out, others = read(args.held_out)
    say(f"{len(images)} pairs of images of {sessions} sessions to learn from, {len(held_out)} of {others} held out")
    body_part = fooder.train_body_part(images, settings, say)
    paths = fooder_card.write_files(body_part, images, args.output, args.models)
    options = " ".join(f"--{key} {value}" for key, value in changes.items() if key != "threads")
    training = {
        "data": f"synthetic: {sessions} sessions, every {settings.frame_step}th frame, {len(images)} pairs of images",
        "made by": args.made_by,
        "terms": "none: synthetic data of `faceedge simulate`",
        "command": f"faceedge train radar-fooder --data TRAINING --held-out OTHERS {options}".strip(),
    }
    name = f"{others} sessions of people it has not seen (synthetic)"
    model = fooder_card.write_card(paths, settings, training, {name: held_out.astype(np.float32)})
    say(f"{model.path}: {model.card.size_bytes} bytes, {model.card.time_ms}")
    return 0
