"""`faceedge run PARAMS.yaml`: the nodes of a parameter file in one process, where `launch` is not installed."""

from __future__ import annotations

import argparse
from pathlib import Path

from faceedge.errors import ConfigurationError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `faceedge run`."""
    parser.add_argument(
        "params", type=Path, metavar="PARAMS.yaml", help="ROS parameter file, for example config/camera_faces.yaml"
    )
    parser.add_argument(
        "ros_arguments",
        nargs=argparse.REMAINDER,
        metavar="--ros-args ...",
        help="passed on to ROS: remappings and single parameters",
    )


def main(args: argparse.Namespace) -> int:
    """Run until Ctrl-C; returns the exit code of the nodes' process."""
    if not args.params.is_file():
        raise ConfigurationError(f"no parameter file at {args.params}; expected a YAML file with ros__parameters.")
    try:
        from faceedge.nodes import runner
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"ROS 2 is not available in this Python ({error.name} is missing); `faceedge doctor` says what to do."
        ) from error
    return int(runner.run(args.params, args.ros_arguments))
