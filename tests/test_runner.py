"""`faceedge run`: parameter files that would silently do nothing are refused."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy", reason="ROS 2 is not installed here")
pytest.importorskip("hri_msgs.msg", reason="the hri_msgs messages are not built here")

from graph import Graph, values_of
from hri_msgs.msg import IdsList

from faceedge.errors import ConfigurationError
from faceedge.nodes import process, runner
from faceedge.nodes.authentication_parameters import PARAMETERS as AUTHENTICATION_PARAMETERS
from faceedge.nodes.camera_node import PARAMETERS as CAMERA_PARAMETERS
from faceedge.nodes.face_node import PARAMETERS as FACE_PARAMETERS
from faceedge.nodes.lifecycle import COMMON
from faceedge.nodes.radar_expression_node import PARAMETERS as RADAR_EXPRESSION_PARAMETERS
from faceedge.nodes.radar_parameters import PARAMETERS as RADAR_PARAMETERS

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "must have keys such as"),
        ("- 1\n- 2", "must have keys such as"),
        ("camera: [", "is not YAML"),
        ("camera:\n  width: 640", "needs ros__parameters with names and values below 'camera'"),
        ("/**/camra:\n  ros__parameters: {width: 640}", "did you mean '/**/camera'?"),
        ("/**/sonar:\n  ros__parameters: {width: 640}", "for none of the nodes camera, faces, radar, event_camera"),
        ("/**:\n  ros__parameters: {autostart: true}", "names no node to start"),
    ],
)
def test_a_parameter_file_without_effect_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "parameters.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        runner.run(path)
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_parameter_file_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"/nowhere\.yaml cannot be read"):
        runner.run("/nowhere.yaml")


def test_an_unknown_node_is_refused_with_those_that_exist() -> None:
    with pytest.raises(
        ConfigurationError,
        match="expected nodes out of camera, faces, radar, event_camera, authentication, radar_expression, got",
    ):
        runner.run(ROOT / "config" / "camera_faces.yaml", nodes=["sonar"])


def test_a_renamed_node_may_have_a_key_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "parameters.yaml"
    path.write_text("/**/front:\n  ros__parameters: {width: 640}\n")
    assert runner.check_parameter_file(path, ["camera", "faces", "front"]) == ["front"]


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("camera_faces", ["camera", "faces"]),
        ("radar", ["radar"]),
        ("authentication", ["radar", "authentication", "radar_expression"]),
    ],
)
def test_a_shipped_parameter_file_names_only_parameters_that_exist(name: str, nodes: list[str]) -> None:
    path = ROOT / "config" / f"{name}.yaml"
    assert runner.check_parameter_file(path, list(runner.NODES)) == nodes
    content = yaml.safe_load(path.read_text())
    specs = {
        "/**": COMMON,
        "/**/camera": CAMERA_PARAMETERS,
        "/**/faces": FACE_PARAMETERS,
        "/**/radar": RADAR_PARAMETERS,
        "/**/authentication": AUTHENTICATION_PARAMETERS,
        "/**/radar_expression": RADAR_EXPRESSION_PARAMETERS,
    }
    for key, entry in content.items():
        by_name = {spec.name: spec for spec in specs[key]}
        for name, value in entry["ros__parameters"].items():
            assert by_name[name].problem(value) == ""


def test_affect_and_pictures_of_faces_are_off_by_default_and_in_the_shipped_file() -> None:
    faces = yaml.safe_load((ROOT / "config" / "camera_faces.yaml").read_text())["/**/faces"]["ros__parameters"]
    defaults = {spec.name: spec.default for spec in FACE_PARAMETERS}
    for name in ("expression", "action_units", "cropped"):
        assert defaults[name] is False
        assert faces[name] is False


def test_templates_expressions_and_verifications_by_others_are_off_by_default_and_in_the_shipped_file() -> None:
    content = yaml.safe_load((ROOT / "config" / "authentication.yaml").read_text())
    for node, specs, names in (
        ("authentication", AUTHENTICATION_PARAMETERS, ("allow_templates", "allow_verify_other")),
        ("radar_expression", RADAR_EXPRESSION_PARAMETERS, ("allow_expression",)),
    ):
        defaults = {spec.name: spec.default for spec in specs}
        shipped = content[f"/**/{node}"]["ros__parameters"]
        assert [(defaults[name], shipped[name]) for name in names] == [(False, False)] * len(names)


def test_the_shipped_dds_profile_is_used_unless_the_user_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in process.USERS_OWN:
        monkeypatch.delenv(variable, raising=False)
    assert process.use_shipped_dds_profile() == ROOT / "config" / "fastdds.xml"
    assert os.environ[process.PROFILE_VARIABLE] == str(ROOT / "config" / "fastdds.xml")
    monkeypatch.setenv(process.PROFILE_VARIABLE, "/home/me/mine.xml")
    assert process.use_shipped_dds_profile() == Path("/home/me/mine.xml")
    assert os.environ[process.PROFILE_VARIABLE] == "/home/me/mine.xml"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sonar", "--ros-args"], "got sonar"),
        (["--ros-args"], "got none"),
        (["--ros-args", "--params-file"], "got none"),
    ],
)
def test_a_launch_file_that_names_no_node_ends_with_a_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.main(arguments) == 1
    assert sentence in capsys.readouterr().err


@pytest.mark.graph
def test_one_command_runs_both_nodes_in_a_namespace_until_ctrl_c(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((120, 160, 3), 100, np.uint8))
    content = yaml.safe_load((ROOT / "config" / "camera_faces.yaml").read_text())
    camera = {"source": "images", "path": str(tmp_path / "grey.png"), "loop": True}
    content["/**/camera"]["ros__parameters"] |= camera
    path = tmp_path / "parameters.yaml"
    path.write_text(yaml.safe_dump(content))
    with Graph(tmp_path) as graph:
        command = [sys.executable, "-m", "faceedge.cli.main", "run", str(path), "--namespace", "robot"]
        child = graph.start_process(command)
        tracked = graph.collect("/humans/faces/tracked", IdsList)
        graph.wait_for_report("robot/camera", lambda status: status.message == "running", "the camera")
        status = graph.wait_for_report("robot/faces", lambda s: int(values_of(s).get("frames", 0)) > 5, "the faces")
        assert values_of(status)["transport"] == "shared"
        assert tracked
        assert all(not message.ids for message in tracked)
        assert graph.stop(child) == 0
        assert "Traceback" not in graph.output(child)
