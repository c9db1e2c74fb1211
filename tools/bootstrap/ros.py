"""Recognises a sourced ROS 2 distribution."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from bootstrap.interpreters import Interpreter, candidates, probe

IMPORTS = "import rclpy, hri_msgs.msg, tf2_msgs.msg"


@dataclass(frozen=True)
class Distribution:
    """A sourced distribution that has what faceedge needs, and the interpreter that it runs on."""

    name: str
    interpreter: Interpreter


def sourced_distribution(environment: Mapping[str, str]) -> Distribution | None:
    """Return the distribution that is sourced in `environment`, or None where there is none that fits.

    A distribution that is sourced but lacks messages or runs on another Python is reported in one line and passed over:
    the wheels then serve as on a machine without it.
    """
    name = environment.get("ROS_DISTRO", "")
    if not name or environment.get("_ROS_WHEELS_BOOTSTRAP_COMPLETE"):
        return None
    seen = set()
    for path in candidates(environment):
        interpreter = probe(path, environment)
        if interpreter is None or interpreter.executable in seen:
            continue
        seen.add(interpreter.executable)
        done = subprocess.run([interpreter.executable, "-c", IMPORTS], capture_output=True, env=dict(environment))
        if done.returncode == 0:
            return Distribution(name, interpreter)
    print(
        f"faceedge: ROS 2 {name} is sourced, but no CPython 3.11 or 3.12 imports its rclpy, hri_msgs and tf2_msgs "
        f"(sudo apt install ros-{name}-hri-msgs ros-{name}-tf2-msgs); using ROS 2 from wheels instead",
        file=sys.stderr,
    )
    return None
