"""Pixels of the synthetic event camera against closed forms: ramps, sines, steps, leak, noise, mismatch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from faceedge.errors import ConfigurationError, InputError
from faceedge.simulation.events.pixels import Pixels
from faceedge.simulation.events.settings import QUIET, PixelSettings

DARK = QUIET.dark_light


def run(
    settings: PixelSettings,
    log_light: Callable[[float], float],
    seconds: float,
    size: int = 2,
    step_us: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """Events of size x size pixels that all see light with this natural logarithm."""

    def picture(time_us: int) -> np.ndarray:
        return np.full((size, size), math.exp(log_light(time_us * 1e-6)) - DARK, np.float32)

    pixels = Pixels(size, size, settings, seed)
    pixels.start(picture(0), 0)
    batches = [pixels.step(picture(us), us) for us in range(step_us, round(seconds * 1e6) + 1, step_us)]
    assert pixels.dropped == 0
    return np.concatenate(batches)


def one_pixel(events: np.ndarray) -> np.ndarray:
    return events[(events["x"] == 1) & (events["y"] == 0)]


def test_a_ramp_of_log_light_gives_an_event_each_time_it_has_risen_by_the_threshold() -> None:
    events = run(QUIET, lambda t: -2 + 3.3 * t, 1.0)
    expected = np.arange(1, 14) * 0.25 / 3.3 * 1e6  # 3.3 / 0.25 = 13.2
    assert len(events) == 4 * 13
    assert np.abs(one_pixel(events)["t"] - expected).max() <= 2
    assert events["p"].all()


def test_a_falling_ramp_gives_off_events_at_the_off_threshold() -> None:
    events = run(replace(QUIET, off_threshold=0.4), lambda t: -1 - 3.3 * t, 1.0)
    assert one_pixel(events)["t"] == pytest.approx(np.arange(1, 9) * 0.4 / 3.3 * 1e6, abs=2)
    assert not events["p"].any()


def test_instants_do_not_depend_on_how_many_pictures_there_are() -> None:
    fine = one_pixel(run(QUIET, lambda t: -2 + 3.3 * t, 1.0, step_us=500))
    coarse = one_pixel(run(QUIET, lambda t: -2 + 3.3 * t, 1.0, step_us=20_000))
    assert len(fine) == len(coarse) == 13
    assert np.abs(fine["t"] - coarse["t"]).max() <= 3


def test_a_sine_gives_as_many_events_as_thresholds_fit_into_its_swing() -> None:
    events = one_pixel(run(QUIET, lambda t: -2 + 0.9 * math.sin(2 * math.pi * 2 * t), 3.0))
    # It rises by 0.9 (3 thresholds), then falls and rises by 1.8 (from 0.15 below the crest: 7 - 1 each way).
    assert np.count_nonzero(events["p"]) == 3 + 5 * 6 + 3
    assert np.count_nonzero(~events["p"]) == 6 * 6


def test_a_step_of_light_gives_its_log_ratio_over_the_threshold() -> None:
    events = one_pixel(run(QUIET, lambda t: -2 if t < 0.0095 else -0.9, 0.02))
    assert len(events) == 4  # 1.1 / 0.25
    assert events["t"] == pytest.approx(9000 + np.arange(1, 5) * 1000 * 0.25 / 1.1, abs=1)


def test_the_refractory_period_spaces_events_and_loses_what_happens_meanwhile() -> None:
    settings = replace(QUIET, refractory_us=2500.0)
    events = one_pixel(run(settings, lambda t: -6 + 50 * t, 0.1))
    assert np.diff(events["t"]) == pytest.approx(np.full(len(events) - 1, 5000 + 2500), abs=1)
    assert len(events) == 13


def test_a_slow_photoreceptor_delays_a_ramp_by_its_time_constant() -> None:
    settings = replace(QUIET, bandwidth_hz=20.0)
    light = math.log(0.5)  # half of white: half the bandwidth, at the middle of a shallow ramp
    events = one_pixel(run(settings, lambda t: light + 0.6 * (t - 1), 2.0))
    middle = events[len(events) // 2]["t"] * 1e-6
    order = len(events) // 2 + 1
    ideal = order * 0.25 / 0.6
    delay_s = 1 / (2 * math.pi * 20.0 * math.exp(light + 0.6 * (ideal - 1)))
    assert middle - ideal == pytest.approx(delay_s, rel=0.1)


def test_a_dark_pixel_is_slower_than_a_bright_one() -> None:
    def first_us(base: float) -> int:
        settings = replace(QUIET, bandwidth_hz=200.0)
        return int(one_pixel(run(settings, lambda t: base if t < 0.0005 else base + 1, 0.2))["t"][0])

    assert first_us(math.log(0.02)) > 8 * first_us(math.log(0.3))


def test_a_leak_makes_on_events_at_its_rate() -> None:
    settings = replace(QUIET, leak_hz=5.0)
    events = one_pixel(run(settings, lambda t: -1, 2.05))
    assert events["t"] == pytest.approx(np.arange(1, 11) * 200_000, abs=20)
    assert events["p"].all()


@pytest.mark.parametrize(("light", "rate_hz"), [(0.0, 8.0), (0.1, 4.0), (0.3, 2.0), (1.5, 0.5)])
def test_noise_has_its_rate_and_fades_with_light(light: float, rate_hz: float) -> None:
    settings = replace(QUIET, noise_hz=8.0, noise_spread=0.0, noise_half_light=0.1)
    pixels = Pixels(50, 50, settings, 3)
    picture = np.full((50, 50), light, np.float32)
    pixels.start(picture, 0)
    events = np.concatenate([pixels.step(picture, us) for us in range(5000, 1_000_001, 5000)])
    expected = 2500 * rate_hz
    assert abs(len(events) - expected) < 5 * math.sqrt(expected)
    assert abs(np.count_nonzero(events["p"]) - len(events) / 2) < 2.5 * math.sqrt(len(events))
    assert len(np.unique(events["t"] % 5000)) > 0.8 * min(len(events), 2500)


def test_noise_is_on_where_the_pixel_is_near_its_on_threshold() -> None:
    settings = replace(QUIET, noise_hz=500.0, noise_spread=0.0, noise_half_light=1e6)
    pixels = Pixels(60, 60, settings, 3)
    before, after = (np.full((60, 60), math.exp(x) - DARK, np.float32) for x in (-1.0, -0.85))
    pixels.start(before, 0)
    pixels.step(after, 1)
    events = pixels.step(after, 1001)
    share = np.count_nonzero(events["p"]) / len(events)
    assert len(events) > 500
    assert share == pytest.approx((0.15 + 0.25) / 0.5, abs=0.07)  # some of them are second events, from the middle


def test_noise_spreads_from_pixel_to_pixel_with_the_same_mean() -> None:
    settings = replace(QUIET, noise_hz=5.0, noise_spread=0.5)
    pixels = Pixels(40, 40, settings, 3)
    picture = np.zeros((40, 40), np.float32)
    pixels.start(picture, 0)
    events = np.concatenate([pixels.step(picture, us) for us in range(20_000, 2_000_001, 20_000)])
    counts = np.bincount(events["y"].astype(np.int64) * 40 + events["x"], minlength=1600)
    assert counts.sum() == pytest.approx(2 * 5 * 1600, rel=0.05)
    assert counts.max() > 8 * counts.mean()


def test_hot_pixels_fire_in_any_light_and_are_always_the_same() -> None:
    pixels = Pixels(100, 100, replace(QUIET, hot_share=0.002, hot_hz=100.0, noise_spread=0.0), 5)
    picture = np.ones((100, 100), np.float32)
    pixels.start(picture, 0)
    halves = []
    for half in range(2):
        steps = range(half * 500_000 + 5000, half * 500_000 + 500_001, 5000)
        events = np.concatenate([pixels.step(picture, us) for us in steps])
        where, counts = np.unique(events["y"].astype(np.int64) * 100 + events["x"], return_counts=True)
        assert counts == pytest.approx(np.full(len(where), 50), abs=30)
        halves.append(where)
    assert np.array_equal(halves[0], halves[1])
    assert 10 < len(halves[0]) < 32


def test_thresholds_vary_from_pixel_to_pixel_as_set() -> None:
    on, off = Pixels(200, 200, replace(QUIET, on_threshold=0.3, mismatch=0.03), 1).thresholds
    assert (on.mean(), off.mean()) == (pytest.approx(0.3, abs=0.001), pytest.approx(0.25, abs=0.001))
    assert (on.std(), off.std()) == (pytest.approx(0.03, rel=0.02), pytest.approx(0.03, rel=0.02))
    assert abs(np.corrcoef(on.ravel(), off.ravel())[0, 1]) < 0.02


def test_mismatch_spreads_the_first_events_of_a_ramp_over_time() -> None:
    events = run(replace(QUIET, mismatch=0.03), lambda t: -2 + 2.5 * t, 0.199, size=100)
    order = np.lexsort((events["t"], events["y"].astype(np.int64) * 100 + events["x"]))
    pixel = events["y"][order].astype(np.int64) * 100 + events["x"][order]
    first = events["t"][order][np.concatenate([[True], pixel[1:] != pixel[:-1]])]
    assert len(first) == 10_000
    assert first.std() == pytest.approx(0.03 / 2.5 * 1e6, rel=0.03)


def moving_picture(time_us: int, size: int = 64) -> np.ndarray:
    columns = np.arange(size) - 60.0 * time_us * 1e-6
    wave = 0.5 + 0.45 * np.sin(columns / 3)
    return np.outer(np.linspace(0.1, 1, size), wave).astype(np.float32)


def stream(settings: PixelSettings, seed: int, steps: int = 60) -> list[np.ndarray]:
    pixels = Pixels(64, 64, settings, seed)
    pixels.start(moving_picture(0), 0)
    return [pixels.step(moving_picture(1000 * n), 1000 * n) for n in range(1, steps + 1)]


def test_events_are_in_order_of_time_within_and_across_steps() -> None:
    batches = stream(PixelSettings(), 1)
    times = np.concatenate(batches)["t"]
    assert len(times) > 5000
    assert (np.diff(times) >= 0).all()
    assert all(1000 * n <= batch["t"].min() and batch["t"].max() <= 1000 * (n + 1) for n, batch in enumerate(batches))


def test_no_pixel_fires_twice_within_its_refractory_period() -> None:
    events = np.concatenate(stream(replace(PixelSettings(), refractory_us=700.0, noise_hz=50.0), 1))
    pixel = events["y"].astype(np.int64) * 64 + events["x"]
    order = np.lexsort((events["t"], pixel))
    gaps = np.diff(events["t"][order])[np.diff(pixel[order]) == 0]
    assert len(gaps) > 1000
    assert gaps.min() >= 699


def test_a_seed_decides_everything() -> None:
    one, same, other = (np.concatenate(stream(PixelSettings(), seed)) for seed in (5, 5, 6))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_camera_that_has_been_running_does_not_begin_with_a_salvo() -> None:
    def first_second(warm: bool) -> np.ndarray:
        settings = replace(QUIET, leak_hz=1.0, warm=warm)
        events = run(settings, lambda t: -1, 1.2, size=30, step_us=20_000)
        return np.histogram(events["t"], 6, (-100_000, 1_100_000))[0]

    assert first_second(False).tolist() == [0, 0, 0, 0, 0, 900]
    assert first_second(True)[1:] == pytest.approx([180] * 5, abs=60)


def test_more_events_than_there_is_room_for_are_counted() -> None:
    pixels = Pixels(4, 4, replace(QUIET, on_threshold=0.05))
    pixels.start(np.zeros((4, 4), np.float32), 0)
    events = pixels.step(np.ones((4, 4), np.float32), 1000)
    assert len(events) == 6 * 16
    assert pixels.dropped == 16 * math.floor(math.log(1.002 / 0.002) / 0.05) - 96


def test_extreme_light_is_followed_without_breaking() -> None:
    pixels = Pixels(2, 2, QUIET)
    pixels.start(np.zeros((2, 2), np.float32), 0)
    events = pixels.step(np.full((2, 2), 1e4, np.float32), 60_000)
    assert len(events) == 24
    assert len(pixels.step(np.zeros((2, 2), np.float32), 120_000)) == 24


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -0.1, 2e4])
def test_light_that_is_none_is_refused(bad: float) -> None:
    pixels = Pixels(2, 2)
    picture = np.ones((2, 2), np.float32)
    pixels.start(picture, 0)
    picture[1, 1] = bad
    with pytest.raises(InputError, match="expected 0 to 10000, where 1 is white"):
        pixels.step(picture, 1000)


@pytest.mark.parametrize("time_us", [-5, 0, 60_001])
def test_time_that_stands_goes_back_or_leaps_is_refused(time_us: int) -> None:
    pixels = Pixels(2, 2)
    pixels.start(np.ones((2, 2), np.float32), 0)
    with pytest.raises(InputError, match="steps of 1 to 60000 us"):
        pixels.step(np.ones((2, 2), np.float32), time_us)


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"\(2, 2\) pixels and was given a picture of \(2, 3\)"):
        Pixels(2, 2).start(np.ones((2, 3), np.float32), 0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"on_threshold": 0.0}, "on_threshold of an event camera's pixels is 0.01 to 5, not 0.0"),
        ({"refractory_us": math.nan}, "refractory_us"),
        ({"leak_hz": -1.0}, "leak_hz"),
        ({"bandwidth_hz": math.inf}, "bandwidth_hz"),
    ],
)
def test_settings_that_no_pixel_can_have_are_refused(change: dict[str, float], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        PixelSettings(**change)  # type: ignore[arg-type]
