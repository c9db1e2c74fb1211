from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from radar_clips import clip

from faceedge.evaluation.radar.clips import Clip
from faceedge.evaluation.radar.expression_looks import KernelRidge, NearestFrame, recent_looks, squared_distances
from faceedge.evaluation.radar.expression_splits import blocks, random_frames, session_disjoint, with_noise
from faceedge.evaluation.radar.expressions import ExpressionProtocol, evaluate_expressions

ACTS = np.repeat(np.tile(np.arange(4, dtype=np.int8), 5), 20)
"""20 acts of 1 s."""


def wandering(person: str, session: str, seed: int) -> Clip:
    """What is shown leaves no trace at all: images drift, and no two moments but neighbours are alike."""
    made = clip(person, session, len(ACTS), 0.0, seed=seed, labels=ACTS)
    steps = np.random.default_rng(seed).normal(size=(len(ACTS), *made.images.shape[1:]))
    return dataclasses.replace(made, images=np.cumsum(steps, axis=0).astype(np.float16))


WANDERING = [wandering(f"p{person}", f"s{session}", 10 * person + session) for person in range(3) for session in (0, 1)]


def pixels(each: Clip) -> np.ndarray:
    return each.images.reshape(len(each), -1).astype(np.float32)


def learnt(protocol: ExpressionProtocol) -> np.ndarray:
    return protocol.training[0].labels >= 0


def counted(protocol: ExpressionProtocol) -> np.ndarray:
    return protocol.counted[protocol.training[0].key]


def test_a_random_tenth_of_the_frames_is_tested_and_all_others_are_learnt_from() -> None:
    protocol = random_frames(WANDERING)
    assert 20 < counted(protocol).sum() < 60
    np.testing.assert_array_equal(learnt(protocol), ~counted(protocol))


def test_blocks_are_two_seconds_long_and_half_a_second_beside_them_is_not_used() -> None:
    protocol = blocks(WANDERING)
    edges = np.flatnonzero(np.diff(counted(protocol).astype(int)))
    inner = np.diff(edges)
    assert set(inner.tolist()) == {40, 120}
    places, known = np.flatnonzero(counted(protocol)), np.flatnonzero(learnt(protocol))
    assert np.abs(places[:, None] - known).min() == 11


def test_random_frames_flatter_a_method_that_knows_nothing_of_expressions() -> None:
    method = NearestFrame("nearest", pixels)
    found = {p.name: evaluate_expressions(method, p) for p in (random_frames(WANDERING), blocks(WANDERING))}
    flattered, honest = (np.mean(list(result.balanced.values())) for result in found.values())
    assert flattered > 0.9
    assert honest < 0.45
    assert found["same recording, random frames"].answered == 1.0


def test_everybodys_last_recording_is_tested_and_one_recording_is_too_few() -> None:
    alone = wandering("p9", "s0", 99)
    protocol = session_disjoint([*WANDERING, alone])
    assert [each.session for each in protocol.training] == ["s0", "s0", "s0"]
    assert {person: own[0].session for person, own in protocol.testing.items()} == {"p0": "s1", "p1": "s1", "p2": "s1"}


def test_labels_that_are_off_are_in_the_training_alone() -> None:
    exact, off = session_disjoint(WANDERING), with_noise(session_disjoint(WANDERING))
    assert off.name == "session-disjoint, learnt from labels up to 10 % off"
    share = np.mean(exact.training[0].labels != off.training[0].labels)
    assert 0.01 < share < 0.15
    np.testing.assert_array_equal(exact.testing["p0"][0].labels, off.testing["p0"][0].labels)
    within = random_frames(WANDERING, 0.1)
    np.testing.assert_array_equal(within.testing["p0"][0].labels, ACTS)


def test_recent_looks_hold_the_look_of_now_and_those_of_200_and_400_milliseconds_ago() -> None:
    looks = np.random.default_rng(0).normal(size=(20, 3, 128)).astype(np.float32)
    made = dataclasses.replace(clip("p0", "s0", 20, 0.5), looks=looks)
    features = recent_looks(made)
    size = features.shape[1] // 3
    assert features.shape[0] == 20
    np.testing.assert_array_equal(features[12, :size], features[4, 2 * size :])
    np.testing.assert_array_equal(features[12, size : 2 * size], features[8, 2 * size :])
    np.testing.assert_array_equal(features[3, :size], features[0, 2 * size :])


def test_kernel_ridge_answers_with_the_leaf_of_what_it_has_learnt() -> None:
    method = KernelRidge("ridge", pixels)
    method.fit(WANDERING)
    probabilities = method.probabilities(WANDERING[0], ())
    assert np.mean(probabilities.argmax(axis=1) == ACTS) > 0.97
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_a_stranger_is_answered_for_by_the_model_of_all_people() -> None:
    method = NearestFrame("nearest", pixels)
    method.fit(WANDERING[:2])
    stranger = dataclasses.replace(WANDERING[1], person="p7")
    assert np.mean(method.probabilities(stranger, ()).argmax(axis=1) == ACTS) == pytest.approx(1.0)


def test_distances_of_points_in_a_plane() -> None:
    found = squared_distances(np.array([[0.0, 0.0], [3.0, 0.0]]), np.array([[0.0, 4.0]]))
    assert found.tolist() == [[16.0], [25.0]]
