from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from faceedge.errors import ConfigurationError, InputError, ModelError
from faceedge.inference.registry import Model, find_model
from faceedge.perception.radar_expression import LEAVES
from faceedge.perception.radar_expression_images import (
    MODELS,
    MOMENT_FRAMES,
    RadarImageExpression,
    leaf_log_probabilities,
)
from faceedge.radar.chirp_files import find_chirp_file, load_chirp_file
from faceedge.radar.face_frames import FaceFrame

FULL_BAND = load_chirp_file(find_chirp_file("bgt60_face_full_band")).chirp
MOMENTS = 8
FIRST = (MOMENTS - 1) * MOMENT_FRAMES
"""The first frame, counted from 0, that has all moments behind it."""


def frame(sequence: int, *, images: bool = True) -> FaceFrame:
    rng = np.random.default_rng(sequence)
    pair = rng.random((2, 64, 64), np.float32) if images else None
    return FaceFrame(sequence, 50_000_000 * sequence, pair, np.zeros((3, 128), np.float32), 0.0, False)


def test_the_probability_of_a_leaf_is_the_product_along_its_branch() -> None:
    stage, dynamic, static = (np.log([a, 1 - a]) for a in (0.4, 0.25, 0.9))
    found = np.exp(leaf_log_probabilities(stage, dynamic, static))
    assert dict(zip(LEAVES, found.round(6).tolist(), strict=True)) == {
        "neutral": 0.54,
        "smile": 0.1,
        "shock": 0.3,
        "anger": 0.06,
    }


def test_all_three_files_together_are_smaller_than_900_kilobytes() -> None:
    sizes = [find_model(name).path.stat().st_size for name in MODELS]
    assert len(sizes) == 3
    assert sum(sizes) <= 900_000


def test_an_estimate_comes_every_second_frame_once_all_moments_are_there_and_again_after_a_gap() -> None:
    stage = RadarImageExpression(FULL_BAND)
    found = [stage.push(frame(k)) for k in range(FIRST + 4)]
    assert [k for k, estimate in enumerate(found) if estimate is not None] == [FIRST, FIRST + 2]
    last = found[-2]
    assert last is not None
    assert float(last.probabilities.sum()) == pytest.approx(1.0, abs=1e-5)
    assert last.dynamic == pytest.approx(float(last.probabilities[1] + last.probabilities[2]), abs=1e-6)
    assert last.stamp_ns == 50_000_000 * (FIRST + 2)
    assert stage.push(frame(FIRST + 6)) is None


def test_a_frame_without_images_starts_the_moments_over() -> None:
    stage = RadarImageExpression(FULL_BAND)
    for k in range(FIRST):
        stage.push(frame(k))
    assert stage.push(frame(FIRST, images=False)) is None
    found = [stage.push(frame(FIRST + 1 + k)) is None for k in range(FIRST + 2)]
    assert found.index(False) == FIRST + 1


def test_a_reference_moves_probabilities_by_the_cards_share() -> None:
    models = tuple(find_model(name) for name in MODELS)
    entry = dict(models[0].card.extra["processing"]) | {"reference_share": 1.0}
    first = Model(models[0].path, dataclasses.replace(models[0].card, extra={"processing": entry}))
    plain, corrected = (RadarImageExpression(FULL_BAND, (first, *models[1:])) for _ in range(2))
    corrected.set_reference(np.array([0.0, 0.0, 0.0, 1.0]))
    pairs = [(plain.push(frame(k)), corrected.push(frame(k))) for k in range(FIRST + 1)]
    a, b = pairs[-1]
    assert a is not None
    assert b is not None
    before, after = (p.probabilities[LEAVES.index("anger")] / p.probabilities[0] for p in (a, b))
    assert after / before == pytest.approx(np.exp(-1.0), rel=1e-3)


def test_reset_forgets_frames_and_references_need_estimates() -> None:
    stage = RadarImageExpression(FULL_BAND)
    for k in range(FIRST + 1):
        stage.push(frame(k))
    assert stage.neutral_reference().shape == (4,)
    stage.reset()
    with pytest.raises(InputError, match=r"needs more than 3\.2 s of frames"):
        stage.neutral_reference()
    with pytest.raises(InputError, match="has 4 finite numbers"):
        stage.set_reference(np.zeros(3))


def test_another_chirp_and_another_card_are_refused() -> None:
    looks = load_chirp_file(find_chirp_file("bgt60_face_looks")).chirp
    with pytest.raises(ConfigurationError, match=r"made for chirps_per_frame 64, the radar has 8; use the chirp file"):
        RadarImageExpression(looks)
    with pytest.raises(ConfigurationError, match="expected 0 to 1, got 2"):
        RadarImageExpression(FULL_BAND, threshold=2.0)
    models = tuple(find_model(name) for name in MODELS)
    bare = Model(models[0].path, dataclasses.replace(models[0].card, extra={}))
    with pytest.raises(ModelError, match="its card must give moments"):
        RadarImageExpression(FULL_BAND, (bare, *models[1:]))


def test_the_files_of_another_model_are_refused_by_their_shape() -> None:
    models = tuple(find_model(name) for name in MODELS)
    with pytest.raises(ModelError, match="its card or file is of another model"):
        RadarImageExpression(FULL_BAND, (models[0], find_model("radar_expression"), models[2]))


@pytest.mark.training
def test_each_network_gives_two_logits_whatever_lies_beyond_the_nearest_ranges() -> None:
    torch = pytest.importorskip("torch")
    from faceedge.training.radar_expression_images_network import RANGES, Exported, leaf_network, stage_network

    torch.manual_seed(0)
    for make in (stage_network, leaf_network):
        network = Exported(make(4, 10)).eval()
        near = torch.rand(2, 4, 64, 64)
        far = near.clone()
        far[:, :, RANGES:] = 0
        with torch.no_grad():
            out = network(near)
            assert tuple(out.shape) == (2, 2)
            assert torch.equal(out, network(far))


@pytest.mark.training
def test_the_label_of_a_stack_is_of_the_middle_of_its_time() -> None:
    pytest.importorskip("torch")
    from faceedge.training.radar_expression_images_data import ImageSession, places, stacks

    labels = np.arange(100)
    images = np.zeros((200, 2, 64, 64), np.uint8)
    images[:] = np.arange(200)[:, None, None, None]
    session = ImageSession(0, 0, 0, images, labels, np.zeros((100, 10), np.float32), ())
    where = places([session], MOMENTS)
    assert int(where.frames[0]) == 64
    assert int(where.labels[0]) == 16  # 3.2 s of images end at frame 64, step 32
    stack = stacks([session], where.at(np.array([0])), MOMENTS)
    assert stack.shape == (1, 16, 64, 64)
    assert stack[0, :, 0, 0].tolist() == [8, 8, 16, 16, 24, 24, 32, 32, 40, 40, 48, 48, 56, 56, 64, 64]
