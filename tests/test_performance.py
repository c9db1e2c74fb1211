"""What a synthetic person does: curves with mass behind them, and a truth that is what is performed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from performers import HERE, Somebody

from faceedge.errors import ConfigurationError, InputError
from faceedge.simulation.performance.channels import CHANNELS, LOOK_YAW
from faceedge.simulation.performance.curves import Bumps, evaluate, minimum_jerk, steps
from faceedge.simulation.performance.motion import EXPRESSIONS, FACE_UNITS, PHASES, Motion
from faceedge.simulation.performance.performance import Performance, perform
from faceedge.simulation.performance.placement import Placement
from faceedge.simulation.performance.scripts import BASIC, SCRIPTS, plan
from faceedge.simulation.performance.timeline import Act, Call, Plan
from faceedge.simulation.performance.turning import FACING, rotation

SMILE = Act(2.0, 0.5, 1.0, 0.7, "smile", 0.8)
UNIT = {name: place for place, name in enumerate(FACE_UNITS)}


def acted(*acts: Act, seed: int = 1, **more: object) -> Performance:
    """Somebody who does these acts and nothing else."""
    return Performance(Somebody(), HERE, Plan(acts, **more), 6.0, seed)  # type: ignore[arg-type]


def states(motion: Motion) -> np.ndarray:
    """(t, columns) everything that moves."""
    return np.column_stack(
        [motion.units, motion.gaze_rad, motion.head_rad, motion.pivot_m, motion.chest_m, motion.pulse_m]
    )


# Curves


def test_half_way_through_a_rise_half_of_it_is_done_at_almost_twice_the_mean_speed() -> None:
    assert minimum_jerk(0.5) == 0.5
    assert (minimum_jerk(0.5 + 1e-6) - minimum_jerk(0.5 - 1e-6)) / 2e-6 == pytest.approx(1.875)
    assert minimum_jerk(np.array([-3.0, 0.0, 1.0, 7.0])).tolist() == [0, 0, 1, 1]


def test_the_compiled_sum_is_the_plain_one() -> None:
    rng = np.random.default_rng(0)
    bumps, rows = Bumps(), []
    for _ in range(200):
        row = (int(rng.integers(5)), rng.uniform(-4, 9), *rng.uniform(0.05, 1.5, 3), rng.standard_normal())
        bumps.add(*row)
        rows.append(row)
    sines = np.column_stack([rng.integers(0, 5, 7), rng.uniform(1, 30, (7, 3))]).astype(np.float64)
    still = steps(np.array([1.0]), np.array([0.5]), np.zeros((2, 2)))
    shift = steps(np.array([1.0, 3.0]), np.array([0.5, 1.0]), np.arange(18.0).reshape(3, 6))
    time_s = rng.uniform(-1, 8, 300)
    out = np.zeros((300, CHANNELS))
    begin, table = bumps.tables(-1.0, 9.0)
    evaluate(time_s, -1.0, begin, table, sines, still, shift, LOOK_YAW, out)

    plain = np.zeros((300, 5))
    for channel, start, rise, stay, fall, gain in rows:
        plain[:, channel] += gain * minimum_jerk((time_s - start) / rise)
        plain[:, channel] -= gain * minimum_jerk((time_s - start - rise - stay) / fall)
    for channel, omega, phase, amplitude in sines:
        plain[:, int(channel)] += amplitude * np.sin(omega * time_s + phase)
    np.testing.assert_allclose(out[:, :5], plain, atol=1e-9)
    head = 6 * minimum_jerk((time_s - 1) / 0.5) + 6 * minimum_jerk(time_s - 3)
    np.testing.assert_allclose(out[:, LOOK_YAW + 2], head, atol=1e-9)


@pytest.mark.parametrize("script", ["fooder", "talk", "mixed", "name_call", "learning", "sweep"])
def test_acceleration_has_no_jumps(script: str) -> None:
    """Where it jumped, the greatest change from a sample to the next would not shrink with the distance of samples."""
    performance = perform(Somebody(), HERE, script, 12.0, 4)
    greatest = []
    for step_s in (1e-3, 2.5e-4):
        curves = performance.channels(np.arange(0.0, 12.0, step_s))
        acceleration = np.diff(curves, 2, axis=0) / step_s**2
        greatest.append(np.abs(np.diff(acceleration, axis=0)).max(axis=0))
    moving = greatest[0] > 1e-6
    assert moving.sum() > 50
    assert (greatest[1][moving] < 0.5 * greatest[0][moving]).all()


# Truth


def test_between_acts_somebody_does_what_somebody_without_acts_does() -> None:
    with_it, without = acted(SMILE), acted()
    outside = np.concatenate([np.linspace(0, 2.0, 50), np.linspace(4.2, 6, 50)])
    np.testing.assert_array_equal(states(with_it.motion(outside)), states(without.motion(outside)))
    inside = with_it.motion(2.6).units - without.motion(2.6).units
    assert inside[0, UNIT["mouthSmileLeft"]] > 0.3
    assert inside[0, UNIT["browDownLeft"]] == 0


def test_the_labels_change_at_the_edges_of_the_act() -> None:
    edges = np.array([2.0, 2.5, 3.5, 4.2])
    motion = acted(SMILE).motion(np.ravel(np.column_stack([edges - 1e-4, edges + 1e-4])))
    assert [PHASES[phase] for phase in motion.phase] == [
        "rest", "onset", "onset", "apex", "apex", "offset", "offset", "rest",
    ]  # fmt: skip
    assert [EXPRESSIONS[label] for label in motion.expression] == ["neutral", *6 * ["smile"], "neutral"]
    assert motion.intensity[[0, 7]].tolist() == [0, 0]
    assert motion.intensity[3] == pytest.approx(0.8, abs=1e-3)


def test_a_neutral_act_is_rest() -> None:
    motion = acted(Act(1.0, 0.5, 2.0, 0.5, "neutral", 0.0)).truth(0.0, 6.0)
    assert not motion.expression.any()
    assert not motion.phase.any()
    assert not motion.intensity.any()


def test_any_time_can_be_asked_for_in_any_order() -> None:
    performance = perform(Somebody(), HERE, "mixed", 10.0, 2)
    whole = performance.truth(0.0, 10.0)
    assert len(whole) == 10_000
    places = np.random.default_rng(1).permutation(10_000)[:200]
    np.testing.assert_array_equal(states(performance.motion(whole.time_s[places])), states(whole)[places])
    for place in (0, 777, 9999):
        alone = performance.motion(float(whole.time_s[place]))
        np.testing.assert_array_equal(states(alone)[0], states(whole)[place])
        assert alone.phase[0] == whole.phase[place]


def test_the_same_seed_gives_the_same_and_others_give_others() -> None:
    def of(person_seed: int, seed: int) -> np.ndarray:
        return states(perform(Somebody(person_seed), HERE, "fooder", 5.0, seed).truth(0.0, 5.0))

    first = of(1, 1)
    np.testing.assert_array_equal(first, of(1, 1))
    assert np.abs(first - of(1, 2)).max() > 0.1
    assert np.abs(first - of(2, 1)).max() > 0.1


def test_no_two_smiles_are_equal_though_one_person_makes_them() -> None:
    again = dataclasses.replace(SMILE, start_s=4.3)
    performance = Performance(Somebody(), HERE, Plan((SMILE, again)), 9.0, 1)
    first, second = performance.motion(np.array([2.6, 4.9])).units
    smiling = [UNIT[name] for name in ("mouthSmileLeft", "mouthSmileRight", "cheekSquintLeft")]
    assert (first[smiling] > 0.1).all()
    assert (second[smiling] > 0.1).all()
    assert np.abs(first - second)[smiling].min() > 0.001


@pytest.mark.parametrize(("asymmetry", "strong"), [(0.4, "Left"), (-0.4, "Right")])
def test_an_asymmetric_act_favours_its_side(asymmetry: float, strong: str) -> None:
    units = acted(dataclasses.replace(SMILE, asymmetry=asymmetry)).motion(3.0).units[0]
    weak = "Right" if strong == "Left" else "Left"
    assert units[UNIT[f"mouthSmile{weak}"]] == pytest.approx(0.6 * units[UNIT[f"mouthSmile{strong}"]], rel=0.1)


def test_a_micro_expression_shows_in_one_half_of_the_face() -> None:
    act = Act(2.0, 0.06, 0.03, 0.08, "fear", 0.4, micro=True)
    for seed in range(6):
        with_it, without = acted(act, seed=seed).motion(2.07), acted(seed=seed).motion(2.07)
        moved = {FACE_UNITS[place] for place in np.flatnonzero((with_it.units - without.units)[0] > 0.01)}
        upper = {name for name in moved if name.startswith(("brow", "eye"))}
        assert moved
        assert upper in (set(), moved)
        assert np.array_equal(with_it.head_rad, without.head_rad)


def test_units_stay_within_0_and_1_and_a_complete_blink_closes_the_eye() -> None:
    for script in SCRIPTS:
        units = perform(Somebody(expressiveness=1.6), HERE, script, 30.0, 5).truth(0.0, 30.0).units
        assert units.min() >= 0
        assert units.max() <= 1
        assert units[:, UNIT["eyeBlinkLeft"]].max() > 0.99


def test_a_micro_expression_moves_what_can_be_seen() -> None:
    time_s = np.arange(1.0, 1.2, 0.002)
    for expression in BASIC:
        for seed in range(6):
            act = Act(1.0, 0.06, 0.03, 0.07, expression, 0.3, micro=True)
            moved = np.abs(acted(act, seed=seed).motion(time_s).units - acted(seed=seed).motion(time_s).units).max()
            assert moved > 0.05, (expression, seed)


# Head, gaze, calls


def test_a_call_turns_the_eyes_first_and_then_the_head_which_the_eyes_make_up_for() -> None:
    call = Call(1.0, 1.6, latency_s=0.8, turn_s=0.6, stay_s=1.5)
    performance = acted(calls=(call,), away_rad=(0.6, 0.0), gaze_spread_rad=0.0)
    before, eyes, after, back = performance.motion(np.array([0.9, 1.90, 3.0, 5.6])).head_rad[:, 0]
    gaze = performance.motion(np.array([0.9, 1.90, 3.0])).gaze_rad[:, 0]
    assert 0.25 < before < 0.6
    assert eyes == pytest.approx(before, abs=0.03)
    assert after == pytest.approx(0.0, abs=0.06)
    assert back == pytest.approx(before, abs=0.06)
    assert gaze[1] < gaze[0] - 0.4, "the eyes are there when the head has hardly moved"
    assert abs(gaze[2]) < 0.2
    calling = performance.motion(np.array([0.99, 1.01, 1.59, 1.61])).calling
    assert calling.tolist() == [False, True, True, False]


def test_a_call_without_an_answer_changes_nothing() -> None:
    ignored = Call(1.0, 1.6, latency_s=None, turn_s=0.6, stay_s=1.5)
    calm, called = acted(away_rad=(0.5, 0.1)).truth(0, 6), acted(calls=(ignored,), away_rad=(0.5, 0.1)).truth(0, 6)
    np.testing.assert_array_equal(states(calm), states(called))
    assert called.calling.sum() == 600


def test_the_nose_is_where_the_placement_has_it() -> None:
    placement = Placement(0.25, (0.04, -0.02), (20.0, -10.0, 5.0))
    nose_m = np.array([0.115, 0.002, 0.035])
    nose = placement.pivot_m(nose_m) + FACING @ rotation(placement.turn_rad) @ nose_m
    np.testing.assert_allclose(nose, [0.25, 0.04, -0.02], atol=1e-15)
    # Turned to the person's left, which is the radar's right, the nose is to the right of the pivot: the pivot's y is
    # the greater one.
    assert Placement(0.3, turn_deg=(30.0, 0.0, 0.0)).pivot_m(nose_m)[1] > 0.05
    # Nodding lowers the nose against the pivot.
    assert Placement(0.3, turn_deg=(0.0, 30.0, 0.0)).pivot_m(nose_m)[2] > Placement(0.3).pivot_m(nose_m)[2] + 0.05


def test_the_person_moves_about_the_placement() -> None:
    pivots = [perform(Somebody(seed), HERE, "still", 60.0, seed).truth(0.0, 60.0).pivot_m for seed in range(5)]
    spread_mm = 1e3 * np.array([pivot.std(axis=0) for pivot in pivots])
    assert (spread_mm[:, 0] > 1).all()
    assert (spread_mm < 12).all()
    mean = np.mean([pivot.mean(axis=0) for pivot in pivots], axis=0)
    np.testing.assert_allclose(mean, HERE.pivot_m(np.array([0.115, 0.0, 0.035])), atol=0.006)


# Bad input


@pytest.mark.parametrize("distance_m", [0.05, -1.0, 7.0, float("nan")])
def test_a_face_cannot_be_anywhere(distance_m: float) -> None:
    with pytest.raises(ConfigurationError, match=r"a face can be 0\.15 to 1\.5 m from the radar"):
        Placement(distance_m)


def test_a_distance_inside_the_head_is_said_to_be_one() -> None:
    with pytest.raises(ConfigurationError, match="inside the head"):
        Placement(0.05)


def test_a_head_does_not_turn_round() -> None:
    with pytest.raises(ConfigurationError, match="turn_deg is yaw, pitch and roll"):
        Placement(0.3, turn_deg=(120.0, 0.0, 0.0))
    with pytest.raises(ConfigurationError, match="offset_m is two numbers"):
        Placement(0.3, offset_m=(0.0, float("nan")))


@pytest.mark.parametrize("duration_s", [-1.0, 0.0, float("nan"), float("inf")])
def test_a_performance_has_a_duration(duration_s: float) -> None:
    with pytest.raises(ConfigurationError, match="a performance lasts more than 0 s"):
        perform(Somebody(), HERE, "still", duration_s, 0)


def test_an_unknown_script_or_expression_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="'opera' is no script; expected one of fooder, basic"):
        plan("opera", Somebody(), 10.0, 0)
    with pytest.raises(ConfigurationError, match="'glee' is no expression; expected one of neutral, smile"):
        Act(0.0, 1.0, 1.0, 1.0, "glee", 0.5)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"onset_s": 0.0}, "an act needs an onset"),
        ({"apex_s": float("nan")}, "finite times"),
        ({"intensity": 1.5}, "an intensity of 0 to 1"),
        ({"start_s": float("nan")}, "finite times"),
    ],
)
def test_an_impossible_act_is_refused(change: dict[str, float], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        dataclasses.replace(SMILE, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("time_s", [-4.0, 99.0, float("nan")])
def test_a_time_outside_the_performance_is_refused(time_s: float) -> None:
    with pytest.raises(InputError, match=r"the performance knows the times -3\.0 to 9\.0 s"):
        acted().motion(np.array([1.0, time_s]))
