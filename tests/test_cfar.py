from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from radar_echoes import chirp_settings, echo, quantised, recorded_cubes, two_reflectors_chirp

from faceedge.errors import ConfigurationError, InputError
from faceedge.radar.detection import (
    HANN_CELLS_PER_INDEPENDENT,
    Cfar,
    cell_averaging_factor,
    detect,
    ordered_statistic_factor,
)
from faceedge.radar.range_doppler import RangeDoppler

pytestmark = pytest.mark.arrays

CHIRP = chirp_settings()


def binomial_spread(rate: float, cells: int) -> float:
    """Four standard deviations of a rate that was counted over so many cells."""
    return 4 * np.sqrt(rate * (1 - rate) / cells)


@given(cells=st.integers(2, 200), exponent=st.floats(0.5, 8))
def test_for_one_look_the_factor_is_the_known_formula(cells: int, exponent: float) -> None:
    rate = 10**-exponent
    assert cell_averaging_factor(cells, rate) == pytest.approx(cells * (rate ** (-1 / cells) - 1), rel=1e-6)


@pytest.mark.parametrize(("cells", "rank", "rate"), [(16, 12, 1e-3), (24, 18, 1e-4), (100, 75, 1e-5)])
def test_for_one_look_the_factor_of_an_order_statistic_is_the_known_product(cells: int, rank: int, rate: float) -> None:
    """Rohling 1983, equation 26: P is the product over i below the rank of (N - i) / (N - i + factor)."""
    factor = ordered_statistic_factor(cells, rank, rate)
    left = cells - np.arange(rank)
    assert np.prod(left / (left + factor)) == pytest.approx(rate, rel=0.02)


@pytest.mark.parametrize("method", ["ca", "os"])
@pytest.mark.parametrize("looks", [1, 3])
@pytest.mark.parametrize("shape", [(64, 64), (4096,)])
def test_noise_alone_gives_the_wanted_rate_of_false_alarms(method: str, looks: int, shape: tuple[int, ...]) -> None:
    rate, images = 2e-3, 40
    cfar = Cfar(shape, guard=(1, 1), training=(4, 4), false_alarm_rate=rate, looks=looks, method=method)
    rng = np.random.default_rng(7)
    alarms = sum(int(cfar(rng.gamma(looks, 1.0, shape)).sum()) for _ in range(images))
    cells = images * 4096
    assert abs(alarms / cells - rate) < binomial_spread(rate, cells)


def test_the_rate_holds_at_the_ends_of_the_range_axis() -> None:
    rate, images = 1e-2, 300
    cfar = Cfar((32, 16), guard=(1, 1), training=(3, 3), false_alarm_rate=rate)
    rng = np.random.default_rng(8)
    counts = sum(cfar(rng.exponential(1.0, (32, 16))).sum(axis=1) for _ in range(images))
    for row in (0, 1, 16, 30, 31):
        assert abs(counts[row] / (images * 16) - rate) < binomial_spread(rate, images * 16)


def test_the_rate_holds_in_range_doppler_images_of_noise() -> None:
    rate, frames = 3e-3, 50
    transform = RangeDoppler(CHIRP)
    cfar = Cfar((64, 64), false_alarm_rate=rate, looks=3, cells_per_independent=HANN_CELLS_PER_INDEPENDENT)
    rng = np.random.default_rng(9)
    alarms = 0
    for _ in range(frames):
        image = transform(rng.normal(2048, 5, (3, 64, 128)))
        alarms += int(cfar(np.square(image, dtype=float))[1:].sum())
    # About 600 false alarms in groups of two neighbours: 6 % standard deviation. The rule of thumb is good to 10 %.
    assert alarms / (frames * 63 * 64) == pytest.approx(rate, rel=0.3)


@pytest.mark.parametrize("method", ["ca", "os"])
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_training_cells_are_those_around_the_guard_cells(method: str, data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(9, 14)), data.draw(st.integers(9, 14))
    guard = (data.draw(st.integers(0, 1)), data.draw(st.integers(0, 2)))
    training = (data.draw(st.integers(1, 3)), data.draw(st.integers(0, 2)))
    power = np.random.default_rng(0).exponential(1.0, (rows, columns))
    noise = Cfar((rows, columns), guard=guard, training=training, method=method, rank=0.5).noise(power)
    reach = (guard[0] + training[0], guard[1] + training[1])
    for row in range(rows):
        first = min(max(row - reach[0], 0), rows - 2 * reach[0] - 1)
        hole = min(max(row - guard[0], 0), rows - 2 * guard[0] - 1)
        for column in range(columns):
            cells = [
                power[r, (column + c) % columns]
                for r in range(first, first + 2 * reach[0] + 1)
                for c in range(-reach[1], reach[1] + 1)
                if not (hole <= r <= hole + 2 * guard[0] and abs(c) <= guard[1])
            ]
            expected = np.mean(cells) if method == "ca" else sorted(cells)[max(1, round(0.5 * len(cells))) - 1]
            assert noise[row, column] == pytest.approx(expected)


