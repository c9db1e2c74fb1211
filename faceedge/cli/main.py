"""The `faceedge` command: finds the subcommand and turns errors into one sentence.

Nothing heavy is imported here; a subcommand's module is imported when it is called, so `faceedge --help` answers at
once and a machine without one subcommand's packages can use the others.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from faceedge import __version__
from faceedge.errors import FaceedgeError

EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "1")
"""Products as small as those of a radar frame gain nothing from more threads, which wait for each other busily: a core
and a half instead of a few percent of one. Read when NumPy is imported, so it is set before."""


class _Command(Protocol):
    """What a subcommand's module offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...
    def main(self, args: argparse.Namespace) -> int: ...


@dataclass(frozen=True, slots=True)
class _Entry:
    words: tuple[str, ...]
    module: str
    help: str


COMMANDS = (
    _Entry(("demo",), "faceedge.cli.demo", "faces on ROS topics in a minute, without any hardware"),
    _Entry(("doctor",), "faceedge.cli.doctor", "what this machine has and lacks, line by line, with a remedy"),
    _Entry(("run",), "faceedge.cli.run", "start the nodes of a parameter file in one process, without launch"),
    _Entry(("inspect",), "faceedge.cli.inspect", "what is in a recording, a chirp file, a bag or a data set"),
    _Entry(("view", "radar"), "faceedge.cli.view", "range-Doppler images, live in the terminal or as a picture"),
    _Entry(
        ("view", "session"), "faceedge.cli.view_session", "what all sensors saw of a synthetic session, in one picture"
    ),
    _Entry(("record",), "faceedge.cli.record", "topics into a bag, or a radar's samples into the vendor's folder"),
    _Entry(("replay",), "faceedge.cli.replay", "a bag or a radar's recording folder on topics again, bit for bit"),
    _Entry(("emulate",), "faceedge.cli.emulate", "a radar on serial ports that are none, for work without hardware"),
    _Entry(("simulate",), "faceedge.cli.simulate", "data sets of synthetic people, seen by radar and cameras at once"),
    _Entry(("enroll",), "faceedge.cli.enroll", "let a near-face radar know somebody, who has agreed to it"),
    _Entry(("verify",), "faceedge.cli.verify", "whether the person in front of the radar is the one who is claimed"),
    _Entry(("train", "expression"), "faceedge.cli.train", "train the expression model and export it to TFLite"),
    _Entry(("train", "radar-fooder"), "faceedge.cli.train_radar_fooder", "train the radar's body part and export it"),
    _Entry(
        ("train", "radar-expression"),
        "faceedge.cli.train_radar_expression",
        "train the radar's expression model on synthetic people",
    ),
    _Entry(
        ("train", "radar-expression-images"),
        "faceedge.cli.train_radar_expression_images",
        "train FOODER's expression stage on images of synthetic people",
    ),
    _Entry(
        ("train", "radar-identity"),
        "faceedge.cli.train_radar_identity",
        "fit the model that tells people apart by radar, from simulated sessions",
    ),
    _Entry(
        ("train", "events"),
        "faceedge.cli.train_events",
        "train networks that read expressions from events, with several seeds",
    ),
    _Entry(("evaluate", "expression"), "faceedge.cli.evaluate", "figures of the expression model on anyone's data"),
    _Entry(
        ("evaluate", "radar"),
        "faceedge.cli.evaluate_radar",
        "who is there and what the face shows: all tables, by radar",
    ),
    _Entry(("templates",), "faceedge.cli.face_templates", "who is enrolled on this device: list, check, revoke, erase"),
    _Entry(("bench",), "faceedge.cli.bench", "measure latency, memory and message cost on this machine"),
)
EXTRAS = {"train": "'faceedge[train]'", "simulate": "'faceedge[sim]'"}
"""What installs the packages of subcommands that need more than faceedge itself."""
_GROUPS = {"view": "look at a sensor", "train": "train a model", "evaluate": "evaluate a model"}


def _parser(chosen: _Entry | None) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser | None]:
    """The parser of everything, and that of the chosen subcommand, whose arguments its own module adds."""
    parser = argparse.ArgumentParser(
        prog="faceedge", description="Faces and their expressions from a camera to ROS 2 topics, on the device."
    )
    parser.add_argument("--version", action="version", version=f"faceedge {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    groups: dict[str, argparse._SubParsersAction[argparse.ArgumentParser]] = {}
    chosen_parser = None
    for entry in COMMANDS:
        container = subparsers
        if len(entry.words) == 2:
            first = entry.words[0]
            if first not in groups:
                group = subparsers.add_parser(first, help=_GROUPS[first], description=_GROUPS[first])
                groups[first] = group.add_subparsers(title="what", metavar="WHAT", required=True)
            container = groups[first]
        subparser = container.add_parser(entry.words[-1], help=entry.help, description=entry.help)
        if entry is chosen:
            chosen_parser = subparser
    return parser, chosen_parser


def _choose(arguments: Sequence[str]) -> _Entry | None:
    return next((entry for entry in COMMANDS if tuple(arguments[: len(entry.words)]) == entry.words), None)


def _load(entry: _Entry) -> _Command:
    try:
        return cast(_Command, importlib.import_module(entry.module))
    except ModuleNotFoundError as error:
        words = " ".join(entry.words)
        if error.name == entry.module:
            raise FaceedgeError(f"`faceedge {words}` is not part of this installation.") from error
        extra = EXTRAS.get(entry.words[0], "faceedge")
        raise FaceedgeError(
            f"`faceedge {words}` needs the Python package {error.name!r}, which is not installed; `pip install "
            f"{extra}` brings it, or start it from the environment that ./demo or ./test prepared."
        ) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the console script.

    Args:
        arguments: without the program's name; None takes those of the process.

    Returns:
        0, or 1 with one sentence on stderr, or 130 after Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    entry = _choose(arguments)
    try:
        parser, subparser = _parser(entry)
        if entry is None or subparser is None:
            parser.parse_args(arguments)  # prints help, the version, or what is wrong, and exits
            return 2
        if entry.words[0] != "train":
            os.environ.setdefault(*ONE_THREAD)
        command = _load(entry)
        command.add_arguments(subparser)
        return command.main(parser.parse_args(arguments))
    except FaceedgeError as error:
        print(f"faceedge: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("faceedge: stopped.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # `faceedge doctor | head`; keep the interpreter's own flush at exit from complaining
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # where no command has a better sentence, such as for a folder that may not be entered
        if error.filename is None:
            raise
        print(f"faceedge: {error.filename} cannot be used: {error.strerror}.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
