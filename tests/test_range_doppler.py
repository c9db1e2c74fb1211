from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import textbook_radar
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from radar_echoes import chirp_settings, echo, quantised, recorded_cubes, two_reflectors_chirp

from faceedge.errors import ConfigurationError, InputError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.range_doppler import MicroRangeDoppler, RangeDoppler
from faceedge.radar.windows import COEFFICIENTS

pytestmark = pytest.mark.arrays

CHIRP = chirp_settings()
ONE_RX = chirp_settings(rx_antennas=(1,))
FULL_BAND = chirp_settings(slope_hz_per_s=5e9 / 64e-6, start_hz=58.2e9, rx_antennas=(1,))
FRAMES = 8


def peak(image: np.ndarray) -> tuple[int, int]:
    row, column = np.unravel_index(image.argmax(), image.shape)
    return int(row), int(column)


def columns_apart(first: float, second: float, count: int) -> float:
    """Velocities repeat: the last column is beside the first one."""
    return abs((first - second + count / 2) % count - count / 2)


def micro_image(micro: MicroRangeDoppler, transform: RangeDoppler, cube_of: Callable[[int], np.ndarray]) -> np.ndarray:
    image = None
    for frame in range(FRAMES):
        transform(cube_of(frame))
        image = micro.push(transform.range_spectrum, frame)
    assert image is not None
    return image


# --- a point target is where it is -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mti", [False, True])
@settings(deadline=None)
@given(row=st.floats(1.5, 61.5), column=st.floats(-31.9, 31.9))
@example(row=2.0, column=1.5625)
def test_a_target_of_any_range_and_velocity_is_in_its_bin(row: float, column: float, mti: bool) -> None:
    if mti:
        assume(abs(column) >= 1)
    velocity = column * ONE_RX.velocity_resolution_m_s
    middle_s = ONE_RX.chirps_per_frame * ONE_RX.chirp_period_s / 2
    image = RangeDoppler(ONE_RX, mti=mti)(echo(ONE_RX, row * ONE_RX.range_resolution_m - velocity * middle_s, velocity))
    # The Doppler frequency adds to the beat frequency, at most 0.08 bins; on its way through half a bin in a frame the
    # target spends the same time on both sides of its middle.
    doppler_hz = 2 * velocity / ONE_RX.wavelength_m
    expected_row = row + doppler_hz * ONE_RX.samples_per_chirp / ONE_RX.sample_rate_hz
    found_row, found_column = peak(image)
    # Half a bin, and a little for what decides a tie near zero: the mirror at negative range, and the MTI's notch.
    assert abs(found_row - expected_row) <= 0.65
    assert columns_apart(found_column, column + 32, 64) <= 0.65


@given(row=st.floats(1.5, 61.5), column=st.floats(-30.5, 30.5))
@settings(max_examples=50, deadline=None)
def test_a_slow_target_is_in_its_bin_of_the_micro_image(row: float, column: float) -> None:
    assume(abs(column) >= 1)
    micro, transform = MicroRangeDoppler(ONE_RX), RangeDoppler(ONE_RX)
    velocity = column * 2 * ONE_RX.max_velocity_m_s / 8 / 64
    middle_s = (FRAMES - 1) / 2 * ONE_RX.frame_period_s + ONE_RX.chirps_per_frame * ONE_RX.chirp_period_s / 2
    start_m = row * ONE_RX.range_resolution_m - velocity * middle_s
    image = micro_image(micro, transform, lambda frame: echo(ONE_RX, start_m, velocity, frame=frame))
    found_row, found_column = peak(image)
    assert abs(found_row - row) <= 0.6
    assert columns_apart(found_column, column + 32, 64) <= 0.6
    # Between two columns 4 dB, between two range bins 1.4 dB (Hann), through range bins on its way up to 3 dB more.
    assert image.max() >= 100 * 10 ** (-8.4 / 20)


