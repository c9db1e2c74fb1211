"""The enrolment's parts, and the enrolment as a whole, with people whose echoes are computed here."""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from sittings import CHIRP, PERIOD_NS, SHA256, StandInEmbedder, empty, frames, looks, person_vector

from faceedge.errors import ConfigurationError, InputError
from faceedge.perception.enrolment import consent
from faceedge.perception.enrolment.consent import Consent
from faceedge.perception.enrolment.duplicates import Enrolled, find_duplicates
from faceedge.perception.enrolment.enrolment import Enrolment, EnrolmentSettings, Phase, mean_embedding
from faceedge.perception.enrolment.guidance import Coverage, CoverageMeter, Guide, Measure, Step
from faceedge.perception.enrolment.quality import Quality
from faceedge.perception.enrolment.sight import Sight, Watch
from faceedge.perception.enrolment.threshold import held_out_count, threshold_of
from faceedge.perception.templates.polyprotect import Key, protect

NOON = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
SHORT = (
    Step("still", "Sit still.", Measure.SECONDS, 6.0, 6.0, 6.0),
    Step("lean", "Lean closer.", Measure.SPAN, 0.05, 3.0, 4.0),
)


def sight(range_m: float = 0.35, spectrum: int = 0) -> Sight:
    """Somebody at a distance; equal numbers have equal spectra and others are orthogonal."""
    return Sight(True, range_m, 30.0, np.eye(8, dtype=np.complex64)[spectrum])


# --- consent ----------------------------------------------------------------------------------------------------------


def test_the_record_says_who_agreed_when_and_to_which_text() -> None:
    record = consent.record("mia", "mia", now=NOON)
    assert (record.person, record.agreed_by, record.guardian, record.means) == ("mia", "mia", False, "terminal")
    assert record.text_sha256 == hashlib.sha256(consent.TEXT.encode()).hexdigest()
    assert record.sentence() == "mia agreed at 2026-03-01T12:00:00+00:00 to the text radar-template-1 (terminal)."


def test_a_record_is_the_same_after_it_was_stored() -> None:
    for record in (consent.record("mia", "Ada", guardian=True, means="paper"), consent.synthetic("nobody1")):
        stored = record.as_dict()
        assert all(isinstance(value, str) for value in stored.values())
        assert Consent.from_dict(stored) == record
    assert consent.record("mia", "Ada", guardian=True).as_dict()["guardian"] == "yes"


@pytest.mark.parametrize("change", [{"guardian": "maybe"}, {"person": 3}, {"extra": "x"}])
def test_a_damaged_record_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match="a record of consent has the texts person, agreed_by"):
        Consent.from_dict({**consent.record("mia", "mia").as_dict(), **change})


def test_nobody_is_the_own_guardian_and_nobody_agrees_without_a_name() -> None:
    with pytest.raises(ConfigurationError, match="under age"):
        consent.record("mia", "Mia ", guardian=True)
    with pytest.raises(ConfigurationError, match="names the person and who agreed"):
        consent.record("mia", "  ")


def test_the_text_tells_what_is_kept_how_long_and_how_to_withdraw() -> None:
    text = consent.text_for("mia", 3)
    for words in ("3 sittings", "one protected template", "it is never sent", "faceedge templates erase mia"):
        assert words in text


def test_an_age_of_consent_that_no_law_has_is_refused() -> None:
    consent.check_age_of_consent(13)
    with pytest.raises(ConfigurationError, match="the age of consent is 12, expected 13 to 21 years"):
        consent.check_age_of_consent(12)


# --- sight ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("range_m", [0.22, 0.35, 0.5])
def test_a_breathing_person_is_seen_at_the_distance_of_the_face(range_m: float) -> None:
    watch = Watch(CHIRP)
    seen = [watch.push(frame.look, frame.stamp_ns) for frame in frames(looks(1, 40, range_m=range_m))]
    assert not seen[0].present  # one look alone shows no change
    assert all(each.present for each in seen[4:])
    assert np.median([each.range_m for each in seen[10:]]) == pytest.approx(range_m + 0.02, abs=0.03)


def test_an_empty_room_and_furniture_are_nobody() -> None:
    for samples in (empty(40), looks(1, 40, furniture=True)):
        watch = Watch(CHIRP)
        seen = [watch.push(frame.look, frame.stamp_ns) for frame in frames(samples)]
        assert not any(each.present for each in seen)
        assert np.isnan(seen[-1].range_m)


