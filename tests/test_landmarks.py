from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from pictures import astronaut

from faceedge.camera import mesh_tables
from faceedge.camera.detection import Detections, FaceDetector
from faceedge.camera.landmarks import (
    REP155_CONFIDENCE,
    FaceSquare,
    LandmarkNetwork,
    square_of_detection,
    square_of_mesh,
    to_rep155,
)
from faceedge.errors import InputError, ModelError
from faceedge.inference.registry import find_model

pytestmark = pytest.mark.models

# Mesh points whose places in the astronaut's picture are clear to the eye, x y in pixels.
BY_EYE = {
    mesh_tables.RIGHT_EYE_OUTER: (194, 101),
    mesh_tables.LEFT_EYE_OUTER: (258, 104),
    mesh_tables.NOSE_TIP: (225, 124),
    mesh_tables.MOUTH_RIGHT: (204, 139),
    mesh_tables.MOUTH_LEFT: (248, 140),
}


@pytest.fixture(scope="module")
def network() -> LandmarkNetwork:
    return LandmarkNetwork(find_model("face_landmarks"))


@pytest.fixture(scope="module")
def found() -> Detections:
    return FaceDetector(find_model("face_detection_near")).detect(astronaut())


def test_landmarks_lie_where_the_eye_sees_them(network: LandmarkNetwork, found: Detections) -> None:
    mesh = network.locate(astronaut(), square_of_detection(found.boxes[0], found.keypoints[0]))
    assert mesh.presence > 0.99
    assert mesh.points.shape == (468, 3)
    assert mesh.points.dtype == np.float32
    for index, expected in BY_EYE.items():
        assert np.linalg.norm(mesh.points[index, :2] - expected) < 5, index


def test_a_second_look_at_the_mesh_itself_agrees_with_the_first(network: LandmarkNetwork, found: Detections) -> None:
    first = network.locate(astronaut(), square_of_detection(found.boxes[0], found.keypoints[0]))
    second = network.locate(astronaut(), square_of_mesh(first.points))
    face_width = np.ptp(first.points[:, 0])
    assert np.abs(first.points - second.points)[:, :2].mean() < 0.04 * face_width