def test_a_target_of_five_gigahertz_crosses_range_bins_and_stays_between_them() -> None:
    transform = RangeDoppler(FULL_BAND, mti=False)
    velocity = 1.0  # 25 mm in a frame, 0.8 range bins
    image = transform(echo(FULL_BAND, 0.6, velocity))
    row, column = peak(image)
    assert abs(transform.range_axis_m[row] - 0.6125) <= FULL_BAND.range_resolution_m
    assert transform.velocity_axis_m_s[column] == pytest.approx(velocity, abs=FULL_BAND.velocity_resolution_m_s / 2)


def test_a_receding_target_has_positive_velocity_and_an_approaching_one_is_its_mirror() -> None:
    transform = RangeDoppler(CHIRP)
    image = transform(echo(CHIRP, 1.5, 0.6)).copy()
    assert transform.velocity_axis_m_s[peak(image)[1]] == pytest.approx(0.6, abs=0.06)
    assert transform.velocity_axis_m_s[peak(transform(echo(CHIRP, 1.5, -0.6)))[1]] == pytest.approx(-0.6, abs=0.06)


def test_axes_start_at_range_zero_and_have_velocity_zero_in_the_middle() -> None:
    transform, micro = RangeDoppler(CHIRP), MicroRangeDoppler(CHIRP)
    assert transform.range_axis_m[0] == 0
    assert transform.range_axis_m[1] == pytest.approx(0.15736, abs=1e-5)
    assert transform.velocity_axis_m_s[[0, 32, 33]] == pytest.approx([-3.15988, 0, 0.09875], abs=1e-5)
    assert micro.velocity_axis_m_s == pytest.approx(transform.velocity_axis_m_s / 8)
    assert micro.range_axis_m == pytest.approx(transform.range_axis_m)
    assert transform(echo(CHIRP, 1.0)).shape == (64, 64)


# --- amplitudes, power, noise ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", list(COEFFICIENTS))
@pytest.mark.parametrize("amplitude", [1.0, 700.0])
def test_a_sinusoid_in_the_middle_of_a_bin_has_its_amplitude_there(window: str, amplitude: float) -> None:
    n, c = np.arange(128), np.arange(64)[:, None]
    wave = amplitude * np.cos(2 * np.pi * (20 * n / 128 + 9 * c / 64) + 1.0)
    image = RangeDoppler(CHIRP, window=window)(np.broadcast_to(2048 + wave, (3, 64, 128)))
    assert peak(image) == (20, 32 + 9)
    assert image.max() == pytest.approx(amplitude, rel=1e-4)


def test_the_image_is_the_root_of_the_mean_power_of_the_receivers() -> None:
    wave = echo(CHIRP, 10 * CHIRP.range_resolution_m, 0.8)
    single = RangeDoppler(ONE_RX)(wave[:1]).copy()
    image = RangeDoppler(CHIRP)(wave * np.array((1.0, 2.0, 4.0))[:, None, None])
    np.testing.assert_allclose(image, single * np.sqrt(21 / 3), rtol=1e-4, atol=1e-3)


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_without_window_and_mti_the_image_holds_the_power_of_the_samples(seed: int) -> None:
    """Parseval. A sinusoid of amplitude A has power A**2 / 2."""
    wave = np.random.default_rng(seed).normal(0, 50, (3, 64, 128))
    alternating = (-1.0) ** np.arange(128)
    wave -= (wave @ alternating)[..., None] / 128 * alternating  # has no range bin
    image = RangeDoppler(CHIRP, window="rectangular", mti=False)(wave + 2000)
    power = (wave - wave.mean(axis=2, keepdims=True)).var()
    assert (image.astype(float) ** 2).sum() / 2 == pytest.approx(power, rel=1e-5)