def test_a_look_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected a look of \(3, 128\)"):
        Watch(CHIRP).push(np.zeros((3, 64), np.float32), 0)


# --- guidance ---------------------------------------------------------------------------------------------------------


def test_the_meter_counts_seconds_looks_that_differ_and_the_span_of_distances() -> None:
    meter = CoverageMeter(0.1)
    for number in range(40):
        meter.add(sight(0.3 + 0.1 * number / 39, number % 4))
    seen = meter.coverage()
    assert (round(seen.seconds, 6), seen.looks) == (4.0, 4)
    assert seen.span_m == pytest.approx(0.09)
    assert seen.distance_m == pytest.approx(0.35)


def test_looks_that_differ_in_phase_alone_are_one_look() -> None:
    meter = CoverageMeter(0.1)
    for turn in (1, 1j, -1):
        meter.add(dataclasses.replace(sight(), spectrum=sight().spectrum * turn))
    assert meter.coverage().looks == 1


def test_a_full_meter_has_nothing_to_complain_of_and_an_empty_one_says_what_helps() -> None:
    assert Coverage(20, 24, 0.05).share == 1.0
    assert Coverage(10, 12, 0.025).share == pytest.approx(0.5)
    assert Coverage(20, 24, 0.05).sentences() == []
    turn, lean = Coverage(20, 3, 0.01).sentences()
    assert turn.startswith("only 3 looks differ")
    assert lean.startswith("the distance changed by 1 cm only, 5 cm are wanted")


def test_a_step_ends_when_its_measure_is_full_and_not_before_its_least_time() -> None:
    guide = Guide((Step("nod", "Nod.", Measure.LOOKS, 2, 1.0, 5.0),), 0.1)
    for number in range(9):
        guide.add(sight(spectrum=number % 4))
        assert guide.step is not None
    assert guide.share() == pytest.approx(0.9)
    guide.add(sight())
    assert guide.step is None


def test_a_step_that_shows_too_little_ends_after_its_longest_time() -> None:
    guide = Guide((Step("nod", "Nod.", Measure.LOOKS, 8, 1.0, 2.0),), 0.1)
    for _ in range(19):
        guide.add(sight())
    assert guide.share() == pytest.approx(1 / 8)
    guide.add(sight())
    assert guide.step is None


# --- quality ----------------------------------------------------------------------------------------------------------


def judged(**changes: Any) -> tuple[Quality, list[str]]:
    """Ten frames, of which the first five are changed."""
    quality, problems = Quality(), []
    frame = next(frames(empty(1)))
    range_m = changes.pop("range_m", 0.35)
    for number in range(10):
        change: dict[str, Any] = changes if number < 5 else {}
        there = sight(range_m if number < 5 else 0.35)
        each = dataclasses.replace(frame, sequence=number, stamp_ns=number * PERIOD_NS, **change)
        problems.append(quality.judge(each, there).problem)
    return quality, problems


@pytest.mark.parametrize(
    ("changes", "said", "summary"),
    [
        ({"repeated": 1}, "The radar sends the same frame again and again", "50% of the frames equal the one before"),
        ({"saturated": 0.02}, "Something reflects too strongly", "50% of the frames are overdriven"),
        ({"range_m": 0.7}, "You are 70 cm away; come closer than 60 cm", "50% of the frames have the face nearer"),
        ({"range_m": 0.1}, "You are 10 cm away; move back", "50% of the frames have the face nearer than 0.15 m"),
    ],
)
def test_bad_frames_are_left_out_and_named(changes: dict[str, float], said: str, summary: str) -> None:
    quality, problems = judged(**changes)
    assert quality.good == 5
    assert problems[0].startswith(said)
    assert problems[9] == ""
    assert [text[: len(summary)] for text in quality.problems()] == [summary]


def test_frames_without_anybody_and_lost_frames_are_counted() -> None:
    quality = Quality()
    frame = next(frames(empty(1)))
    for number in (0, 1, 2, 9):
        nobody = Sight(False, float("nan"), -20.0, sight().spectrum)
        quality.judge(dataclasses.replace(frame, sequence=number, stamp_ns=number * PERIOD_NS), nobody)
    assert (quality.absent, quality.lost) == (4, 6)
    lost, absent = quality.problems()
    assert lost.startswith("60% of the frames were lost")
    assert absent == "somebody is there in 0% of the frames only."


