"""Several nodes in one process from one parameter file, which works with `ros2 launch` and `--params-file` as well.

The nodes hand frames to each other in memory, so that only small results cross DDS. The file is an ordinary ROS 2
parameter file: `/**` for what all nodes share, `/**/camera` and `/**/faces` for one node each, in any namespace.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import yaml

from faceedge.errors import ConfigurationError
from faceedge.nodes.camera_node import CameraNode
from faceedge.nodes.face_node import FaceNode
from faceedge.nodes.lifecycle import ManagedNode
from faceedge.nodes.process import run_nodes

NODES: Mapping[str, Callable[[], ManagedNode]] = {"camera": CameraNode, "faces": FaceNode}
"""Nodes by name, in the order in which they start: a camera offers its frames before faces asks for them."""
RENAME = "__node:="


def check_parameter_file(path: Path, names: Sequence[str]) -> None:
    """Refuse a file that ROS would read without a word and without effect.

    Args:
        path: parameter file.
        names: names that a node may have.

    Raises:
        ConfigurationError: no such file, no YAML, no parameters, or a key that ends in none of ``names``.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"the parameter file {path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"the parameter file {path} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict) or not content:
        raise ConfigurationError(
            f"the parameter file {path} must have keys such as /** and /**/camera, each with ros__parameters below it."
        )
    for key, entry in content.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("ros__parameters"), dict):
            raise ConfigurationError(
                f"the parameter file {path} needs ros__parameters with names and values below '{key}'."
            )
        name = str(key).rsplit("/", 1)[-1]
        if name not in ("*", "**", *names):
            close = difflib.get_close_matches(name, list(names), 1)
            hint = f"; did you mean '/**/{close[0]}'?" if close else "."
            raise ConfigurationError(
                f"the key '{key}' in {path} is for none of the nodes {', '.join(names)}, so it would do nothing{hint}"
            )


def run(
    params_yaml: Path | str,
    nodes: Sequence[str] | None = None,
    *,
    namespace: str = "",
    log_level: str = "info",
    ros_arguments: Sequence[str] = (),
    stop: threading.Event | None = None,
) -> int:
    """Run nodes in this process until SIGINT or ``stop``.

    The nodes configure and activate themselves, unless the file says `autostart: false`.

    Args:
        params_yaml: parameter file.
        nodes: names from ``NODES``; None: all.
        namespace: of all nodes; /humans, /tf and /diagnostics stay global.
        log_level: debug, info, warn, error or fatal.
        ros_arguments: what else may follow `--ros-args`: remappings, `-p name:=value`, ...
        stop: set it to end the nodes when this runs in a thread.

    Returns:
        Exit code as :func:`faceedge.nodes.process.run_nodes`.

    Raises:
        ConfigurationError: an unknown node, or a file as in :func:`check_parameter_file`.
    """
    wanted = list(NODES) if nodes is None else list(nodes)
    unknown = [name for name in wanted if name not in NODES]
    if unknown or not wanted:
        raise ConfigurationError(f"expected nodes out of {', '.join(NODES)}, got {', '.join(unknown) or 'none'}.")
    path = Path(params_yaml).expanduser()
    renamed = [argument.split(RENAME, 1)[1] for argument in ros_arguments if RENAME in argument]
    check_parameter_file(path, [*NODES, *renamed])
    # The later one wins, so the file may still say autostart: false.
    args = ["--ros-args", "-p", "autostart:=true", "--params-file", str(path), "--log-level", log_level]
    if namespace:
        args += ["-r", f"__ns:=/{namespace.strip('/')}"]
    args += [argument for argument in ros_arguments if argument != "--ros-args"]
    return run_nodes([make for name, make in NODES.items() if name in wanted], args, stop)


def main(args: list[str] | None = None) -> int:
    """`python3 -m faceedge.nodes.runner --ros-args ...`: all nodes in one process, for launch files."""
    return run_nodes(list(NODES.values()), args)


if __name__ == "__main__":
    raise SystemExit(main())
