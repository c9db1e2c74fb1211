"""The face node over DDS with real pictures: what another process hears of REP-155."""

from __future__ import annotations

import array
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed here")
pytest.importorskip("hri_msgs.msg", reason="the hri_msgs messages are not built here")

from diagnostic_msgs.msg import DiagnosticStatus
from graph import Graph, values_of
from hri_msgs.msg import Expression, FacialActionUnits, FacialLandmarks, IdsList, NormalizedRegionOfInterest2D
from sensor_msgs.msg import CompressedImage, Image
from shared_data import SHARED_DATA
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from faceedge.camera.frame import Frame
from faceedge.errors import ModelError
from faceedge.inference.registry import find_model, models_folders
from faceedge.nodes import conversions

pytestmark = pytest.mark.graph

FACE_OF_THE_ASTRONAUT = (0.44, 0.22)
"""The tip of the nose in the picture, in parts of its width and height."""
KINDS: dict[str, Any] = {
    "roi": NormalizedRegionOfInterest2D,
    "landmarks": FacialLandmarks,
    "expression": Expression,
    "facs": FacialActionUnits,
    "cropped": Image,
}


def has_expression_model() -> bool:
    try:
        find_model("expression")
    except ModelError:
        return False
    return True


needs_expression = pytest.mark.skipif(not has_expression_model(), reason="models/expression is not built here")


