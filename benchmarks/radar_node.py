"""The radar node: from a cube to `~/range_doppler` in another process, and how soon it is back after a lost cable.

A recording is played by the node at the pace of the radar; it hands each cube over at its stamp, so the time from
stamp to callback is that of processing, messages and DDS. The lost cable is that of the emulated serial bridge.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from rows import Row, at_most, percentiles_ms

RUN = "import sys; from faceedge.nodes.radar_node import main; sys.exit(main())"
CHIRP = "bgt60_face_food.json"
RECORDED_FRAMES = 40
WARM_UP = 20
MOST_FRAMES = 1200
"""Of a minute."""
REPLUGS = 5
AWAY_S = 1.0
RECOVERY_S = 2.0
PATIENCE_S = 60.0
STAGES = ("range-Doppler", "publish range-Doppler", "micro range-Doppler", "publish micro range-Doppler", "publish adc")


class Listener:
    """A node in this process.

    Args:
        node, executor: as `passing_node` gives them.

    Attributes:
        latency_s: stamp to callback of each range-Doppler image.
        stages: of the node's own diagnostics.
    """

    def __init__(self, node: Any, executor: Any) -> None:
        from diagnostic_msgs.msg import DiagnosticArray

        self.node, self._executor = node, executor
        self.latency_s: list[float] = []
        self.stages: dict[str, str] = {}
        node.create_subscription(DiagnosticArray, "/diagnostics", self._heard_diagnostics, 10)

    def subscribe(self, topic: str, callback: Callable[[Any], None] = lambda message: None) -> None:
        """Receive images of the radar node."""
        from sensor_msgs.msg import Image

        self.node.create_subscription(Image, f"/radar/{topic}", callback, 10)

    def heard(self, message: Any) -> None:
        """Time a range-Doppler image."""
        now_ns = time.time_ns()
        stamp = message.header.stamp
        self.latency_s.append((now_ns - stamp.sec * 1_000_000_000 - stamp.nanosec) / 1e9)

    def _heard_diagnostics(self, message: Any) -> None:
        for status in message.status:
            self.stages = {value.key.removeprefix("latency "): value.value for value in status.values}

    def spin(self, duration_s: float) -> None:
        """Handle messages for so long."""
        end = time.monotonic() + duration_s
        self.wait(lambda: time.monotonic() > end, PATIENCE_S)

    def wait(self, condition: Callable[[], bool], patience_s: float) -> None:
        """Handle messages until ``condition()``; raises TimeoutError."""
        deadline = time.monotonic() + patience_s
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the radar node did not deliver within {patience_s:g} s")
            self._executor.spin_once(timeout_sec=0.05)


@contextmanager
def running(parameters: dict[str, Any], folder: Path) -> Iterator[Listener]:
    """A radar node in a process of its own, and a listener here."""
    from faceedge.nodes.domain import free_domain
    from faceedge.nodes.process import passing_node

    os.environ |= {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "ROS_DOMAIN_ID": str(free_domain())}
    path = folder / "parameters.yaml"
    path.write_text(yaml.safe_dump({"/**": {"ros__parameters": {"autostart": True, **parameters}}}))
    with passing_node("benchmark") as (node, executor):
        child = subprocess.Popen(
            [sys.executable, "-c", RUN, "--ros-args", "--params-file", str(path), "--log-level", "fatal"],
            env={**os.environ, "ROS_LOG_DIR": str(folder)},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        try:
            yield Listener(node, executor)
        finally:
            child.send_signal(signal.SIGINT)
            child.wait(PATIENCE_S)


def latency(recording: Path, topics: tuple[str, ...], frames: int, work: Path) -> Listener:
    """The latency of so many images while somebody subscribes to ``topics`` as well."""
    parameters = {"source": "recording", "path": str(recording), "loop": True}
    with running(parameters, work) as listener:
        listener.subscribe("range_doppler", listener.heard)
        for topic in topics:
            listener.subscribe(topic)
        listener.wait(lambda: len(listener.latency_s) >= WARM_UP, PATIENCE_S)
        listener.latency_s.clear()
        listener.wait(lambda: len(listener.latency_s) >= frames, PATIENCE_S + frames / 10)
    return listener


def recovery(work: Path) -> list[float]:
    """Seconds from plugging the bridge in again to the next cube here, some times."""
    from faceedge.simulation.devices.bgt60 import Bgt60Chip
    from faceedge.simulation.devices.bridge import BridgeEmulator

    times: list[float] = []
    arrivals: list[float] = []
    with BridgeEmulator(Bgt60Chip()) as bridge:
        parameters = {"source": "bgt60_bridge", "path": bridge.port, "chirp": CHIRP}
        with running(parameters, work) as listener:
            listener.subscribe("adc", lambda message: arrivals.append(time.monotonic()))
            for _ in range(REPLUGS):
                arrivals.clear()
                listener.wait(lambda: len(arrivals) > 5, PATIENCE_S)
                bridge.unplug()
                listener.spin(AWAY_S)
                arrivals.clear()
                start = time.monotonic()
                bridge.replug()
                listener.wait(lambda: bool(arrivals), PATIENCE_S)
                times.append(arrivals[0] - start)
    return times


def write_recording(folder: Path) -> Path:
    """A recording of a point that swings to and fro."""
    from faceedge.radar.chirp_files import load_chirp_file
    from faceedge.radar.recordings import VendorWriter
    from faceedge.simulation.devices.feed import MovingPointFeed

    chirp = load_chirp_file(CHIRP).chirp
    feed = MovingPointFeed(chirp)
    with VendorWriter(folder / "recording", chirp) as writer:
        for number in range(RECORDED_FRAMES):
            writer.append(feed.cube(number), round(number * chirp.frame_period_s * 1e9))
    return folder / "recording"


def section(args: argparse.Namespace) -> list[Row]:
    """Figures of the node; ``args.device_minutes`` for each stream, at most one."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        recording = write_recording(work)
        frames = min(MOST_FRAMES, max(WARM_UP, round(args.device_minutes * MOST_FRAMES)))
        for what, topics in (
            ("cube to ~/range_doppler", ()),
            ("the same with ~/adc and ~/micro_range_doppler", ("adc", "micro_range_doppler")),
        ):
            listener = latency(recording, topics, frames, work)
            p50, p99 = percentiles_ms(listener.latency_s)
            note = f"{len(listener.latency_s)} images of 64 x 64, another process"
            rows += [Row(f"{what}, p50", p50, "ms", note=note), Row(f"{what}, p99", p99, "ms")]
        for stage in STAGES:
            text = listener.stages.get(stage, "")
            if text.startswith("p50 "):
                rows.append(Row(f"stage {stage}, p50", float(text.split()[1]), "ms", note=text))
        times = recovery(work)
        note = f"largest of {REPLUGS}, {AWAY_S:g} s away each; smallest {min(times):.2f} s"
        rows.append(at_most("replug of the bridge to the next cube", max(times), "s", RECOVERY_S, note))
    return rows
