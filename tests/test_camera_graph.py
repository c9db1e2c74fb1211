"""The camera node as a process of its own, seen over DDS."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed here")
pytest.importorskip("hri_msgs.msg", reason="the hri_msgs messages are not built here")

from diagnostic_msgs.msg import DiagnosticStatus
from graph import Graph, values_of
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from faceedge.camera.frame import Frame
from faceedge.nodes import conversions

pytestmark = pytest.mark.graph

# A camera of our own making that is there while a file exists.
UNPLUGGABLE = """
import sys, time
from pathlib import Path
import numpy as np
from faceedge.camera.frame import Frame
from faceedge.camera.sources import Source
from faceedge.errors import DeviceError
from faceedge.nodes import camera_node

class Unpluggable(Source):
    def open(self):
        self.width, self.height, self.rate_hz = 64, 48, 50.0
        if not Path(self.settings.path).exists():
            raise DeviceError(f"no camera at {self.settings.path}; plug it in.")
    def read(self, timeout_s=1.0):
        time.sleep(0.02)
        self.open()
        return Frame(np.zeros((48, 64, 3), np.uint8), time.time_ns())
    def close(self):
        pass

camera_node.make_source = Unpluggable
sys.exit(camera_node.main())
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for level in (40, 200):
        cv2.imwrite(str(folder / f"level{level}.png"), np.full((60, 80, 3), level, np.uint8))
    return folder


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    with Graph(tmp_path_factory.mktemp("graph")) as result:
        yield result


@pytest.fixture(scope="module")
def camera(graph: Graph, pictures: Path) -> str:
    """A camera in namespace /a that plays the pictures without end."""
    values = {"autostart": True, "source": "images", "path": str(pictures), "loop": True, "rate_hz": 20}
    overrides = {"qos_overrides./a/camera/image_raw.publisher.reliability": "best_effort"}
    graph.start("camera_node", {"/**": values | overrides}, "-r", "__ns:=/a")
    graph.wait_for_report("a/camera", lambda status: status.message == "running", "running")
    return "a/camera"


def test_a_picture_of_the_folder_arrives_over_dds_stamped_a_moment_ago(graph: Graph, camera: str) -> None:
    images = graph.collect("/a/camera/image_raw", Image, qos=qos_profile_sensor_data)
    compressed = graph.collect("/a/camera/image_raw/compressed", CompressedImage, qos=qos_profile_sensor_data)
    infos = graph.collect("/a/camera/camera_info", CameraInfo, qos=qos_profile_sensor_data)
    graph.wait_for(lambda: len(images) > 3 and compressed and infos, "pictures on all three topics")
    frames = [conversions.image_to_frame(image) for image in images]
    assert {int(frame.image[5, 5, 1]) for frame in frames} == {40, 200}
    assert frames[-1].frame_id == "camera_optical_frame"
    assert 0 <= time.time_ns() - frames[-1].stamp_ns < 5_000_000_000
    assert abs(int(conversions.compressed_to_frame(compressed[0]).image[5, 5, 1]) - 120) in range(75, 85)
    assert (infos[0].width, infos[0].height, list(infos[0].k)) == (80, 60, [0.0] * 9)


def test_a_picture_is_not_published_while_nobody_subscribes(graph: Graph, camera: str, pictures: Path) -> None:
    values = {"autostart": True, "source": "images", "path": str(pictures), "loop": True, "rate_hz": 20}
    graph.start("camera_node", {"/**/camera": values}, "-r", "__ns:=/alone")
    status = graph.wait_for_report("alone/camera", lambda s: int(values_of(s).get("frames", 0)) > 5, "frames")
    assert not [name for name in values_of(status) if name.startswith("latency publish")]
    graph.collect("/alone/camera/image_raw", Image)
    status = graph.wait_for_report("alone/camera", lambda s: "latency publish raw" in values_of(s), "a subscriber")
    assert "latency publish compressed" not in values_of(status)


