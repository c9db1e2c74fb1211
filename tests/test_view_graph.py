"""`faceedge view radar` on the topics of a radar node in another process."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed here")

from graph import Graph

pytestmark = pytest.mark.graph

FACE = Path(__file__).parent / "data" / "bgt60_synthetic_face"
VIEW = (sys.executable, "-m", "faceedge.cli.main", "view", "radar")


def test_topics_of_a_node_become_a_strip_with_both_images(tmp_path: Path) -> None:
    png = tmp_path / "strip.png"
    with Graph(tmp_path) as graph:
        parameters = {"source": "recording", "path": str(FACE), "loop": True, "autostart": True}
        graph.start("radar_node", {"/**": parameters})
        # The recording is short, and each of its rounds begins without micro images: look at some rounds.
        view = graph.start_process([*VIEW, "--png", str(png), "--seconds", "3", "--frames", "2"])
        graph.wait_for(lambda: view.poll() is not None, "the view's end")
        assert view.returncode == 0
        output = graph.output(view)
    assert "from topic /radar/range_doppler, " in output
    image = cv2.imread(str(png))
    assert image is not None
    assert image.shape[0] > 600  # two rows: micro images came as well
