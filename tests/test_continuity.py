from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from radar_sitters import CHIRP, frame, looks_of

from faceedge.errors import ConfigurationError, InputError, ModelError
from faceedge.inference.registry import Model, find_model
from faceedge.perception.authentication.continuity import MODEL, Continuity, ContinuitySettings, ContinuityState
from faceedge.perception.authentication.movement import Movement
from faceedge.perception.authentication.session_history import History
from faceedge.perception.authentication.session_profile import (
    FEATURES,
    RANGES,
    Compared,
    Profiler,
    SessionModel,
    features,
    fit_variance,
)

FRESH = 200


def watch(continuity: Continuity, looks: np.ndarray, first: int = 0) -> list[ContinuityState]:
    return [continuity.push(frame(first + n, look)) for n, look in enumerate(looks)]


@pytest.fixture
def continuity() -> Continuity:
    started = Continuity(CHIRP)
    started.start()
    return started


def test_without_a_session_nobody_is_the_same() -> None:
    state = Continuity(CHIRP).push(frame(0))
    assert (state.present, state.same, state.reason, state.evidence) == (False, False, "no session has begun.", 1.0)


def test_one_who_stays_stays_the_same(continuity: Continuity) -> None:
    states = watch(continuity, looks_of(1, 400))
    assert all(state.same and state.present and state.reason == "" for state in states)


def test_another_person_at_another_distance_is_found_within_three_seconds(continuity: Continuity) -> None:
    watch(continuity, looks_of(1, FRESH))
    states = watch(continuity, looks_of(2, 60, distance_m=0.36), FRESH)
    assert states[0].same
    assert not states[-1].same
    assert states[-1].present
    assert "somebody else is in the seat" in states[-1].reason


def test_an_empty_seat_is_found_and_called_empty(continuity: Continuity) -> None:
    watch(continuity, looks_of(1, FRESH))
    states = watch(continuity, looks_of(1, 60, size=0.01), FRESH)
    assert not states[-1].same
    assert not states[-1].present
    assert "the seat is or was empty" in states[-1].reason


def test_a_session_that_has_ended_does_not_come_back_by_itself(continuity: Continuity) -> None:
    looks = looks_of(1, FRESH)
    watch(continuity, looks)
    watch(continuity, looks_of(2, 80, distance_m=0.40), FRESH)
    assert not any(state.same for state in watch(continuity, looks, FRESH + 80))
    continuity.start()
    assert watch(continuity, looks)[-1].same


def test_stop_forgets_the_session(continuity: Continuity) -> None:
    watch(continuity, looks_of(1, 40))
    continuity.stop()
    assert not continuity.push(frame(40, looks_of(1, 1)[0])).same
    assert not continuity._moments.any()


def test_samples_that_are_no_numbers_end_the_session(continuity: Continuity) -> None:
    watch(continuity, looks_of(1, 40))
    states = watch(continuity, np.full((10, 3, 128), np.nan, np.float32), 40)
    assert not states[-1].same


def test_a_chirp_of_which_nothing_was_learnt_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="use the chirp file bgt60_face_full_band"):
        Continuity(dataclasses.replace(CHIRP, start_frequency_hz=60.1e9, end_frequency_hz=61.1e9))


@pytest.mark.parametrize("settings", [{"threshold": -51.0}, {"movement_db": 0.5}, {"absent_db": float("nan")}])
def test_impossible_settings_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="expected"):
        Continuity(CHIRP, ContinuitySettings(**settings))


def test_the_front_is_where_the_nearest_point_is() -> None:
    profiler = Profiler(CHIRP)
    fronts = [profiler.front_m(looks_of(3, 20, distance_m=distance)) for distance in (0.2, 0.3, 0.4)]
    assert np.diff(fronts) == pytest.approx([0.1, 0.1], abs=0.02)


def test_powers_and_phases_of_one_point_are_those_of_a_point() -> None:
    time_s = np.arange(128) / CHIRP.sample_rate_hz
    beat_hz = CHIRP.slope_hz_per_s * 2 * 0.3 / 299_792_458.0
    phases = np.array([0.0, 0.5, -0.25])
    look = 100 * np.cos(2 * np.pi * beat_hz * time_s + phases[:, np.newaxis]).astype(np.float32)
    profiler = Profiler(CHIRP)
    moments = profiler.moments(look[np.newaxis], profiler.grid(0.3))
    assert moments.shape == (1, FEATURES)
    assert moments[0, 2] == pytest.approx(100**2, rel=0.01)  # the front is the third of the ranges
    found = features(moments)[0]
    assert found[2] == pytest.approx(40.0, abs=0.05)
    first = found[RANGES + 2] + 1j * found[2 * RANGES + 2]
    assert np.angle(first) == pytest.approx(-0.5, abs=0.01)


