from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import astronaut, frames, recording

from faceedge.camera import mesh_tables
from faceedge.camera.detection import FaceDetector
from faceedge.camera.landmarks import LandmarkNetwork, square_of_detection, square_of_mesh
from faceedge.errors import InputError
from faceedge.inference.registry import find_model
from faceedge.perception.action_units import estimate

LIP_CORNER_PULLER, LIPS_PART, JAW_DROP, EYES_CLOSED = 12, 25, 26, 43
GEOMETRIC = [1, 2, 4, 5, 12, 15, 25, 26, 27, 43]

pytestmark = pytest.mark.models


def mesh_of(image: np.ndarray) -> np.ndarray:
    found = FaceDetector(find_model("face_detection_near")).detect(image)
    network = LandmarkNetwork(find_model("face_landmarks"))
    first = network.locate(image, square_of_detection(found.boxes[0], found.keypoints[0]))
    return network.locate(image, square_of_mesh(first.points)).points


@pytest.fixture(scope="module")
def smiling() -> np.ndarray:
    return mesh_of(astronaut())


def turned(mesh: np.ndarray, axis: int, angle_deg: float) -> np.ndarray:
    vector = np.zeros(3)
    vector[axis] = math.radians(angle_deg)
    return mesh @ cv2.Rodrigues(vector)[0].T


def test_the_astronaut_smiles_with_parted_lips_and_open_eyes(smiling: np.ndarray) -> None:
    intensity, confidence = estimate(smiling)
    assert intensity.shape == confidence.shape == (99,)
    assert intensity.dtype == confidence.dtype == np.float32
    assert intensity[LIP_CORNER_PULLER] > 0.5
    assert intensity[LIPS_PART] > 0.5
    assert intensity[EYES_CLOSED] < 0.5


def test_only_units_with_a_geometric_definition_have_confidence(smiling: np.ndarray) -> None:
    intensity, confidence = estimate(smiling)
    assert np.flatnonzero(confidence).tolist() == GEOMETRIC
    assert confidence.max() <= 0.5, "nothing here is calibrated for one person"
    assert set(np.flatnonzero(intensity)) <= set(GEOMETRIC)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_turning_the_mesh_does_not_change_the_face(smiling: np.ndarray, axis: int) -> None:
    expected, _ = estimate(smiling)
    np.testing.assert_allclose(estimate(turned(smiling, axis, 12))[0], expected, atol=1e-4)


def test_size_and_place_do_not_matter(smiling: np.ndarray) -> None:
    expected, _ = estimate(smiling)
    np.testing.assert_allclose(estimate(7 * smiling + (100, -50, 3))[0], expected, atol=1e-3)


def test_confidence_falls_to_nothing_as_the_face_turns_away(smiling: np.ndarray) -> None:
    sums = [estimate(turned(smiling, 1, angle))[1].sum() for angle in (0, 30, 60)]
    assert sums[0] > sums[1] > sums[2] == 0


def test_an_opening_mouth_parts_the_lips_before_the_jaw_drops(smiling: np.ndarray) -> None:
    history = []
    for opening in (0.0, 0.1, 0.2, 0.3):
        mesh = smiling.copy()
        width = np.linalg.norm(mesh[mesh_tables.LEFT_EYE_OUTER] - mesh[mesh_tables.RIGHT_EYE_OUTER])
        mesh[mesh_tables.LOWER_LIP_INNER] = mesh[mesh_tables.UPPER_LIP_INNER] + (0, opening * width, 0)
        intensity, _ = estimate(mesh)
        history.append((float(intensity[LIPS_PART]), float(intensity[JAW_DROP])))
    assert history == sorted(history)
    assert history[0] == (0.0, 0.0)
    assert history[1][0] > 0.5 > history[1][1]
    assert history[3][0] == 1.0
    assert history[3][1] > 0.9


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0])
def test_a_degenerate_mesh_has_no_confidence(value: float) -> None:
    intensity, confidence = estimate(np.full((468, 3), value, np.float32))
    assert not intensity.any()
    assert not confidence.any()


@given(seed=st.integers(0, 2**32 - 1), spread=st.floats(1e-3, 1e5))
def test_any_mesh_gives_numbers_from_0_to_1(seed: int, spread: float) -> None:
    for values in estimate(np.random.default_rng(seed).normal(0, spread, (468, 3))):
        assert values.min() >= 0
        assert values.max() <= 1


def test_a_mesh_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match=r"\(468, 3\)"):
        estimate(np.zeros((70, 2)))


def test_a_recorded_face_that_begins_to_smile_pulls_its_lip_corners() -> None:
    clip = frames(recording("video", "single_face.mp4"), 41)
    neutral, smiling = (float(estimate(mesh_of(image))[0][LIP_CORNER_PULLER]) for image in (clip[0], clip[40]))
    assert neutral < 0.3
    assert smiling > 0.7