def test_a_distance_that_jumps_is_somebody_else_or_a_hand() -> None:
    quality = Quality()
    frame = next(frames(empty(1)))
    said = []
    for number in range(10):
        each = dataclasses.replace(frame, sequence=number, stamp_ns=number * PERIOD_NS)
        said.append(quality.judge(each, sight(0.3 if number % 2 else 0.5)).problem)
    assert said[1] == "Too fast; move slowly, and keep hands out of the way."
    assert quality.problems()[0].startswith("in 90% of the frames the distance jumps")


# --- threshold and duplicates -----------------------------------------------------------------------------------------


def test_the_threshold_accepts_95_percent_of_what_was_held_out() -> None:
    found = threshold_of([np.linspace(0.05, 0.5, 10), np.linspace(0.55, 1.0, 10)])
    assert found.value == pytest.approx(0.1)
    assert found.usual == pytest.approx(0.525)
    assert (found.accepted, found.decisions, found.sittings) == (0.95, 20, 2)


def test_too_few_decisions_and_a_threshold_for_every_second_stranger_are_refused() -> None:
    with pytest.raises(InputError, match="give 7 decisions, a threshold needs 8"):
        threshold_of([np.ones(7)])
    with pytest.raises(InputError, match=r"the threshold would be -0\.10, which lets every second stranger in"):
        threshold_of([np.full(20, -0.1)])
    assert threshold_of([np.full(20, -0.1)], least=-1.0).value == pytest.approx(-0.1)


@pytest.mark.parametrize(("sittings", "held_out"), [(2, 1), (3, 1), (5, 1), (6, 2), (9, 3)])
def test_the_last_third_of_the_sittings_is_held_out_and_at_least_one(sittings: int, held_out: int) -> None:
    assert held_out_count(sittings) == held_out


def test_who_is_enrolled_under_another_name_is_found_and_nobody_else() -> None:
    known = []
    # Six protected values are few: drawn keys would now and then make two people alike.
    keys = (
        Key((90, 7, -12, 5, 33, 61, 2), (1, 2, 3, 4, 5, 6, 7)),
        Key((4, 80, -9, 17, 3, 5, 71), (3, 1, 2, 5, 4, 7, 6)),
    )
    for person, key in zip((1, 2), keys, strict=True):
        known.append(Enrolled(f"p{person}", protect(person_vector(person), key), 0.7, key))
    random = np.random.default_rng(0)
    noisy = person_vector(2) + 0.02 * random.normal(size=(2, 9, 32))
    noisy /= np.linalg.norm(noisy, axis=-1, keepdims=True)
    (found,) = find_duplicates(list(noisy), known)
    assert (found.name, found.alike) == ("p2", 1.0)
    assert found.sentence() == (
        "This person looks like p2, who is enrolled already: 100% of the decisions are as p2's usually are."
    )
    assert find_duplicates([np.tile(person_vector(3), (5, 1))], known) == []
    assert find_duplicates([noisy[0], np.tile(person_vector(3), (5, 1))], known) == []  # one of two sittings


def test_sittings_that_cancel_out_are_of_different_people() -> None:
    one = person_vector(1)[np.newaxis]
    assert mean_embedding([one, one, one]) == pytest.approx(person_vector(1))
    with pytest.raises(InputError, match="as if they were of different people"):
        mean_embedding([one, -one])


# --- the whole --------------------------------------------------------------------------------------------------------


def recorded(*people: int, count: int = 120) -> Enrolment:
    """An enrolment of one recording after the other, each of one sitting."""
    enrolment = Enrolment(CHIRP, StandInEmbedder(), EnrolmentSettings(sittings=len(people), steps=()))
    for number, person in enumerate(people):
        for frame in frames(looks(person, count, seed=number), 1000 * number):
            enrolment.push(frame)
        enrolment.end_sitting()
    return enrolment


def test_three_recordings_make_a_template_and_a_threshold_from_the_last_one() -> None:
    enrolment = recorded(1, 1, 1)
    assert enrolment.phase is Phase.COMPLETE
    result = enrolment.finish()
    assert (result.sittings, result.threshold.sittings) == (3, 1)
    assert 0.8 < result.threshold.value < 1
    assert result.threshold.accepted >= 0.95
    template = result.template("mia", "door", consent.record("mia", "mia"), NOON)
    assert (template.name, template.model_sha256, template.threshold) == ("mia", SHA256, result.threshold.value)
    assert template.consent["agreed_by"] == "mia"
    assert template.statistics["held_out_sittings"] == 1
    # What is stored is not the embedding, nor the mean of the embeddings.
    assert template.protected.shape == (6,)


