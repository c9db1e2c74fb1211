from __future__ import annotations

import dataclasses
import importlib.util

import numpy as np
import pytest
from radar_clips import clip

from faceedge.evaluation.radar.baselines import (
    face_power,
    numpy_baselines,
    principal,
    room_only,
    room_power,
    thinned,
)
from faceedge.evaluation.radar.clips import Clip
from faceedge.evaluation.radar.expressions import (
    AlwaysNeutral,
    LinearDiscriminant,
    evaluate_expressions,
    person_disjoint_expressions,
    same_recording_expressions,
    shifted_labels,
)
from faceedge.evaluation.radar.figures import result_of
from faceedge.evaluation.radar.methods import Method
from faceedge.evaluation.radar.protocols import same_recording, session_disjoint

pytestmark = pytest.mark.arrays

LEVELS = {"anna": 0.3, "ben": 0.6}
PEOPLE = [clip(person, f"s{k}", level=level) for person, level in LEVELS.items() for k in range(3)]
STRANGERS = [clip("zoe", "s0", level=0.9)]


@pytest.mark.parametrize("method", numpy_baselines(), ids=lambda method: method.name)
def test_each_baseline_knows_people_who_differ_much(method: Method) -> None:
    protocol = same_recording(PEOPLE, STRANGERS)
    method.fit(protocol.enrolled)
    spread = result_of(method, protocol, 0.5).spread("auroc")
    assert spread is not None
    assert spread.mean > 0.99


def test_the_power_of_face_and_room_are_told_apart() -> None:
    made = clip("anna", "s0", 2)
    cycles = 2 * np.pi * np.arange(made.looks.shape[-1]) / made.looks.shape[-1]

    def stronger(range_m: float) -> Clip:
        place = round(range_m / made.chirp.range_resolution_m)
        return dataclasses.replace(made, looks=made.looks + np.float32(300) * np.cos(place * cycles, dtype=np.float32))

    at_face, in_room = stronger(0.3), stronger(4.0)
    assert np.abs(face_power(at_face) - face_power(made)).max() > 1
    assert np.abs(room_only(at_face) - room_only(made)).max() < 0.2
    assert np.abs(face_power(in_room) - face_power(made)).max() < 0.2
    assert np.abs(room_only(in_room) - room_only(made)).max() > 1
    assert all(np.abs(room_power(each) - room_power(made)).max() > 1 for each in (at_face, in_room))


def test_principal_components_are_those_of_the_covariance() -> None:
    rng = np.random.default_rng(0)
    frames = rng.standard_normal((50, 6)) * np.array([5, 3, 1, 0.5, 0.2, 0.1]) + 7
    centre, variances, axes = principal(frames, 3)
    expected, vectors = np.linalg.eigh(np.cov(frames.T, bias=True))
    np.testing.assert_allclose(centre, frames.mean(axis=0))
    np.testing.assert_allclose(variances, expected[::-1][:3])
    np.testing.assert_allclose(np.abs(axes @ vectors[:, ::-1][:, :3]), np.eye(3), atol=1e-5)


def test_frames_that_are_all_alike_have_no_components() -> None:
    _, variances, axes = principal(np.ones((5, 4)), 3)
    assert len(variances) == len(axes) == 0


def test_frames_are_thinned_evenly_to_a_bounded_number() -> None:
    assert thinned(np.arange(10), 4).tolist() == [0, 3, 6, 9]
    assert thinned(np.arange(4), 4).tolist() == [0, 1, 2, 3]
    assert len(thinned(np.zeros(0), 4)) == 0


def acted(person: str, session: str, seed: int) -> Clip:
    """The leaves one after the other, each at a level of its own."""
    labels = np.repeat(np.tile(np.arange(4, dtype=np.int8), 4), 10)
    made = clip(person, session, len(labels), 0.5, seed=seed, labels=labels)
    made.images[:] += (0.1 * labels)[:, None, None, None].astype(np.float16)
    made.images[:, 0] += (0.1 * (labels == 2))[:, None, None].astype(np.float16)
    return made


ACTED = [acted(f"p{k}", f"s{n}", 10 * k + n) for k in range(5) for n in range(2)]


