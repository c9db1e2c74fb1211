"""What scripts ask for, and what a body does by itself: figures as published."""

from __future__ import annotations

import numpy as np
import pytest
from performers import HERE, Somebody

from faceedge.simulation.performance.channels import channels_of
from faceedge.simulation.performance.expressions import (
    EXPRESSION,
    GESTURE_RATES_PER_MIN,
    GESTURES,
)
from faceedge.simulation.performance.motion import EXPRESSIONS, FACE_UNITS, Motion
from faceedge.simulation.performance.performance import perform
from faceedge.simulation.performance.physiology import saccade_s
from faceedge.simulation.performance.placement import Placement
from faceedge.simulation.performance.scripts import BASIC, FOODER, LEARNING, SCRIPTS, plan, script
from faceedge.simulation.performance.timeline import Move


@pytest.fixture(scope="module")
def rest() -> Motion:
    """Two minutes of somebody who sits still."""
    return perform(Somebody(), HERE, "still", 120.0, 7).truth(0.0, 120.0)


def test_every_expression_and_gesture_moves_what_there_is() -> None:
    assert set(EXPRESSION) == set(EXPRESSIONS)
    for units, pose in [(kind.units, kind.pose) for kind in EXPRESSION.values()] + [
        (gesture.units, gesture.pose) for gesture in GESTURES.values()
    ]:
        assert all(channels_of(name) for name in (*units, *pose))
    assert {name for rates in GESTURE_RATES_PER_MIN.values() for name in rates} == set(GESTURES)


