"""Protected templates: what they cost in accuracy and time, and what they give away.

    .venv/cp311/bin/python benchmarks/templates.py                      # Gaussian models of embeddings, two minutes
    .venv/cp311/bin/python benchmarks/templates.py --data looks         # and embeddings of synthetic people, from
                                                                        # faceedge simulate looks --people 300 ...
All people are synthetic.
"""

from __future__ import annotations

from pathlib import Path

from sections import parser, run

SECTIONS = ("accuracy", "linkability", "inversion", "copies", "speed")


def main() -> int:
    """Measure, print, and save."""
    arguments = parser(SECTIONS, (__doc__ or "").splitlines()[0])
    arguments.add_argument("--data", type=Path, metavar="FOLDER", help="of `faceedge simulate`, 4 sessions a person")
    arguments.add_argument("--first", type=int, default=240, help="people from this number on are tested; no training")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--people", type=int, default=240, help="of each Gaussian model")
    arguments.add_argument("--attacked", type=int, default=60, help="people whose template is inverted")
    return run(arguments, "templates", SECTIONS)


if __name__ == "__main__":
    raise SystemExit(main())