@pytest.mark.parametrize("angle_deg", [-60, -20, 35, 170])
def test_landmarks_turn_with_the_picture(network: LandmarkNetwork, found: Detections, angle_deg: float) -> None:
    upright = square_of_detection(found.boxes[0], found.keypoints[0])
    expected = network.locate(astronaut(), upright).points[:, :2]
    # OpenCV's angle is counter-clockwise in the picture, that of a square clockwise.
    matrix = cv2.getRotationMatrix2D((upright.x, upright.y), -angle_deg, 1.0)
    turned = cv2.warpAffine(astronaut(), matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    square = FaceSquare(upright.x, upright.y, upright.size, upright.angle_rad + math.radians(angle_deg))
    actual = network.locate(turned, square).points[:, :2]
    np.testing.assert_allclose(actual, expected @ matrix[:, :2].T + matrix[:, 2], atol=3)
    turn_rad = square_of_mesh(actual).angle_rad - square_of_mesh(expected).angle_rad
    assert math.cos(turn_rad - math.radians(angle_deg)) > math.cos(math.radians(2))


def test_depth_is_in_the_unit_of_the_pixels(network: LandmarkNetwork, found: Detections) -> None:
    small = network.locate(astronaut(), square_of_detection(found.boxes[0], found.keypoints[0]))
    double = cv2.resize(astronaut(), (1024, 1024))
    large = network.locate(double, square_of_detection(2 * found.boxes[0], 2 * found.keypoints[0]))
    assert np.ptp(large.points[:, 2]) == pytest.approx(2 * np.ptp(small.points[:, 2]), rel=0.05)
    assert small.points[mesh_tables.NOSE_TIP, 2] < small.points[127, 2], "the nose is nearer than the ear"


def test_a_wall_has_a_low_presence(network: LandmarkNetwork) -> None:
    wall = np.full((480, 640, 3), 127, np.uint8)
    assert network.locate(wall, FaceSquare(320, 240, 200)).presence < 0.5


def test_a_square_over_the_edge_of_the_picture_still_gives_landmarks(
    network: LandmarkNetwork, found: Detections
) -> None:
    square = square_of_detection(found.boxes[0], found.keypoints[0])
    cut = np.ascontiguousarray(astronaut()[int(square.y - 0.4 * square.size) :])
    moved = FaceSquare(square.x, 0.4 * square.size, square.size, square.angle_rad)
    mesh = network.locate(cut, moved)
    assert mesh.presence > 0.5
    assert np.isfinite(mesh.points).all()


def test_a_box_alone_is_taken_as_an_upright_face(network: LandmarkNetwork, found: Detections) -> None:
    by_box = network.locate(astronaut(), found.boxes[0])
    assert by_box.presence > 0.99
    assert square_of_detection(found.boxes[0]).angle_rad == 0.0


@pytest.mark.parametrize(
    "square",
    [FaceSquare(math.nan, 0, 10), FaceSquare(0, 0, 0), FaceSquare(0, 0, math.inf), FaceSquare(0, 0, -5)],
)
def test_a_square_without_size_or_place_is_refused(network: LandmarkNetwork, square: FaceSquare) -> None:
    with pytest.raises(InputError, match="square must be finite"):
        network.locate(astronaut(), square)


def test_a_picture_without_pixels_is_refused(network: LandmarkNetwork) -> None:
    with pytest.raises(InputError, match="at least one pixel"):
        network.locate(np.zeros((0, 0, 3), np.uint8), FaceSquare(0, 0, 10))


def test_a_detector_is_no_landmark_network() -> None:
    with pytest.raises(ModelError, match="landmark network"):
        LandmarkNetwork(find_model("face_detection_near"))


def test_the_square_of_a_detection_follows_its_eyes() -> None:
    keypoints = np.zeros((6, 2), np.float32)
    keypoints[0], keypoints[1] = (10, 10), (20, 20)
    square = square_of_detection(np.array([0, 0, 40, 20]), keypoints)
    assert (square.x, square.y, square.size) == (20, 10, 60)
    assert square.angle_rad == pytest.approx(math.pi / 4)


def test_the_table_of_70_points_is_symmetric() -> None:
    """Right and left of the scheme map to right and left of the mesh, which mirrors at its middle."""
    table = np.array(mesh_tables.REP155_FROM_MESH)
    assert len(table) == 68
    assert len(set(table.tolist())) == 68
    assert table.min() >= 0
    assert table.max() < 468
    assert [table[index] for index in (8, 27, 30, 33, 51, 57)] == [152, 168, 4, 2, 0, 17]


def test_the_70_points_mirror_with_the_picture(network: LandmarkNetwork, found: Detections) -> None:
    plain = to_rep155(network.locate(astronaut(), square_of_detection(found.boxes[0], found.keypoints[0])).points)
    box = found.boxes[0][[2, 1, 0, 3]] * (-1, 1, -1, 1) + (511, 0, 511, 0)
    flipped = found.keypoints[0][[1, 0, 2, 3, 5, 4]] * (-1, 1) + (511, 0)
    picture = np.ascontiguousarray(astronaut()[:, ::-1])
    mirrored = to_rep155(network.locate(picture, square_of_detection(box, flipped)).points)
    pairs = {
        0: 16,
        8: 8,
        17: 26,
        21: 22,
        27: 27,
        31: 35,
        36: 45,
        39: 42,
        41: 46,
        48: 54,
        50: 52,
        59: 55,
        60: 64,
        68: 69,
    }
    for right, left in pairs.items():
        assert np.linalg.norm(mirrored[right] - (plain[left] * (-1, 1) + (511, 0))) < 5, (right, left)


def test_the_pupils_lie_within_the_eyes_and_are_less_certain(network: LandmarkNetwork, found: Detections) -> None:
    points = to_rep155(network.locate(astronaut(), square_of_detection(found.boxes[0], found.keypoints[0])).points)
    assert points.shape == (70, 2)
    assert points[36, 0] < points[68, 0] < points[39, 0]
    assert points[42, 0] < points[69, 0] < points[45, 0]
    assert REP155_CONFIDENCE[68:].max() < REP155_CONFIDENCE[:68].min()
