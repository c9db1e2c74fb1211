from __future__ import annotations

import dataclasses

import pytest
from radar_sitters import CHIRP, PERIOD_NS, frame, looks_of

from faceedge.errors import ConfigurationError
from faceedge.perception.authentication.gate import Gate, GateSettings, GateState, Phase
from faceedge.perception.authentication.verifier import Verification
from faceedge.radar.face_frames import FaceFrame

LOOKS = looks_of(1, 400)
OTHER = looks_of(2, 80, distance_m=0.37)


class Votes:
    """A verifier that says what it is told, every tenth frame; None: nothing."""

    def __init__(self, *accepted: bool | None) -> None:
        self.accepted, self.frames, self.resets = list(accepted), 0, 0

    def push(self, frame: FaceFrame) -> Verification | None:
        self.frames += 1
        if self.frames % 10 or not self.accepted:
            return None
        accepted = self.accepted.pop(0)
        return None if accepted is None else Verification(0.9 if accepted else 0.1, 0.5, accepted, frame.stamp_ns)

    def reset(self) -> None:
        self.resets += 1


def watch(gate: Gate, first: int, last: int) -> list[GateState]:
    return [gate.push(frame(n, LOOKS[n])) for n in range(first, last)]


@pytest.fixture
def gate() -> Gate:
    """Open since frame 0, at frame 40."""
    opened = Gate(CHIRP)
    opened.verify_other("PIN")
    watch(opened, 0, 40)
    assert opened.state.authenticated
    return opened


def test_nobody_is_authenticated_before_a_verification() -> None:
    states = watch(Gate(CHIRP), 0, 30)
    assert not any(state.authenticated for state in states)
    assert (states[-1].phase, states[-1].reason) == (Phase.SEARCHING, "nobody has been verified yet.")


def test_a_verification_from_outside_opens_with_the_next_frame_and_names_its_means() -> None:
    gate = Gate(CHIRP)
    gate.verify_other(" PIN ")
    assert not gate.state.authenticated
    state = gate.push(frame(0, LOOKS[0]))
    assert (state.authenticated, state.phase, state.verified_by) == (True, Phase.VERIFIED, "PIN")
    assert (state.score, state.reason) == (1.0, "verified by PIN.")


def test_a_verification_from_outside_has_a_name() -> None:
    with pytest.raises(ConfigurationError, match="names its means"):
        Gate(CHIRP).verify_other(" ")


def test_two_votes_in_a_row_open_and_one_does_not() -> None:
    gate = Gate(CHIRP, Votes(True, False, True, True))
    states = watch(gate, 0, 40)
    assert [n for n, state in enumerate(states) if state.authenticated] == [39]
    assert states[-1].verified_by == "identity"
    assert states[-1].verification_score == 0.9


def test_a_session_of_the_verifier_ends_after_six_refusals_and_not_after_five() -> None:
    gate = Gate(CHIRP, Votes(True, True, *[False] * 6))
    assert watch(gate, 0, 79)[-1].authenticated
    state = gate.push(frame(79, LOOKS[79]))
    assert (state.authenticated, state.phase) == (False, Phase.LOST)
    assert state.reason == "the verifier has refused the person 6 times in a row."


def test_a_session_from_outside_does_not_end_by_refusals() -> None:
    gate = Gate(CHIRP, Votes(*[False] * 8))
    gate.verify_other("card")
    assert watch(gate, 0, 100)[-1].authenticated


def test_votes_before_a_loss_do_not_open_again() -> None:
    votes = Votes(True, True, None, True, False, True, True)
    gate = Gate(CHIRP, votes)
    watch(gate, 0, 25)
    assert not gate.push(frame(25, LOOKS[25], repeated=True)).authenticated
    assert votes.resets >= 1
    states = watch(gate, 26, 80)
    # One vote after the loss is not two, whatever was before it.
    assert next(n for n, state in enumerate(states, 26) if state.authenticated) == 70


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (frame(40, LOOKS[40], repeated=True), "frozen"),
        (frame(40, LOOKS[40], saturated=0.2), "20% of frame 40 lies at the converter's ends"),
        (frame(60, LOOKS[60]), "1.05 s without a frame"),
        (frame(12, LOOKS[12]), "started over"),
    ],
)
def test_a_frame_that_says_nothing_ends_the_session_with_its_reason(gate: Gate, bad: FaceFrame, reason: str) -> None:
    state = gate.push(bad)
    assert (state.authenticated, state.score, state.phase) == (False, 0.0, Phase.LOST)
    assert reason in state.reason
    after = gate.push(frame(bad.sequence + 1, LOOKS[61]))
    assert not after.authenticated
    assert reason in after.reason


def test_silence_ends_the_session(gate: Gate) -> None:
    assert gate.silent(39 * PERIOD_NS + 400_000_000).authenticated
    state = gate.silent(39 * PERIOD_NS + 600_000_000)
    assert (state.authenticated, state.phase) == (False, Phase.LOST)
    assert "silent for 0.6 s" in state.reason


def test_another_chirp_ends_the_session_and_the_same_one_does_not(gate: Gate) -> None:
    assert gate.chirp_changed(dataclasses.replace(CHIRP)).authenticated
    assert (
        "the radar's chirp has changed (if_gain_db)"
        in gate.chirp_changed(dataclasses.replace(CHIRP, if_gain_db=33.0)).reason
    )


def test_another_person_ends_the_session_within_three_seconds(gate: Gate) -> None:
    watch(gate, 40, 200)
    states = [gate.push(frame(200 + n, look)) for n, look in enumerate(OTHER[:60])]
    assert states[0].authenticated
    assert not states[-1].authenticated
    assert "somebody else is in the seat" in states[-1].reason
    back = [gate.push(frame(260 + n, LOOKS[n])) for n in range(40)]
    assert not any(state.authenticated for state in back)


def test_a_session_ends_by_its_time_unless_verified_again() -> None:
    gate = Gate(CHIRP, settings=GateSettings(timeout_s=2.0))
    gate.verify_other("PIN")
    assert watch(gate, 0, 41)[-1].authenticated
    gate.verify_other("PIN")
    assert watch(gate, 41, 82)[-1].authenticated
    assert gate.push(frame(82, LOOKS[82])).reason == "the last verification is 2 s old; verify again."


def test_the_verifiers_votes_keep_a_session_in_time() -> None:
    gate = Gate(CHIRP, Votes(*[True] * 20), GateSettings(timeout_s=2.0))
    assert all(state.authenticated for state in watch(gate, 0, 150)[19:])


def test_a_caller_closes_the_session_and_a_request_dies_with_it(gate: Gate) -> None:
    gate.verify_other("PIN")
    assert gate.close("logged out.").reason == "logged out."
    assert not watch(gate, 40, 50)[-1].authenticated


@pytest.mark.parametrize("settings", [{"accept_votes": 0}, {"reject_votes": 0}, {"timeout_s": float("nan")}])
def test_impossible_settings_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="expected"):
        Gate(CHIRP, settings=GateSettings(**settings))  # type: ignore[arg-type]
