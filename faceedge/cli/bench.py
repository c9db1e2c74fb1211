"""`faceedge bench`: how long each shipped model takes on this machine, on each installed interpreter."""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path

RUNS = 200
WARM_UP = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `faceedge bench`."""
    parser.add_argument("--models", type=Path, default=None, help="folder of the models (default: the shipped ones)")
    parser.add_argument("--threads", type=int, default=1, help="threads of each interpreter (default: 1)")
    parser.add_argument("--json", action="store_true", help="for machines")


def measure(folder: Path | None, threads: int) -> list[dict[str, object]]:
    """p50 and p99 in ms of each model on each installed interpreter, by turns so that a slow moment hits all alike."""
    import numpy as np

    from faceedge.inference.interpreter import Interpreter, available_runtimes
    from faceedge.inference.registry import find_model, list_models

    rows: list[dict[str, object]] = []
    for card in list_models(None if folder is None else [folder]):
        path = find_model(card.name, folder).path
        if path.suffix != ".tflite":  # some models are a few matrices and run on NumPy
            continue
        interpreters = {name: Interpreter(path, threads=threads, runtime=name) for name in available_runtimes()}
        times: dict[str, list[float]] = {name: [] for name in interpreters}
        for index in range(WARM_UP + RUNS):
            for name, interpreter in interpreters.items():
                inputs = [np.zeros(shape, np.float32) for shape in interpreter.input_shapes]
                start = time.perf_counter()
                interpreter.run(*inputs)
                if index >= WARM_UP:
                    times[name].append((time.perf_counter() - start) * 1e3)
        for name, values in times.items():
            p50, p99 = (round(float(value), 3) for value in np.percentile(values, (50, 99)))
            size_kb = round(path.stat().st_size / 1e3)
            rows.append({"model": card.name, "runtime": name, "size_kb": size_kb, "p50_ms": p50, "p99_ms": p99})
    return rows


def main(args: argparse.Namespace) -> int:
    """Measure and print."""
    rows = measure(args.models, args.threads)
    machine = f"{platform.machine()}, Python {platform.python_version()}, {args.threads} thread(s)"
    if args.json:
        print(json.dumps({"machine": machine, "models": rows}, indent=1))
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"One inference on {machine}", title_justify="left")
    for name in ("model", "runtime", "KB", "p50 ms", "p99 ms"):
        table.add_column(name, justify="left" if name in ("model", "runtime") else "right")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)
    return 0
