"""Where the files lie that ship with the package: beside it in a source tree, in share/faceedge once installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

SHARE = Path("share", "faceedge")


def shipped_folders(name: str, environment: Mapping[str, str] = os.environ, prefix: str = sys.prefix) -> list[Path]:
    """Folders that may hold what ships in ``name``, first match wins; those that do not exist are left out.

    In this order: the source tree's own, and ``share/faceedge/<name>`` of each prefix in AMENT_PREFIX_PATH, of the
    prefix that this package is installed under, and of this Python's prefix.

    Args:
        name: a folder at the root of the source tree: ``config``, ``models``, ``firmware_configs``.
        environment, prefix: of another Python than the one that runs.
    """
    here = Path(__file__).resolve()
    prefixes = [Path(text) for text in environment.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if text]
    candidates = [here.parents[1] / name]
    candidates.extend(place / SHARE / name for place in (*prefixes, *here.parents[1:], Path(prefix)))
    return [folder for folder in dict.fromkeys(candidates) if folder.is_dir()]


def shipped_file(
    folder: str, name: str, environment: Mapping[str, str] = os.environ, prefix: str = sys.prefix
) -> Path | None:
    """The file ``name`` of a shipped folder; None if it is nowhere. Arguments as of :func:`shipped_folders`."""
    folders = shipped_folders(folder, environment, prefix)
    return next((found / name for found in folders if (found / name).is_file()), None)