def test_the_held_out_sitting_has_no_part_in_the_template() -> None:
    key = Key((90, 7, -12, 5, 33, 61, 2), (1, 2, 3, 4, 5, 6, 7))
    with_own, with_other = recorded(1, 1, 1), recorded(1, 1, 2)
    with_other.settings = dataclasses.replace(with_other.settings, least_threshold=-1.0)
    mine, other = with_own.finish(key), with_other.finish(key)
    assert np.array_equal(mine.protected, other.protected)
    assert other.threshold.value < 0.7 < mine.threshold.value


def test_a_consent_of_somebody_else_makes_no_template() -> None:
    with pytest.raises(InputError, match="the consent is tom's, the template mia's; ask mia"):
        recorded(1, 1).finish().template("mia", "door", consent.record("tom", "tom"))


def test_one_sitting_is_too_little_and_so_are_short_ones() -> None:
    enrolment = Enrolment(CHIRP, StandInEmbedder(), EnrolmentSettings(steps=()))
    with pytest.raises(InputError, match="0 sittings were captured, at least 2 are needed"):
        enrolment.finish()
    short = recorded(1, 1, count=60)
    assert short.phase is Phase.FAILED
    with pytest.raises(InputError, match=r"sitting 1 cannot be used: it has 5\.[67] s of good frames, 8 s are needed"):
        short.finish()


def test_an_empty_room_is_said_to_be_empty() -> None:
    enrolment = Enrolment(CHIRP, StandInEmbedder(), EnrolmentSettings(sittings=2, steps=()))
    for frame in frames(empty(120)):
        progress = enrolment.push(frame)
    assert progress.phase is Phase.WAITING
    assert enrolment.end_sitting() is None
    assert enrolment.reason.startswith("sitting 1 cannot be used: nobody was seen")


def guided(*parts: np.ndarray, leave: bool = True) -> tuple[Enrolment, list[str]]:
    """A guided enrolment of two sittings that sees these parts one after the other, and what it said."""
    settings = EnrolmentSettings(sittings=2, steps=SHORT, leave=leave)
    enrolment = Enrolment(CHIRP, StandInEmbedder(), settings)
    said: list[str] = []
    for frame in frames(np.concatenate(parts)):
        progress = enrolment.push(frame)
        if not said or said[-1] != progress.say:
            said.append(progress.say)
        if progress.phase in (Phase.COMPLETE, Phase.FAILED):
            break
    return enrolment, said


def test_a_guided_capture_asks_for_one_thing_after_the_other_and_to_stand_up_in_between() -> None:
    sitting = looks(1, 110, sway_m=0.05)
    enrolment, said = guided(sitting, empty(40), sitting)
    sit, stand = "Sit down in front of the radar, 20 to 50 cm away.", "Please stand up and go a few steps away."
    steps = ["Sit still.", "Lean closer."]
    assert said == [sit, *steps, stand, sit, *steps, "Thank you, that is all."]
    assert enrolment.finish().sittings == 2


def test_who_stays_seated_is_asked_to_stand_up_until_patience_ends() -> None:
    enrolment, said = guided(looks(1, 800))
    assert enrolment.phase is Phase.FAILED
    assert said[-1] == "60 s were not enough to see somebody stand up; nothing was stored. Begin again."
    with pytest.raises(InputError, match="nothing was stored"):
        enrolment.finish()


def test_who_may_stay_seated_is_told_what_that_costs() -> None:
    enrolment, _ = guided(looks(1, 240), leave=False)
    assert enrolment.phase is Phase.COMPLETE
    assert enrolment.finish().notes[-1].startswith("nobody stood up between the sittings")


def test_a_window_never_spans_a_time_without_anybody() -> None:
    enrolment = Enrolment(CHIRP, StandInEmbedder(), EnrolmentSettings(sittings=2, steps=()))
    parts = [looks(1, 9), empty(20), looks(1, 9), empty(20), looks(1, 9)]
    for frame in frames(np.concatenate(parts)):
        enrolment.push(frame)
    assert enrolment._embeddings == []  # each visit is shorter than a window of 20 looks


@pytest.mark.parametrize(("name", "value"), [("sittings", 1), ("least_s", 1.0), ("accept", 0.2)])
def test_settings_out_of_range_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is {value}, expected"):
        Enrolment(CHIRP, StandInEmbedder(), dataclasses.replace(EnrolmentSettings(), **{name: value}))
