"""`faceedge emulate bgt60|iwr6843|person`: sensors that are none, for work without hardware."""

from __future__ import annotations

import argparse
import math
import signal
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from faceedge.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from faceedge.radar.chirp import ChirpSettings
    from faceedge.simulation.devices.bridge import BridgeEmulator
    from faceedge.simulation.devices.iwr6843 import Iwr6843Emulator

PERSON = "person"
DEVICES = ("bgt60", "iwr6843", PERSON)
SCENES = ("point", "face", "two_reflectors", "walking_person")
"""What the bgt60 can see without a recording: a point that moves, or a preset of the synthetic scene."""

SCENE_PERIOD_S = 20.0
"""Breath, pulse and steps of every preset are back where they were after so long."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `faceedge emulate`."""
    add = parser.add_argument
    add(
        "device",
        choices=DEVICES,
        help="bgt60: behind a serial bridge, one port; iwr6843: console and data port; person: a synthetic person in "
        "front of a bgt60, a camera and an event camera, which are topics",
    )
    add("--recording", type=Path, metavar="PATH", help="what it sees or sends: a vendor's folder; bytes of a data port")
    add("--once", action="store_true", help="do not begin the recording anew at its end")
    add("--scene", choices=SCENES, help="what the bgt60 sees without a recording (default: face)")
    add("--session", type=Path, metavar="FOLDER", help="person: what is played again and again (default: what ships)")
    add("--seed", type=int, metavar="N", help="person: compute this one while others look (needs 'faceedge[sim]')")
    add("--script", metavar="NAME", help="person, with --seed: what is performed (default: mixed)")
    add("--sensors", metavar="NAMES", help="person, with --seed: of radar,events,camera (default: all)")
    add("--fault", action="append", default=[], metavar="NAME=VALUE", help="may be repeated; `list` names all of them")
    add("--link", type=Path, metavar="PATH", help="where the port appears; the iwr6843 adds -cli and -data")
    add("--speed", type=float, default=1.0, metavar="X", help="device seconds in a second (default: 1)")
    add("--seconds", type=float, default=0.0, metavar="S", help="end after so long (default: at Ctrl-C)")


def main(args: argparse.Namespace) -> int:
    """Emulate until Ctrl-C, SIGTERM or the end of ``--seconds``; 0."""
    if args.fault == ["list"]:
        print("\n".join(fault_names(args.device)))
        return 0
    if not 0 <= args.seconds < math.inf:
        raise ConfigurationError(f"--seconds must be 0 or more, got {args.seconds:g}.")
    if args.recording is not None and args.scene:
        raise ConfigurationError("give either --recording or --scene, not both.")
    for option in ("session", "seed", "script", "sensors") if args.device != PERSON else ():
        if getattr(args, option) is not None:
            raise ConfigurationError(f"--{option} is for a person; say `faceedge emulate person`.")
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            stack.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, signal.default_int_handler))
        if args.device == PERSON:
            from faceedge.cli import emulate_person

            return emulate_person.main(args)
        emulator = make_bgt60(args) if args.device == "bgt60" else make_iwr6843(args)
        stack.enter_context(emulator)
        print("\n".join(usage(emulator)), flush=True)
        try:
            wait(args.seconds)
        except KeyboardInterrupt:
            print()
        print(f"Ended. {', '.join(f'{name} {count}' for name, count in emulator.counters.items())}", flush=True)
    return 0


