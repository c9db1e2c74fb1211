"""The radar path: processing of a cube, serial bridge, parser of the IWR6843, node.

    .venv/cp311/bin/python benchmarks/radar.py --json radar.json              # everything, about four minutes
    .venv/cp311/bin/python benchmarks/radar.py bridge --device-minutes 10

Timings of one run compare with each other only: run it on a quiet machine and trust the ratios.
"""

from __future__ import annotations

from sections import parser, run

SECTIONS = ("processing", "bridge", "parser", "node")


def main() -> int:
    """Measure, print, and save."""
    arguments = parser(SECTIONS, (__doc__ or "").splitlines()[0])
    arguments.add_argument("--runs", type=int, default=2000, help="repetitions of a short measurement")
    arguments.add_argument("--device-minutes", type=float, default=1.0, help="of each stream, which lasts as long")
    return run(arguments, "radar", SECTIONS)


if __name__ == "__main__":
    raise SystemExit(main())