class Listener:
    """Subscribes to a face's topics when its id appears, as libhri does."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tracked: list[IdsList] = []
        self.messages: dict[str, dict[str, list[Any]]] = {}
        graph.collect("/humans/faces/tracked", IdsList, self._on_tracked)

    def _on_tracked(self, message: IdsList) -> None:
        self.tracked.append(message)
        for face in message.ids:
            if face not in self.messages:
                self.messages[face] = {
                    name: self.graph.collect(f"/humans/faces/{face}/{name}", kind) for name, kind in KINDS.items()
                }

    @property
    def ids(self) -> list[str]:
        """Ids of the newest message."""
        return list(self.tracked[-1].ids) if self.tracked else []

    def first(self, name: str) -> list[Any]:
        """Messages on topic ``name`` of the face that came first."""
        return next(iter(self.messages.values()))[name] if self.messages else []


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    """(480, 640, 3) BGR: Eileen Collins, NASA, public domain, with borders."""
    data = pytest.importorskip("skimage.data", reason="scikit-image, which brings the picture, is not installed here")
    picture = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    wide = cv2.copyMakeBorder(picture, 0, 0, 85, 85, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(wide, (640, 480)), np.uint8)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray) -> Iterator[Listener]:
    """Camera and faces in one process, with everything turned on."""
    folder = tmp_path_factory.mktemp("graph")
    cv2.imwrite(str(folder / "astronaut.png"), astronaut)
    camera = {"source": "images", "path": str(folder / "astronaut.png"), "loop": True, "rate_hz": 20.0}
    faces = {
        "image_topic": "camera/image_raw",
        "action_units": True,
        "cropped": True,
        "expression": has_expression_model(),
    }
    with Graph(folder) as graph:
        graph.start("runner", {"/**": {"autostart": True}, "/**/camera": camera, "/**/faces": faces})
        listener = Listener(graph)
        graph.wait_for(lambda: len(listener.first("roi")) > 5, "a face of the astronaut")
        yield listener


def test_another_process_hears_of_one_face_where_the_face_is(shared: Listener) -> None:
    (face,) = shared.ids
    assert face[0].isalpha()
    assert face.isidentifier()
    roi = shared.first("roi")[-1]
    x, y = FACE_OF_THE_ASTRONAUT
    assert roi.xmin < x < roi.xmax
    assert roi.ymin < y < roi.ymax
    assert 0.05 < roi.xmax - roi.xmin < 0.4
    assert 0.5 < roi.c <= 1.0


def test_an_id_stays_with_its_face(shared: Listener) -> None:
    before = shared.ids
    enough = len(shared.tracked) + 20
    shared.graph.wait_for(lambda: len(shared.tracked) >= enough, "more frames")
    assert {tuple(message.ids) for message in shared.tracked[-20:]} == {tuple(before)}


def test_landmarks_lie_on_the_face_and_are_stamped_like_the_picture(shared: Listener) -> None:
    shared.graph.wait_for(lambda: shared.first("landmarks"), "landmarks")
    landmarks = shared.first("landmarks")[-1]
    assert (landmarks.width, landmarks.height, landmarks.header.frame_id) == (640, 480, "camera_optical_frame")
    points = np.array([(point.x, point.y) for point in landmarks.landmarks])
    assert points.shape == (70, 2)
    nose, right_eye, left_eye = points[30], points[36:42].mean(0), points[42:48].mean(0)
    assert np.abs(nose - FACE_OF_THE_ASTRONAUT).max() < 0.05
    assert right_eye[0] < nose[0] < left_eye[0]  # her right eye is on the left of the picture
    stamps = {(message.header.stamp.sec, message.header.stamp.nanosec) for message in shared.tracked}
    shared.graph.spin(0.2)
    assert (landmarks.header.stamp.sec, landmarks.header.stamp.nanosec) in stamps


def test_a_face_has_its_two_frames_in_front_of_the_camera(shared: Listener) -> None:
    transforms = shared.graph.collect("/tf", TFMessage)
    shared.graph.wait_for(lambda: transforms, "transforms")
    face, gaze = transforms[-1].transforms
    (name,) = shared.ids
    assert (face.header.frame_id, face.child_frame_id) == ("camera_optical_frame", f"face_{name}")
    assert (gaze.header.frame_id, gaze.child_frame_id) == (f"face_{name}", f"gaze_{name}")
    assert 0.3 < face.transform.translation.z < 3.0
    assert -0.5 < face.transform.translation.x < 0.0  # left of the middle
    q = face.transform.rotation
    out_of_the_face = 2 * (q.x * q.z - q.w * q.y)  # z in the camera of the face's x axis
    assert out_of_the_face < -0.7  # she looks towards the camera


def test_action_units_and_a_crop_come_where_they_are_turned_on(shared: Listener) -> None:
    shared.graph.wait_for(lambda: shared.first("facs") and shared.first("cropped"), "action units and a crop")
    units = shared.first("facs")[-1]
    assert units.intensity.shape == units.confidence.shape == (99,)
    assert units.confidence.max() > 0
    crop = shared.first("cropped")[-1]
    assert (crop.height, crop.width, crop.encoding) == (128, 128, "bgr8")
    assert conversions.image_to_frame(crop).image.std() > 20


@needs_expression
def test_the_astronaut_is_happy(shared: Listener) -> None:
    shared.graph.wait_for(lambda: len(shared.first("expression")) > 10, "expressions")
    last = shared.first("expression")[-1]
    assert last.expression == "happy"
    assert last.confidence > 0.5
    assert last.valence > 0.3


def test_diagnostics_name_the_models_and_the_time_of_every_stage(shared: Listener) -> None:
    status = shared.graph.wait_for_report("faces", lambda s: "latency publish" in values_of(s), "latencies")
    values = values_of(status)
    assert status.level == DiagnosticStatus.OK
    assert values["transport"] == "shared"
    assert values["faces"] == "1"
    assert any("face_detection_near sha256" in value for value in values.values())
    assert {"latency detect", "latency landmarks", "latency exposure to topic"} <= values.keys()


@needs_expression
@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the clips of ../shared/data are not on this machine")
def test_a_face_that_begins_to_smile_is_heard_as_neutral_and_then_as_happy(tmp_path: Path) -> None:
    with Graph(tmp_path) as graph:
        clip = SHARED_DATA / "video" / "single_face.mp4"
        camera = {"source": "video", "path": str(clip), "loop": True, "rate_hz": 15.0}
        faces = {"image_topic": "camera/image_raw", "expression": True, "landmarks": False}
        graph.start("runner", {"/**": {"autostart": True}, "/**/camera": camera, "/**/faces": faces})
        listener = Listener(graph)
        words: list[str] = []

        def heard_both() -> bool:
            words[:] = [message.expression for face in listener.messages.values() for message in face["expression"]]
            return words.count("happy") > 5 and words.count("neutral") > 5

        graph.wait_for(heard_both, "neutral and happy")
        clear = [word for word in words if word]
        assert clear.count("neutral") + clear.count("happy") > 0.8 * len(clear)


class Pictures:
    """Publishes pictures to a face node that listens to /pictures."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.listener = graph, Listener(graph)
        self.child = graph.start("face_node", {"/**": {"autostart": True, "image_topic": "/pictures"}})
        self.raw = graph.node.create_publisher(Image, "/pictures", 1)
        self.compressed = graph.node.create_publisher(CompressedImage, "/pictures/compressed", 1)

    def show(self, picture: np.ndarray, until: Callable[[], object]) -> None:
        """Publish ``picture`` at 20 Hz, raw or compressed as the node subscribes, until a condition holds."""

        def one() -> bool:
            frame = Frame(picture, time.time_ns(), 0, "eye")
            if self.compressed.get_subscription_count():
                self.compressed.publish(conversions.frame_to_compressed(frame))
            if self.raw.get_subscription_count():
                self.raw.publish(conversions.frame_to_image(frame))
            self.graph.spin(0.05)
            return bool(until())

        self.graph.wait_for(one, "the effect of a picture")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pictures]:
    """A face node alone, as another camera's consumer; affect and crops are off."""
    with Graph(tmp_path_factory.mktemp("graph")) as graph:
        result = Pictures(graph)
        graph.wait_for(result.raw.get_subscription_count, "the face node")
        yield result


