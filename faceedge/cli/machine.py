"""A machine as the doctor sees it: files under a root, environment variables, installed Python packages, rights.

Everything that asks the real machine goes through here, so that a test can lay out another one in a folder.
"""

from __future__ import annotations

import grp
import importlib.metadata
import importlib.util
import os
import platform
import pwd
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

OK, WARN, FAIL, NONE = "OK", "WARN", "FAIL", "none"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        group: heading under which it stands.
        name: what was looked at.
        status: OK, WARN (works, but), FAIL (faceedge cannot work), none (not there, and need not be).
        detail: what was found.
        remedy: what to do about it; empty when there is nothing to do.
    """

    group: str
    name: str
    status: str
    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class Machine:
    """The machine to look at.

    Attributes:
        root: where ``/dev``, ``/sys``, ``/proc``, ``/etc`` and ``/opt`` are.
        environ: environment variables.
        python: version of this Python.
        architecture: as ``uname -m`` says it.
        prefix: of this Python's environment.
        packages: importable module -> folder, only in tests; None asks this Python.
    """

    root: Path = Path("/")
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    python: tuple[int, int, int] = sys.version_info[:3]
    architecture: str = field(default_factory=platform.machine)
    prefix: Path = Path(sys.prefix)
    packages: Mapping[str, Path] | None = None

    def path(self, absolute: str) -> Path:
        """``/dev/video0`` under this machine's root."""
        return self.root / absolute.lstrip("/")

    def shown(self, path: Path) -> str:
        """A path under the root as its user writes it."""
        return "/" + str(path.relative_to(self.root))

    def text(self, absolute: str) -> str:
        """A small text file, stripped; empty when it is not there or may not be read."""
        try:
            return self.path(absolute).read_bytes().decode("utf-8", "replace").strip("\0 \n\t")
        except OSError:
            return ""

    def glob(self, folder: str, pattern: str) -> list[Path]:
        """Entries of a folder in order, numbers in their order too; empty when it is not there."""
        found = list(self.path(folder).glob(pattern)) if self.path(folder).is_dir() else []
        return sorted(found, key=lambda path: (path.name.rstrip("0123456789"), len(path.name), path.name))

    def package_folder(self, module: str) -> Path | None:
        """Folder of an importable module, without importing it; None when it is not installed."""
        if self.packages is not None:
            return self.packages.get(module)
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            return None
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or []) or [str(spec.origin)]
        return Path(places[0])

    def package_version(self, distribution: str) -> str:
        """Version of an installed distribution, or an empty string."""
        if self.packages is not None:
            return ""
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            return ""

    def refusal(self, path: Path, group_hint: str) -> str:
        """Empty when this user may read and write ``path``, else the command that changes that."""
        if os.access(path, os.R_OK | os.W_OK):
            return ""
        try:
            group = grp.getgrgid(path.stat().st_gid).gr_name
        except (OSError, KeyError):
            group = group_hint
        group = group_hint if group == "root" else group
        return f"sudo usermod -aG {group} {user_name()}, then log in again"


def user_name() -> str:
    """Name of the user who runs this."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "$USER"
