"""From a radar's raw frames to the gate's answer, and what becomes of it when something is wrong."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from radar_echoes import ADC_CENTRE, echo

from faceedge.errors import ConfigurationError, InputError
from faceedge.perception.authentication.authenticator import NO_RADAR, Authenticator
from faceedge.perception.authentication.gate import GateState
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.chirp_files import load_chirp_file

CHIRP = load_chirp_file("bgt60_face_looks.json").chirp
PERIOD_NS = round(CHIRP.frame_period_s * 1e9)
START_NS = 1_700_000_000_000_000_000
RANDOM = np.random.default_rng(3)
ECHO = echo(CHIRP, 0.3)


def nobody(chirp: ChirpSettings) -> None:
    raise ConfigurationError("nobody is enrolled.")


def cube() -> np.ndarray:
    return np.rint(ADC_CENTRE + ECHO + RANDOM.normal(0, 2, CHIRP.cube_shape)).astype(np.uint16)


def push(authenticator: Authenticator, index: int, chirp: ChirpSettings = CHIRP, age_s: float = 0.0) -> GateState:
    stamp_ns = START_NS + index * PERIOD_NS
    return authenticator.push(cube(), chirp, index, stamp_ns, stamp_ns + round(1e9 * age_s))


@pytest.fixture
def session() -> Authenticator:
    """Five frames into a session that a PIN opened."""
    result = Authenticator(nobody)
    push(result, 0)
    result.verify_other("PIN")
    for index in range(1, 6):
        push(result, index)
    assert result.state.authenticated
    return result


def test_before_the_first_frame_nobody_can_be_authenticated() -> None:
    authenticator = Authenticator(nobody)
    assert authenticator.state.reason == NO_RADAR
    assert authenticator.silent(9.0).reason == NO_RADAR
    with pytest.raises(ConfigurationError, match="nobody can be kept authenticated"):
        authenticator.verify_other("PIN")


def test_who_cannot_be_compared_is_a_problem_and_other_means_still_work(session: Authenticator) -> None:
    assert session.problem == "nobody is enrolled."
    assert session.state.verified_by == "PIN"


def test_a_frame_that_is_too_old_or_ahead_ends_the_session(session: Authenticator) -> None:
    assert push(session, 6, age_s=0.9).authenticated
    assert push(session, 7, age_s=1.1).reason.startswith("the radar's frames are 1.1 s old")
    assert push(session, 8, age_s=-2.0).reason.startswith("the radar's frames are 2.0 s ahead of this clock")
    assert not push(session, 9).authenticated


def test_silence_ends_the_session_and_a_request_from_outside(session: Authenticator) -> None:
    assert session.silent(0.4).authenticated
    session.verify_other("PIN")
    assert session.silent(0.7).reason.startswith("the radar has been silent for 0.7 s")
    assert not push(session, 6).authenticated, "who asked before the silence may have left"


def test_another_chirp_ends_the_session_and_the_next_one_begins_anew(session: Authenticator) -> None:
    other = dataclasses.replace(CHIRP, tx_power_level=10)
    state = push(session, 6, other)
    assert (state.authenticated, state.reason.split(":")[0]) == (
        False,
        "the radar's chirp has changed (tx_power_level)",
    )
    assert session.chirp == other
    assert push(session, 7, other).reason == "nobody has been verified yet."


def test_a_chirp_that_shows_no_faces_is_a_reason_and_not_an_end() -> None:
    authenticator = Authenticator(nobody)
    few = dataclasses.replace(CHIRP, chirps_per_frame=2)
    state = authenticator.push(np.zeros(few.cube_shape, np.uint16), few, 0, START_NS, START_NS)
    assert state.reason.startswith("faces are looked at with at least 8 chirps a frame")
    assert push(authenticator, 1).reason == "nobody has been verified yet."


def test_a_cube_of_another_shape_is_refused(session: Authenticator) -> None:
    with pytest.raises(InputError):
        session.push(np.zeros((3, 4, 128), np.uint16), CHIRP, 6, START_NS, START_NS)


def test_a_template_that_has_changed_needs_another_verification(session: Authenticator) -> None:
    session.renew()
    assert not session.state.authenticated
    assert not push(session, 6).authenticated