def make_bgt60(args: argparse.Namespace) -> BridgeEmulator:
    """A bridge with a chip, not yet plugged in.

    Raises:
        ConfigurationError, InputError: faults, speed or recording are not what they should be.
    """
    from faceedge.simulation.devices.bgt60 import Bgt60Chip
    from faceedge.simulation.devices.bridge import BridgeEmulator
    from faceedge.simulation.devices.clock import RealClock
    from faceedge.simulation.devices.faults import Faults
    from faceedge.simulation.devices.feed import AheadFeed, MovingPointFeed, RecordingFeed
    from faceedge.simulation.radar.scene import PRESETS, RadarScene

    faults, clock = Faults.parse(args.fault), RealClock(args.speed)
    scene = args.scene or "face"
    if args.recording is not None:
        chip = Bgt60Chip(RecordingFeed.load(args.recording, loop=not args.once), clock)
    elif scene == "point":
        chip = Bgt60Chip(MovingPointFeed, clock)
    else:
        scatterers = PRESETS[scene]()

        def feed(chirp: ChirpSettings) -> AheadFeed:
            return AheadFeed(RadarScene(chirp, scatterers), period=round(SCENE_PERIOD_S / chirp.frame_period_s))

        chip = Bgt60Chip(feed, clock)
    return BridgeEmulator(chip, faults=faults, link=args.link)


def make_iwr6843(args: argparse.Namespace) -> Iwr6843Emulator:
    """The device, not yet plugged in.

    Raises:
        ConfigurationError, InputError: faults, speed or recording are not what they should be.
    """
    from faceedge.simulation.devices.faults import Faults
    from faceedge.simulation.devices.iwr6843 import Iwr6843Emulator

    if args.scene:
        raise ConfigurationError("the emulated iwr6843 sees a face or a --recording; --scene is for the bgt60.")
    frame_faults, others = split_faults(args.fault)
    links = [args.link.with_name(f"{args.link.name}-{end}") if args.link else None for end in ("cli", "data")]
    return Iwr6843Emulator(
        recording=args.recording,
        loop=not args.once,
        faults=Faults.parse(others),
        frame_faults=frame_faults,
        speed=args.speed,
        cli_link=links[0],
        data_link=links[1],
    )


def split_faults(options: Sequence[str]) -> tuple[dict[int, str], list[str]]:
    """Faults of single frames (``half_packet=118``) by frame number, and the other options.

    Raises:
        ConfigurationError: the number of a frame is none.
    """
    from faceedge.simulation.devices.iwr6843_faults import FRAME_FAULTS

    frames: dict[int, str] = {}
    others = []
    for option in options:
        name, _, number = option.partition("=")
        if name not in FRAME_FAULTS:
            others.append(option)
        elif number.isdecimal():
            frames[int(number)] = name
        else:
            raise ConfigurationError(f"fault {name} happens to one frame: expected {name}=FRAME, got {option!r}.")
    return frames, others


def fault_names(device: str) -> list[str]:
    """Every fault of ``device`` with its default."""
    import dataclasses

    from faceedge.simulation.devices.faults import Faults

    names = [f"{field.name}={field.default}" for field in dataclasses.fields(Faults)]
    if device != "iwr6843":
        return names
    from faceedge.simulation.devices.iwr6843_faults import FRAME_FAULTS

    only_bgt60 = ("crc_error_rate", "fifo_overflow_after_blocks")
    return [name for name in names if not name.startswith(only_bgt60)] + [f"{name}=FRAME" for name in FRAME_FAULTS]


def usage(emulator: BridgeEmulator | Iwr6843Emulator) -> list[str]:
    """Where the ports are, and how to use them."""
    from faceedge.simulation.devices.bridge import BridgeEmulator

    node = "radar_node --ros-args -p autostart:=true"
    if isinstance(emulator, BridgeEmulator):
        return [
            f"bgt60 behind a serial bridge: {emulator.port}",
            f"  look:    faceedge view radar --source bgt60_bridge --path {emulator.port}",
            f"  publish: {node} -p source:=bgt60_bridge -p path:={emulator.port}",
        ]
    return [
        f"iwr6843: console {emulator.cli_port}, data {emulator.data_port}",
        f"  look:    faceedge view radar --source iwr6843 --cli-port {emulator.cli_port} "
        f"--data-port {emulator.data_port}",
        f"  publish: {node} -p source:=iwr6843 -p cli_port:={emulator.cli_port} -p data_port:={emulator.data_port}",
    ]


def wait(seconds: float) -> None:
    """For so long, or for ever."""
    end = time.monotonic() + seconds
    while not seconds or time.monotonic() < end:
        time.sleep(min(1.0, max(0.0, end - time.monotonic())) if seconds else 1.0)
