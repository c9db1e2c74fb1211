"""`faceedge verify NAME`: is this the person? One claimed name, one template, a decision every half second."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from faceedge.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from rich.console import Console

    from faceedge.perception.authentication.verifier import Verification
    from faceedge.perception.enrolment.enrolment import Embedder
    from faceedge.perception.templates.vault import Unlocked
    from faceedge.radar.face_frames import FaceFrame

SECONDS = 15.0
ACCEPTED, REFUSED = 0, 2
"""Exit status; 1 is an error, as of every command."""
_BAR_CELLS = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `faceedge verify`."""
    from faceedge.cli.enroll import add_vault_arguments
    from faceedge.cli.radar_frames import add_source_arguments

    add = parser.add_argument
    add("name", metavar="NAME", help="who the person claims to be; must be enrolled")
    add_source_arguments(parser, sittings=False)
    add("--seconds", type=float, default=SECONDS, metavar="S", help="look for so long (default: %(default)g)")
    add("--json", action="store_true", help="for machines")
    add_vault_arguments(parser)


def main(args: argparse.Namespace, console: Console | None = None, embedder: Embedder | None = None) -> int:
    """Print scores over time and the decision; 0: it is the person, 2: it is not, or a FaceedgeError.

    Args:
        args: of `add_arguments`.
        console: where to; None: the terminal.
        embedder: None: the one that ships; others in tests.
    """
    from rich.console import Console

    from faceedge.cli.radar_frames import check_source
    from faceedge.perception.templates.places import open_vault

    console = console or Console(highlight=False)
    check_source(args)
    if len(args.recording) > 1:
        raise ConfigurationError("one recording is verified at a time; give --recording once.")
    if not args.seconds > 0:
        raise ConfigurationError(f"--seconds is {args.seconds:g}, expected more than 0.")
    unlocked = open_vault(args.application, args.templates, args.keys).unlock(args.name)
    decisions = []
    for decision, at_s in _decisions(args, unlocked, embedder):
        decisions.append((decision, at_s))
        if not args.json:
            _show(decision, at_s, console)
    if not decisions:
        raise InputError(
            "no decision could be made: somebody has to sit in front of the radar, 20 to 60 cm away, for more than 5 s "
            "without a break."
        )
    return _conclude(args, decisions, console)


def _decisions(
    args: argparse.Namespace, unlocked: Unlocked, embedder: Embedder | None
) -> Iterator[tuple[Verification, float]]:
    """Decisions with the seconds since the first frame."""
    from faceedge.cli.radar_frames import common_chirp, live_frames, live_source, recorded_frames
    from faceedge.perception.authentication.verifier import Verifier
    from faceedge.perception.identity.embedding import IdentityEmbedder

    def compare(frames: Iterator[FaceFrame], verifier: Verifier) -> Iterator[tuple[Verification, float]]:
        start_ns = None
        for frame in frames:
            start_ns = frame.stamp_ns if start_ns is None else start_ns
            at_s = (frame.stamp_ns - start_ns) / 1e9
            decision = verifier.push(frame)
            if decision is not None:
                yield decision, at_s
            if at_s >= args.seconds:
                return

    if args.recording:
        chirp = common_chirp(args.recording)
        unlocked.template.require_chirp(chirp)  # a better sentence than the embedder's
        verifier = Verifier(unlocked.template, unlocked.key, embedder or IdentityEmbedder(chirp))
        yield from compare(recorded_frames(args.recording[0]), verifier)
        return
    source = live_source(args)
    verifier = Verifier(unlocked.template, unlocked.key, embedder or IdentityEmbedder(source.chirp))
    with source:
        yield from compare(live_frames(source), verifier)


def _show(decision: Verification, at_s: float, console: Console) -> None:
    from rich.text import Text

    from faceedge.cli.terminal_view import bar

    colour = "green" if decision.accepted else "red"
    word = "accepted" if decision.accepted else "refused"
    console.print(
        Text.assemble(
            f"{at_s:6.1f} s  ",
            (f"{decision.score:+.3f} ", "bold"),
            bar((decision.score + 1) / 2, colour, _BAR_CELLS),
            f"  threshold {decision.threshold:+.3f}  ",
            (word, colour),
        )
    )


def _conclude(args: argparse.Namespace, decisions: list[tuple[Verification, float]], console: Console) -> int:
    """The last word: by the median score, which neither one good nor one bad window can turn."""
    import numpy as np

    scores = np.array([decision.score for decision, _ in decisions])
    threshold = decisions[0][0].threshold
    median = float(np.median(scores))
    accepted = median >= threshold
    share = float(np.mean(scores >= threshold))
    if args.json:
        each = [{"time_s": round(at_s, 3), "score": decision.score} for decision, at_s in decisions]
        facts = {"name": args.name, "accepted": accepted, "median": median, "threshold": threshold, "decisions": each}
        print(json.dumps(facts, indent=2))
        return ACCEPTED if accepted else REFUSED
    word = f"this is {args.name}" if accepted else f"this is not {args.name}"
    console.print(
        f"{word}: median score {median:+.3f}, threshold {threshold:+.3f}, {share:.0%} of {len(scores)} decisions "
        "accepted.",
        markup=False,
        soft_wrap=True,
    )
    return ACCEPTED if accepted else REFUSED
