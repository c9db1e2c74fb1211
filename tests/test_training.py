"""Cleaning, restoration, calibration (plain NumPy), and a short training to a shipped pair of files (needs torch)."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from shared_data import SHARED_DATA

from faceedge.errors import InputError
from faceedge.perception.expression_networks import softmax
from faceedge.training import calibration, fer2013, restoration

PUBLIC_TEST = SHARED_DATA / "fer2013" / "public_test.npz"


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """Random pictures (count, 48, 48) uint8 with the falling spectrum of natural ones."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(count, 48, 48)).astype(np.float32)
    smooth = np.stack([sum(cv2.GaussianBlur(x, (0, 0), s) * s for s in (0.6, 1.5, 4.0)) for x in noise])
    smooth *= 40 / smooth.std((1, 2), keepdims=True)
    return np.clip(smooth + 128, 0, 255).astype(np.uint8)


def faces(images: np.ndarray, labels: list[int]) -> fer2013.FaceSet:
    return fer2013.FaceSet(images, np.array(labels, np.int64), fer2013.CLASSES)


def test_cleaning_leaves_out_blanks_leaks_repetitions_and_contradictions_and_counts_them() -> None:
    a, b, c, d, held = pictures(5)
    images = np.stack([a, a, b, b, c, held, held[:, ::-1], d, np.zeros_like(a)])
    kept, report = fer2013.clean(faces(images, [0, 0, 1, 2, 3, 4, 4, 5, 6]), faces(held[None], [4]))
    assert [image.tobytes() for image in kept.images] == [a.tobytes(), c.tobytes(), d.tobytes()]
    assert report == fer2013.CleaningReport(total=9, blank=1, in_held_out=2, duplicate=1, conflicting=2, kept=3)


def test_a_file_without_pictures_is_refused_with_a_sentence(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", image=np.zeros((2, 48, 48), np.float32), label=[0, 1], classes=list(fer2013.CLASSES))
    with pytest.raises(InputError, match=r"expected 'image' \(n, 48, 48\) uint8"):
        fer2013.load(tmp_path / "x.npz")
    with pytest.raises(InputError, match=r"expected an \.npz file"):
        fer2013.load(tmp_path / "absent.npz")


def test_a_sharp_split_comes_back_as_it_is() -> None:
    images = pictures(400)
    restored, blur = restoration.restore(images, pictures(400, seed=1))
    assert blur.is_sharp
    assert restored is images


def test_a_blur_is_found_and_undone_within_its_band() -> None:
    sharp = pictures(600)
    blurred = np.stack([cv2.GaussianBlur(x, (0, 0), 3.4, borderType=cv2.BORDER_REFLECT) for x in sharp])
    restored, blur = restoration.restore(blurred, pictures(600, seed=1))
    assert 8 < blur.band < 20
    index = 6
    assert blur.transfer[index] == pytest.approx(np.exp(-2 * (np.pi * 3.4 * index / 96) ** 2), abs=0.05)
    target = np.stack([cv2.GaussianBlur(x, (0, 0), 1.4) for x in sharp]).astype(float)
    error_before = np.abs(blurred - target).mean()
    assert np.abs(restored - target).mean() < 0.5 * error_before


def test_the_temperature_of_exaggerated_logits_is_found_and_the_error_falls() -> None:
    rng = np.random.default_rng(3)
    honest = rng.normal(0, 1.5, (4000, 7))
    labels = np.array([rng.choice(7, p=row) for row in softmax(honest)])
    assert calibration.fit_temperature(3 * honest, labels) == pytest.approx(3.0, rel=0.1)
    assert calibration.cross_fitted_error(3 * honest, labels, seed=0) < 0.03


def test_the_threshold_is_the_lowest_that_reaches_the_wanted_accuracy() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    assert calibration.threshold_for(probabilities, np.array([0, 0, 1, 1]), 1.0) == pytest.approx(0.71)
    assert calibration.threshold_for(probabilities, np.array([1, 1, 1, 1]), 0.5) == 1.0


@pytest.mark.training
def test_two_epochs_end_in_an_int8_file_with_a_full_card_and_resume_where_they_stopped(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra `train`")
    pytest.importorskip("litert_torch", reason="needs the extra `train`")
    from faceedge.inference.registry import find_model
    from faceedge.perception.expression import ExpressionClassifier
    from faceedge.training import expression, expression_card

    rng = np.random.default_rng(4)
    labels = rng.integers(0, 7, 192)
    images = pictures(192)
    for image, label in zip(images, labels, strict=True):
        cv2.circle(image, (8 + 5 * int(label), 24), 4, 255, -1)
    data = faces(images, labels.tolist())
    said: list[str] = []
    settings = expression.TrainingSettings(epochs=1, batch=64, threads=1)
    expression.train(data, data, tmp_path, settings, said.append)
    settings = expression.TrainingSettings(epochs=2, batch=64, threads=1)
    network = expression.train(data, data, tmp_path, settings, said.append)
    assert "going on after epoch 1" in said
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 2

    report = fer2013.CleaningReport(192, 0, 0, 0, 0, 192)
    blur = restoration.Blur(np.ones(48), 48.0)
    expression_card.finish(
        network, data, data, report, blur, settings, tmp_path, tmp_path / "models", "command", said.append
    )
    model = find_model("expression", tmp_path / "models")
    assert json.loads(json.dumps(model.card.metrics))["FER2013 PublicTest"]["accuracy"]["n"] == 192
    assert ExpressionClassifier(model).classify_crops(images[:3]).shape == (3, 7)


@pytest.mark.skipif(not PUBLIC_TEST.exists(), reason="needs the FER2013 splits beside the checkout")
def test_no_face_of_public_test_is_in_the_cleaned_training_split() -> None:
    """The blur hides several hundred: they show only when both splits are brought to the same band."""
    held_out = fer2013.load(PUBLIC_TEST)
    training = fer2013.load(PUBLIC_TEST.with_name("training.npz"))
    restored, blur = restoration.restore(training.images, held_out.images)
    limited = restoration.limit(held_out.images, blur)
    some = np.random.default_rng(5).choice(len(held_out), 400, replace=False)
    seen = held_out.take(some)
    cleaned, report = fer2013.clean(
        fer2013.FaceSet(restored, training.labels, training.classes),
        fer2013.FaceSet(limited[some], seen.labels, seen.classes),
    )
    assert report.in_held_out > 20
    rows = fer2013.normalised(cleaned.images)
    for images in (limited[some], limited[some][:, :, ::-1]):
        assert (fer2013.normalised(images) @ rows.T).max() <= fer2013.LEAK
