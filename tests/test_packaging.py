"""The package's own description agrees with its content, and installs by pip and by colcon."""

from __future__ import annotations

import ast
import functools
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

import faceedge

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "faceedge").rglob("*.py"))

#: Libraries that drive hardware, and the folders whose drivers may import them when they open a device.
HARDWARE = {"picamera2", "libcamera", "spidev", "serial", "neuromorphic_drivers", "gpiod", "smbus2"}
DRIVER_FOLDERS = {"radar", "events", "camera", "cli"}

#: import name -> name in setup.py, where they differ.
DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "yaml": "PyYAML",
    "jinja2": "Jinja2",
    "ai_edge_litert": "ai-edge-litert",
    "skimage": "scikit-image",
    "litert_torch": "litert-torch",
    "ai_edge_quantizer": "ai-edge-quantizer",
}
#: Imported where they happen to be installed, not asked for.
OPTIONAL = {"tflite_runtime", "libcamera"}


def package_xml() -> ElementTree.Element:
    return ElementTree.parse(ROOT / "package.xml").getroot()


@functools.cache
def imports(path: Path) -> list[tuple[str, bool]]:
    """The top-level name of every absolute import in `path`, and whether it runs when the module is imported."""
    return list(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    deferred: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ):
            deferred.update(ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.split(".")[0], node not in deferred
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0], node not in deferred


def checkout(target: Path) -> Path:
    """A copy of what a build needs, so that building leaves nothing in the tree."""
    target.mkdir()
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "package.xml", "LICENSE", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, target)
    for name in ("faceedge", "resource", "launch", "config", "models", "firmware_configs", "demo_data"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def test_package_xml_is_an_ament_python_package_of_format_3() -> None:
    root = package_xml()
    assert (root.tag, root.get("format")) == ("package", "3")
    assert root.findtext("name") == "faceedge"
    assert root.findtext("export/build_type") == "ament_python"


def test_every_place_states_the_same_version() -> None:
    declared = re.search(r'version="([\d.]+)"', (ROOT / "setup.py").read_text())
    assert declared is not None
    assert package_xml().findtext("version") == declared[1] == faceedge.__version__


def test_the_message_packages_are_named_as_rosdep_knows_them() -> None:
    keys = {element.text for element in package_xml().iter("exec_depend")}
    assert {path.parent.name for path in (ROOT / "interfaces").glob("*/package.xml")} <= keys


def test_every_ros_import_is_a_dependency_of_package_xml() -> None:
    keys = {element.text for element in package_xml().iter("exec_depend")}
    used = {name for path in (ROOT / "faceedge" / "nodes").glob("*.py") for name, _ in imports(path)}
    ros = {name for name in used if name.endswith(("_msgs", "_srvs", "_interfaces")) or name in {"rclpy", "launch"}}
    assert ros - {"builtin_interfaces"} <= keys, "builtin_interfaces comes with every message package"


def test_every_third_party_import_is_declared_in_setup_py() -> None:
    declared = (ROOT / "setup.py").read_text().lower()
    ros = {element.text for element in package_xml().iter("exec_depend")} | {"builtin_interfaces"}
    known = set(sys.stdlib_module_names) | ros | {"faceedge"} | HARDWARE | OPTIONAL
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        for name, _ in imports(path)
        if name not in known and f'"{DISTRIBUTIONS.get(name, name).lower()}' not in declared.replace("'", '"')
    }
    assert not missing


def test_hardware_libraries_are_imported_only_by_drivers_at_the_moment_of_opening() -> None:
    at_import = [str(path) for path in SOURCES for name, now in imports(path) if name in HARDWARE and now]
    elsewhere = [
        str(path)
        for path in SOURCES
        for name, _ in imports(path)
        if name in HARDWARE and path.relative_to(ROOT / "faceedge").parts[0] not in DRIVER_FOLDERS
    ]
    assert (at_import, elsewhere) == ([], [])


def test_every_entry_point_names_a_function_that_exists() -> None:
    points = re.findall(r'"(\w+) = ([\w.]+):(\w+)"', (ROOT / "setup.py").read_text())
    assert {name for name, _, _ in points} == {
        "faceedge",
        "camera_node",
        "face_node",
        "radar_node",
        "event_node",
        "authentication_node",
        "radar_expression_node",
    }
    for _, module, function in points:
        tree = ast.parse((ROOT / Path(*module.split("."))).with_suffix(".py").read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, module


def test_files_stay_small_enough_to_read() -> None:
    files = [*SOURCES, *(ROOT / "tests").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in files}
    assert {str(path): length for path, length in lengths.items() if length > 500} == {}
    nodes = {str(path): n for path, n in lengths.items() if path.name.endswith("_node.py") and n > 250}
    assert nodes == {}, "core code has slipped into a node"


@pytest.mark.parametrize("name", ["ros", "build", "python", "simulation", "develop", "tflite-runtime", "constraints"])
def test_requirement_files_pin_every_version(name: str) -> None:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    wanted = [line for line in lines if line.strip() and not line.startswith("#")]
    assert wanted
    assert [line for line in wanted if not re.fullmatch(r"[\w.-]+==[\w.!+]+(; .+)?", line)] == []


def test_a_wheel_carries_the_programs_and_every_shared_file(tmp_path: Path) -> None:
    source = checkout(tmp_path / "faceedge")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", tmp_path, source],
        check=True,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
    )
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    shared = {name.split("/data/share/faceedge/")[1] for name in names if "/data/share/faceedge/" in name}
    patterns = [
        "models/*.tflite",
        "models/*.yaml",
        "config/*",
        "launch/*.py",
        "firmware_configs/*.*",
        "demo_data/**/*.*",
    ]
    expected = {path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)}
    assert expected | {"package.xml", "firmware_configs/bridge/main.py"} <= shared
    assert any(name.endswith("/data/share/ament_index/resource_index/packages/faceedge") for name in names)
    entry_points = next(name for name in names if name.endswith("entry_points.txt"))
    text = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).read(entry_points).decode()
    assert "faceedge = faceedge.cli.main:main" in text


def test_colcon_installs_programs_where_ros2_run_looks(tmp_path: Path) -> None:
    colcon = shutil.which("colcon", path=str(Path(sys.executable).parent))
    if colcon is None:
        pytest.skip("colcon is not in this environment")
    checkout(tmp_path / "faceedge")
    done = subprocess.run(
        [colcon, "--log-base", tmp_path / "log", "build", "--base-paths", tmp_path / "faceedge"],
        cwd=tmp_path,
        env={**os.environ, "ROS_VERSION": "2", "ROS_DISTRO": "jazzy"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    prefix = tmp_path / "install" / "faceedge"
    assert {path.name for path in (prefix / "lib" / "faceedge").iterdir()} == {
        "faceedge",
        "camera_node",
        "face_node",
        "radar_node",
        "event_node",
        "authentication_node",
        "radar_expression_node",
    }
    assert (prefix / "share" / "faceedge" / "package.xml").is_file()
    assert (prefix / "share" / "ament_index" / "resource_index" / "packages" / "faceedge").is_file()
    installed = {path.name for path in (prefix / "share" / "faceedge" / "launch").glob("*.py")}
    assert installed == {path.name for path in (ROOT / "launch").glob("*.launch.py")}
