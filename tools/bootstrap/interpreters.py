"""Finds the CPython interpreters of this machine that faceedge supports, and what each lacks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import SetupError

#: Supported minor versions of CPython 3, the preferred one first.
MINORS = (12, 11)

#: Searched after PATH, which a job scheduler may have cut short.
SYSTEM_FOLDERS = ("/usr/local/bin", "/usr/bin")

PROBE = """
import json, platform, sys, sysconfig
def has(name):
    try:
        __import__(name)
    except Exception:
        return False
    return True
print(json.dumps({
    "executable": getattr(sys, "_base_executable", "") or sys.executable,
    "implementation": platform.python_implementation(),
    "version": list(sys.version_info[:3]), "include": sysconfig.get_paths()["include"],
    "venv": has("venv"), "ensurepip": has("ensurepip"), "pip": has("pip"),
    "machine": platform.machine()}))
"""


@dataclass(frozen=True)
class Interpreter:
    """A CPython that runs. `executable` is its real path, `version` is (major, minor, micro)."""

    executable: Path
    version: tuple[int, int, int]
    machine: str
    has_headers: bool
    has_venv: bool
    has_ensurepip: bool
    has_pip: bool

    @property
    def tag(self) -> str:
        """The name of its environment, such as `cp311`."""
        return f"cp{self.version[0]}{self.version[1]}"

    @property
    def short_version(self) -> str:
        """The version without the patch level, such as `3.11`."""
        return f"{self.version[0]}.{self.version[1]}"


def candidates(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield paths that may be an interpreter: FACEEDGE_PYTHON, PATH, then pyenv's folders."""
    if environment.get("FACEEDGE_PYTHON"):
        yield environment["FACEEDGE_PYTHON"]
    names = [f"python3.{minor}" for minor in MINORS] + ["python3", "python"]
    folders = [folder for folder in environment.get("PATH", os.defpath).split(os.pathsep) if folder]
    for name in names:
        for folder in [*folders, *SYSTEM_FOLDERS]:
            path = Path(folder) / name
            if path.is_file() and os.access(path, os.X_OK):
                yield str(path)
    for root in (environment.get("PYENV_ROOT"), Path(environment.get("HOME", "/")) / ".pyenv"):
        if root:
            for minor in MINORS:
                yield from sorted(map(str, Path(root).glob(f"versions/3.{minor}*/bin/python3")), reverse=True)


def probe(path: str, environment: Mapping[str, str]) -> Interpreter | None:
    """Run the interpreter at `path` and return what it is; None if it does not run or is not a supported CPython.

    A pyenv shim exists for every version that pyenv ever saw but fails unless that version is selected; only running it
    tells. The Python of a virtual environment stands for the one that it was made from.
    """
    try:
        done = subprocess.run(
            [path, "-I", "-c", PROBE], capture_output=True, text=True, timeout=20, env=dict(environment), check=True
        )
        facts = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    major, minor, micro = facts["version"]
    if facts["implementation"] != "CPython" or major != 3 or minor not in MINORS:
        return None
    return Interpreter(
        executable=Path(facts["executable"]),
        version=(major, minor, micro),
        machine=facts["machine"],
        has_headers=(Path(facts["include"]) / "Python.h").is_file(),
        has_venv=facts["venv"],
        has_ensurepip=facts["ensurepip"],
        has_pip=facts["pip"],
    )


def find_interpreters(environment: Mapping[str, str]) -> dict[str, Interpreter]:
    """Return the supported interpreters by short version, at most one each, the preferred version first.

    Among several of one version the first complete one wins: one with C headers and with ensurepip or pip.
    FACEEDGE_PYTHON, where set, is the only one considered.

    Raises SetupError if FACEEDGE_PYTHON is set and does not fit.
    """
    chosen = environment.get("FACEEDGE_PYTHON")
    if chosen:
        only = probe(chosen, environment)
        if only is None:
            raise SetupError(
                f"FACEEDGE_PYTHON is {chosen}, which does not run as CPython 3.11 or 3.12; "
                "set it to such an interpreter or unset it"
            )
        return {only.short_version: only}
    found: dict[str, Interpreter] = {}
    seen: set[str] = set()
    for path in candidates(environment):
        if path in seen:
            continue
        seen.add(path)
        if all(version in found and complete(found[version]) for version in (f"3.{minor}" for minor in MINORS)):
            break
        interpreter = probe(path, environment)
        if interpreter is None:
            continue
        known = found.get(interpreter.short_version)
        if known is None or (not complete(known) and complete(interpreter)):
            found[interpreter.short_version] = interpreter
    return {version: found[version] for version in (f"3.{minor}" for minor in MINORS) if version in found}


def complete(interpreter: Interpreter) -> bool:
    """Tell whether an environment with compiled messages can be made from it."""
    return interpreter.has_headers and interpreter.has_venv and (interpreter.has_ensurepip or interpreter.has_pip)


def find_compilers(environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the C and the C++ compiler.

    Raises SetupError if either is missing.
    """
    path = environment.get("PATH", os.defpath)
    c = environment.get("CC") or next(filter(None, (shutil.which(n, path=path) for n in ("cc", "gcc", "clang"))), None)
    names = ("c++", "g++", "clang++")
    cxx = environment.get("CXX") or next(filter(None, (shutil.which(name, path=path) for name in names)), None)
    if not c or not cxx:
        missing = "C" if not c else "C++"
        raise SetupError(
            f"there is no {missing} compiler, which the ROS message packages need; "
            "install one (Debian, Ubuntu: sudo apt install gcc g++) and run this again"
        )
    return c, cxx
