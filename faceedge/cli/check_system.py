"""The doctor on the computer, ROS 2, and the models."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from faceedge.cli.machine import FAIL, NONE, OK, WARN, Finding, Machine
from faceedge.errors import FaceedgeError
from faceedge.shipped import shipped_file

TESTED_PYTHONS = ((3, 11), (3, 12))
SMALL_SHARED_MEMORY_BYTES = 64 * 2**20
HOT_C = 80.0  # where a Raspberry Pi begins to slow down
STANDARD_MESSAGES = ("std_msgs", "sensor_msgs", "geometry_msgs", "diagnostic_msgs")
OWN_MESSAGES = ("hri_msgs", "tf2_msgs")
OPTIONAL_MESSAGES = ("event_camera_msgs",)
PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
REQUIRED_MODELS = ("face_detection_near", "face_detection_far", "face_landmarks")
OPTIONAL_MODELS = {
    "expression": "`faceedge train expression` makes it; faces work without",
    "expression_fer": "fetch models/ again if the card of the model expression names it; faces work without",
}
RUNTIME_MODULES = {"ai-edge-litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}

_COMPUTER, _ROS, _MODELS = "Computer", "ROS 2", "Inference"
_PREPARE = "./test prepares an environment with it; with a ROS distribution: source /opt/ros/<distro>/setup.bash"


def check_computer(machine: Machine) -> Iterator[Finding]:
    """System, Python, processor, shared memory and clock."""
    release = dict(line.split("=", 1) for line in machine.text("/etc/os-release").splitlines() if "=" in line)
    system = release.get("PRETTY_NAME", "unknown system").strip('"')
    model = machine.text("/proc/device-tree/model")
    yield Finding(_COMPUTER, "system", OK, f"{system}, {machine.architecture}" + (f", {model}" if model else ""))
    version = ".".join(map(str, machine.python))
    if machine.python < (3, 11):
        yield Finding(_COMPUTER, "Python", FAIL, version, "install Python 3.11 or 3.12")
    elif machine.python[:2] not in TESTED_PYTHONS:
        yield Finding(_COMPUTER, "Python", WARN, f"{version}, not tested", "Python 3.11 and 3.12 are")
    else:
        yield Finding(_COMPUTER, "Python", OK, version)
    yield from _check_processor(machine)
    yield _check_shared_memory(machine)


def _check_processor(machine: Machine) -> Iterator[Finding]:
    governor = machine.text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    if governor == "powersave" and not machine.text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver").endswith(
        "pstate"
    ):
        remedy = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
        yield Finding(_COMPUTER, "CPU governor", WARN, "powersave: the lowest clock, latencies grow", remedy)
    elif governor:
        yield Finding(_COMPUTER, "CPU governor", OK, governor)
    text = machine.text("/sys/class/thermal/thermal_zone0/temp")
    if text.lstrip("-").isdecimal():
        celsius = int(text) / 1000
        if celsius >= HOT_C:
            yield Finding(
                _COMPUTER, "temperature", WARN, f"{celsius:.0f} °C: the CPU slows down", "add a heat sink or a fan"
            )
        else:
            yield Finding(_COMPUTER, "temperature", OK, f"{celsius:.0f} °C")


def _check_shared_memory(machine: Machine) -> Finding:
    folder = machine.path("/dev/shm")
    if not folder.is_dir():
        remedy = "mount it: sudo mount -t tmpfs -o size=256m tmpfs /dev/shm"
        return Finding(_COMPUTER, "shared memory", WARN, "no /dev/shm: images go through UDP, slowly", remedy)
    usage = shutil.disk_usage(folder)
    detail = f"{usage.free / 2**20:.0f} of {usage.total / 2**20:.0f} MB free in /dev/shm"
    if usage.free < SMALL_SHARED_MEMORY_BYTES:
        remedy = "in a container: --shm-size=256m; else remove old segments: rm /dev/shm/fastrtps_*"
        return Finding(_COMPUTER, "shared memory", WARN, f"{detail}: images between processes may be lost", remedy)
    return Finding(_COMPUTER, "shared memory", OK, detail)


def check_ros(machine: Machine) -> Iterator[Finding]:
    """rclpy, the middleware with its profile and reach, and the message packages."""
    folder = machine.package_folder("rclpy")
    if folder is None:
        yield Finding(_ROS, "rclpy", FAIL, "not importable in this Python", _PREPARE)
    else:
        yield Finding(_ROS, "rclpy", OK, _origin(machine, folder))
    yield _check_middleware(machine)
    yield _check_profile(machine)
    domain = machine.environ.get("ROS_DOMAIN_ID", "0")
    reach = machine.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    if not domain.isdecimal() or int(domain) > 232:
        yield Finding(
            _ROS, "domain", FAIL, f"ROS_DOMAIN_ID is {domain!r}", "a whole number from 0 to 232 (0 to 101 is safe)"
        )
    else:
        yield Finding(_ROS, "domain", OK, f"{domain}, discovery range {reach}")
    for name in (*STANDARD_MESSAGES, *OWN_MESSAGES):
        yield _check_messages(machine, name, FAIL)
    for name in OPTIONAL_MESSAGES:
        yield _check_messages(machine, name, NONE)


def _origin(machine: Machine, folder: Path) -> str:
    parts = folder.parts
    if "ros" in parts and "opt" in parts and parts.index("ros") + 1 < len(parts):
        return f"distribution {parts[parts.index('ros') + 1]} ({folder})"
    version = machine.package_version("ros-rclpy")
    return f"wheels, rclpy {version}" if version else str(folder)


def _check_middleware(machine: Machine) -> Finding:
    chosen = machine.environ.get("RMW_IMPLEMENTATION", "")
    name = chosen or "rmw_fastrtps_cpp"
    roots = [Path(text) for text in machine.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if text]
    markers = [root / "share/ament_index/resource_index/packages" / name for root in (*roots, machine.prefix)]
    libraries = [root / "lib" / f"lib{name}.so" for root in (*roots, machine.prefix)]
    version = machine.package_version("ros-" + name.replace("_", "-"))
    if version or any(path.exists() for path in (*markers, *libraries)):
        return Finding(_ROS, "middleware", OK, f"{name} {version}".strip() + ("" if chosen else " (default)"))
    if chosen:
        return Finding(
            _ROS, "middleware", FAIL, f"RMW_IMPLEMENTATION is {name}, which is not installed",
            f"unset RMW_IMPLEMENTATION, or: sudo apt install ros-$ROS_DISTRO-{name.replace('_', '-')}",
        )  # fmt: skip
    return Finding(_ROS, "middleware", FAIL, f"{name} is not installed", _PREPARE)


def _check_profile(machine: Machine) -> Finding:
    for variable in PROFILE_VARIABLES:
        path = machine.environ.get(variable, "")
        if path and not Path(path).is_file():
            remedy = f"correct or unset {variable}; without it faceedge takes its own"
            return Finding(_ROS, "DDS profile", WARN, f"{variable} names {path}, which is not there", remedy)
        if path:
            return Finding(_ROS, "DDS profile", OK, f"{path} ({variable})")
    shipped = shipped_profile(machine)
    if shipped is None:
        remedy = "images between processes need more shared memory than the default; install faceedge's config folder"
        return Finding(_ROS, "DDS profile", WARN, "faceedge's fastdds.xml was not found", remedy)
    return Finding(_ROS, "DDS profile", OK, f"{shipped} (faceedge's own; set by `faceedge run` and the launch files)")


def shipped_profile(machine: Machine) -> Path | None:
    """The DDS profile that the nodes take when the user has none."""
    return shipped_file("config", "fastdds.xml", machine.environ, str(machine.prefix))


def _check_messages(machine: Machine, name: str, missing: str) -> Finding:
    folder = machine.package_folder(name)
    if folder is None:
        distribution = name.replace("_", "-")
        remedy = (
            ""
            if missing == NONE
            else f"./test builds it; with a distribution: sudo apt install ros-$ROS_DISTRO-{distribution}"
        )
        detail = "not installed" if missing == FAIL else "not installed (only event cameras need it)"
        return Finding(_ROS, name, missing, detail, remedy)
    version = machine.package_version("ros-" + name.replace("_", "-"))
    origin = (
        "distribution" if "/opt/ros/" in str(folder) else f"wheel {version}" if version else "built from interfaces/"
    )
    return Finding(_ROS, name, OK, ", ".join(filter(None, (origin, _type_hash(machine, folder, name)))))


_HASHED = {"hri_msgs": "Expression", "event_camera_msgs": "EventPacket"}


def _type_hash(machine: Machine, folder: Path, name: str) -> str:
    """First digits of a type hash: two machines whose digits differ cannot talk to each other."""
    message = _HASHED.get(name)
    if message is None:
        return ""
    candidates = [parent / "share" / name / "msg" / f"{message}.json" for parent in (machine.prefix, *folder.parents)]
    for path in candidates:
        try:
            hashes = json.loads(path.read_text(encoding="utf-8"))["type_hashes"]
            digits = next(entry["hash_string"] for entry in hashes if entry["type_name"] == f"{name}/msg/{message}")
        except (OSError, ValueError, LookupError, TypeError, StopIteration):
            continue
        return f"{message} {digits[:15]}"
    return ""


def check_inference(machine: Machine, models: Path | None = None) -> Iterator[Finding]:
    """Runtimes, and every model against the hash on its card."""
    from faceedge.inference.registry import find_model

    runtimes = {name: machine.package_folder(module) for name, module in RUNTIME_MODULES.items()}
    found = [f"{name} {machine.package_version(name)}".strip() for name, folder in runtimes.items() if folder]
    if found:
        yield Finding(_MODELS, "runtime", OK, ", ".join(found) + (" (the first is used)" if len(found) > 1 else ""))
    else:
        yield Finding(
            _MODELS, "runtime", FAIL, "neither ai-edge-litert nor tflite-runtime", "pip install ai-edge-litert"
        )
    wanted = machine.environ.get("FACEEDGE_RUNTIME", "auto")
    if wanted not in ("auto", *(name for name, folder in runtimes.items() if folder)):
        yield Finding(_MODELS, "runtime", FAIL, f"FACEEDGE_RUNTIME is {wanted!r}", "unset it, or install that runtime")
    for name in (*REQUIRED_MODELS, *OPTIONAL_MODELS):
        try:
            model = find_model(name, models)
        except FaceedgeError as error:
            absent = "not found" in str(error)
            status = WARN if name in OPTIONAL_MODELS and absent else FAIL
            remedy = OPTIONAL_MODELS[name] if status == WARN else "fetch models/ again"
            yield Finding(_MODELS, name, status, str(error) if not absent else "not installed", remedy)
        else:
            size = model.path.stat().st_size
            yield Finding(_MODELS, name, OK, f"{size / 1e6:.2f} MB, sha256 {model.card.sha256[:8]}... as on its card")