def test_a_weak_target_beside_a_strong_one_is_found_by_its_order_statistic_only() -> None:
    power = np.random.default_rng(3).exponential(1.0, (64, 64))
    power[30, 20], power[30, 24] = 1e5, 60.0
    assert not Cfar((64, 64), false_alarm_rate=1e-4)(power)[30, 24]
    assert Cfar((64, 64), false_alarm_rate=1e-4, method="os")(power)[30, 24]


@given(row=st.floats(3, 60), column=st.floats(-30, 30))
@settings(max_examples=40, deadline=None)
def test_a_target_is_found_between_the_bins(row: float, column: float) -> None:
    if abs(column) < 1.5:
        column = 1.5
    transform = RangeDoppler(CHIRP)
    velocity = column * CHIRP.velocity_resolution_m_s
    middle_s = CHIRP.chirps_per_frame * CHIRP.chirp_period_s / 2
    cube = quantised(echo(CHIRP, row * CHIRP.range_resolution_m - velocity * middle_s, velocity), 2.0)
    cfar = Cfar((64, 64), looks=3, cells_per_independent=HANN_CELLS_PER_INDEPENDENT)
    best = detect(transform(cube), transform.range_axis_m, transform.velocity_axis_m_s, cfar)[0]
    assert best.range_m == pytest.approx(row * CHIRP.range_resolution_m, abs=0.35 * CHIRP.range_resolution_m)
    assert best.velocity_m_s == pytest.approx(velocity, abs=0.2 * CHIRP.velocity_resolution_m_s)
    assert best.snr_db > 20


def test_two_targets_are_two_detections_with_the_strongest_first() -> None:
    transform = RangeDoppler(CHIRP)
    cube = quantised(echo(CHIRP, 1.0, 0.5, amplitude=40) + echo(CHIRP, 3.0, -1.2, amplitude=120), 2.0, seed=2)
    cfar = Cfar((64, 64), looks=3, false_alarm_rate=1e-7, cells_per_independent=HANN_CELLS_PER_INDEPENDENT)
    found = detect(transform(cube), transform.range_axis_m, transform.velocity_axis_m_s, cfar)
    assert [(round(d.range_m, 1), round(d.velocity_m_s, 1)) for d in found[:2]] == [(3.0, -1.2), (1.0, 0.5)]


def test_an_empty_image_has_no_detections() -> None:
    image = np.zeros((64, 64), np.float32)
    axis = np.arange(64.0)
    for method in ("ca", "os"):
        assert detect(image, axis, axis, Cfar((64, 64), method=method)) == []


def test_two_corner_reflectors_stand_out_at_steady_ranges_over_a_recording() -> None:
    cubes, chirp = recorded_cubes("two_reflectors"), two_reflectors_chirp()
    transform = RangeDoppler(chirp, mti=False)
    cfar = Cfar((32, 64), guard=(2, 3), training=(3, 8), looks=3, false_alarm_rate=1e-7)
    ranges, ratios = [], []
    for cube in cubes[::4]:
        image = transform(cube)
        still = detect(image, transform.range_axis_m, transform.velocity_axis_m_s, cfar)
        still = sorted((d for d in still if d.column == 32 and d.range_m > 0.15), key=lambda d: -d.magnitude)[:2]
        ranges.append(sorted(d.range_m for d in still))
        # Against noise: the cells of moving Doppler, of which there is nothing in the scene.
        noise = np.sqrt((image[8:24, 4:28].astype(float) ** 2).mean())
        ratios.append([20 * np.log10(d.magnitude / noise) for d in still])
    places = np.array(ranges)
    assert places.shape == (32, 2), "both are found in each frame"
    assert places.mean(axis=0) == pytest.approx([0.327, 0.501], abs=0.005)
    assert places.std(axis=0).max() < 0.001
    assert np.min(ratios) > 40


# --- wrong input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"method": "go"}, "expected one of: ca, os"),
        ({"false_alarm_rate": 0.0}, "more than 0"),
        ({"guard": (20, 20)}, "does not fit"),
        ({"guard": (0, 0), "training": (0, 0)}, "does not fit"),
        ({"rank": 0.0}, "rank"),
        ({"looks": 0}, "looks"),
    ],
)
def test_settings_without_sense_are_refused(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Cfar((32, 32), **arguments)  # type: ignore[arg-type]


def test_an_image_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="expected"):
        Cfar((32, 32))(np.zeros((32, 64)))
