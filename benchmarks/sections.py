"""What the programs `radar.py` and `simulation.py` share: their sections, their tables and their JSON file.

A section is a module ``<program>_<section>`` beside them with ``section(args) -> list[Row]``; see `rows`.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

# Libraries read these when they are loaded, which the sections do.
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def show(results: dict[str, list[dict[str, object]]]) -> None:
    """Print a table a section."""
    console = Console()
    for name, rows in results.items():
        table = Table(title=name, title_justify="left")
        for column, side in (("measured", "left"), ("value", "right"), ("unit", "left"), ("goal", "left")):
            table.add_column(column, justify="right" if side == "right" else "left")
        table.add_column("note", overflow="fold")
        for row in rows:
            mark = {True: " met", False: " [red]missed[/red]", None: ""}[row["met"]]  # type: ignore[index]
            table.add_row(
                str(row["name"]), f"{row['value']:,.4g}", str(row["unit"]), f"{row['goal']}{mark}", str(row["note"])
            )
        console.print(table)


def parser(sections: Sequence[str], description: str) -> argparse.ArgumentParser:
    """The arguments that every program has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(sections)}; none: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--core", type=int, default=(os.cpu_count() or 1) - 1, help="where one core is measured")
    return parser


def run(parser: argparse.ArgumentParser, program: str, sections: Sequence[str]) -> int:
    """Measure, print, and save; 1 where a goal is missed."""
    args = parser.parse_args()
    unknown = [name for name in args.sections if name not in sections]
    if unknown:
        parser.error(f"unknown section {unknown[0]!r}, expected one of: {', '.join(sections)}")
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    results: dict[str, list[dict[str, object]]] = {}
    for name in args.sections or sections:
        rows = importlib.import_module(f"{program}_{name}").section(args)
        results[name] = [dataclasses.asdict(row) for row in rows]
        show({name: results[name]})
    if args.json:
        machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        partial = args.json.with_suffix(".partial")
        partial.write_text(json.dumps({"machine": machine, "sections": results}, indent=1))
        partial.replace(args.json)
    return int(any(row["met"] is False for rows in results.values() for row in rows))
