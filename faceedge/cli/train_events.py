"""`faceedge train events`: networks that read expressions from events, with several seeds on one data set."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from faceedge.errors import ConfigurationError

NETWORKS = ("faceedge", "C3D", "CS3D", "ConvLSTM", "transformer")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `faceedge train events`."""
    parser.add_argument("--data", type=Path, required=True, help="folder of `faceedge simulate --sensors events`")
    parser.add_argument("--out", type=Path, default=Path("event_networks"), help="states and figures; gone on with")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS), help="default: all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--people", type=int, nargs=3, default=[280, 40, 80], help="training, development, test people")
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--learning-rate", type=float, help="the highest, of all networks; default: of each its own")
    parser.add_argument(
        "--stream-epochs",
        type=int,
        default=4,
        help="of whole recordings, before the model ships (default: %(default)s)",
    )
    parser.add_argument("--ship", type=Path, metavar="MODELS", help="write the model that ships and its card there")


def main(args: argparse.Namespace) -> int:
    """Train what is missing, and print the figures of all."""
    for module in ("torch", "snntorch"):
        if importlib.util.find_spec(module) is None:
            raise ConfigurationError(
                f"training needs {module}, which is not installed; `pip install 'faceedge[train]'`"
            )
    from rich.console import Console
    from rich.table import Table

    from faceedge.training.event_study import Split, study, summary
    from faceedge.training.event_training import Recipe

    def say(line: str) -> None:
        print(line, flush=True)

    split, recipe = Split(*args.people), Recipe(epochs=args.epochs)
    study(args.data, args.out, args.networks, args.seeds, split, recipe, say, args.learning_rate)
    table = Table("network", "parameters", "seeds", "development", "test", "macro F1", title="Balanced accuracy, %")
    for row in summary(args.out):
        words = [
            f"{100 * row[part]['balanced']:.1f} ({100 * row[part]['from']:.1f} to {100 * row[part]['to']:.1f})"
            for part in ("development", "test")
        ]
        table.add_row(
            row["network"], f"{row['parameters']:,}", str(row["seeds"]), *words, f"{100 * row['test']['macro F1']:.1f}"
        )
    Console().print(table)
    if args.ship is not None:
        from faceedge.training.event_card import ship

        command = f"faceedge train events --data basic --networks {' '.join(args.networks)} --seeds "
        command += (
            f"{' '.join(map(str, args.seeds))} --people {' '.join(map(str, args.people))} --epochs {args.epochs} "
        )
        command += f"--learning-rate {args.learning_rate} " if args.learning_rate is not None else ""
        command += f"--stream-epochs {args.stream_epochs} --ship models"
        ship(args.data, args.out, args.ship, split, args.stream_epochs, command, say)
    return 0
