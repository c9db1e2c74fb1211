"""The radar path: processing of a cube, serial bridge, parser of the IWR6843, node.

    .venv/cp311/bin/python benchmarks/radar.py --json radar.json              # everything, about four minutes
    .venv/cp311/bin/python benchmarks/radar.py bridge --device-minutes 10

Timings of one run compare with each other only: run it on a quiet machine and trust the ratios.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import platform
from pathlib import Path

from rich.console import Console
from rich.table import Table

SECTIONS = ("processing", "bridge", "parser", "node")
# Libraries read these when they are loaded, which the sections do.
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


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


def main() -> int:
    """Measure, print, and save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; none: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--runs", type=int, default=2000, help="repetitions of a short measurement")
    parser.add_argument("--device-minutes", type=float, default=1.0, help="of each stream, which lasts as long")
    parser.add_argument("--core", type=int, default=(os.cpu_count() or 1) - 1, help="where one core is measured")
    args = parser.parse_args()
    unknown = [name for name in args.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"unknown section {unknown[0]!r}, expected one of: {', '.join(SECTIONS)}")
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    results: dict[str, list[dict[str, object]]] = {}
    for name in args.sections or SECTIONS:
        rows = importlib.import_module(f"radar_{name}").section(args)
        results[name] = [dataclasses.asdict(row) for row in rows]
        show({name: results[name]})
    if args.json:
        machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        partial = args.json.with_suffix(".partial")
        partial.write_text(json.dumps({"machine": machine, "sections": results}, indent=1))
        partial.replace(args.json)
    return int(any(row["met"] is False for rows in results.values() for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
