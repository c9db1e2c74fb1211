"""`faceedge train radar-identity`: make the shipped model again, from simulated sessions to its file and card."""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path

from faceedge.errors import ConfigurationError

WINDOWS = {"2 s": (2.0, (0.0, 2.0, 4.0, 6.0, 8.0)), "5 s": (5.0, (0.0, 5.0)), "10 s": (10.0, (0.0,))}
TRAINING = (5.0, (0.0, 3.0, 5.0))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `faceedge train radar-identity`."""
    parser.add_argument("--data", type=Path, required=True, help="folder of `faceedge simulate`, sessions of 10 s")
    parser.add_argument(
        "--more", type=Path, nargs="+", default=[], help="further such folders: all of their people are trained with"
    )
    parser.add_argument("--models", type=Path, default=Path("models"), help="where the .tflite and its card go")
    parser.add_argument("--people", type=int, nargs=3, default=[200, 40, 60], help="training, development, test people")
    parser.add_argument("--sessions", type=int, default=4, help="of each person")


def main(args: argparse.Namespace) -> int:
    """Fit, measure on development people, fit again with them, measure on test people, export."""
    if importlib.util.find_spec("torch") is None:
        raise ConfigurationError("training needs torch, which is not installed; run `pip install faceedge[train]`")
    from faceedge.perception.identity.embedding import NAME
    from faceedge.training import radar_identity as identity
    from faceedge.training import radar_identity_card as card

    def say(line: str) -> None:
        print(line, flush=True)

    train, development, test = args.people
    known = train + development
    cuts = {
        name: identity.cut(args.data, range(train, known + test), range(args.sessions), *how, say)
        for name, how in WINDOWS.items()
    }
    windows = identity.cut(args.data, range(known), range(args.sessions), *TRAINING, say)
    learnt = windows.of(slice(0, train))
    further = [identity.people_of(folder) for folder in args.more]
    for folder, people in zip(args.more, further, strict=True):
        more = identity.cut(folder, range(people), range(args.sessions), *TRAINING, say)
        learnt, windows = learnt.and_of(more), windows.and_of(more)
    chosen = identity.fit(learnt)
    metrics = {f"{development} development people": card.measure(chosen, cuts, slice(0, development))}
    say(json.dumps(metrics, indent=1))
    model = identity.fit(windows)
    if test:
        metrics[f"{test} test people"] = card.measure(model, cuts, slice(development, None))
        say(json.dumps(metrics[f"{test} test people"], indent=1))
    _, chirp, _ = identity.read_looks(args.data / "p000" / "s0")
    path = args.models / f"{NAME}.tflite"
    card.write_file(model, path)
    card.write_card(path, chirp, [known, *further], metrics)
    say(f"{path}, {path.stat().st_size} bytes")
    return 0
