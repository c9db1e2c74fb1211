"""One template against looks, with a stand-in for the model."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sittings import CHIRP, StandInEmbedder, empty, frames, looks

from faceedge.errors import ConfigurationError
from faceedge.perception.authentication.verifier import Verification, Verifier
from faceedge.perception.enrolment import consent
from faceedge.perception.enrolment.enrolment import Enrolment, EnrolmentSettings
from faceedge.perception.templates.polyprotect import Key
from faceedge.perception.templates.refusals import Refusal, TemplateError
from faceedge.perception.templates.template import Template


@pytest.fixture(scope="module")
def mia() -> tuple[Template, Key]:
    enrolment = Enrolment(CHIRP, StandInEmbedder(), EnrolmentSettings(sittings=2, steps=()))
    for number in range(2):
        for frame in frames(looks(1, 120, seed=number), 1000 * number):
            enrolment.push(frame)
        enrolment.end_sitting()
    result = enrolment.finish()
    return result.template("mia", "door", consent.synthetic("mia")), result.key


def decisions(verifier: Verifier, samples: np.ndarray, first: int = 5000) -> list[Verification]:
    found = [verifier.push(frame) for frame in frames(samples, first)]
    return [each for each in found if each is not None]


def test_the_person_is_accepted_in_a_new_sitting_and_another_one_is_not(mia: tuple[Template, Key]) -> None:
    verifier = Verifier(*mia, StandInEmbedder())
    own = decisions(verifier, looks(1, 100, range_m=0.4, seed=7))
    assert len(own) >= 10
    assert np.mean([each.accepted for each in own]) > 0.7
    verifier.reset()
    other = decisions(verifier, looks(2, 100), 9000)
    assert not any(each.accepted for each in other)
    assert all(each.threshold == mia[0].threshold for each in (*own, *other))
    assert own[0].stamp_ns < own[1].stamp_ns


def test_nobody_gets_no_decision(mia: tuple[Template, Key]) -> None:
    assert decisions(Verifier(*mia, StandInEmbedder()), empty(100)) == []


def test_frozen_and_overdriven_frames_are_left_out(mia: tuple[Template, Key]) -> None:
    for change in ({"repeated": True}, {"saturated": 0.5}):
        verifier = Verifier(*mia, StandInEmbedder())
        bad = [dataclasses.replace(frame, **change) for frame in frames(looks(1, 60))]
        assert [verifier.push(frame) for frame in bad] == [None] * 60


def test_another_chirp_and_another_model_are_refused_and_not_scored(mia: tuple[Template, Key]) -> None:
    higher = dataclasses.replace(CHIRP, end_frequency_hz=CHIRP.end_frequency_hz - 1e9)
    with pytest.raises(TemplateError, match="the template of mia was made with another chirp") as other_chirp:
        Verifier(*mia, StandInEmbedder(higher))
    assert other_chirp.value.refusal is Refusal.OTHER_CHIRP
    with pytest.raises(TemplateError, match="another embedding network") as other_model:
        Verifier(*mia, StandInEmbedder(sha256="cd" * 32))
    assert other_model.value.refusal is Refusal.OTHER_MODEL


def test_embeddings_of_another_length_are_refused(mia: tuple[Template, Key]) -> None:
    vector = np.zeros(128)
    vector[0] = 1
    with pytest.raises(ConfigurationError, match="has 6 values, embeddings of 128 give 26"):
        Verifier(*mia, StandInEmbedder()).decide(vector)
