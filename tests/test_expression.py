"""The expression classifier: framing, views, decision, and the shipped model on both runtimes."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_data import SHARED_DATA

from faceedge.errors import ConfigurationError, InputError, ModelError
from faceedge.inference.registry import Model, find_model
from faceedge.perception import expression as ex
from faceedge.perception import expression_networks as networks
from faceedge.perception.expression import ExpressionClassifier
from faceedge.perception.expression_networks import EXPRESSIONS

PUBLIC_TEST = SHARED_DATA / "fer2013" / "public_test.npz"


def mesh_with(eyes_and_mouth: np.ndarray) -> np.ndarray:
    """A (468, 3) mesh in which only the points that the framing uses are set."""
    mesh = np.zeros((468, 3), np.float32)
    for pair, centre in zip((ex.RIGHT_EYE, ex.LEFT_EYE, ex.MOUTH), eyes_and_mouth, strict=True):
        mesh[list(pair), :2] = centre + np.array([[-3, 0], [3, 0]])
    return mesh


@given(st.floats(-3.1, 3.1), st.floats(0.3, 20.0), st.floats(-500, 500), st.floats(-500, 500))
def test_a_similarity_is_recovered_from_the_points_that_it_moved(angle: float, zoom: float, x: float, y: float) -> None:
    rotation = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = ex.CANONICAL @ rotation.T + (x, y)
    back = ex.similarity(moved, ex.CANONICAL)
    assert np.allclose(moved @ back[:, :2].T + back[:, 2], ex.CANONICAL, atol=2e-2)


def test_a_face_at_canonical_places_is_cut_out_pixel_by_pixel() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (48, 48), np.uint8)
    crop = ex.align(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), mesh_with(ex.CANONICAL))
    assert np.abs(crop.astype(int) - picture).max() <= 1


@pytest.mark.parametrize("zoom", [2, 5, 9])
def test_a_large_face_is_smoothed_before_it_is_made_small(zoom: int) -> None:
    rng = np.random.default_rng(2)
    small = cv2.GaussianBlur(rng.integers(0, 256, (48, 48), np.uint8), (0, 0), 2)
    large = cv2.resize(small, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    noisy = np.clip(large.astype(int) + rng.choice([-40, 40], large.shape), 0, 255).astype(np.uint8)
    centres = (ex.CANONICAL + 0.5) * zoom - 0.5
    crop = ex.align(cv2.cvtColor(noisy, cv2.COLOR_GRAY2BGR), mesh_with(centres))
    inner = (slice(4, -4), slice(4, -4))
    assert np.abs(crop[inner].astype(int) - small[inner]).mean() < 40 / zoom * 1.2


def test_points_that_coincide_are_refused_with_a_sentence() -> None:
    with pytest.raises(InputError, match="distinct eye and mouth landmarks"):
        ex.align(np.zeros((48, 48, 3), np.uint8), np.zeros((468, 3), np.float32))


def test_a_mirrored_view_is_the_mirror_image() -> None:
    crop = np.random.default_rng(3).integers(0, 256, (48, 48), np.uint8)
    seen = cv2.warpAffine(crop, networks.View(mirrored=True).matrix(), (48, 48), borderMode=cv2.BORDER_REFLECT_101)
    assert np.array_equal(seen, crop[:, ::-1])


def test_a_full_band_changes_nothing_and_a_narrow_one_keeps_the_mean() -> None:
    crop = np.random.default_rng(4).integers(0, 256, (48, 48), np.uint8)
    assert np.allclose(networks.band_limit(crop, networks.band_mask(48)), crop, atol=1e-2)
    narrow = networks.band_limit(crop, networks.band_mask(10))
    assert narrow.mean() == pytest.approx(crop.mean(), abs=1e-2)
    assert narrow.std() < 0.5 * crop.std()


@pytest.fixture(scope="module")
def classifier() -> ExpressionClassifier:
    return ExpressionClassifier(find_model("expression"))


@pytest.mark.models
def test_probabilities_sum_to_one_and_ignore_the_mirror(classifier: ExpressionClassifier) -> None:
    crop = cv2.GaussianBlur(np.random.default_rng(5).integers(0, 256, (48, 48), np.uint8), (0, 0), 3)
    plain, mirrored = classifier.classify_crops(np.stack([crop, crop[:, ::-1]]))
    assert plain.sum() == pytest.approx(1.0, abs=1e-5)
    assert np.allclose(plain, mirrored, atol=0.05)


@pytest.mark.models
def test_an_unsure_face_gets_no_word_but_keeps_its_numbers(classifier: ExpressionClassifier) -> None:
    estimate = classifier.decide(np.full(7, 1 / 7, np.float32))
    assert estimate.word == ""
    assert estimate.confidence == pytest.approx(1 / 7, abs=1e-6)


@pytest.mark.models
@pytest.mark.parametrize("index", range(7))
def test_a_sure_face_gets_its_word_and_the_words_place_on_the_circumplex(
    classifier: ExpressionClassifier, index: int
) -> None:
    estimate = classifier.decide(np.eye(7, dtype=np.float32)[index])
    assert estimate.word == EXPRESSIONS[index]
    assert (estimate.valence, estimate.arousal) == pytest.approx(tuple(ex.VALENCE_AROUSAL[index]))


@pytest.mark.models
def test_crops_of_another_size_are_refused_with_a_sentence(classifier: ExpressionClassifier) -> None:
    with pytest.raises(InputError, match=r"expected crops \(n, 48, 48\) uint8, got \(1, 64, 64\)"):
        classifier.classify_crops(np.zeros((1, 64, 64), np.uint8))


@pytest.mark.models
def test_a_threshold_outside_zero_and_one_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="expected 0 to 1"):
        ExpressionClassifier(find_model("expression"), threshold=1.5)


@pytest.mark.models
def test_a_card_without_calibration_is_refused() -> None:
    model = find_model("expression")
    with pytest.raises(ModelError, match="processing"):
        ExpressionClassifier(Model(model.path, dataclasses.replace(model.card, extra={})))


@pytest.mark.models
def test_a_model_for_another_task_is_refused() -> None:
    landmarks = find_model("face_landmarks")
    with pytest.raises(ModelError, match=r"expected an input \(1, n, n, 1\)"):
        ExpressionClassifier(Model(landmarks.path, find_model("expression").card))


@pytest.mark.models
@pytest.mark.skipif(not PUBLIC_TEST.exists(), reason="needs the FER2013 public test split beside the checkout")
def test_the_shipped_model_is_as_good_as_its_card_says(classifier: ExpressionClassifier) -> None:
    from faceedge.training import fer2013

    data = fer2013.load(PUBLIC_TEST)
    some = np.random.default_rng(6).choice(len(data), 600, replace=False)
    accuracy = float((classifier.classify_crops(data.images[some]).argmax(1) == data.labels[some]).mean())
    card = find_model("expression").card.metrics["FER2013 PublicTest"]["accuracy"]["value"]
    # Four standard errors of 600 draws.
    assert abs(accuracy - card) < 4 * (0.25 / 600) ** 0.5


def test_a_partner_counts_more_the_larger_the_face_and_nothing_where_its_share_is_small() -> None:
    share = ex.Share(equal_at_px=30.0, power=4.0)
    assert share.weight(30.0) == 1.0
    assert share.weight(96.0) == share.weight(48.0)
    assert ex.shares([1.0, share.weight(12.0)]) == [1.0, 0.0]
    own, partner = ex.shares([1.0, share.weight(40.0)])
    assert own + partner == pytest.approx(1.0)
    assert partner > own > 0


def test_the_side_of_a_face_is_that_of_the_square_which_is_cut_out() -> None:
    assert ex.side_px(mesh_with(ex.CANONICAL)) == pytest.approx(48.0, abs=0.01)
    assert ex.side_px(mesh_with(ex.CANONICAL / 3)) == pytest.approx(16.0, abs=0.01)


@pytest.mark.models
def test_a_small_face_is_read_with_another_confidence_than_a_large_one(classifier: ExpressionClassifier) -> None:
    crop = cv2.GaussianBlur(np.random.default_rng(7).integers(0, 256, (48, 48), np.uint8), (0, 0), 2)
    assert not np.allclose(classifier.probabilities(crop, 14.0), classifier.probabilities(crop, 48.0), atol=1e-3)
