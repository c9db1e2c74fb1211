"""Nodes as processes of their own: started with their parameters, watched, and always ended."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from faceedge.errors import FaceedgeError
from faceedge.nodes.domain import free_domain

GRACE_S = 4.0
"""A node that has not ended so long after SIGINT is killed."""
LOG_TAIL_LINES = 6
_PR_SET_PDEATHSIG = 1
_LOG_PREFIX = re.compile(r"^\[\w+\]\s*\[[\d.]+\]\s*\[[\w./]+\]:\s*")


def isolated_environment() -> dict[str, str]:
    """ROS variables that keep a graph on this machine and apart from others; empty where the user chose a domain."""
    if os.environ.get("ROS_DOMAIN_ID"):
        return {}
    return {"ROS_DOMAIN_ID": str(free_domain()), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}


def _prepare_child() -> None:
    """In the child: a signal when the parent is gone, even if that was killed; and SIGINT as a shell's job lacks it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Children:
    """Processes that run one node or program each; a context manager that ends them all, whatever happens.

    Args:
        folder: for parameter files and logs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._nodes: set[str] = set()

    def start(self, name: str, module: str, parameters: Mapping[str, Any]) -> None:
        """Run ``main()`` of ``module`` with ``parameters`` for every node in it."""
        params = self._folder / f"{name}.yaml"
        params.write_text(yaml.safe_dump({"/**": {"ros__parameters": dict(parameters)}}), encoding="utf-8")
        program = f"import sys; from {module} import main; sys.exit(main())"
        self.start_program(f"{name} node", program, "--ros-args", "--params-file", str(params))
        self._nodes.add(f"{name} node")

    def start_program(self, name: str, program: str, *arguments: str) -> None:
        """Run the text of a Python program."""
        environment = {**os.environ, "ROS_LOG_DIR": str(self._folder), "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-c", program, *arguments]
        with self._log(name).open("wb") as log:
            self._processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C in the terminal is ours to pass on
                preexec_fn=_prepare_child,
            )

    def _log(self, name: str) -> Path:
        return self._folder / f"{name.replace(' ', '_')}.log"

    def check(self) -> None:
        """Raise FaceedgeError, with the end of its log, if a process has ended."""
        for name, process in self._processes.items():
            code = process.poll()
            if code is not None:
                raise FaceedgeError(f"the {name} ended with code {code}. {self.log_tail(name)}".rstrip())

    def log_tail(self, name: str) -> str:
        """The last lines of a process's log as one sentence."""
        try:
            lines = self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        tail = [_LOG_PREFIX.sub("", line).strip() for line in lines if line.strip()][-LOG_TAIL_LINES:]
        return f"Its log ends: {' / '.join(tail)}" if tail else "Its log is empty."

    def stop(self) -> None:
        """End the nodes, then the programs: a node would call a device lost that goes first. May be called twice."""
        nodes = [process for name, process in self._processes.items() if name in self._nodes]
        programs = [process for name, process in self._processes.items() if name not in self._nodes]
        _end(nodes)
        _end(programs)
        self._processes.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    """SIGINT to all, SIGKILL to those that do not end in time."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + GRACE_S
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