def zeros(count: int) -> Compared:
    return Compared(np.zeros((count, FEATURES)), np.zeros((count, FEATURES)))


def test_the_ratio_of_a_model_in_one_axis_is_that_of_two_gaussians() -> None:
    axes = np.zeros((FEATURES, 1), np.float32)
    axes[0] = 1.0
    level = np.full((4, FEATURES), np.log(4.0), np.float32)
    slope = np.full((4, FEATURES), 0.5, np.float32)
    model = SessionModel(level, slope, axes, np.array([3.0]), (58e9, 63.5e9, 128, 3))
    difference, variance = np.zeros(FEATURES), np.full(FEATURES, np.log(4.0))
    difference[0] = 8.0
    # Expected variance 4 * 4^0.5 = 8, so 64 / 8 = 8 in units of W; half of 8 (1 - 1/4) and of ln(1/4).
    assert model.llr(Compared(difference, variance), 2) == pytest.approx(3.0 - 0.693147, abs=1e-5)


def test_the_variance_of_differences_is_fitted_as_a_power_of_that_within_the_reference() -> None:
    generator = np.random.default_rng(0)
    variance = generator.uniform(-2.0, 2.0, (4000, FEATURES))
    difference = generator.standard_normal((4000, FEATURES)) * np.exp((1.0 + 0.6 * variance) / 2)
    level, slope = fit_variance(Compared(difference, variance))
    assert level.mean() == pytest.approx(1.0, abs=0.1)
    assert slope.mean() == pytest.approx(0.6, abs=0.05)


def test_a_fitted_model_survives_a_file(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    within = [Compared(generator.standard_normal((400, FEATURES)), np.zeros((400, FEATURES)))] * 4
    model = SessionModel.fit(within, 9 * generator.standard_normal((200, FEATURES)), np.zeros((200, FEATURES)), CHIRP)
    # Within 1 + 20 (a ridge), between 2 * 81: their ratio.
    assert np.median(model.between) == pytest.approx(162 / 26, rel=0.5)
    model.save(tmp_path / "m.npz")
    loaded = SessionModel.load(Model(tmp_path / "m.npz", find_model(MODEL).card))
    assert loaded.chirp == (58e9, 63.5e9, 128, 3)
    assert np.array_equal(loaded.axes, model.axes)
    assert np.array_equal(loaded.slope, model.slope)


def test_too_few_sessions_and_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="comparisons and sessions, got 2"):
        SessionModel.fit([zeros(10)] * 4, np.zeros((2, FEATURES)), np.zeros((2, FEATURES)), CHIRP)
    (tmp_path / "m.npz").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="is no model of sessions"):
        SessionModel.load(Model(tmp_path / "m.npz", find_model(MODEL).card))
    two = np.zeros(2)
    np.savez(tmp_path / "n.npz", level=two, slope=two, axes=np.zeros((2, 2)), between=two, chirp=np.zeros(4))
    with pytest.raises(ModelError, match="expected 112 features"):
        SessionModel.load(Model(tmp_path / "n.npz", find_model(MODEL).card))


def test_a_history_compares_its_last_part_with_what_came_before_it() -> None:
    history = History(20.0)
    moments = np.zeros(FEATURES)
    assert not any(history.push(moments) for _ in range(4))
    for index in range(76):
        moments[:RANGES] = 1000.0 if index < 36 else 100.0
        history.push(moments)
    assert (history.hop, history.hop_s) == (5, 0.25)
    compared = history.compare(2)  # the last two seconds against the two before them
    assert compared is not None
    assert compared.difference_db[0] == pytest.approx(-9.54, abs=0.01)  # 36 looks of 40 had power
    assert history.compare(3) is None  # there is one second before the last three


def test_one_jump_is_a_step_and_not_sustained() -> None:
    movement = Movement(20.0, 3.3)
    for index in range(100):
        movement.push(np.full(RANGES, 1000.0 if index < 60 else 10.0))
    # 20 dB between the means of two looks that end at the jump; the look that begins there was the 60th.
    assert movement.step_db(2.0, 0.3) == 8.0
    assert movement.step_db(1.0, 0.3) < 1.0
    assert movement.sustained_db == 0.0


def test_what_goes_on_changing_at_all_ranges_is_sustained() -> None:
    movement = Movement(20.0, 3.3)
    for index in range(40):
        movement.push(np.full(RANGES, 10 ** (1 + 0.25 * (index % 8))))
    assert movement.sustained_db > 3.5
    assert movement.step_db(1.0, 0.3) < 1.0
