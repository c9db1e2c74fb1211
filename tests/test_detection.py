from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pictures import astronaut, frames, recording

from faceedge.camera.detection import (
    KEYPOINTS,
    FaceDetector,
    Letterbox,
    anchor_centres,
    blend_overlapping,
    pairwise_iou,
)
from faceedge.errors import ConfigurationError, InputError, ModelError
from faceedge.inference.registry import find_model

# Where the face of the astronaut is, by eye.
ASTRONAUT_EYES = {"right_eye": (204, 101), "left_eye": (246, 103)}

boxes = st.integers(0, 12).flatmap(
    lambda n: hnp.arrays(np.float32, (n, 4), elements=st.floats(0, 100, width=32)).map(
        lambda a: np.concatenate((a[:, :2], a[:, :2] + a[:, 2:] + 1), axis=1)
    )
)


@pytest.fixture(scope="module", params=["near", "far"])
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    return FaceDetector(find_model(f"face_detection_{request.param}"))


@pytest.fixture(scope="module")
def near() -> FaceDetector:
    return FaceDetector(find_model("face_detection_near"))


def test_the_published_anchor_options_give_the_published_number_of_anchors() -> None:
    assert len(anchor_centres(128, [(8, 2), (16, 6)])) == 896
    assert len(anchor_centres(256, [(16, 2), (32, 6)])) == 896
    assert anchor_centres(128, [(8, 2), (16, 6)])[[0, 1, 2, 32, 512]].tolist() == [
        *([4, 4], [4, 4], [12, 4], [4, 12]),
        [8, 8],
    ]


def test_identical_boxes_overlap_fully_and_distant_ones_not_at_all() -> None:
    a = np.array([[0, 0, 10, 10], [5, 0, 15, 10]], np.float32)
    np.testing.assert_allclose(pairwise_iou(a, a), [[1, 1 / 3], [1 / 3, 1]])
    assert pairwise_iou(a, a + 100).max() == 0


def test_boxes_without_area_overlap_nothing() -> None:
    empty = np.array([[5, 5, 5, 5], [9, 9, 1, 1]], np.float32)
    assert not pairwise_iou(empty, empty).any()


def test_overlapping_candidates_become_their_mean_weighted_by_score() -> None:
    values = np.array([[0, 0, 10, 10], [2, 0, 12, 10], [50, 50, 60, 60]], np.float32)
    blended, scores = blend_overlapping(values, np.array([0.3, 0.9, 0.5], np.float32), 0.3)
    np.testing.assert_allclose(blended, np.array([[1.5, 0, 11.5, 10], [50, 50, 60, 60]]), rtol=1e-6)
    np.testing.assert_allclose(scores, [0.9, 0.5])


@given(values=boxes, seed=st.integers(0, 2**32 - 1))
def test_blending_invents_no_score_and_leaves_the_hull_of_its_input(values: np.ndarray, seed: int) -> None:
    scores = np.random.default_rng(seed).uniform(0.1, 1, len(values)).astype(np.float32)
    blended, kept = blend_overlapping(values, scores, 0.3)
    assert len(blended) == len(kept) <= len(values)
    assert set(kept.tolist()) <= set(scores.tolist())
    assert (np.diff(kept) <= 0).all()
    if len(values):
        assert kept[0] == scores.max()
        assert (blended >= values.min(axis=0) - 1e-3).all()
        assert (blended <= values.max(axis=0) + 1e-3).all()


@given(values=boxes)
def test_blending_keeps_candidates_that_do_not_overlap(values: np.ndarray) -> None:
    apart = values + np.arange(len(values), dtype=np.float32)[:, None] * 1000
    scores = np.linspace(0.9, 0.2, len(values), dtype=np.float32)
    blended, kept = blend_overlapping(apart, scores, 0.3)
    np.testing.assert_allclose(blended, apart, rtol=1e-5)
    np.testing.assert_array_equal(kept, scores)


@given(values=boxes, seed=st.integers(0, 2**32 - 1))
def test_blending_does_not_depend_on_the_order_of_candidates(values: np.ndarray, seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.permutation(np.linspace(0.9, 0.2, len(values), dtype=np.float32))
    order = generator.permutation(len(values))
    expected, _ = blend_overlapping(values, scores, 0.3)
    actual, _ = blend_overlapping(values[order], scores[order], 0.3)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-3)


@given(height=st.integers(1, 300), width=st.integers(1, 300))
def test_a_letterboxed_picture_maps_back_within_a_pixel(height: int, width: int) -> None:
    canvas, scale, offset = Letterbox(64).fit(np.full((height, width, 3), 255, np.uint8))
    ys, xs = np.nonzero(canvas[..., 0])
    corners = np.array([[xs.min(), ys.min()], [xs.max() + 1, ys.max() + 1]])
    back = (corners - offset) / scale
    # The picture's edges lie at whole pixels of the canvas, which are 1 / scale pixels of the picture.
    np.testing.assert_allclose(back, [[0, 0], [width, height]], atol=1.01 / scale)


