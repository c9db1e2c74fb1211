from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import astronaut, frames, recording

from faceedge.camera.detection import FaceDetector
from faceedge.camera.head_pose import AVERAGE_FACE_M, FACING_CAMERA, RIGID_POINTS, HeadPose, estimate
from faceedge.camera.landmarks import FaceMesh, LandmarkNetwork, square_of_detection
from faceedge.errors import InputError
from faceedge.inference.registry import find_model

K = np.array([[600.0, 0, 320], [0, 600.0, 240], [0, 0, 1]])


def turn(axis: int, angle_rad: float) -> np.ndarray:
    vector = np.zeros(3)
    vector[axis] = angle_rad
    return cv2.Rodrigues(vector)[0]


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Turns about the face's z, y and x axes in degrees, in this order, from facing the camera."""
    return FACING_CAMERA @ turn(2, math.radians(yaw)) @ turn(1, math.radians(pitch)) @ turn(0, math.radians(roll))


def seen(rotation: np.ndarray, translation_m: tuple[float, float, float]) -> FaceMesh:
    """The mesh that a camera sees of the average face; points that are not of it are 0."""
    points = np.zeros((468, 3), np.float32)
    image = (AVERAGE_FACE_M @ rotation.T + translation_m) @ K.T
    points[RIGID_POINTS, :2] = image[:, :2] / image[:, 2:]
    return FaceMesh(points, 1.0)


def pose_of(image: np.ndarray) -> HeadPose:
    found = FaceDetector(find_model("face_detection_near")).detect(image)
    network = LandmarkNetwork(find_model("face_landmarks"))
    mesh = network.locate(image, square_of_detection(found.boxes[0], found.keypoints[0]))
    height, width = image.shape[:2]
    pose = estimate(mesh, np.array([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1.0]]))
    assert pose is not None
    return pose


@given(
    yaw=st.floats(-60, 60),
    pitch=st.floats(-40, 40),
    roll=st.floats(-80, 80),
    distance_m=st.floats(0.3, 4.0),
    noise_px=st.sampled_from([0.0, 0.05]),
)
def test_a_known_pose_comes_back_within_a_degree_and_two_percent(
    yaw: float, pitch: float, roll: float, distance_m: float, noise_px: float
) -> None:
    mesh = seen(rotation(yaw, pitch, roll), (0.05, -0.03, distance_m))
    # Half a tenth of a pixel at 1 m is what smoothed landmarks have; far away it would be the only thing measured.
    mesh.points[:, :2] += np.random.default_rng(0).normal(0, noise_px, (468, 2)) / max(distance_m, 1.0)
    pose = estimate(mesh, K)
    assert pose is not None
    tolerance = math.radians(1.0)
    assert pose.yaw_rad == pytest.approx(math.radians(yaw), abs=tolerance)
    assert pose.pitch_rad == pytest.approx(math.radians(pitch), abs=tolerance)
    assert pose.roll_rad == pytest.approx(math.radians(roll), abs=tolerance)
    assert np.linalg.norm(pose.translation_m) == pytest.approx(np.hypot(np.hypot(0.05, 0.03), distance_m), rel=0.02)


def test_the_face_frame_of_a_face_that_looks_into_the_camera_follows_rep_155() -> None:
    pose = estimate(seen(FACING_CAMERA, (0, 0, 1)), K)
    assert pose is not None
    out, left, up = pose.rotation.T
    np.testing.assert_allclose(out, (0, 0, -1), atol=1e-3)  # towards the camera
    np.testing.assert_allclose(left, (1, 0, 0), atol=1e-3)  # the person's left is the picture's right
    np.testing.assert_allclose(up, (0, -1, 0), atol=1e-3)
    np.testing.assert_allclose(pose.gaze, out)
    assert np.linalg.det(pose.rotation) == pytest.approx(1.0)


def test_a_head_turned_to_its_left_faces_the_right_of_the_picture_and_has_positive_yaw() -> None:
    pose = HeadPose(rotation(30, 0, 0), np.array((0, 0, 1.0)))
    assert pose.yaw_rad == pytest.approx(math.radians(30))
    assert pose.gaze[0] > 0


def test_a_head_that_looks_down_has_positive_pitch() -> None:
    pose = HeadPose(rotation(0, 20, 0), np.array((0, 0, 1.0)))
    assert pose.pitch_rad == pytest.approx(math.radians(20))
    assert pose.gaze[1] > 0


def test_a_head_that_leans_to_its_right_shoulder_has_positive_roll() -> None:
    pose = HeadPose(rotation(0, 0, 20), np.array((0, 0, 1.0)))
    assert pose.roll_rad == pytest.approx(math.radians(20))
    assert pose.rotation[1, 1] < 0, "the left ear is higher"


def test_the_average_face_is_symmetric_and_63_mm_between_the_eyes() -> None:
    place = dict(zip(RIGID_POINTS.tolist(), AVERAGE_FACE_M, strict=True))
    for right, left in ((33, 263), (133, 362), (127, 356)):
        np.testing.assert_allclose(place[right] * (1, -1, 1), place[left])
    assert place[263][1] + place[362][1] == pytest.approx(0.063)


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0, 100.0])
def test_degenerate_landmarks_have_no_pose(value: float) -> None:
    assert estimate(FaceMesh(np.full((468, 3), value, np.float32), 1.0), K) is None


@given(seed=st.integers(0, 2**32 - 1), spread=st.floats(0.01, 1e6))
def test_landmarks_without_sense_give_a_finite_pose_or_none(seed: int, spread: float) -> None:
    points = np.random.default_rng(seed).normal(0, spread, (468, 3)).astype(np.float32)
    pose = estimate(FaceMesh(points, 1.0), K)
    assert pose is None or (np.isfinite(pose.rotation).all() and pose.translation_m[2] > 0)


@pytest.mark.parametrize("matrix", [np.eye(2), np.zeros((3, 3)), np.full((3, 3), np.nan)])
def test_a_matrix_that_is_no_camera_is_refused(matrix: np.ndarray) -> None:
    with pytest.raises(InputError, match="Intrinsics must be"):
        estimate(seen(FACING_CAMERA, (0, 0, 1)), matrix)


@pytest.mark.models
def test_a_mirrored_picture_gives_the_opposite_yaw_and_roll() -> None:
    plain, mirrored = pose_of(astronaut()), pose_of(np.ascontiguousarray(astronaut()[:, ::-1]))
    assert mirrored.yaw_rad == pytest.approx(-plain.yaw_rad, abs=math.radians(3))
    assert mirrored.roll_rad == pytest.approx(-plain.roll_rad, abs=math.radians(3))
    assert mirrored.pitch_rad == pytest.approx(plain.pitch_rad, abs=math.radians(3))


@pytest.mark.models
def test_a_face_of_half_the_size_is_twice_as_far_away() -> None:
    near = astronaut()[20:276, 100:356]
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[64:192, 64:192] = cv2.resize(near, (128, 128), interpolation=cv2.INTER_AREA)
    assert pose_of(picture).translation_m[2] == pytest.approx(2 * pose_of(near).translation_m[2], rel=0.06)


@pytest.mark.models
def test_a_recorded_face_that_looks_into_the_camera_is_near_frontal() -> None:
    for image in frames(recording("video", "single_face.mp4"), 3, step=20):
        pose = pose_of(image)
        assert abs(pose.yaw_rad) < math.radians(10)
        assert abs(pose.pitch_rad) < math.radians(15)
        assert abs(pose.roll_rad) < math.radians(10)
        assert 0.2 < pose.translation_m[2] < 1.5
