"""From a 640x480 picture to expression topics: latency, growth with the number of faces, memory, installed size.

Latency by stage and arrangement of processes, beside the usual ROS pipeline in the same run, and the cost of messages.

    .venv/cp311/bin/python benchmarks/camera.py --output camera.json

Timings of one run compare with each other only: run it on a quiet machine and trust the ratios.
"""

from __future__ import annotations

import argparse
import array
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import ros_latency
import scene
from rich import box
from rich.console import Console
from rich.table import Table

from faceedge.camera.frame import Frame
from faceedge.perception.faces import FacePerception, FaceSettings

CROWDS = (1, 2, 4, 8, 16, 24, 40)
RUNTIME_PACKAGES = (
    "numpy",
    "cv2",
    "opencv_python_headless.libs",
    "ai_edge_litert",
    "scipy",
    "scipy.libs",
    "yaml",
    "rclpy",
)


def percentiles(times_s: list[float]) -> tuple[float, float]:
    """p50 and p99 in ms."""
    p50, p99 = np.percentile(np.array(times_s) * 1e3, (50, 99))
    return round(float(p50), 3), round(float(p99), 3)


def timed(function: Callable[[], object], runs: int) -> tuple[float, float]:
    """p50 and p99 in ms of a call."""
    function()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return percentiles(times)


def growth(frames: int) -> list[dict[str, Any]]:
    """Time a picture takes on one core against the number of faces in it, everything on."""
    from faceedge.camera.calibration import default_calibration

    intrinsics = np.asarray(default_calibration(*scene.SIZE).k, float).reshape(3, 3)
    rows = []
    for per_frame in (0, 8):
        for faces in CROWDS:
            detector = "near" if faces == 1 else "far"
            settings = FaceSettings(detector=detector, expression=True, action_units=True, faces_per_frame=per_frame)
            perception = FacePerception(settings)
            clip = scene.clip(frames, faces)
            times, found = [], 0
            for index, image in enumerate(clip):
                start = time.perf_counter()
                result = perception.process(Frame(image, 10**18 + index * 66_000_000), intrinsics)
                if index >= frames // 5:
                    times.append(time.perf_counter() - start)
                    found = max(found, len(result))
            p50, p99 = percentiles(times)
            stages = {name: [round(x.p50_ms, 2), round(x.p99_ms, 2)] for name, x in perception.timer.summary().items()}
            rows.append(
                {
                    "faces": faces,
                    "detector": detector,
                    "refreshed_per_frame": per_frame or "all",
                    "found": found,
                    "p50_ms": p50,
                    "p99_ms": p99,
                    "stages_ms": stages,
                }
            )
    return rows


def messages(runs: int) -> dict[str, Any]:
    """Filling the data of a 640x480 image message through the buffer protocol against lists and arrays."""
    from sensor_msgs.msg import Image

    from faceedge.nodes.conversions import frame_to_image

    image = scene.crowd(1)
    frame = Frame(image, 10**18)

    def fill(data: Callable[[], Any]) -> Callable[[], object]:
        def assign() -> None:
            Image(height=480, width=640, step=1920, encoding="bgr8").data = data()

        return assign

    rows = {
        "faceedge's conversion": timed(lambda: frame_to_image(frame), runs),
        "array.array": timed(fill(lambda: array.array("B", image.tobytes())), runs),
        "list": timed(fill(lambda: image.ravel().tolist()), max(5, runs // 20)),
        "ndarray": timed(fill(lambda: image.ravel()), max(5, runs // 20)),
    }
    own = rows["faceedge's conversion"][0]
    return {name: {"p50_ms": p50, "p99_ms": p99, "ratio": round(p50 / own, 1)} for name, (p50, p99) in rows.items()}


def installed_mb() -> dict[str, float]:
    """Size of the packages that a robot needs besides ROS itself, and of the models."""
    import faceedge

    site = Path(np.__file__).parents[1]
    folders = {name: site / name for name in RUNTIME_PACKAGES}
    folders["faceedge"] = Path(faceedge.__file__).parent
    folders["models"] = Path(faceedge.__file__).parents[1] / "models"

    def size(folder: Path) -> int:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")

    sizes = {name: round(size(folder) / 1e6, 1) for name, folder in folders.items() if folder.exists()}
    return {**sizes, "total": round(sum(sizes.values()), 1)}


def show(result: dict[str, Any]) -> None:
    """Print everything as tables."""
    console = Console()
    if result["ros"]:
        table = Table(title="640x480 image to expression in another process, nodes on one core, one face")
        for name in ("arrangement", "p50 ms", "p90 ms", "p99 ms", "received", "ratio of p50"):
            table.add_column(name, justify="left" if name == "arrangement" else "right")
        own = result["ros"][0]["p50_ms"]
        for row in result["ros"]:
            cells = [f"{row[key]:.2f}" for key in ("p50_ms", "p90_ms", "p99_ms")]
            table.add_row(row["name"], *cells, f"{row['received']}/{row['sent']}", f"{row['p50_ms'] / own:.2f}")
        console.print(table)
        for row in result["ros"]:
            for node, stages in row["stages"].items():
                console.print(f"  {row['name']}: {node}: " + ", ".join(f"{k} {v}" for k, v in stages.items()))
            console.print(f"  {row['name']}: memory " + ", ".join(f"{k} {v} MB" for k, v in row["memory_mb"].items()))
    stages = list(result["growth"][0]["stages_ms"])
    table = Table(
        title="One core, 640x480, everything on: ms a picture (stages: p50 a call)", box=box.SIMPLE, padding=0
    )
    for name in ("faces", "detector", "refreshed", "found", "p50", "p99", *stages):
        table.add_column(name, justify="right")
    for row in result["growth"]:
        cells = [str(row[key]) for key in ("faces", "detector", "refreshed_per_frame", "found")]
        cells += [f"{row[key]:.1f}" for key in ("p50_ms", "p99_ms")]
        table.add_row(*cells, *(f"{row['stages_ms'][name][0]:.2f}" for name in stages))
    console.print(table)
    table = Table(title="Filling a 640x480 image message")
    for name in ("way", "p50 ms", "p99 ms", "ratio"):
        table.add_column(name, justify="right")
    for name, row in result["messages"].items():
        table.add_row(name, str(row["p50_ms"]), str(row["p99_ms"]), str(row["ratio"]))
    console.print(table)
    console.print("Installed, MB: " + ", ".join(f"{name} {size}" for name, size in result["installed_mb"].items()))


def main() -> int:
    """Measure, print, and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("camera.json"))
    parser.add_argument("--frames", type=int, default=300, help="frames of each measurement")
    parser.add_argument("--no-ros", action="store_true", help="leave the arrangements of processes out")
    args = parser.parse_args()
    ros = [] if args.no_ros else [run.row() for run in ros_latency.all_runs(args.frames)]
    os.sched_setaffinity(0, {ros_latency.NODE_CORE})
    result = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "ros": ros,
        "growth": growth(max(20, args.frames // 4)),
        "messages": messages(max(20, args.frames)),
        "installed_mb": installed_mb(),
    }
    show(result)
    partial = args.output.with_suffix(".partial")
    partial.write_text(json.dumps(result, indent=1))
    partial.replace(args.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