def test_a_letterbox_forgets_the_last_picture() -> None:
    letterbox = Letterbox(64)
    letterbox.fit(np.full((64, 64, 3), 255, np.uint8))
    canvas, _, _ = letterbox.fit(np.full((32, 64, 3), 255, np.uint8))
    assert not canvas[:16].any()
    assert canvas[16:48].all()


@pytest.mark.models
def test_the_astronaut_has_one_face_with_eyes_where_they_are(near: FaceDetector) -> None:
    found = near.detect(astronaut())
    assert len(found) == 1
    assert found.boxes.dtype == found.scores.dtype == found.keypoints.dtype == np.float32
    assert found.keypoints.shape == (1, len(KEYPOINTS), 2)
    for name, expected in ASTRONAUT_EYES.items():
        assert np.linalg.norm(found.keypoints[0, KEYPOINTS.index(name)] - expected) < 8, name


@pytest.mark.models
@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (800, 600), (401, 307)])
def test_boxes_are_in_pixels_of_a_picture_of_any_shape(near: FaceDetector, width: int, height: int) -> None:
    picture = np.zeros((height, width, 3), np.uint8)
    side = min(height, width)
    x, y = (width - side) // 2, (height - side) // 2
    picture[y : y + side, x : x + side] = cv2.resize(astronaut(), (side, side))
    found = near.detect(picture)
    scale = side / 512
    assert len(found) >= 1
    expected = np.array(ASTRONAUT_EYES["right_eye"]) * scale + (x, y)
    assert np.linalg.norm(found.keypoints[0, 0] - expected) < 8 * scale


@pytest.mark.models
def test_a_mirrored_picture_gives_the_mirrored_face(near: FaceDetector) -> None:
    plain = near.detect(astronaut()).boxes[0]
    mirrored = near.detect(np.ascontiguousarray(astronaut()[:, ::-1])).boxes[0]
    np.testing.assert_allclose(mirrored[[0, 2]], 512 - plain[[2, 0]], atol=12)


@pytest.mark.models
def test_a_grey_wall_has_no_face(detector: FaceDetector) -> None:
    found = detector.detect(np.full((480, 640, 3), 127, np.uint8))
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)
    assert found.keypoints.shape == (0, 6, 2)


@pytest.mark.models
@pytest.mark.parametrize(
    "image",
    [
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((480, 640), np.uint8),
        np.zeros((480, 640, 4), np.uint8),
        np.zeros((480, 640, 3), np.float32),
    ],
    ids=["0x0", "grey", "four channels", "float"],
)
def test_what_is_no_colour_picture_is_refused(near: FaceDetector, image: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"\(height, width, 3\) uint8"):
        near.detect(image)


@pytest.mark.models
def test_a_card_whose_anchors_do_not_fit_the_file_is_refused() -> None:
    model = find_model("face_detection_near")
    wrong = dataclasses.replace(model, card=dataclasses.replace(model.card, extra={"anchors": [[4, 1]]}))
    with pytest.raises(ModelError, match="anchors ask for outputs"):
        FaceDetector(wrong)


@pytest.mark.models
@pytest.mark.parametrize("anchors", [None, 3, [[0, 1]], [["a", "b"]]])
def test_a_card_without_usable_anchors_is_refused(anchors: object) -> None:
    model = find_model("face_detection_near")
    wrong = dataclasses.replace(model, card=dataclasses.replace(model.card, extra={"anchors": anchors}))
    with pytest.raises(ModelError, match="anchors"):
        FaceDetector(wrong)


@pytest.mark.models
def test_a_landmark_network_is_no_detector() -> None:
    with pytest.raises(ModelError):
        FaceDetector(find_model("face_landmarks"))


@pytest.mark.parametrize("threshold", [0.0, 1.0, float("nan")])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(ConfigurationError, match="score_threshold"):
        FaceDetector(find_model("face_detection_near"), score_threshold=threshold)


@pytest.mark.models
def test_the_far_detector_finds_a_class_that_the_near_one_does_not_see(near: FaceDetector) -> None:
    far = FaceDetector(find_model("face_detection_far"))
    pictures = frames(recording("video", "classroom.gif"), 4, step=10)
    assert [len(near.detect(picture)) for picture in pictures] == [0, 0, 0, 0]
    assert [len(far.detect(picture)) for picture in pictures] == [4, 4, 4, 4]


@pytest.mark.models
def test_the_near_detector_finds_the_face_of_every_portrait() -> None:
    near = FaceDetector(find_model("face_detection_near"))
    folder: Path = recording("lfw", "images")
    paths = sorted(folder.glob("*.jpg"))[::80]
    assert all(len(near.detect(np.asarray(cv2.imread(str(path))))) for path in paths)