def test_noise_is_alike_in_all_columns_of_the_micro_image() -> None:
    micro, transform = MicroRangeDoppler(CHIRP), RangeDoppler(CHIRP)
    rng = np.random.default_rng(3)
    power = np.zeros(64)
    for frame in range(64):
        transform(rng.normal(2048, 5, (3, 64, 128)))
        image = micro.push(transform.range_spectrum, frame)
        if image is not None:
            power += (image[2:62].astype(float) ** 2).mean(axis=0)
    columns = np.delete(power, 32) / np.median(power)
    # About 8 independent windows, 60 rows, 3 receivers: 2.6 % standard deviation; the largest of 63 is within 4 of it.
    assert columns.min() > 0.88
    assert columns.max() < 1.12
    assert power[32] < 1e-9 * power[33]


# --- what stands still -----------------------------------------------------------------------------------------------


def test_a_static_target_vanishes_with_mti_and_is_seen_without() -> None:
    cube = quantised(echo(CHIRP, 10 * CHIRP.range_resolution_m, amplitude=500))
    assert RangeDoppler(CHIRP, mti=True)(cube).max() < 1e-3
    image = RangeDoppler(CHIRP, mti=False)(cube)
    assert peak(image) == (10, 32)
    assert image.max() == pytest.approx(500, rel=1e-3)


def test_leakage_a_hundred_times_stronger_does_not_hide_a_moving_face() -> None:
    leakage = echo(CHIRP, 0.05, amplitude=1500)
    face = echo(CHIRP, 3 * CHIRP.range_resolution_m, 4 * CHIRP.velocity_resolution_m_s, amplitude=15)
    image = RangeDoppler(CHIRP)(quantised(leakage + face))
    assert peak(image) == (3, 36)
    assert image.max() == pytest.approx(15, rel=0.05)


def test_an_offset_of_the_adc_is_not_a_target() -> None:
    for level in (0, 2048, 4095):
        assert RangeDoppler(CHIRP, mti=False)(np.full((3, 64, 128), level, np.uint16)).max() < 1e-3


def test_what_stands_still_vanishes_from_the_micro_image() -> None:
    cube = quantised(echo(CHIRP, 1.5, amplitude=800))
    assert micro_image(MicroRangeDoppler(CHIRP), RangeDoppler(CHIRP), lambda frame: cube).max() < 1e-3


# --- the micro image's peculiarities ---------------------------------------------------------------------------------


def test_pauses_between_bursts_give_ghosts_of_the_documented_strength() -> None:
    column = 14
    velocity = column * 2 * CHIRP.max_velocity_m_s / 8 / 64
    image = micro_image(
        MicroRangeDoppler(CHIRP), RangeDoppler(CHIRP), lambda frame: echo(CHIRP, 1.5, velocity, frame=frame)
    )
    row, found = peak(image)
    assert found == 32 + column
    ghosts_db = 20 * np.log10(image[row, found - 16 : found + 17] / image[row, found] + 1e-9)
    assert ghosts_db[[16 - 4, 16 + 4]] == pytest.approx([-3.8, -3.8], abs=1.0)
    assert ghosts_db[16 - 12] == pytest.approx(-12.5, abs=1.5)
    assert ghosts_db[[16 - 2, 16 + 2, 16 - 6, 16 + 6, 16 - 8, 16 + 8]].max() < -20


def test_without_pauses_there_are_no_ghosts() -> None:
    chirp = chirp_settings(frame_period_s=64 * 391.55e-6)
    velocity = 12 * 2 * chirp.max_velocity_m_s / 8 / 64
    image = micro_image(
        MicroRangeDoppler(chirp), RangeDoppler(chirp), lambda frame: echo(chirp, 1.5, velocity, frame=frame)
    )
    row, found = peak(image)
    assert found == 44
    assert np.delete(image[row], range(40, 49)).max() < image.max() * 10 ** (-24 / 20)


def test_a_fast_target_hardly_shows_in_the_micro_image() -> None:
    limit = CHIRP.max_velocity_m_s / 8
    for times_limit, weaker_db in ((1.1, 4), (1.3, 10), (1.6, 18), (2.2, 29)):
        image = micro_image(
            MicroRangeDoppler(CHIRP),
            RangeDoppler(CHIRP),
            lambda frame, v=times_limit * limit: echo(CHIRP, 1.5, v, frame=frame),  # type: ignore[misc]
        )
        assert 20 * np.log10(image.max() / 100) < -weaker_db