GREY = np.full((480, 640, 3), 128, np.uint8)


def test_a_face_that_leaves_is_taken_off_the_list_and_its_topics_vanish(
    pictures: Pictures, astronaut: np.ndarray
) -> None:
    graph, listener = pictures.graph, pictures.listener
    pictures.show(astronaut, until=lambda: listener.ids and listener.first("roi"))
    (face,) = listener.ids
    assert not graph.node.get_publishers_info_by_topic(f"/humans/faces/{face}/expression")
    assert not graph.node.get_publishers_info_by_topic(f"/humans/faces/{face}/facs")
    assert not graph.node.get_publishers_info_by_topic(f"/humans/faces/{face}/cropped")
    pictures.show(GREY, until=lambda: not listener.ids)
    pictures.show(GREY, until=lambda: not graph.node.get_publishers_info_by_topic(f"/humans/faces/{face}/roi"))
    pictures.show(astronaut, until=lambda: listener.ids)
    assert listener.ids != [face]


def test_faces_are_taken_back_when_no_more_pictures_come(pictures: Pictures, astronaut: np.ndarray) -> None:
    listener = pictures.listener
    pictures.show(astronaut, until=lambda: listener.ids)
    pictures.graph.wait_for(lambda: not listener.ids, "an empty list", patience_s=5.0)
    status = pictures.graph.wait_for_report("faces", lambda s: s.level == DiagnosticStatus.WARN, "silence")
    assert "no picture for" in status.message


def test_a_listener_that_comes_late_hears_of_the_face_that_is_there(pictures: Pictures, astronaut: np.ndarray) -> None:
    pictures.show(astronaut, until=lambda: pictures.listener.ids)
    late = Listener(pictures.graph)
    pictures.show(astronaut, until=lambda: late.first("roi") and late.first("landmarks"))
    assert late.ids == pictures.listener.ids


def bad_images() -> list[Image]:
    """Images that no camera should send."""
    header = Header(frame_id="eye")
    data = array.array("B", bytes(64 * 48 * 3))
    return [
        Image(header=header),
        Image(header=header, width=64, height=48, step=192, encoding="32FC1", data=data),
        Image(header=header, width=64, height=48, step=192, encoding="bgr8", data=data[:-1]),
        Image(header=header, width=64, height=48, step=10, encoding="bgr8", data=data),
    ]


