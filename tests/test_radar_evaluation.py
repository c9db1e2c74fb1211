from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from chirps import bgt60_chirp
from radar_clips import CHIRP, clip

from faceedge.errors import ConfigurationError, InputError
from faceedge.evaluation.radar.clips import Act, Clip, Facts, clip_of, labels_at, leaf_of, windows
from faceedge.evaluation.radar.conditions import conditions
from faceedge.evaluation.radar.datasets import DataSet
from faceedge.evaluation.radar.figures import Result, compare, result_of, threshold_of
from faceedge.evaluation.radar.methods import Enrolment, FrameMethod
from faceedge.evaluation.radar.protocols import pooled_recordings, same_recording, session_disjoint
from faceedge.evaluation.radar.runs import Cache, Outcome, run


class Level(FrameMethod):
    """Minus the distance of a frame's mean from the person's."""

    name = "level"

    def __init__(self) -> None:
        super().__init__()
        self.fits = 0

    def fit(self, enrolled: Mapping[str, Enrolment]) -> None:
        self.forget()
        self.fits += 1
        self.means = {
            person: float(np.mean([each.images.mean(dtype=np.float64) for each in enrolment.clips]))
            for person, enrolment in enrolled.items()
        }

    def frame_scores(self, person: str, clip: Clip) -> np.ndarray:
        return -np.abs(clip.images.mean(axis=(1, 2, 3), dtype=np.float64) - self.means[person])


class Refusing(Level):
    name = "refusing"

    def fit(self, enrolled: Mapping[str, Enrolment]) -> None:
        raise InputError("made for another chirp.")


PEOPLE = [
    clip(person, f"s{session}", level=level) for person, level in (("anna", 0.3), ("ben", 0.6)) for session in range(4)
]
STRANGERS = [clip(person, f"s{session}", level=0.9) for person in ("zoe", "yan") for session in range(2)]


def test_labels_follow_the_acts_and_between_them_a_face_is_neutral() -> None:
    acts = [Act("Smile", 1.0, 2.0), Act("contempt", 3.0, 4.0), Act("surprise", 4.0, 9.0)]
    labels = labels_at(np.array([0.0, 1.0, 1.99, 2.0, 3.5, 4.0]), acts)
    assert labels.tolist() == [0, 1, 1, 0, -1, 2]


def test_without_any_act_nothing_is_labelled() -> None:
    assert labels_at(np.arange(3.0), []).tolist() == [-1, -1, -1]


def test_data_sets_words_become_leaves() -> None:
    assert [leaf_of(word) for word in ("neutral", "happy", "shock", "angry", "fear")] == [0, 1, 2, 3, -1]


def test_a_window_is_the_mean_of_its_frames_and_a_new_one_begins_every_half_second() -> None:
    stamps_s = 0.1 * np.arange(20)
    assert windows(stamps_s, np.arange(20.0), 1.0).tolist() == [4.5, 9.5, 14.5]
    assert windows(stamps_s, np.arange(20.0), 0.2).tolist() == [0.5 + 2 * k for k in range(10)]
    assert len(windows(stamps_s, np.arange(20.0), 0.0)) == 20


def test_frames_without_a_score_do_not_count_in_a_window() -> None:
    values = np.array([1.0, np.nan, 3.0, np.nan, np.nan, np.nan])
    assert windows(0.25 * np.arange(6), values, 0.5).tolist() == [1.0, 3.0]


def test_a_recording_shorter_than_the_window_has_none() -> None:
    assert len(windows(0.1 * np.arange(9), np.ones(9), 1.0)) == 0
    assert len(windows(np.zeros(0), np.zeros(0), 1.0)) == 0


def test_a_recording_is_prepared_as_on_the_device_from_the_eighth_frame_on() -> None:
    rng = np.random.default_rng(0)
    cubes = rng.integers(1900, 2200, (10, *CHIRP.cube_shape), np.uint16)
    frames = [(cube, index, 1_000_000_000 + index * 50_000_000) for index, cube in enumerate(cubes)]
    made = clip_of(frames, CHIRP, "a", "anna", "s0", [Act("anger", 0.4, 1.0)])
    assert made.images.shape == (3, 2, 64, 64)
    assert made.stamps_s == pytest.approx([0.35, 0.4, 0.45])
    assert made.labels.tolist() == [0, 3, 3]
    np.testing.assert_allclose(made.looks[0], cubes[7, :, :8].mean(axis=1), rtol=1e-6)


def test_a_recording_without_eight_frames_in_a_row_is_refused() -> None:
    cube = np.full(CHIRP.cube_shape, 2048, np.uint16)
    with pytest.raises(InputError, match="no eight frames without a gap"):
        clip_of([(cube, 2 * index, index) for index in range(20)], CHIRP, "a", "anna", "s0")


def test_within_a_recording_enrolment_and_probe_are_a_tenth_apart() -> None:
    protocol = pooled_recordings(PEOPLE, STRANGERS)
    enrolment = protocol.enrolled["anna"]
    assert [len(each) for each in enrolment.clips] == [40] * 4
    assert [len(each) for each in enrolment.held_out] == [10] * 4
    assert enrolment.held_out[0].stamps_s[-1] == pytest.approx(2.45)
    assert protocol.genuine["anna"][0].stamps_s[0] == pytest.approx(3.0)
    assert {each.person for each in protocol.against("anna")} == {"zoe", "yan"}
    assert protocol.unseen
    assert [each.session for each in same_recording(PEOPLE, STRANGERS).genuine["anna"]] == ["s0"]