def test_no_image_comes_before_enough_frames_and_a_gap_starts_over() -> None:
    micro, transform = MicroRangeDoppler(CHIRP), RangeDoppler(CHIRP)
    transform(echo(CHIRP, 1.5, 0.1))
    spectrum = transform.range_spectrum
    assert [micro.push(spectrum, n) is not None for n in range(10)] == [False] * 7 + [True] * 3
    assert micro.push(spectrum, 11) is None
    assert micro.restarts == 1
    assert [micro.push(spectrum) is not None for _ in range(7)] == [False] * 6 + [True]
    micro.reset()
    assert micro.push(spectrum, 3) is None
    assert micro.restarts == 1


def test_an_image_does_not_depend_on_what_came_before_its_frames() -> None:
    rng = np.random.default_rng(0)
    cubes = [rng.integers(0, 4096, (3, 64, 128)).astype(np.uint16) for _ in range(21)]
    transform, fresh, used = RangeDoppler(CHIRP), MicroRangeDoppler(CHIRP), MicroRangeDoppler(CHIRP)
    for cube in cubes:
        transform(cube)
        image = used.push(transform.range_spectrum)
    expected = micro_image(fresh, transform, lambda frame: cubes[13 + frame])
    assert image is not None
    np.testing.assert_array_equal(image, expected)


# --- agreement with the defining sums --------------------------------------------------------------------------------

# Single precision: 4096 counts times 6e-8, accumulated over some hundred products of either sign.
TOLERANCE_COUNTS = 2e-3


@pytest.mark.parametrize("mti", [False, True])
def test_range_doppler_agrees_with_the_defining_sums(mti: bool) -> None:
    chirp = chirp_settings(16, 48)
    cube = np.random.default_rng(1).integers(0, 4096, chirp.cube_shape).astype(np.uint16)
    expected = textbook_radar.range_doppler(cube, mti)
    np.testing.assert_allclose(RangeDoppler(chirp, mti=mti)(cube), expected, atol=TOLERANCE_COUNTS)


def test_micro_range_doppler_agrees_with_the_defining_sums() -> None:
    chirp = chirp_settings(32, 24, frame_period_s=26e-3, rx_antennas=(1, 3))
    rng = np.random.default_rng(2)
    cubes = [rng.integers(0, 4096, chirp.cube_shape).astype(np.uint16) for _ in range(4)]
    micro, transform = MicroRangeDoppler(chirp, frames=4), RangeDoppler(chirp)
    for cube in cubes:
        transform(cube)
        image = micro.push(transform.range_spectrum)
    expected = textbook_radar.micro_range_doppler(cubes, chirp.wavelength_m, chirp.chirp_period_s, chirp.frame_period_s)
    assert image is not None
    np.testing.assert_allclose(image, expected, atol=TOLERANCE_COUNTS)


@pytest.mark.parametrize(
    ("name", "chirp", "frames"),
    [
        ("ec-international-2022_18_48_07", chirp_settings(start_hz=60.5e9, rx_antennas=(1,)), (0, 231)),
        ("ec-international-2022_18_52_43", chirp_settings(start_hz=60.5e9, rx_antennas=(1,)), (15,)),
        ("two_reflectors", two_reflectors_chirp(), (64,)),
    ],
)
def test_recorded_frames_agree_with_the_defining_sums(name: str, chirp: ChirpSettings, frames: tuple[int, ...]) -> None:
    cubes = recorded_cubes(name)
    for frame in frames:
        for mti in (False, True):
            expected = textbook_radar.range_doppler(cubes[frame], mti)
            np.testing.assert_allclose(RangeDoppler(chirp, mti=mti)(cubes[frame]), expected, atol=TOLERANCE_COUNTS)


