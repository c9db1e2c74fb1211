"""Several nodes in one process from one parameter file, which works with `ros2 launch` and `--params-file` as well.

The nodes hand frames to each other in memory, so that only small results cross DDS. The file is an ordinary ROS 2
parameter file: `/**` for what all nodes share, and a key for each node, such as `/**/camera`, in any namespace. The
nodes that a file has keys for are the nodes that are started.
"""

from __future__ import annotations

import difflib
import importlib
import itertools
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import yaml

from faceedge.errors import ConfigurationError, one_line
from faceedge.nodes.lifecycle import ManagedNode
from faceedge.nodes.process import run_nodes


def _later(module: str, name: str) -> Callable[[], ManagedNode]:
    """Makes a node of a class that is imported only then: a radar needs no messages about faces."""

    def make() -> ManagedNode:
        node: ManagedNode = getattr(importlib.import_module(f"faceedge.nodes.{module}"), name)()
        return node

    return make


NODES: Mapping[str, Callable[[], ManagedNode]] = {
    "camera": _later("camera_node", "CameraNode"),
    "faces": _later("face_node", "FaceNode"),
    "radar": _later("radar_node", "RadarNode"),
    "event_camera": _later("event_node", "EventNode"),
    "authentication": _later("authentication_node", "AuthenticationNode"),
    "radar_expression": _later("radar_expression_node", "RadarExpressionNode"),
}
"""Nodes by name, in the order in which they start: a camera offers its frames before faces asks for them."""
RENAME = "__node:="
ROS_ARGUMENTS, PARAMS_FILE = "--ros-args", "--params-file"


def check_parameter_file(path: Path, names: Sequence[str]) -> list[str]:
    """Refuse a file that ROS would read without a word and without effect.

    Args:
        path: parameter file.
        names: names that a node may have.

    Returns:
        Those of ``names`` that the file has keys for, in the order of ``names``.

    Raises:
        ConfigurationError: no such file, no YAML, no parameters, or a key that ends in none of ``names``.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"the parameter file {path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"the parameter file {path} is not YAML: {one_line(error)}.") from error
    if not isinstance(content, dict) or not content:
        raise ConfigurationError(
            f"the parameter file {path} must have keys such as /** and /**/camera, each with ros__parameters below it."
        )
    found = set()
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
        found.add(name)
    return [name for name in names if name in found]


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
        nodes: names from ``NODES``; None: those that the file has keys for.
        namespace: of all nodes; /humans, /tf and /diagnostics stay global.
        log_level: debug, info, warn, error or fatal.
        ros_arguments: what else may follow `--ros-args`: remappings, `-p name:=value`, ...
        stop: set it to end the nodes when this runs in a thread.

    Returns:
        Exit code as :func:`faceedge.nodes.process.run_nodes`.

    Raises:
        ConfigurationError: an unknown node, or a file as in :func:`check_parameter_file`, or one that names no node.
    """
    _check_names(nodes)
    path = Path(params_yaml).expanduser()
    renamed = [argument.split(RENAME, 1)[1] for argument in ros_arguments if RENAME in argument]
    named = check_parameter_file(path, [*NODES, *renamed])
    wanted = [name for name in named if name in NODES] if nodes is None else list(nodes)
    if not wanted:
        raise ConfigurationError(
            f"the parameter file {path} names no node to start; add a key such as /**/camera, or give --nodes."
        )
    # The later one wins, so the file may still say autostart: false.
    args = [ROS_ARGUMENTS, "-p", "autostart:=true", PARAMS_FILE, str(path), "--log-level", log_level]
    if namespace:
        args += ["-r", f"__ns:=/{namespace.strip('/')}"]
    args += [argument for argument in ros_arguments if argument != ROS_ARGUMENTS]
    return run_nodes([make for name, make in NODES.items() if name in wanted], args, stop)


def _check_names(nodes: Sequence[str] | None) -> None:
    unknown = [name for name in nodes or () if name not in NODES]
    if unknown or (nodes is not None and not nodes):
        raise ConfigurationError(f"expected nodes out of {', '.join(NODES)}, got {', '.join(unknown) or 'none'}.")


def _named_in_files(arguments: Sequence[str]) -> list[str]:
    """Nodes that the parameter files on a command line have keys for."""
    files = [Path(path) for option, path in itertools.pairwise(arguments) if option == PARAMS_FILE]
    named = {name for path in files for name in check_parameter_file(path, [*NODES])}
    return [name for name in NODES if name in named]


def main(args: list[str] | None = None) -> int:
    """`python3 -m faceedge.nodes.runner camera faces --ros-args ...`: nodes in one process, for launch files.

    Without names, those start that the parameter files on the command line have keys for.
    """
    args = sys.argv[1:] if args is None else args
    end = args.index(ROS_ARGUMENTS) if ROS_ARGUMENTS in args else len(args)
    try:
        wanted = args[:end] or _named_in_files(args)
        _check_names(wanted)
    except ConfigurationError as error:
        print(f"faceedge cannot start: {error}", file=sys.stderr)
        return 1
    return run_nodes([make for name, make in NODES.items() if name in wanted], ["runner", *args[end:]])


if __name__ == "__main__":
    raise SystemExit(main())