def test_the_trivial_answer_is_right_for_one_leaf_of_four() -> None:
    result = evaluate_expressions(AlwaysNeutral(), same_recording_expressions(ACTED))
    assert set(result.balanced.values()) == {0.25}
    assert result.recall == (1.0, 0.0, 0.0, 0.0)
    assert result.answered == 1.0


def test_a_linear_discriminant_tells_leaves_apart_that_differ_much() -> None:
    for reference in (False, True):
        result = evaluate_expressions(LinearDiscriminant(), person_disjoint_expressions(ACTED), reference=reference)
        assert len(result.balanced) == 2
        assert min(result.balanced.values()) > 0.95
        assert 0.7 < np.mean(list(result.noisy.values())) < 0.99


def test_nobody_is_tested_who_was_learnt_from() -> None:
    protocol = person_disjoint_expressions(ACTED)
    assert {each.person for each in protocol.training} == {"p0", "p1", "p2"}
    assert set(protocol.testing) == {"p3", "p4"}
    strangers = person_disjoint_expressions(ACTED[:6], ACTED[6:])
    assert {each.person for each in strangers.training}.isdisjoint(strangers.testing)


def test_the_reference_is_neutral_and_of_a_recording_that_is_not_tested() -> None:
    protocol = person_disjoint_expressions(ACTED)
    (reference,) = protocol.references["p3"]
    assert set(reference.labels) == {0}
    assert reference.session == "s0"
    assert [each.session for each in protocol.testing["p3"]] == ["s1"]


def test_shifted_labels_differ_at_the_borders_alone() -> None:
    labels = np.repeat(np.array([0, 1, 0, 3], np.int8), 50)
    shifted = shifted_labels(labels, np.random.default_rng(1))
    differing = np.flatnonzero(shifted != labels)
    assert 0 < len(differing) <= 15
    assert all(min(abs(place - border) for border in (50, 100, 150)) <= 5 for place in differing)


def test_unlabelled_recordings_are_not_tested() -> None:
    protocol = same_recording_expressions(PEOPLE)
    assert not protocol.testing


@pytest.mark.training
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch (extra: train) is not installed")
def test_trained_baselines_score_every_frame_of_everybody() -> None:
    from faceedge.training.baselines import SCORES, torch_baselines

    def big(person: str, session: str, level: float) -> Clip:
        made = clip(person, session, 30, level)
        return dataclasses.replace(made, images=np.repeat(np.repeat(made.images, 4, axis=2), 4, axis=3))

    people = [big(person, f"s{k}", level) for person, level in LEVELS.items() for k in range(3)]
    protocol = session_disjoint(people, [big("zoe", "s0", 0.9)])
    said: list[str] = []
    methods = torch_baselines(0, said.append)
    assert [method.name for method in methods] == [*SCORES, "autoencoder"]
    for method in methods:
        method.fit(protocol.enrolled)
        for person in protocol.enrolled:
            scores = method.score(person, protocol.genuine[person][0], 0.05)
            assert scores.shape == (30,)
            assert np.isfinite(scores).all()
    assert len([line for line in said if line.startswith("classifier")]) == 2  # one network for eight methods


@pytest.mark.training
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch (extra: train) is not installed")
def test_a_sure_answer_scores_higher_than_an_unsure_one_whoever_is_claimed() -> None:
    from faceedge.training.baselines import SCORES, Answers, SharedClassifier

    shared = SharedClassifier(0, print)
    logits = np.array([[9.0, 0.0, 0.0], [3.0, 2.0, 2.5]])
    answers = Answers(np.array([[4.0, 4.0], [1.0, 1.0]]), logits, np.array([0.9, 0.4]))
    for name in ("MSP", "MaxLogit", "Energy", "ODIN", "GradNorm"):
        sure, unsure = SCORES[name](answers, 0, shared)
        assert sure > unsure
        assert SCORES[name](answers, 2, shared).tolist() == [sure, unsure]
    assert SCORES["MSP"](answers, 0, shared)[0] == pytest.approx(-np.log(1 + 2 * np.exp(-9)))
    assert SCORES["Energy"](answers, 0, shared)[0] == pytest.approx(np.log(np.exp(9) + 2))
