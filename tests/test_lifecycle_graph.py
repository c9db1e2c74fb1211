"""Every transition of every node, twice, as a lifecycle manager in another process asks for them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed here")
pytest.importorskip("hri_msgs.msg", reason="the hri_msgs messages are not built here")

from diagnostic_msgs.msg import DiagnosticStatus
from graph import Graph
from lifecycle_msgs.msg import TransitionEvent

pytestmark = pytest.mark.graph

NAMES = ("camera", "faces")
THREE_OF_EACH = """
import sys
from faceedge.nodes.camera_node import CameraNode
from faceedge.nodes.face_node import FaceNode
from faceedge.nodes.process import run_nodes
kinds = (CameraNode, FaceNode)
sys.exit(run_nodes([lambda i=i, make=make: make(namespace=f"n{i}") for i in range(3) for make in kinds]))
"""
WALK = ("configure", "activate", "deactivate", "cleanup")
STATES = ("inactive", "active", "inactive", "unconfigured")


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    folder = tmp_path_factory.mktemp("graph")
    cv2.imwrite(str(folder / "grey.png"), np.full((60, 80, 3), 100, np.uint8))
    camera = {"source": "images", "path": str(folder / "grey.png"), "loop": True, "rate_hz": 20.0}
    faces = {"image_topic": "camera/image_raw"}
    with Graph(folder) as result:
        result.start_python(THREE_OF_EACH, {"/**/camera": camera, "/**/faces": faces})
        yield result


def test_every_transition_of_every_node_works_twice(graph: Graph) -> None:
    events = graph.collect("/n0/camera/transition_event", TransitionEvent)
    for _ in range(2):
        for transition, state in zip(WALK, STATES, strict=True):
            for name in NAMES:
                assert graph.change(f"/n0/{name}", transition), f"{transition} of {name}"
                assert graph.state_of(f"/n0/{name}") == state
    graph.wait_for(lambda: len(events) >= 16, "all transition events")
    goals = [event.goal_state.label for event in events if "ing" not in event.goal_state.label]
    assert goals == [*STATES, *STATES]


@pytest.mark.parametrize(
    ("namespace", "before", "transition"),
    [
        ("n0", (), "shutdown unconfigured"),
        ("n1", ("configure",), "shutdown inactive"),
        ("n2", ("configure", "activate"), "shutdown active"),
    ],
)
def test_a_node_shuts_down_from_every_state(
    graph: Graph, namespace: str, before: tuple[str, ...], transition: str
) -> None:
    for name in NAMES:
        assert all(graph.change(f"/{namespace}/{name}", step) for step in before)
        assert graph.change(f"/{namespace}/{name}", transition)
        assert graph.state_of(f"/{namespace}/{name}") == "finalized"
        graph.wait_for_report(f"{namespace}/{name}", lambda status: status.message == "finalized", "finalized")
    assert not graph.node.get_publishers_info_by_topic(f"/{namespace}/camera/image_raw")


def test_a_transition_that_is_impossible_is_refused_and_the_process_lives(tmp_path: Path) -> None:
    with Graph(tmp_path) as graph:
        child = graph.start("camera_node", {"/**": {"source": "images", "path": "nowhere"}})
        assert not graph.change("/camera", "activate")
        assert not graph.change("/camera", "cleanup")
        assert graph.change("/camera", "configure")
        assert not graph.change("/camera", "activate")  # nothing there to open
        status = graph.wait_for_report("camera", lambda s: s.level == DiagnosticStatus.ERROR, "an error")
        assert status.message.startswith("activate failed: no folder or picture at nowhere")
        assert graph.state_of("/camera") == "inactive"
        assert graph.change("/camera", "cleanup")
        assert graph.stop(child) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_an_active_process_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((60, 80, 3), 100, np.uint8))
    with Graph(tmp_path) as graph:
        values = {"autostart": True, "source": "images", "path": str(tmp_path / "grey.png"), "loop": True}
        child = graph.start("camera_node", {"/**": values})
        graph.wait_for_report("camera", lambda status: status.message == "running", "running")
        child.send_signal(number)
        assert child.wait(10) == 0
        assert "Traceback" not in graph.output(child)


def test_a_parameter_file_that_cannot_be_read_is_one_sentence_and_exit_code_1(tmp_path: Path) -> None:
    with Graph(tmp_path) as graph:
        child = graph.start("camera_node", {}, "--params-file", "/nowhere.yaml")
        assert child.wait(20) == 1
        assert "faceedge cannot start" in graph.output(child)
        assert "/nowhere.yaml" in graph.output(child)
        assert "Traceback" not in graph.output(child)