def test_a_qos_override_of_the_parameter_file_is_in_force(graph: Graph, camera: str) -> None:
    graph.wait_for(lambda: graph.node.get_publishers_info_by_topic("/a/camera/image_raw"), "the publisher")
    (info,) = graph.node.get_publishers_info_by_topic("/a/camera/image_raw")
    assert info.qos_profile.reliability.name == "BEST_EFFORT"
    (info,) = graph.node.get_publishers_info_by_topic("/a/camera/camera_info")
    assert info.qos_profile.reliability.name == "RELIABLE"


def test_another_drivers_topic_is_passed_on_and_bad_pictures_of_it_are_counted(graph: Graph) -> None:
    graph.start("camera_node", {"/**": {"autostart": True, "source": "topic", "path": "/other"}}, "-r", "__ns:=/relay")
    received = graph.collect("/relay/camera/image_raw", Image)
    publisher = graph.publisher("/other", Image)
    graph.wait_for(lambda: graph.node.get_publishers_info_by_topic("/relay/camera/image_raw"), "the relay's topic")
    good = conversions.frame_to_image(Frame(np.full((48, 64, 3), 9, np.uint8), 1_234_567_890, 0, "theirs"))

    def offer_good() -> bool:
        publisher.publish(Image())  # 0x0
        graph.spin(0.05)
        publisher.publish(good)
        return bool(received)

    graph.wait_for(offer_good, "the picture on the relay's topic")
    assert received[0] == good
    status = graph.wait_for_report("relay/camera", lambda s: int(values_of(s).get("rejected", 0)) > 0, "rejections")
    assert status.level == DiagnosticStatus.OK


CALIBRATION = """
image_width: 160
image_height: 120
camera_name: test
camera_matrix: {rows: 3, cols: 3, data: [100, 0, 79.5, 0, 100, 59.5, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0.1, 0, 0, 0, 0]}
"""


def test_simulated_time_and_a_calibration_of_another_size_are_respected(
    graph: Graph, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "calibration.yaml").write_text(CALIBRATION)
    values = {"autostart": True, "source": "images", "path": str(pictures), "loop": True, "rate_hz": 20.0}
    values |= {"use_sim_time": True, "camera_info_url": f"file://{tmp_path / 'calibration.yaml'}"}
    graph.start("camera_node", {"/**": values}, "-r", "__ns:=/sim")
    infos = graph.collect("/sim/camera/camera_info", CameraInfo)
    clock = graph.publisher("/clock", Clock)

    def is_simulated() -> bool:
        clock.publish(Clock(clock=conversions.ns_to_stamp(1_000 * 10**9)))
        graph.spin(0.05)
        return bool(infos) and infos[-1].header.stamp.sec in (999, 1000)

    graph.wait_for(is_simulated, "stamps of the simulated clock")
    info = infos[-1]
    assert (info.width, info.height, list(info.d)) == (80, 60, [0.1, 0.0, 0.0, 0.0, 0.0])
    assert info.k.reshape(3, 3).tolist() == [[50.0, 0.0, 39.5], [0.0, 50.0, 29.5], [0.0, 0.0, 1.0]]


def test_a_file_that_ends_is_no_error(graph: Graph, pictures: Path) -> None:
    values = {"autostart": True, "source": "images", "path": str(pictures), "rate_hz": 20.0}
    graph.start("camera_node", {"/**": values}, "-r", "__ns:=/once")
    status = graph.wait_for_report("once/camera", lambda s: s.message == "end of file", "end of file")
    assert (status.level, values_of(status)["frames"]) == (DiagnosticStatus.OK, "2")


