from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from pictures import astronaut, frames, recording

from faceedge.camera.frame import Frame
from faceedge.camera.landmarks import FaceMesh
from faceedge.errors import ConfigurationError, InputError, ModelError
from faceedge.inference.registry import find_model
from faceedge.perception import faces as faces_module
from faceedge.perception.faces import Face, FacePerception, FaceSettings

pytestmark = pytest.mark.models

FRAME_NS = 33_333_333
START_NS = 10**18
K = np.array([[640.0, 0, 320], [0, 640.0, 240], [0, 0, 1]])


def frame(image: np.ndarray, index: int = 0) -> Frame:
    return Frame(image, START_NS + index * FRAME_NS, index)


def crowd(count: int) -> np.ndarray:
    """(480, 640 * n, 3): the astronaut ``count`` times side by side."""
    one = cv2.resize(astronaut()[0:360, 60:420], (240, 240))
    return np.ascontiguousarray(np.hstack([one] * count))


def run(perception: FacePerception, image: np.ndarray, count: int) -> list[list[Face]]:
    return [perception.process(frame(image, index), None) for index in range(count)]


def test_the_astronaut_is_one_face_with_everything_that_was_asked_for() -> None:
    perception = FacePerception(FaceSettings(action_units=True))
    (face,) = perception.process(frame(astronaut()), K)
    assert face.updated
    assert face.mesh is not None
    assert face.mesh.presence > 0.99
    assert face.pose is not None
    assert face.action_units is not None
    assert face.expression is None, "expression is opt-in"
    np.testing.assert_allclose(face.box, face.mesh.box, atol=1e-2)
    np.testing.assert_allclose(face.roi, face.box / 512, atol=1e-5)
    assert 0.5 <= face.confidence <= 1.0
    assert list(perception.timer.summary()) == ["detect", "track", "landmarks", "pose", "action_units"]
    assert set(perception.cards) == {"detection", "landmarks"}


def test_what_a_face_shows_is_off_unless_asked_for() -> None:
    assert not FaceSettings().expression
    assert not FaceSettings().action_units