def test_hardly_a_gesture_belongs_to_one_learning_state_alone() -> None:
    alone = {name for name in GESTURES if sum(name in GESTURE_RATES_PER_MIN[state] for state in LEARNING) < 2}
    assert alone <= {"yawn", "lids droop", "nod"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_acts_follow_one_another_within_the_performance(name: str) -> None:
    for seed in range(5):
        asked = plan(name, Somebody(), 60.0, seed)
        starts, stops = [act.start_s for act in asked.acts], [act.stop_s for act in asked.acts]
        assert all(start >= stop for start, stop in zip(starts[1:], stops, strict=False))
        assert all(start >= 0.5 for start in starts)
        assert all(stop <= 60.0 for stop in (*stops, *(call.stop_s for call in asked.calls)))


@pytest.mark.parametrize(("name", "wanted"), [("fooder", FOODER), ("basic", BASIC), ("learning", LEARNING)])
def test_a_script_performs_all_that_it_is_named_for(name: str, wanted: tuple[str, ...]) -> None:
    acts = script(name, Somebody(), 120.0, 3)
    counts = [sum(act.expression == expression for act in acts) for expression in wanted]
    assert sum(counts) == len(acts)
    assert max(counts) - min(counts) <= 1
    assert min(counts) >= 1


def test_repetitions_differ_in_intensity_and_time() -> None:
    smiles = [
        act for seed in range(4) for act in script("fooder", Somebody(), 120.0, seed) if act.expression == "smile"
    ]
    assert len(smiles) > 15
    onsets, intensities = [act.onset_s for act in smiles], [act.intensity for act in smiles]
    assert 0.3 < np.median(onsets) < 0.8
    assert np.std(onsets) > 0.08
    assert np.std(intensities) > 0.06
    assert len({act.asymmetry for act in smiles}) == len(smiles)


def test_shock_is_fast_and_sadness_slow() -> None:
    def onset_s(expression: str, name: str) -> float:
        acts = [act for seed in range(4) for act in script(name, Somebody(), 120.0, seed)]
        return float(np.median([act.onset_s for act in acts if act.expression == expression]))

    assert onset_s("shock", "fooder") < 0.4 < 0.7 < onset_s("sad", "basic")


def test_micro_expressions_last_40_to_200_ms_and_are_low() -> None:
    acts = [act for seed in range(5) for act in script("micro", Somebody(), 120.0, seed)]
    whole_s = np.array([act.stop_s - act.start_s for act in acts])
    assert len(acts) > 80
    assert whole_s.min() >= 0.04
    assert whole_s.max() <= 0.2
    assert 0.2 < max(act.intensity for act in acts) <= 0.6
    assert all(act.micro for act in acts)


def test_calls_are_answered_after_a_while_or_missed() -> None:
    calls = [call for seed in range(20) for call in plan("name_call", Somebody(), 120.0, seed).calls]
    latencies = [call.latency_s for call in calls if call.latency_s is not None]
    assert len(calls) > 150
    assert 0.1 < 1 - len(latencies) / len(calls) < 0.3
    assert 0.6 < np.median(latencies) < 0.9
    assert min(latencies) >= 0.25
    assert max(latencies) <= 3.0


def test_a_talk_is_spoken_on_breaths_out_at_the_rate_of_syllables() -> None:
    motion = perform(Somebody(), HERE, "talk", 60.0, 2).truth(0.0, 60.0)
    assert 0.3 < motion.speaking.mean() < 0.9
    chest = np.gradient(motion.chest_m, 1e-3)
    assert np.median(chest[motion.speaking]) < 0, "the chest falls while the person speaks"
    jaw = motion.units[:, FACE_UNITS.index("jawOpen")]
    assert jaw[motion.speaking].std() > 8 * jaw[~motion.speaking].std()
    opened = (np.diff(np.sign(np.diff(jaw))) < 0) & (jaw[1:-1] > 0.04) & motion.speaking[1:-1]
    assert 2.5 < opened.sum() / (motion.speaking.sum() / 1000) < 6.5


def test_a_sweep_turns_nods_and_leans_slowly_in_forty_seconds() -> None:
    for seed in range(5):
        performance = perform(Somebody(seed), HERE, "sweep", 40.0, seed)
        motion = performance.truth(0.0, 40.0)
        yaw, pitch, _ = np.degrees(motion.head_rad).T
        assert -25 < yaw.min() < -11 < 11 < yaw.max() < 25
        assert -20 < pitch.min() < -7 < 7 < pitch.max() < 20
        back = motion.pivot_m[:, 0] - performance.seat_m[0]
        assert -0.12 < back.min() < -0.04 < 0.03 < back.max() < 0.11
        assert np.abs(np.diff(yaw)).max() * 1000 < 50  # degrees a second
        assert performance.acts == ()


def test_no_sweep_is_like_another_and_no_move_is_cut_off() -> None:
    moves = [plan("sweep", Somebody(), 60.0, seed).moves for seed in range(20)]
    assert len({first.size for first, *_ in moves}) == 20
    assert max(move.stop_s for some in moves for move in some) <= 60.0
    assert {move.pose for some in moves for move in some} == {"headYaw", "headPitch", "headRoll", "headBack"}
    assert Move("headYaw", 1.0, 2.0, 0.5, 1.5, 0.3).stop_s == 5.0


def test_the_eyes_stay_on_the_sensors_while_the_head_is_turned() -> None:
    motion = perform(Somebody(), HERE, "sweep", 40.0, 3).truth(0.0, 40.0)
    head, eyes = motion.head_rad[:, 0], motion.gaze_rad[:, 0]
    assert np.corrcoef(head, eyes)[0, 1] < -0.8


def test_somebody_who_sits_near_does_not_lean_into_the_radar() -> None:
    performance = perform(Somebody(), Placement(0.18), "sweep", 40.0, 0)
    back = performance.truth(0.0, 40.0).pivot_m[:, 0] - performance.seat_m[0]
    assert -0.03 < back.min() < -0.01  # 2 cm on request, the rest by itself


def test_breathing_is_as_deep_and_fast_as_the_persons_and_never_regular(rest: Motion) -> None:
    begins = rest.time_s[1:][np.diff(rest.breathing_rad) < -3]
    periods = np.diff(begins)
    assert periods.mean() == pytest.approx(4.0, rel=0.15)
    assert 0.08 < periods.std() / periods.mean() < 0.35
    assert 4e-3 < np.percentile(rest.chest_m, 97) < 10e-3
    assert rest.chest_m.min() >= 0


def test_the_heart_beats_as_the_persons_with_a_variability_of_people(rest: Motion) -> None:
    intervals = np.diff(rest.time_s[1:][np.diff(rest.heart_rad) < -3])
    assert 60 / intervals.mean() == pytest.approx(69, rel=0.05)
    assert 0.02 < intervals.std() < 0.08
    assert 30e-6 < rest.pulse_m.max() < 60e-6


def test_a_beat_throws_the_head_by_some_ten_milli_g() -> None:
    motion = perform(Somebody(sway_m=1e-9, breathing_m=1e-9), HERE, "still", 30.0, 1).truth(0.0, 30.0)
    upward = np.gradient(np.gradient(motion.pivot_m[:, 2], 1e-3), 1e-3)
    assert 0.03 < np.percentile(np.abs(upward), 99) < 0.3  # m/s^2


def test_blinks_come_at_the_persons_rate_and_close_faster_than_they_open() -> None:
    lids = [
        perform(Somebody(seed), HERE, "still", 120.0, seed).truth(0.0, 120.0).units[:, FACE_UNITS.index("eyeBlinkLeft")]
        for seed in range(6)
    ]
    shut = sum(int((np.diff((lid > 0.2).astype(int)) > 0).sum()) for lid in lids)
    assert shut / 6 / 120 == pytest.approx(0.25, rel=0.3)
    speed = np.concatenate([np.diff(lid) for lid in lids])
    assert speed.max() > 1.4 * -speed.min()


def test_a_saccade_of_ten_degrees_lasts_43_ms() -> None:
    assert saccade_s(np.radians(10)) == pytest.approx(0.043)


def test_a_face_at_rest_is_hardly_but_always_in_motion(rest: Motion) -> None:
    still = [place for place, name in enumerate(FACE_UNITS) if not name.startswith(("eye", "tongue", "cheekSquint"))]
    assert rest.units[:, still].max() < 0.15
    spread = rest.units[:, still].std(axis=0)
    assert spread.min() > 1e-4
    assert spread.max() < 0.03


def test_two_people_smile_each_in_their_own_way() -> None:
    from faceedge.simulation.performance.acting import habit

    first, second = habit(Somebody(1), "smile"), habit(Somebody(2), "smile")
    assert first == habit(Somebody(1), "smile")
    assert max(abs(first.get(name, 0) - second.get(name, 0)) for name in first) > 0.05
