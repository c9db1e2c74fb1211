"""Serial bridge: the real driver over a real pseudo-terminal, with the emulated bridge in another process.

Device time is real time: the emulated radar chirps on its own clock, and its port is paced at 1 MB/s, as full-speed USB
is.
"""

from __future__ import annotations

import argparse
import multiprocessing
import multiprocessing.connection
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rows import Row, at_least, at_most

from faceedge.errors import DeviceError, InputError
from faceedge.radar.bgt60 import Bgt60
from faceedge.radar.bridge import BridgeTransport
from faceedge.radar.chirp_files import load_chirp_file
from faceedge.simulation.devices.bgt60 import Bgt60Chip
from faceedge.simulation.devices.bridge import BridgeEmulator
from faceedge.simulation.devices.feed import RecordingFeed

CHIRP = "bgt60_face_food.json"
UNPLUGS = 5
PATIENCE_S = 10.0
FEED_CUBES = 8


def emulate(pipe: multiprocessing.connection.Connection, shape: tuple[int, int, int]) -> None:
    """The emulated device, in a process of its own: does what comes through ``pipe`` until that is closed."""
    cubes = np.random.default_rng(0).integers(0, 4096, (FEED_CUBES, *shape), np.uint16)
    chip = Bgt60Chip(RecordingFeed(cubes))
    with BridgeEmulator(chip) as device:
        actions: dict[str, Callable[[Any], Any]] = {
            "unplug": lambda _: device.unplug(),
            "replug": lambda _: device.replug(),
            "counters": lambda _: device.counters,
            "ramp_starts_ns": lambda count: [chip.ramp_start_ns(index) for index in range(count)],
        }
        pipe.send(device.port)
        while True:
            try:
                name, argument = pipe.recv()
            except EOFError:
                return
            pipe.send(actions[name](argument))


@dataclass
class Device:
    """The other process."""

    pipe: multiprocessing.connection.Connection
    port: str

    def ask(self, name: str, argument: object = None) -> Any:
        """Let it do something, and wait for the answer."""
        self.pipe.send((name, argument))
        return self.pipe.recv()


@contextmanager
def other_process(shape: tuple[int, int, int]) -> Iterator[Device]:
    """An emulated bridge beside this process."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=emulate, args=(there, shape), daemon=True)
    process.start()
    there.close()
    try:
        yield Device(here, here.recv())
    finally:
        here.close()
        process.join(PATIENCE_S)


@dataclass
class Stream:
    """What one stream gave.

    Attributes:
        wall_s, cpu_s: how long it took, and what this process worked for it.
        stamps_ns: of each frame, on CLOCK_MONOTONIC.
        errors: sentences of damaged frames.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    stamps_ns: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def stream(source: Bgt60, seconds: float) -> Stream:
    """Read frames for so long."""
    result = Stream()
    source.read()  # the first one comes when the radar has woken up
    to_monotonic_ns = time.monotonic_ns() - time.time_ns()
    start_s, start_cpu_s = time.monotonic(), time.process_time()
    while time.monotonic() - start_s < seconds:
        try:
            frame = source.read()
        except InputError as error:
            result.errors.append(str(error))
            continue
        if frame is not None:
            result.stamps_ns.append(frame.stamp_ns + to_monotonic_ns)
    result.wall_s, result.cpu_s = time.monotonic() - start_s, time.process_time() - start_cpu_s
    return result


def recovery_s(source: Bgt60, device: Device) -> float:
    """Unplug in the middle of a frame and plug in again: from then to the next whole frame."""
    device.ask("unplug")
    try:
        while True:
            source.read()
    except DeviceError:
        source.close()
    device.ask("replug")
    start_s = time.monotonic()
    while time.monotonic() - start_s < PATIENCE_S:
        try:
            source.open()
            if source.read() is not None:
                break
        except DeviceError:
            time.sleep(0.05)
    return time.monotonic() - start_s


def section(args: argparse.Namespace) -> list[Row]:
    """Figures of the serial bridge."""
    chirp = load_chirp_file(CHIRP).chirp
    with other_process(chirp.cube_shape) as device:
        source = Bgt60(chirp, BridgeTransport(device.port))
        source.open()
        result = stream(source, 60 * args.device_minutes)
        counters, lost = dict(source.counters), source.dropped + source.rejected
        late, sent = source.late, device.ask("counters")
        starts_ns = device.ask("ramp_starts_ns", len(result.stamps_ns) + 1)[1:]
        recoveries_s = [recovery_s(source, device) for _ in range(UNPLUGS)]
        source.close()
    frames = len(result.stamps_ns)
    errors_us = (np.array(result.stamps_ns) - np.array(starts_ns, np.float64)) / 1e3 if not lost else np.array([np.nan])
    rate_kb_s = frames * 3 * (np.prod(chirp.cube_shape) // 2) / result.wall_s / 1e3
    return [
        at_least(
            "frames a second",
            frames / result.wall_s,
            "frames/s",
            19.9,
            f"{frames} frames in {result.wall_s:.0f} s of device time, {rate_kb_s:.0f} kB/s of samples",
        ),
        at_most("frames lost", lost, "frames", 0, "; ".join(result.errors) or _damage(counters, sent)),
        Row("frames late", late, "frames", note="more than one frame period after they were due"),
        at_most(
            "driver's share of one core", 100 * result.cpu_s / result.wall_s, "%", 10.0, "all threads of the process"
        ),
        Row("error of the stamp, p50", float(np.percentile(np.abs(errors_us), 50)), "us", note="from the first ramp"),
        Row("error of the stamp, p99", float(np.percentile(np.abs(errors_us), 99)), "us"),
        at_most("unplugged: replug to next frame", max(recoveries_s), "s", 2.0, f"worst of {UNPLUGS}"),
    ]


def _damage(counters: dict[str, int], sent: dict[str, int]) -> str:
    seen = {name: count for name, count in counters.items() if count}
    return (
        f"{sent['blocks']} blocks sent, {sent['dropped']} dropped by the bridge; driver: {seen or 'no error counted'}"
    )
