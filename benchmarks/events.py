"""The path of events: decoding and representations; arithmetic of the networks.

    .venv/cp311/bin/python benchmarks/events.py decode --recording RAW_FILE [--json events.json]

Timings of one run compare with each other only: run it on a quiet machine and trust the ratios.
"""

from __future__ import annotations

from pathlib import Path

from sections import parser, run

SECTIONS = ("decode", "energy")


def main() -> int:
    """Measure, print, and save."""
    arguments = parser(SECTIONS, (__doc__ or "").splitlines()[0])
    arguments.add_argument("--recording", type=Path, help="an EVT3 file in RAW; none: made here")
    return run(arguments, "events", SECTIONS)


if __name__ == "__main__":
    raise SystemExit(main())
