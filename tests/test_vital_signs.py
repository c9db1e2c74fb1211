from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from radar_echoes import chirp_settings, echo, quantised

from faceedge.errors import ConfigurationError, InputError
from faceedge.radar.range_doppler import RangeDoppler
from faceedge.radar.vital_signs import (
    VitalSigns,
    VitalSignsMonitor,
    analyse,
    circle_centre,
    displacement,
    strongest_rhythm,
    without_harmonics,
)

pytestmark = pytest.mark.arrays

CHIRP = chirp_settings(16, 64, frame_period_s=0.1, rx_antennas=(1,))
WAVELENGTH_M = CHIRP.wavelength_m


def chest(times_s: np.ndarray, breathing_hz: float, heart_hz: float) -> np.ndarray:
    """Displacement in m of a chest that breathes 3 mm and beats 0.15 mm, with a second harmonic of the breath."""
    turn = 2 * np.pi * times_s
    breath = 3e-3 * np.sin(breathing_hz * turn) + 0.5e-3 * np.sin(2 * breathing_hz * turn + 0.5)
    return breath + 0.15e-3 * np.sin(heart_hz * turn + 1.0)


def watched(moved_m: np.ndarray, range_m: float = 1.2, static: float = 300.0) -> VitalSigns | None:
    """A monitor that has seen a point move, frame by frame, beside a static echo in the same range bin."""
    monitor, transform = VitalSignsMonitor(CHIRP), RangeDoppler(CHIRP)
    still = echo(CHIRP, range_m + 0.013, amplitude=static)
    for frame, moved in enumerate(moved_m):
        transform(quantised(still + echo(CHIRP, range_m + float(moved)), 3.0, seed=frame))
        monitor.push(transform.range_spectrum, frame)
    return monitor.measure()


@pytest.mark.parametrize(("breathing_hz", "heart_hz"), [(0.2, 1.1), (0.31, 1.4), (0.45, 2.0)])
def test_a_chest_breathes_and_beats_at_its_rates(breathing_hz: float, heart_hz: float) -> None:
    signs = watched(chest(np.arange(200) * 0.1, breathing_hz, heart_hz))
    assert signs is not None
    assert signs.range_m == pytest.approx(1.2, abs=CHIRP.range_resolution_m)
    assert signs.breathing.rate_hz == pytest.approx(breathing_hz, abs=0.02)
    assert signs.breathing.amplitude_m == pytest.approx(3e-3, rel=0.1)
    assert signs.heart.rate_hz == pytest.approx(heart_hz, abs=0.03)
    assert signs.heart.amplitude_m == pytest.approx(0.15e-3, rel=0.4)
    assert min(signs.breathing.snr_db, signs.heart.snr_db) > 12


@pytest.mark.parametrize("static", [0.0, 300.0])
def test_a_picture_neither_breathes_nor_beats(static: float) -> None:
    signs = watched(np.zeros(200), static=static)
    assert signs is not None
    assert max(signs.breathing.amplitude_m, signs.heart.amplitude_m) < 0.02e-3


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_noise_alone_has_no_displacement(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert np.all(displacement(rng.normal(size=200) + 1j * rng.normal(size=200), WAVELENGTH_M) == 0)


def test_displacement_is_positive_away_from_the_radar() -> None:
    transform = RangeDoppler(CHIRP, mti=False)
    steps_m = np.linspace(0, 2e-3, 12)
    points = []
    for step in steps_m:
        transform(echo(CHIRP, 1.2 + float(step)))
        points.append(transform.range_spectrum[0].mean(axis=0)[round(1.2 / CHIRP.range_resolution_m)])
    moved = displacement(np.array(points), WAVELENGTH_M)
    np.testing.assert_allclose(moved, steps_m - steps_m.mean(), atol=0.05e-3)


@settings(deadline=None)
@given(
    centre=st.complex_numbers(max_magnitude=1000),
    radius=st.floats(1, 500),
    start=st.floats(0, 6.28),
    arc=st.floats(2.0, 12.0),
)
def test_the_centre_of_a_circle_is_found_from_an_arc(centre: complex, radius: float, start: float, arc: float) -> None:
    points = centre + radius * np.exp(1j * (start + np.linspace(0, arc, 100)))
    assert abs(circle_centre(points) - centre) < 1e-5 * max(radius, 1)


@given(rate=st.floats(0.12, 0.48), amplitude=st.floats(1e-4, 5e-3), phase=st.floats(0, 6.28))
@settings(deadline=None)
def test_a_rhythm_has_its_rate_and_amplitude(rate: float, amplitude: float, phase: float) -> None:
    times_s = np.arange(400) / 20
    found = strongest_rhythm(amplitude * np.sin(2 * np.pi * rate * times_s + phase), 20.0, (0.1, 0.5))
    # Between 2 and 10 periods: mirror frequency and trend removal move the slowest ones by up to a tenth of 1/20 s.
    assert found.rate_hz == pytest.approx(rate, abs=0.012)
    assert found.amplitude_m == pytest.approx(amplitude, rel=0.2)


def test_a_rhythm_leaves_with_its_harmonics_and_nothing_else_does() -> None:
    turn = 2 * np.pi * np.arange(400) / 20
    breath = np.sin(0.3 * turn) + 0.4 * np.cos(0.6 * turn) + 0.2 * np.sin(1.5 * turn)
    beat = 0.01 * np.sin(1.1 * turn)
    rest = without_harmonics(5 + breath + beat, 20.0, 0.3)
    assert strongest_rhythm(rest, 20.0, (0.8, 2.5)).rate_hz == pytest.approx(1.1, abs=0.01)
    assert np.abs(rest).max() < 0.012


def test_points_that_do_not_move_have_no_displacement() -> None:
    moved, breathing, heart = analyse(np.full(300, 5 + 3j), 10.0, WAVELENGTH_M)
    assert np.all(moved == 0)
    assert np.isfinite([breathing.snr_db, heart.snr_db]).all()
    assert breathing.amplitude_m == heart.amplitude_m == 0


def test_nothing_is_measured_before_the_history_is_full_and_a_gap_starts_over() -> None:
    monitor = VitalSignsMonitor(CHIRP, seconds=10)
    spectrum = np.ones((1, 16, 32), np.complex64)
    for frame in range(99):
        monitor.push(spectrum, frame)
    assert monitor.measure() is None
    monitor.push(spectrum, 99)
    assert monitor.measure() is not None
    monitor.push(spectrum, 101)
    assert monitor.measure() is None
    assert len(monitor.history()) == 1


def test_the_history_is_in_the_order_of_time() -> None:
    monitor = VitalSignsMonitor(CHIRP, seconds=10)
    for frame in range(237):
        monitor.push(np.full((1, 16, 32), frame, np.complex64))
    np.testing.assert_array_equal(monitor.history()[:, 0, 0].real, np.arange(137, 237))


def test_a_frame_allocates_no_array() -> None:
    monitor = VitalSignsMonitor(CHIRP)
    spectrum = np.ones((1, 16, 32), np.complex64)
    tracemalloc.start()
    try:
        monitor.push(spectrum)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(300):
            monitor.push(spectrum)
        after, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes - before < 4096
    assert after - before < 512


def test_too_short_a_history_and_too_slow_frames_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 10 s"):
        VitalSignsMonitor(CHIRP, seconds=5)
    with pytest.raises(ConfigurationError, match="5 frames/s"):
        VitalSignsMonitor(chirp_settings(frame_period_s=0.5))


def test_a_spectrum_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="expected"):
        VitalSignsMonitor(CHIRP).push(np.zeros((1, 16, 64), np.complex64))
