"""Launch files: checked as text everywhere, and loaded by the real `launch` where a ROS distribution has it."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "launch").glob("*.launch.py"))
COMMON = {"namespace", "params_file", "autostart", "use_respawn", "log_level", "use_sim_time"}
FURTHER = {
    "camera.launch.py": {"source", "path"},
    "faces.launch.py": {"image_topic", "transport", "expression"},
    "camera_faces.launch.py": {"source", "path", "transport", "expression", "one_process"},
    "radar.launch.py": {"source", "path", "chirp"},
    "authentication.launch.py": {
        "source",
        "path",
        "with_radar",
        "person",
        "allow_templates",
        "allow_verify_other",
        "allow_expression",
    },
}


def calls_of(path: Path, name: str) -> list[ast.Call]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def first_argument(call: ast.Call) -> str:
    argument = call.args[0]
    assert isinstance(argument, ast.Constant)
    return str(argument.value)


def has_launch() -> bool:
    """Whether the real `launch` is installed; the folder `launch/` of this repository is importable as well."""
    try:
        return all(importlib.util.find_spec(name) is not None for name in ("launch.actions", "launch_ros.actions"))
    except ModuleNotFoundError:
        return False


def test_the_launch_files_are_there() -> None:
    assert [path.name for path in FILES] == sorted(FURTHER)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_declared_argument_has_a_default_and_a_description(path: Path) -> None:
    declared = calls_of(path, "DeclareLaunchArgument")
    assert {first_argument(call) for call in declared} == COMMON | FURTHER[path.name]
    for call in declared:
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        assert "default_value" in keywords, first_argument(call)
        description = keywords["description"]
        assert isinstance(description, ast.Constant)
        assert str(description.value).endswith("."), first_argument(call)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_only_declared_arguments_are_used(path: Path) -> None:
    declared = {first_argument(call) for call in calls_of(path, "DeclareLaunchArgument")}
    used = {
        call.args[0].value for call in calls_of(path, "LaunchConfiguration") if isinstance(call.args[0], ast.Constant)
    }
    assert used
    assert used <= declared


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_executables_and_files_that_are_named_exist(path: Path) -> None:
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    for call in calls_of(path, "LifecycleNode"):
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        executable = keywords["executable"]
        assert isinstance(executable, ast.Constant)
        assert f'"{executable.value!s} = ' in setup
    text = path.read_text(encoding="utf-8")
    named = re.findall(r'SHARE / "config" / "(.*?)"', text)
    assert named
    assert all((ROOT / "config" / name).is_file() for name in named)
    assert "generate_launch_description" in text


@pytest.mark.skipif(not has_launch(), reason="launch and launch_ros come with a ROS distribution only")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_real_launch_loads_the_file(path: Path) -> None:
    spec = importlib.util.spec_from_file_location(path.name.replace(".", "_"), path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    description = module.generate_launch_description()
    names = {entity.name for entity in description.entities if hasattr(entity, "default_value")}
    assert names == COMMON | FURTHER[path.name]