def test_pictures_that_are_wrong_are_counted_and_the_node_goes_on(pictures: Pictures, astronaut: np.ndarray) -> None:
    graph, listener = pictures.graph, pictures.listener
    pictures.show(astronaut, until=lambda: listener.ids)
    heard = len(listener.tracked)
    for image in bad_images():
        pictures.raw.publish(image)
        graph.spin(0.2)
    status = graph.wait_for_report("faces", lambda s: int(values_of(s)["rejected"]) >= 4, "four rejected pictures")
    assert values_of(status)["rejected"] == "4"
    assert len(listener.tracked) <= heard + 2  # at most a picture that was under way, and the silence
    pictures.show(astronaut, until=lambda: listener.ids)
    assert graph.state_of("/faces") == "active"


def test_pictures_of_another_size_are_looked_at_anew(pictures: Pictures, astronaut: np.ndarray) -> None:
    listener = pictures.listener
    pictures.show(astronaut, until=lambda: listener.ids)
    (before,) = listener.ids
    small = cv2.resize(astronaut, (320, 240))
    pictures.show(small, until=lambda: listener.ids not in ([], [before]))
    (after,) = listener.ids
    pictures.show(small, until=lambda: listener.messages[after]["landmarks"])
    assert listener.messages[after]["landmarks"][-1].width == 320


def test_another_transport_is_taken_after_a_new_configuration_and_a_truncated_jpeg_is_dropped(
    pictures: Pictures, astronaut: np.ndarray
) -> None:
    graph, listener = pictures.graph, pictures.listener
    assert graph.change("/faces", "deactivate")
    graph.wait_for(lambda: not listener.ids, "an empty list after deactivation")
    assert graph.change("/faces", "cleanup")
    assert graph.set_parameter("/faces", "transport", "compressed").successful
    assert graph.change("/faces", "configure")
    assert graph.change("/faces", "activate")
    graph.wait_for(pictures.compressed.get_subscription_count, "a subscriber of compressed pictures")
    pictures.show(astronaut, until=lambda: listener.ids)
    cut = conversions.frame_to_compressed(Frame(astronaut, time.time_ns()))
    cut.data = cut.data[: len(cut.data) // 2]
    pictures.compressed.publish(cut)
    graph.wait_for_report("faces", lambda s: values_of(s)["rejected"] == "1", "a rejected picture")
    pictures.show(astronaut, until=lambda: listener.ids)


def test_a_process_that_ends_says_first_that_its_faces_are_gone(pictures: Pictures, astronaut: np.ndarray) -> None:
    pictures.show(astronaut, until=lambda: pictures.listener.ids)
    assert pictures.graph.stop(pictures.child) == 0
    pictures.graph.wait_for(lambda: not pictures.listener.ids, "an empty list")
    assert "Traceback" not in pictures.graph.output(pictures.child)


def test_a_model_that_is_corrupt_or_missing_fails_the_configuration_and_names_file_and_hashes(tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(next(folder for folder in models_folders() if (folder / "face_landmarks.yaml").is_file()), models)
    path = models / "face_landmarks.tflite"
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with Graph(tmp_path) as graph:
        child = graph.start("face_node", {"/**": {"autostart": True, "models_folder": str(models)}})
        status = graph.wait_for_report("faces", lambda s: s.level == DiagnosticStatus.ERROR, "a corrupt model")
        assert str(path) in status.message
        assert find_model("face_landmarks").card.sha256 in status.message
        assert status.message.count("sha256") >= 1
        assert graph.state_of("/faces") == "unconfigured"
        assert not graph.node.get_publishers_info_by_topic("/humans/faces/tracked")
        assert graph.set_parameter("/faces", "models_folder", str(tmp_path / "none")).successful
        assert not graph.change("/faces", "configure")
        assert graph.set_parameter("/faces", "models_folder", "").successful
        assert graph.change("/faces", "configure")
        assert graph.stop(child) == 0
