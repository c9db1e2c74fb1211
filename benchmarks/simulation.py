"""The synthetic person: radar, camera and events a second, a whole data set, memory, and how hard the data is.

    .venv/cp311/bin/python benchmarks/simulation.py --json simulation.json       # everything but the whole data set
    .venv/cp311/bin/python benchmarks/simulation.py dataset --full               # 30 people x 4 sessions x 30 s
    .venv/cp311/bin/python benchmarks/simulation.py difficulty --people 30       # baselines by split

Timings of one run compare with each other only: run it on a quiet machine and trust the ratios.
"""

from __future__ import annotations

from pathlib import Path

from sections import parser, run

SECTIONS = ("radar", "views", "dataset", "difficulty")


def main() -> int:
    """Measure, print, and save."""
    arguments = parser(SECTIONS, (__doc__ or "").splitlines()[0])
    add = arguments.add_argument
    add("--runs", type=int, default=60, help="repetitions of a short measurement")
    add("--full", action="store_true", help="dataset: all of it, instead of a part from which the whole is reckoned")
    add("--people", type=int, default=20, help="difficulty: how many")
    add("--data", type=Path, metavar="FOLDER", help="difficulty: a data set of `faceedge simulate` that exists")
    add("--keep", type=Path, metavar="FOLDER", help="dataset, difficulty: make the data there and leave it")
    return run(arguments, "simulation", SECTIONS)


if __name__ == "__main__":
    raise SystemExit(main())
