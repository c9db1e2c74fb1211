"""`faceedge record OUTPUT`: topics into an MCAP bag, or a radar's raw samples into the vendor's recording folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from faceedge.cli.ros import needs_ros, notice
from faceedge.errors import ConfigurationError

BAG, VENDOR = "mcap", "vendor"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `faceedge record`."""
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="a folder that does not exist yet")
    parser.add_argument(
        "--topics",
        nargs="+",
        default=[],
        metavar="PATTERN",
        help="names with * and ? as in a shell, in quotes; default: all topics (vendor: the only radar)",
    )
    parser.add_argument("--seconds", type=float, metavar="N", help="end by itself, N s after the first message")
    parser.add_argument(
        "--format",
        choices=(BAG, VENDOR),
        default=BAG,
        help="mcap: a bag of ROS 2; vendor: Infineon's recording folder, from ~/adc and ~/chirp",
    )


def main(args: argparse.Namespace) -> int:
    """Record until Ctrl-C or for some seconds; 0 when something was recorded."""
    if args.seconds is not None and not args.seconds > 0:
        raise ConfigurationError(f"--seconds must be more than 0, not {args.seconds:g}.")
    if args.output.exists():
        raise ConfigurationError(f"{args.output} exists already; give another name or remove it.")
    with needs_ros():
        from faceedge.nodes.process import stop_event
        from faceedge.nodes.recording import record_bag, record_vendor
    print(f"recording into {args.output}; Ctrl-C ends it", file=sys.stderr)
    with stop_event() as stop:
        if args.format == BAG:
            recorded = record_bag(args.output, args.topics, args.seconds, stop)
        else:
            recorded = record_vendor(args.output, args.topics, args.seconds, stop, notice)
    for topic, count in sorted(recorded.messages.items()):
        print(f"{count:8d}  {topic}")
    if not recorded.messages:
        print("nothing came; `ros2 topic list`, or `faceedge doctor`, may tell why.", file=sys.stderr)
        return 1
    damaged = f", {recorded.rejected} damaged frames left out" if recorded.rejected else ""
    print(f"{recorded.messages.total():8d}  messages in {recorded.duration_s:.1f} s{damaged}: {args.output}")
    return 0