def test_without_expression_its_code_is_not_even_loaded() -> None:
    script = (
        "import sys; from faceedge.perception.faces import FacePerception, FaceSettings;"
        "FacePerception(FaceSettings()); print('faceedge.perception.expression' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip().splitlines()[-1] == "False"


def test_a_face_keeps_its_id_while_the_camera_moves() -> None:
    perception = FacePerception(FaceSettings())
    ids = set()
    for index in range(20):
        x = 40 + 6 * index
        image = np.ascontiguousarray(astronaut()[0:320, x : x + 320])
        ids |= {face.id for face in perception.process(frame(image, index), None)}
    assert len(ids) == 1


def test_a_face_that_left_is_gone_after_the_trackers_patience() -> None:
    perception = FacePerception(FaceSettings())
    wall = np.full((512, 512, 3), 127, np.uint8)
    assert len(perception.process(frame(astronaut(), 0), None)) == 1
    (coasting,) = perception.process(frame(wall, 1), None)
    assert not coasting.updated
    assert perception.process(frame(wall, 20), None) == []


def test_after_a_reset_the_same_face_gets_a_new_id() -> None:
    perception = FacePerception(FaceSettings())
    before = perception.process(frame(astronaut(), 0), None)[0].id
    perception.reset()
    assert perception.process(frame(astronaut(), 1), None)[0].id != before


def test_all_faces_of_a_crowd_are_refreshed_in_each_frame_by_default() -> None:
    last = run(FacePerception(FaceSettings(detector="far")), crowd(3), 3)[-1]
    assert [face.updated for face in last] == [True] * 3


def test_a_crowd_is_refreshed_in_turn_and_nobody_is_forgotten() -> None:
    history = run(FacePerception(FaceSettings(detector="far", faces_per_frame=1)), crowd(3), 7)
    refreshed = [[face.id for face in found if face.updated] for found in history]
    assert all(len(ids) == 1 for ids in refreshed)
    assert len({ids[0] for ids in refreshed[:3]}) == 3
    assert refreshed[3:6] == refreshed[:3], "the same turn again"
    assert len(history[2]) == 3, "each is reported once it was looked at"
    last = {face.id: face for face in history[-1]}
    assert all(face.mesh is not None for face in last.values()), "the others keep their last mesh"


def test_the_box_of_a_face_does_not_jump_between_its_turns() -> None:
    history = run(FacePerception(FaceSettings(detector="far", faces_per_frame=1)), crowd(2), 6)
    for face_id in {face.id for face in history[-1]}:
        boxes = np.array([face.box for found in history for face in found if face.id == face_id])
        assert np.ptp(boxes, axis=0).max() < 6


def test_no_more_faces_are_followed_than_allowed() -> None:
    assert len(run(FacePerception(FaceSettings(detector="far", max_faces=2)), crowd(3), 2)[-1]) == 2


def test_without_landmarks_there_are_only_boxes_and_from_the_second_frame_on() -> None:
    perception = FacePerception(FaceSettings(landmarks=False))
    first, second = run(perception, astronaut(), 2)
    assert first == []
    assert (second[0].mesh, second[0].pose, second[0].updated) == (None, None, False)


def test_what_the_landmark_network_does_not_confirm_is_no_face(monkeypatch: pytest.MonkeyPatch) -> None:
    perception = FacePerception(FaceSettings())
    locate = perception._networks.landmarks.locate  # type: ignore[union-attr]
    presence = {"value": 0.4}

    def unsure(image: np.ndarray, where: object) -> FaceMesh:
        return FaceMesh(locate(image, where).points, presence["value"])  # type: ignore[arg-type]

    monkeypatch.setattr(faces_module.LandmarkNetwork, "locate", lambda self, image, where: unsure(image, where))
    assert perception.process(frame(astronaut(), 0), None) == []
    presence["value"] = 0.9
    assert perception.process(frame(astronaut(), 1), None)[0].mesh is not None
    presence["value"] = 0.4
    (face,) = perception.process(frame(astronaut(), 2), None)
    assert (face.mesh, face.pose, face.updated) == (None, None, False), "known faces stay, without a mesh"


def test_the_pose_without_calibration_has_the_same_angles() -> None:
    (calibrated,) = FacePerception(FaceSettings()).process(
        frame(astronaut()), np.diag((512.0, 512.0, 1.0)) + [[0, 0, 256], [0, 0, 256], [0, 0, 0]]
    )
    (nominal,) = FacePerception(FaceSettings()).process(frame(astronaut()), None)
    assert nominal.pose is not None
    assert calibrated.pose is not None
    assert nominal.pose.yaw_rad == pytest.approx(calibrated.pose.yaw_rad, abs=math.radians(0.5))


class FakeClassifier:
    """Says ``happy`` with a certainty that the test sets."""

    def __init__(self) -> None:
        self.certainty = 1.0

    def classify(self, image: np.ndarray, mesh_points: np.ndarray) -> SimpleNamespace:
        return self.decide(np.array([self.certainty, 1 - self.certainty], np.float32))

    def decide(self, probabilities: np.ndarray) -> SimpleNamespace:
        return SimpleNamespace(probabilities=probabilities)


@pytest.mark.parametrize(("smoothing_s", "expected"), [(0.0, 0.0), (1.0, math.exp(-1.0)), (0.5, math.exp(-2.0))])
def test_expressions_are_smoothed_with_the_time_constant(
    smoothing_s: float, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a step from 1 to 0 an exponential average has fallen to exp(-t / time constant)."""
    classifier = FakeClassifier()
    perception = FacePerception(FaceSettings(smoothing_s=smoothing_s))
    object.__setattr__(perception._networks, "expression", classifier)
    perception.process(frame(astronaut(), 0), None)
    classifier.certainty = 0.0
    for index in range(1, 31):
        (face,) = perception.process(frame(astronaut(), index), None)
    assert face.expression is not None
    assert face.expression.probabilities[0] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("image", [np.zeros((0, 0, 3), np.uint8), np.zeros((48, 64), np.uint8)], ids=["0x0", "grey"])
def test_a_bad_picture_is_refused_and_leaves_the_faces_alone(image: np.ndarray) -> None:
    perception = FacePerception(FaceSettings())
    before = perception.process(frame(astronaut(), 0), None)[0].id
    with pytest.raises(InputError):
        perception.process(frame(image, 1), None)
    with pytest.raises(InputError, match="Intrinsics"):
        perception.process(frame(astronaut(), 1), np.zeros((3, 3)))
    assert perception.process(frame(astronaut(), 2), None)[0].id == before


def test_a_picture_of_one_pixel_has_no_face() -> None:
    assert FacePerception(FaceSettings()).process(frame(np.zeros((1, 1, 3), np.uint8)), None) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"detector": "medium"}, "detector is 'medium', expected one of: near, far"),
        ({"detection_threshold": math.nan}, "detection_threshold is nan"),
        ({"detection_threshold": 1.5}, r"detection_threshold is 1\.5"),
        ({"max_faces": 0}, "max_faces is 0"),
        ({"faces_per_frame": -1}, "faces_per_frame is -1"),
        ({"smoothing_s": math.nan}, "smoothing_s is nan"),
        ({"threads": 0}, "threads is 0"),
        ({"expression_threshold": 2.0}, r"expression_threshold is 2\.0"),
    ],
)
def test_a_setting_out_of_range_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        FacePerception(FaceSettings(**change))  # type: ignore[arg-type]


def test_a_corrupt_model_is_refused_before_anything_runs(tmp_path: Path) -> None:
    for name in ("face_detection_near", "face_landmarks"):
        model = find_model(name)
        (tmp_path / model.path.name).write_bytes(model.path.read_bytes())
        (tmp_path / f"{name}.yaml").write_bytes(model.path.with_suffix(".yaml").read_bytes())
    FacePerception(FaceSettings(), tmp_path)
    path = tmp_path / "face_landmarks.tflite"
    path.write_bytes(path.read_bytes()[:-1] + b"\0\0")
    with pytest.raises(ModelError, match=rf"{path}.*sha256"):
        FacePerception(FaceSettings(), tmp_path)


def test_a_missing_model_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"face_detection_near.*{tmp_path}"):
        FacePerception(FaceSettings(), tmp_path)


def test_four_recorded_students_keep_four_ids() -> None:
    perception = FacePerception(FaceSettings(detector="far"))
    clip = frames(recording("video", "classroom.gif"), 12)
    history = [perception.process(frame(image, index), None) for index, image in enumerate(clip)]
    assert len({face.id for found in history for face in found}) == 4
    assert len(history[-1]) == 4


def test_a_recorded_face_is_followed_through_the_whole_clip() -> None:
    perception = FacePerception(FaceSettings())
    clip = frames(recording("video", "single_face.mp4"), 72)
    history = [perception.process(frame(image, index), None) for index, image in enumerate(clip)]
    assert {len(found) for found in history} == {1}
    assert len({found[0].id for found in history}) == 1