def test_the_micro_image_of_a_recording_agrees_with_the_defining_sums() -> None:
    cubes = recorded_cubes("ec-international-2022_18_52_43")[10:18]
    chirp = chirp_settings(start_hz=60.5e9, rx_antennas=(1,), frame_period_s=100e-3)
    image = micro_image(MicroRangeDoppler(chirp), RangeDoppler(chirp), lambda frame: cubes[frame])
    expected = textbook_radar.micro_range_doppler(
        list(cubes), chirp.wavelength_m, chirp.chirp_period_s, chirp.frame_period_s
    )
    np.testing.assert_allclose(image, expected, atol=TOLERANCE_COUNTS)


# --- memory ----------------------------------------------------------------------------------------------------------


def test_a_frame_allocates_no_array_and_keeps_nothing() -> None:
    micro, transform = MicroRangeDoppler(CHIRP), RangeDoppler(CHIRP)
    cube = quantised(echo(CHIRP, 1.0, 0.5), 3.0)

    def both(frames: int) -> None:
        for _ in range(frames):
            transform(cube)
            micro.push(transform.range_spectrum)

    both(20)
    gc.collect()
    tracemalloc.start()
    try:
        both(5)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        both(200)
        after, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A plane of the spectrum has 32 KiB, an image 16 KiB; views and iterators are what is left.
    assert peak_bytes - before < 4096
    assert after - before < 512


def test_images_are_float32_and_the_same_memory_every_time() -> None:
    transform = RangeDoppler(CHIRP)
    cube = quantised(echo(CHIRP, 1.0))
    first = transform(cube)
    assert first.dtype == np.float32
    assert transform(cube) is first
    assert transform.spectrum.dtype == transform.range_spectrum.dtype == np.complex64


# --- wrong input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cube",
    [np.zeros((3, 64, 64), np.uint16), np.zeros((64, 128), np.uint16), np.zeros((3, 64, 128), np.complex64)],
)
def test_a_cube_of_another_shape_or_kind_is_refused(cube: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"expected \(3, 64, 128\)"):
        RangeDoppler(CHIRP)(cube)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.float32, np.float64])
def test_any_real_type_gives_the_same_image(dtype: type) -> None:
    cube = quantised(echo(CHIRP, 1.5, 0.4))
    np.testing.assert_array_equal(RangeDoppler(CHIRP)(cube.astype(dtype)), RangeDoppler(CHIRP)(cube))


def test_a_cube_in_a_strange_layout_gives_the_same_image() -> None:
    cube = quantised(echo(CHIRP, 1.5, 0.4))
    interleaved = np.ascontiguousarray(cube.transpose(1, 2, 0)).transpose(2, 0, 1)
    np.testing.assert_array_equal(RangeDoppler(CHIRP)(interleaved), RangeDoppler(CHIRP)(cube))


def test_a_range_spectrum_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="expected"):
        MicroRangeDoppler(CHIRP).push(np.zeros((3, 64, 32), np.complex64))


@pytest.mark.parametrize("frames", [1, 3, 7, 128])
def test_frames_that_do_not_divide_the_chirps_are_refused(frames: int) -> None:
    with pytest.raises(ConfigurationError, match="multiple"):
        MicroRangeDoppler(CHIRP, frames=frames)


def test_an_unknown_window_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="hann"):
        RangeDoppler(CHIRP, window="kaiser")


@pytest.mark.parametrize("frames", [2, 4, 8, 16, 32, 64])
def test_any_number_of_frames_gives_finite_images(frames: int) -> None:
    micro, transform = MicroRangeDoppler(ONE_RX, frames=frames), RangeDoppler(ONE_RX)
    image = None
    for frame in range(frames):
        transform(echo(ONE_RX, 1.5, 0.02, frame=frame))
        image = micro.push(transform.range_spectrum)
    assert image is not None
    assert np.isfinite(image).all()
