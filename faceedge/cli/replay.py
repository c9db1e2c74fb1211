"""`faceedge replay PATH`: the messages of a bag, or a radar's recording folder, on topics again."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from faceedge.bags import METADATA
from faceedge.cli.ros import needs_ros, notice
from faceedge.errors import ConfigurationError, InputError
from faceedge.simulation.live.session_folder import RADAR, SESSION

BAG = "session.mcap"
"""Of a synthetic session: all of its topics."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `faceedge replay`."""
    parser.add_argument(
        "path",
        type=Path,
        metavar="PATH",
        help="a bag (folder, .mcap or .db3), a radar's recording folder, which is played under /radar, or a synthetic "
        "session's folder, whose bag is played, or else its radar",
    )
    parser.add_argument("--rate", type=float, default=1.0, metavar="R", help="2 plays twice as fast")
    parser.add_argument("--loop", action="store_true", help="begin again at the end, until Ctrl-C")
    parser.add_argument(
        "--topics", nargs="+", default=[], metavar="PATTERN", help="names with * and ? as in a shell; default: all"
    )
    parser.add_argument("--clock", action="store_true", help="publish the time of the recording on /clock")
    parser.add_argument(
        "--wait",
        type=float,
        default=1.0,
        metavar="N",
        help="before the first message wait for a subscriber of each topic, at most N s (default 1)",
    )


def playable(path: Path) -> Path:
    """The bag of a synthetic session's folder, else its radar's recording; any other path as it is.

    Raises:
        InputError: a session without either.
    """
    if not (path / SESSION).is_file() or (path / METADATA).is_file():
        return path
    for inner in (path / BAG, path / RADAR):
        if inner.exists():
            return inner
    raise InputError(
        f"the session {path} has neither {BAG} nor {RADAR}, which can be replayed; `faceedge emulate person --session "
        f"{path}` plays what it has."
    )


def main(args: argparse.Namespace) -> int:
    """Play to the end, or until Ctrl-C."""
    if not (args.rate > 0 and math.isfinite(args.rate)):
        raise ConfigurationError(f"--rate must be more than 0, not {args.rate:g}.")
    if not 0 <= args.wait < math.inf:
        raise ConfigurationError(f"--wait must be 0 or more, not {args.wait:g}.")
    with needs_ros():
        from faceedge.nodes.process import stop_event
        from faceedge.nodes.replayer import replay
    with stop_event() as stop:
        published = replay(
            playable(args.path),
            args.topics,
            rate=args.rate,
            loop=args.loop,
            clock=args.clock,
            patience_s=args.wait,
            stop=stop,
            notice=notice,
        )
    for topic, count in sorted(published.items()):
        print(f"{count:8d}  {topic}")
    return 0
