"""A process that stores a template over and over until it is killed; `test_template_vault.py` kills it."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import template_people as people


def main() -> None:
    """Store, print, again."""
    vault = people.vault(Path(sys.argv[1]))
    for seed in itertools.count(1):
        vault.put("ann", people.template(seed=seed), people.KEY, even_so=True)
        print(seed, flush=True)


if __name__ == "__main__":
    main()
