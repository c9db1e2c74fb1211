"""`faceedge evaluate radar`: every table of face authentication and expressions by radar, from one command."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceedge.errors import ConfigurationError, FaceedgeError

if TYPE_CHECKING:
    from faceedge.evaluation.radar.datasets import DataSet
    from faceedge.evaluation.radar.expressions import ExpressionResult
    from faceedge.evaluation.radar.methods import ExpressionMethod, Method
    from faceedge.evaluation.radar.runs import Outcome

QUICK_WINDOWS_S = (0.05, 1.0, 5.0)
QUICK_CHIRP = "bgt60_face_full_band"
TABLES = ("authentication", "expressions")
PROTOCOL_NAMES = ("same-recording", "pooled-recordings", "session-disjoint")
EXPRESSION_PROTOCOLS = ("random-frames", "blocks", "same-recording", "session-disjoint", "person-disjoint")
BASELINES = ("all", "numpy", "none")
TRIVIAL = "always neutral"
SHIPPED = "expression (faceedge)"
"""Trained before, so it does not learn from labels here."""


@dataclass
class Evaluation:
    """Everything that is printed, drawn or written.

    Attributes:
        data: what was evaluated, in words.
        outcomes: of authentication.
        expressions: of expressions.
        notes: what could not be computed, and why.
    """

    data: str
    outcomes: list[Outcome] = field(default_factory=list)
    expressions: list[ExpressionResult] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "data": self.data,
            "authentication": [outcome.as_dict() for outcome in self.outcomes],
            "expressions": [result.as_dict() for result in self.expressions],
            "notes": self.notes,
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `faceedge evaluate radar`."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--data", type=Path, nargs="+", metavar="FOLDER", help="of `faceedge simulate`: enrolled people, then strangers"
    )
    source.add_argument(
        "--recordings", type=Path, metavar="LIST.csv", help="anyone's: columns path, person, session, expression"
    )
    parser.add_argument(
        "--unseen", type=int, default=0, metavar="N", help="take the last N enrolled people for strangers, too"
    )
    parser.add_argument("--quick", action="store_true", help="few windows, no training; without data, moving points")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES), help="default: all")
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOL_NAMES, default=None, help="of authentication")
    parser.add_argument("--expression-protocols", nargs="+", choices=EXPRESSION_PROTOCOLS, default=EXPRESSION_PROTOCOLS)
    parser.add_argument(
        "--exact-labels", action="store_true", help="leave out what is learnt from labels of expressions that are off"
    )
    parser.add_argument("--baselines", choices=BASELINES, default=None, help="default: all, with --quick numpy")
    parser.add_argument("--only", metavar="TEXT", default="", help="methods whose name has this text")
    parser.add_argument("--seed", type=int, default=0, help="of the networks that are trained as baselines")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keep figures there and compute none twice")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="write pictures (PNG)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables as Markdown")
    parser.add_argument("--json", action="store_true", help="for machines")


def main(args: argparse.Namespace) -> int:
    """Prepare, measure, print."""
    if args.data is not None and len(args.data) > 2:
        raise ConfigurationError(
            f"--data takes the folder of the enrolled and that of strangers, got {len(args.data)} folders."
        )
    if args.data is None and args.recordings is None and not args.quick:
        raise ConfigurationError(
            "nothing to evaluate: give --data ENROLLED STRANGERS, --recordings LIST.csv, or --quick for a trial."
        )
    evaluation = _evaluate(args)
    if args.plots is not None:
        from faceedge.cli.evaluate_radar_plots import draw

        for path in draw(evaluation, args.plots):
            say(f"wrote {path}")
    if args.markdown is not None:
        from faceedge.cli.evaluate_radar_markdown import markdown

        args.markdown.write_text(markdown(evaluation), encoding="utf-8")
        say(f"wrote {args.markdown}")
    if args.json:
        print(json.dumps(evaluation.as_dict(), indent=1))
    else:
        from faceedge.cli.evaluate_radar_tables import show

        show(evaluation)
    return 0


def say(line: str) -> None:
    """Progress, apart from the tables."""
    print(line, file=sys.stderr, flush=True)


def _load(args: argparse.Namespace) -> DataSet:
    from faceedge.evaluation.radar.datasets import load_folders, load_manifest

    def watch(done: int, count: int) -> None:
        if done == count or done % 20 == 0:
            say(f"prepared {done} of {count} recordings")

    if args.data is not None:
        return load_folders(args.data[0], args.data[1] if len(args.data) > 1 else None, watch)
    if args.recordings is not None:
        return load_manifest(args.recordings, watch)
    from faceedge.evaluation.radar.points import write_points
    from faceedge.radar.chirp_files import load_chirp_file

    with tempfile.TemporaryDirectory(prefix="faceedge-") as folder:
        return load_manifest(write_points(Path(folder), load_chirp_file(QUICK_CHIRP).chirp), watch)


def _evaluate(args: argparse.Namespace) -> Evaluation:
    from faceedge.evaluation.radar.protocols import PROTOCOLS
    from faceedge.evaluation.radar.runs import WINDOWS_S, Cache, run_all

    data = _load(args)
    if args.unseen > 0:
        data = data.keep_unseen(args.unseen)
    points = args.quick and args.data is None and args.recordings is None
    evaluation = Evaluation(data.description + (": moving points, no faces" if points else ""))
    if "authentication" in args.tables:
        chosen = args.protocols or list(PROTOCOLS)
        protocols = []
        for name in chosen:
            try:
                protocols.append(PROTOCOLS[name](data.enrolled, data.strangers))
            except FaceedgeError as error:
                evaluation.notes.append(f"{name}: {error}")
        methods = [each for each in _methods(args, evaluation.notes) if args.only.lower() in each.name.lower()]
        windows_s = QUICK_WINDOWS_S if args.quick else WINDOWS_S
        evaluation.outcomes = run_all(methods, protocols, windows_s, Cache(args.cache, data.fingerprint()), say)
    if "expressions" in args.tables:
        _evaluate_expressions(args, data, evaluation)
    evaluation.notes = list(dict.fromkeys(evaluation.notes))
    return evaluation


def _evaluate_expressions(args: argparse.Namespace, data: DataSet, evaluation: Evaluation) -> None:
    """With and without a reference, and for methods that learn here once more from labels that are not exact."""
    from faceedge.evaluation.radar import expression_splits as splits
    from faceedge.evaluation.radar.expressions import (
        NOISE,
        evaluate_expressions,
        person_disjoint_expressions,
        same_recording_expressions,
    )

    enrolled = data.enrolled
    exact = {
        "random-frames": splits.random_frames(enrolled),
        "blocks": splits.blocks(enrolled),
        "same-recording": same_recording_expressions((*enrolled, *data.strangers)),
        "session-disjoint": splits.session_disjoint(enrolled),
        "person-disjoint": person_disjoint_expressions(enrolled, data.strangers),
    }
    inexact = {
        "random-frames": splits.random_frames(enrolled, NOISE),
        "blocks": splits.blocks(enrolled, NOISE),
        **{name: splits.with_noise(exact[name]) for name in ("session-disjoint", "person-disjoint")},
    }
    methods = [each for each in _expression_methods(args, evaluation.notes) if args.only.lower() in each.name.lower()]
    for name in args.expression_protocols:
        protocol = exact[name]
        for method in methods if protocol.testing else ():
            both = (False, True) if protocol.references and method.name != TRIVIAL else (False,)
            for reference in both:
                evaluation.expressions.append(evaluate_expressions(method, protocol, reference=reference))
            say(f"expressions, {protocol.name}: {method.name}")
    for name in args.expression_protocols if not args.exact_labels else ():
        if name in inexact and inexact[name].testing:
            learning = [method for method in methods if method.name not in (TRIVIAL, SHIPPED)]
            evaluation.expressions += [evaluate_expressions(method, inexact[name]) for method in learning]


def _methods(args: argparse.Namespace, notes: list[str]) -> list[Method]:
    """In the order of the tables; what is missing is noted."""
    from faceedge.evaluation.radar import shipped
    from faceedge.evaluation.radar.baselines import numpy_baselines

    wanted = args.baselines or ("numpy" if args.quick else "all")
    methods: list[Method] = []
    if wanted != "none":
        methods += numpy_baselines()
    if wanted == "all" and importlib.util.find_spec("torch") is None:
        notes.append("classifier, MSP to kNN, and autoencoder need torch; `pip install 'faceedge[train]'` brings it.")
    elif wanted == "all":
        from faceedge.training.baselines import torch_baselines

        methods += torch_baselines(args.seed, say)
    for make in (shipped.body_part_methods, shipped.identity_methods):
        try:
            methods += make()
        except FaceedgeError as error:
            notes.append(str(error))
    return methods


def _expression_methods(args: argparse.Namespace, notes: list[str]) -> list[ExpressionMethod]:
    from faceedge.evaluation.radar.expression_looks import closed_form_methods
    from faceedge.evaluation.radar.expressions import AlwaysNeutral, LinearDiscriminant

    methods: list[ExpressionMethod] = [AlwaysNeutral(), LinearDiscriminant(), *closed_form_methods()]
    if (args.baselines or ("numpy" if args.quick else "all")) == "all" and importlib.util.find_spec("torch"):
        from faceedge.training.radar_expression_looks import LooksCascade

        methods.append(LooksCascade())
    try:
        from faceedge.evaluation.radar.shipped_expression import ShippedExpression

        methods.append(ShippedExpression())
    except FaceedgeError as error:
        notes.append(str(error))
    return methods
