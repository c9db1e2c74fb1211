"""Starts other programs with a clean environment and keeps what they print in a log file."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bootstrap.errors import SetupError

#: What a sourced workspace, another virtual environment or the ROS wheels leave behind. The wheels start Python a
#: second time with LD_LIBRARY_PATH set and mark that in _ROS_WHEELS_BOOTSTRAP_COMPLETE; inherited by another
#: environment's Python, both would load the wrong libraries.
FOREIGN = (
    "_ROS_WHEELS_BOOTSTRAP_COMPLETE",
    "AMENT_PREFIX_PATH",
    "CMAKE_PREFIX_PATH",
    "COLCON_PREFIX_PATH",
    "LD_LIBRARY_PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "RMW_IMPLEMENTATION",
    "ROS_DISTRO",
    "ROS_PYTHON_VERSION",
    "ROS_VERSION",
    "VIRTUAL_ENV",
)

TAIL_LINES = 60

#: What a failed command's last lines say, and the sentence for it.
CAUSES = (
    (r"No space left on device|Disk quota exceeded", "the disk is full; free some space and run this again"),
    (
        r"name resolution|NewConnectionError|Network is unreachable|ConnectTimeout|ReadTimeout|Read timed out"
        r"|Connection refused|ProxyError|Max retries exceeded|Could not fetch URL|CERTIFICATE_VERIFY_FAILED",
        "the Python package index did not answer; check the network or the proxy settings of pip and run this again",
    ),
    (
        r"No matching distribution found for (\S+)",
        "the package index has no {0} for this interpreter and machine, or did not answer; check the network "
        "and what docs/install.md supports",
    ),
    (
        r"Python\.h: No such file",
        "the C headers of Python are missing; install them (Debian: sudo apt install python3-dev)",
    ),
    (r"Permission denied: '([^']+)'", "{0} is not writable; change its owner or its permissions and run this again"),
    (
        r"Killed|out of memory|Cannot allocate memory",
        "the machine ran out of memory; close other programs and run this again",
    ),
)


def clean_environment(prefix: Path | None = None) -> dict[str, str]:
    """Return this process's environment without the traces of another ROS or Python environment.

    With `prefix`, its `bin` comes first on PATH, so that the tools of that virtual environment are found.
    """
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    environment["PYTHONNOUSERSITE"] = "1"
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    if prefix is not None:
        environment["PATH"] = os.pathsep.join([str(prefix / "bin"), environment.get("PATH", os.defpath)])
    return environment


def explain(output: str) -> str | None:
    """Return the sentence for a known cause in the last lines of a failed command's output, or None."""
    for pattern, sentence in CAUSES:
        found = re.search(pattern, output)
        if found:
            return sentence.format(*found.groups())
    return None


def run_logged(
    what: str,
    command: Sequence[str | os.PathLike[str]],
    log: Path,
    environment: Mapping[str, str],
    folder: Path | None = None,
) -> None:
    """Run `command` with its output appended to `log`.

    Raises SetupError with `what`, the cause where it is known, and the path of the log if the command fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        stream.write(f"\n$ {' '.join(os.fspath(part) for part in command)}\n".encode())
        stream.flush()
        start = stream.tell()
        try:
            result = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, env=environment, cwd=folder
            )
        except OSError as error:
            raise SetupError(f"{what}: could not start {command[0]}: {error.strerror}") from error
    if result.returncode == 0:
        return
    with log.open("rb") as stream:
        stream.seek(start)
        tail = "\n".join(stream.read().decode(errors="replace").splitlines()[-TAIL_LINES:])
    cause = explain(tail) or f"the command ended with status {result.returncode}"
    raise SetupError(f"{what}: {cause} (log: {log})")
