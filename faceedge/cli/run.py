"""`faceedge run PARAMS.yaml`: the nodes of a parameter file in one process, where `launch` is not installed."""

from __future__ import annotations

import argparse
from pathlib import Path

from faceedge.cli.ros import needs_ros
from faceedge.errors import ConfigurationError

LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `faceedge run`."""
    parser.add_argument(
        "params", type=Path, metavar="PARAMS.yaml", help="a ROS parameter file (config/camera_faces.yaml)"
    )
    parser.add_argument(
        "--nodes", nargs="+", metavar="NODE", help="start these (camera, faces, radar, ...), not those the file names"
    )
    parser.add_argument("--namespace", default="", help="of all nodes; /humans, /tf and /diagnostics stay global")
    parser.add_argument("--log-level", default="info", choices=LOG_LEVELS)


def main(args: argparse.Namespace) -> int:
    """Run until Ctrl-C; returns the exit code of the nodes' process."""
    if not args.params.is_file():
        raise ConfigurationError(f"no parameter file at {args.params}; expected a YAML file with ros__parameters.")
    with needs_ros():
        from faceedge.nodes import runner
    return runner.run(args.params, args.nodes, namespace=args.namespace, log_level=args.log_level)
