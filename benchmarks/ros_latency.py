"""Image to expression topic over the real DDS, received in this process, with the nodes pinned to one core."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import scene
import yaml

WARM_UP = 30
RATE_HZ = 15.0
NODE_CORE, RECEIVER_CORE = 0, 1
RUN = "import sys; from faceedge.nodes.{module} import main; sys.exit(main())"
PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")


@dataclass
class Run:
    """What one arrangement of processes gave.

    Attributes:
        name: of the arrangement.
        latency_ms: exposure to callback of each expression after the warm-up.
        sent: pictures that the camera had after the warm-up.
        stages: latency percentiles from /diagnostics, by node and stage.
        memory_mb: resident set of each process at the end.
    """

    name: str
    latency_ms: list[float] = field(default_factory=list)
    sent: int = 0
    stages: dict[str, dict[str, str]] = field(default_factory=dict)
    memory_mb: dict[str, float] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Figures for the table and the JSON file."""
        latency = np.array(self.latency_ms) if self.latency_ms else np.array([np.nan])
        p50, p90, p99 = np.percentile(latency, (50, 90, 99))
        return {
            "name": self.name,
            "p50_ms": round(float(p50), 2),
            "p90_ms": round(float(p90), 2),
            "p99_ms": round(float(p99), 2),
            "received": len(self.latency_ms),
            "sent": self.sent,
            "stages": self.stages,
            "memory_mb": self.memory_mb,
        }


def prepare_child(core: int) -> None:
    """Pin a node's process to its core, and let SIGINT end it even when this script runs in the background."""
    os.sched_setaffinity(0, {core})
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def picture_folder(frames: int) -> Iterator[Path]:
    """A folder with a clip of one face as BMP files, which cost no decoding to speak of."""
    with tempfile.TemporaryDirectory() as name:
        for index, image in enumerate(scene.clip(frames)):
            cv2.imwrite(f"{name}/{index:04d}.bmp", image)
        yield Path(name)


def camera_parameters(folder: Path, rate_hz: float) -> dict[str, Any]:
    """Parameters of a camera node that plays ``folder`` for ever."""
    return {"autostart": True, "source": "images", "path": str(folder), "rate_hz": rate_hz, "loop": True}


def face_parameters(transport: str) -> dict[str, Any]:
    """Parameters of a face node with the expression on."""
    return {"autostart": True, "image_topic": "/camera/image_raw", "transport": transport, "expression": True}


def measure(
    name: str, commands: dict[str, list[str]], frames: int, own_profile: bool, elsewhere: tuple[str, ...] = ()
) -> Run:
    """Run processes and receive expressions here.

    Args:
        name: of the arrangement.
        commands: process name to command line.
        frames: how many expressions to receive after the warm-up.
        own_profile: whether the processes use the shipped Fast DDS profile.
        elsewhere: processes that run on the receiver's core; all others share one core.
    """
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from hri_msgs.msg import Expression
    from rclpy.context import Context
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.node import Node

    from faceedge.nodes.domain import free_domain
    from faceedge.nodes.process import use_shipped_dds_profile

    domain = free_domain()
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    environment = {**os.environ, "ROS_DOMAIN_ID": str(domain), "ROS_LOG_DIR": tempfile.gettempdir()}
    if own_profile:
        use_shipped_dds_profile()
        environment |= {key: os.environ[key] for key in PROFILE_VARIABLES if key in os.environ}
    else:
        # An existing file without any setting: the node's own choice of a profile is switched off, the defaults stay.
        environment[PROFILE_VARIABLES[0]] = str(Path(__file__).with_name("fastdds_defaults.xml"))
    result, received, stamps = Run(name), 0, []
    children = {
        key: subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=partial(prepare_child, RECEIVER_CORE if key in elsewhere else NODE_CORE),
        )
        for key, command in commands.items()
    }
    os.sched_setaffinity(0, {RECEIVER_CORE})
    context = Context()
    rclpy.init(args=[], context=context, domain_id=domain)
    node = Node("benchmark", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def on_expression(message: Expression) -> None:
        nonlocal received
        now_ns = time.time_ns()
        received += 1
        if received > WARM_UP:
            stamp_ns = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
            result.latency_ms.append((now_ns - stamp_ns) / 1e6)
            stamps.append(stamp_ns)

    def on_diagnostics(message: DiagnosticArray) -> None:
        for status in message.status:
            values = {value.key: value.value for value in status.values if "ms" in value.value or "ms" in value.key}
            if values:
                result.stages[status.name.split(":")[0]] = values

    try:
        node.create_subscription(DiagnosticArray, "/diagnostics", on_diagnostics, 10)
        subscribed, deadline = False, time.monotonic() + 60 + frames / 5
        while len(result.latency_ms) < frames and time.monotonic() < deadline:
            executor.spin_once(timeout_sec=0.1)
            if not subscribed and (found := expression_topic(node)):
                node.create_subscription(Expression, found, on_expression, 10)
                subscribed = True
        for key, child in children.items():
            if child.poll() is None:
                status = Path(f"/proc/{child.pid}/status").read_text()
                resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
                result.memory_mb[key] = round(int(resident.split()[1]) / 1024, 1)
    finally:
        for child in children.values():
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
        for child in children.values():
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown(context=context)
        os.sched_setaffinity(0, set(range(os.cpu_count() or 1)))
    if stamps:
        result.sent = round((stamps[-1] - stamps[0]) / 1e9 * RATE_HZ) + 1
    return result


def expression_topic(node: Any) -> str | None:
    """The expression topic of the one face, once it is there."""
    names = [name for name, _ in node.get_topic_names_and_types() if name.endswith("/expression")]
    return names[0] if names else None


def python(code: str, parameters: dict[str, dict[str, Any]], folder: Path, *arguments: str) -> list[str]:
    """Command line of a process that runs ``code`` with these parameters."""
    path = folder / f"{abs(hash((code, str(parameters))))}.yaml"
    path.write_text(yaml.safe_dump({key: {"ros__parameters": values} for key, values in parameters.items()}))
    return [sys.executable, "-c", code, "--ros-args", "--params-file", str(path), *arguments]


def all_runs(frames: int) -> list[Run]:
    """Every arrangement, one after the other."""
    usual = [sys.executable, str(Path(__file__).with_name("usual_pipeline.py")), "--ros-args"]
    usual += ["-r", "image:=/camera/image_raw", "-r", "expression:=/usual/expression"]
    runs = []
    with picture_folder(64) as folder, tempfile.TemporaryDirectory() as work:
        camera = {"/**/camera": camera_parameters(folder, RATE_HZ)}
        camera_only = python(RUN.format(module="camera_node"), camera, Path(work))

        def faces(transport: str) -> dict[str, dict[str, Any]]:
            return {"/**/faces": face_parameters(transport)}

        face_only = python(RUN.format(module="face_node"), faces("raw"), Path(work))
        both = python(RUN.format(module="runner"), {**camera, **faces("shared")}, Path(work))
        two = {"camera": camera_only, "faces": face_only}
        for name, commands, profile, elsewhere in (
            ("camera and faces in one process, frames shared", {"both": both}, True, ()),
            ("two processes, shipped DDS profile", two, True, ()),
            ("the same, camera on another core", two, True, ("camera",)),
            ("two processes, Fast DDS defaults", two, False, ()),
            ("usual pipeline, shipped DDS profile", {"camera": camera_only, "usual": usual}, True, ()),
            ("usual pipeline, Fast DDS defaults", {"camera": camera_only, "usual": usual}, False, ()),
        ):
            runs.append(measure(name, commands, frames, profile, elsewhere))
    return runs