def test_across_sessions_the_last_one_probes_and_the_one_before_sets_thresholds() -> None:
    protocol = session_disjoint(PEOPLE, STRANGERS)
    enrolment = protocol.enrolled["ben"]
    assert [each.session for each in enrolment.clips] == ["s0", "s1"]
    assert [each.session for each in enrolment.held_out] == ["s2"]
    assert [each.session for each in protocol.genuine["ben"]] == ["s3"]
    assert [each.session for each in protocol.against("ben")] == ["s1", "s1"]


def test_enrolled_people_can_be_kept_unseen_to_be_strangers() -> None:
    kept = DataSet(tuple(PEOPLE) + (clip("eve"),), (), True).keep_unseen(1)
    assert {each.person for each in kept.enrolled} == {"anna", "ben"}
    assert {each.person for each in kept.strangers} == {"eve"}
    with pytest.raises(InputError, match="two have to be left"):
        kept.keep_unseen(1)


def test_without_strangers_the_others_are_the_impostors_and_nobody_is_his_own() -> None:
    protocol = session_disjoint(PEOPLE)
    assert not protocol.unseen
    assert {each.person for each in protocol.against("anna")} == {"ben"}


def test_a_single_session_says_nothing_of_another_day() -> None:
    with pytest.raises(InputError, match="at least two sessions"):
        session_disjoint([clip("anna"), clip("ben")])


def test_with_two_sessions_the_end_of_the_first_one_sets_thresholds() -> None:
    protocol = session_disjoint([clip("anna", "s0"), clip("anna", "s1"), clip("ben", "s0"), clip("ben", "s1")])
    enrolment = protocol.enrolled["anna"]
    assert [(each.session, len(each)) for each in (*enrolment.clips, *enrolment.held_out)] == [("s0", 80), ("s0", 20)]


def test_people_at_other_levels_are_told_apart_without_an_error() -> None:
    protocol = session_disjoint(PEOPLE, STRANGERS)
    method = Level()
    method.fit(protocol.enrolled)
    figures = result_of(method, protocol, 1.0).people["anna"]
    assert figures["auroc"] == figures["aupr"] == 1.0
    assert figures["fpr95"] == figures["eer"] == figures["fnmr"] == figures["own_fmr"] == 0.0


def test_people_at_the_same_level_are_not() -> None:
    same = [
        clip(person, f"s{session}", seed=seed)
        for seed, person in enumerate(("anna", "ben", "eve"))
        for session in range(3)
    ]
    others = [clip(f"stranger {k}", "s0", seed=k + 9) for k in range(9)]
    protocol = session_disjoint(same, others)
    method = Level()
    method.fit(protocol.enrolled)
    spread = result_of(method, protocol, 0.05).spread("auroc")
    assert spread is not None
    assert spread.mean == pytest.approx(0.5, abs=0.1)


def test_a_persons_threshold_accepts_95_percent_of_what_was_held_out() -> None:
    held_out = np.arange(100.0)
    assert threshold_of(held_out) == 5.0
    assert np.mean(held_out >= threshold_of(held_out)) == 0.95
    assert math.isnan(threshold_of(np.zeros(0)))


def test_groups_are_those_of_the_probed_recordings() -> None:
    people = [
        clip("anna", f"s{session}", level=0.3, facts=Facts(distance_m, 3.0, 4.0, glasses=True, mask=session == 3))
        for session, distance_m in enumerate((0.20, 0.30, 0.40, 0.26))
    ]
    protocol = session_disjoint(people, STRANGERS)
    method = Level()
    method.fit(protocol.enrolled)
    rows = conditions("level", compare(method, protocol, 1.0), protocol)
    assert [(row.kind, row.group, row.clips) for row in rows] == [
        ("distance", "24 to 30 cm", 1),
        ("moved since enrolment", "3 to 8 cm", 1),
        ("head turned", "4 to 8 deg", 1),
        ("glasses", "worn", 1),
        ("mask", "worn", 1),
    ]
    assert rows[0].mean == 1.0


def test_figures_in_the_cache_are_not_computed_again(tmp_path: Path) -> None:
    protocol = session_disjoint(PEOPLE, STRANGERS)
    method, again = Level(), Level()
    cache = Cache(tmp_path / "figures", "these data")
    first = run(method, protocol, (0.05, 1.0), cache)
    second = run(again, protocol, (0.05, 1.0), cache)
    assert (method.fits, again.fits) == (1, 0)
    assert second.as_dict() == first.as_dict()
    other = Cache(tmp_path / "figures", "other data")
    run(again, protocol, (0.05, 1.0), other)
    assert again.fits == 1


def test_a_method_that_refuses_the_data_stands_in_the_tables_with_its_sentence() -> None:
    outcome = run(Refusing(), session_disjoint(PEOPLE, STRANGERS), (1.0,))
    assert outcome.results[0].people == {}
    assert outcome.results[0].note == "made for another chirp."


def test_results_survive_json() -> None:
    result = Result("a", "b", 0.5, {"anna": {"auroc": 0.75, "own_fnmr": math.nan}}, 1.5)
    again = Result.from_dict(result.as_dict())
    assert again.people["anna"]["auroc"] == 0.75
    assert math.isnan(again.people["anna"]["own_fnmr"])
    assert Outcome.from_dict(Outcome((result,)).as_dict()).results[0].seconds == 1.5


def test_a_chirp_with_too_few_chirps_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 8 chirps"):
        clip_of([], bgt60_chirp(chirps=4), "a", "anna", "s0")