def test_a_camera_that_is_unplugged_is_an_error_until_it_is_back(graph: Graph, tmp_path: Path) -> None:
    device = tmp_path / "video0"
    values = {"autostart": True, "source": "v4l2", "path": str(device)}
    child = graph.start_python(UNPLUGGABLE, {"/**": values}, "-r", "__ns:=/usb")

    def is_error(status: DiagnosticStatus) -> bool:
        return bool(status.level == DiagnosticStatus.ERROR and "plug it in" in status.message)

    graph.wait_for_report("usb/camera", is_error, "a camera that was never there")
    device.touch()
    graph.wait_for_report("usb/camera", lambda s: s.message == "running", "the camera being there")
    device.unlink()
    graph.wait_for_report("usb/camera", is_error, "the camera being gone")
    device.touch()
    status = graph.wait_for_report("usb/camera", lambda s: s.message == "running", "the camera being back")
    assert values_of(status)["reconnects"] == "2"
    assert graph.state_of("/usb/camera") == "active"
    assert graph.stop(child) == 0


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"sorce": "video"}, "did you mean 'source'?"),
    ({"jpeg_quality": 900}, "parameter 'jpeg_quality' must be a whole number from 1 to 100, not 900"),
    ({"rate_hz": float("nan")}, "parameter 'rate_hz' must be a number from 0 to 1000, not nan"),
    ({"rate_hz": "fast"}, "parameter 'rate_hz' must be a number from 0 to 1000, not 'fast'"),
    ({"source": "webcam"}, "must be one of picamera2, v4l2, video, images, topic, not 'webcam'"),
    ({"width": 640}, "width and height belong together"),
    ({"camera_info_url": "/nowhere.yaml"}, "/nowhere.yaml cannot be read"),
    ({"qos_overrides./bad/camera/image.publisher.depth": 3}, "unknown parameter 'qos_overrides./bad/camera/image"),
    ({"source": "topic", "path": "camera/image_raw"}, "is this node's own"),
    ({"qos_overrides./bad9/camera/image_raw.publisher.reliability": "maybe"}, "QoS overrides"),
]
MANY_NODES = """
import sys
from faceedge.nodes.camera_node import CameraNode
from faceedge.nodes.process import run_nodes
sys.exit(run_nodes([lambda i=i: CameraNode(namespace=f"bad{{i}}") for i in range({count})]))
"""


def test_a_wrong_parameter_fails_the_configuration_with_a_sentence_and_the_node_lives(graph: Graph) -> None:
    parameters = {f"/bad{i}/camera": {"path": "x", "source": "video", **values} for i, (values, _) in enumerate(WRONG)}
    child = graph.start_python(MANY_NODES.format(count=len(WRONG)), parameters)
    for i in range(len(WRONG)):
        assert not graph.change(f"/bad{i}/camera", "configure")
        assert graph.state_of(f"/bad{i}/camera") == "unconfigured"
    graph.reports.clear()
    for i, (_, sentence) in enumerate(WRONG):
        name = f"bad{i}/camera: status"
        graph.wait_for(functools.partial(graph.reports.__contains__, name), "a report")
        status = graph.reports[name]
        assert status.level == DiagnosticStatus.ERROR
        assert sentence in status.message
        assert sentence in graph.output(child)


def test_a_wrong_parameter_can_be_set_right_without_a_restart(graph: Graph) -> None:
    child = graph.start(
        "camera_node", {"/**": {"source": "images", "path": "x", "jpeg_quality": 0}}, "-r", "__ns:=/fix"
    )
    assert not graph.change("/fix/camera", "configure")
    assert not graph.set_parameter("/fix/camera", "jpeg_quality", 101).successful
    assert graph.set_parameter("/fix/camera", "jpeg_quality", 50).successful
    assert graph.change("/fix/camera", "configure")
    refused = graph.set_parameter("/fix/camera", "jpeg_quality", 60)
    assert not refused.successful
    assert "clean up" in refused.reason
    assert not graph.change("/fix/camera", "activate")  # no such folder
    assert graph.state_of("/fix/camera") == "inactive"
    status = graph.wait_for_report("fix/camera", lambda s: s.level == DiagnosticStatus.ERROR, "an error")
    assert "no folder or picture at x" in status.message
    assert graph.stop(child) == 0
