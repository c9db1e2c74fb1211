from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from radar_echoes import chirp_settings, echo, quantised, recorded_cubes, two_reflectors_chirp

from faceedge.errors import ConfigurationError, InputError
from faceedge.radar.angles import RangeAngle, arrival_angles, baseline, positions_of
from faceedge.radar.range_doppler import RangeDoppler

pytestmark = pytest.mark.arrays

CHIRP = chirp_settings()
PLACES_M = positions_of(CHIRP)


def from_direction(azimuth_deg: float, elevation_deg: float, velocity_m_s: float = 0.6) -> np.ndarray:
    """Echo of a far point: a receiver to the left is nearer to a target on the left."""
    cosines = np.sin(np.radians((azimuth_deg, elevation_deg)))
    nearer_m = tuple(float(x) for x in -(PLACES_M @ cosines))
    return echo(CHIRP, 10 * CHIRP.range_resolution_m, velocity_m_s, extra_m=nearer_m)


@settings(max_examples=50, deadline=None)
@given(azimuth=st.floats(-55, 55), elevation=st.floats(-55, 55))
def test_a_target_is_seen_in_its_direction(azimuth: float, elevation: float) -> None:
    transform, images = RangeDoppler(CHIRP), RangeAngle(CHIRP, angles=121)
    image = transform(from_direction(azimuth, elevation))
    for found, expected in zip(images(transform.range_spectrum), (azimuth, elevation), strict=True):
        row, column = np.unravel_index(found.argmax(), found.shape)
        assert row == 10
        # One beam is 0.8 degrees at the boresight and 1.4 at 55.
        assert np.degrees(images.angle_axis_rad[column]) == pytest.approx(expected, abs=2.0)
    row, column = np.unravel_index(image.argmax(), image.shape)
    angles = np.degrees(arrival_angles(transform.spectrum[:, row, column], CHIRP))
    # The sampled band's centre is 0.4 per mille below the ramp's.
    assert angles == pytest.approx([azimuth, elevation], abs=0.5)


def test_left_and_up_are_positive() -> None:
    transform, images = RangeDoppler(CHIRP), RangeAngle(CHIRP)
    transform(from_direction(30, -20))
    azimuth, elevation = images(transform.range_spectrum)
    assert images.angle_axis_rad[azimuth[10].argmax()] > 0.3
    assert images.angle_axis_rad[elevation[10].argmax()] < -0.2


def test_a_beam_at_the_target_has_its_amplitude() -> None:
    transform, images = RangeDoppler(CHIRP), RangeAngle(CHIRP, angles=61)
    transform(from_direction(0, 0, 4 * CHIRP.velocity_resolution_m_s))
    for image in images(transform.range_spectrum):
        assert image[10].max() == pytest.approx(100, rel=0.03)
        assert image[10].argmax() == 30


def test_what_stands_still_is_left_out_on_request() -> None:
    transform = RangeDoppler(CHIRP)
    transform(from_direction(20, 10, velocity_m_s=0.0))
    assert RangeAngle(CHIRP)(transform.range_spectrum).max() < 0.1
    assert RangeAngle(CHIRP, mti=False)(transform.range_spectrum).max() == pytest.approx(100, rel=0.01)


def test_known_phases_of_the_receivers_are_taken_off() -> None:
    phases = (0.4, -0.7, 0.2)
    transform = RangeDoppler(CHIRP)
    transform(from_direction(15, -25))
    expected = RangeAngle(CHIRP)(transform.range_spectrum).copy()
    turned = (transform.range_spectrum * np.exp(1j * np.array(phases))[:, None, None]).astype(np.complex64)
    np.testing.assert_allclose(RangeAngle(CHIRP, phases_rad=phases)(turned), expected, atol=1e-2)


def test_beams_agree_with_summing_the_receivers() -> None:
    rng = np.random.default_rng(0)
    spectrum = (rng.normal(size=(3, 64, 64)) + 1j * rng.normal(size=(3, 64, 64))).astype(np.complex64)
    images = RangeAngle(CHIRP, angles=9, mti=False)
    result = images(spectrum)
    for axis, pair in enumerate(((0, 2), (1, 2))):
        for index, angle in enumerate(images.angle_axis_rad):
            beam = np.zeros((64, 64), complex)
            for receiver in pair:
                undo = np.exp(2j * np.pi * PLACES_M[receiver, axis] * np.sin(angle) / CHIRP.wavelength_m)
                beam += spectrum[receiver] * undo / 2
            expected = np.sqrt((np.abs(beam) ** 2).mean(axis=0))
            np.testing.assert_allclose(result[axis, :, index], expected, rtol=1e-4, atol=1e-4)


def test_receivers_one_and_three_tell_azimuth_two_and_three_elevation() -> None:
    assert baseline(PLACES_M, 0) == (0, 2)
    assert baseline(PLACES_M, 1) == (1, 2)
    assert np.linalg.norm(PLACES_M[0]) == pytest.approx(CHIRP.wavelength_m / 2, rel=0.02)


def test_two_receivers_cannot_tell_both_angles() -> None:
    with pytest.raises(ConfigurationError, match="elevation"):
        RangeAngle(chirp_settings(rx_antennas=(1, 3)))


def test_an_unknown_geometry_names_the_known_one() -> None:
    with pytest.raises(ConfigurationError, match="bgt60tr13c"):
        RangeAngle(chirp_settings(rx_antennas=(1, 2, 4)))


def test_a_spectrum_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="expected"):
        RangeAngle(CHIRP)(np.zeros((3, 64, 32), np.complex64))


def test_a_frame_allocates_no_array() -> None:
    transform, images = RangeDoppler(CHIRP), RangeAngle(CHIRP)
    transform(quantised(from_direction(10, 10)))
    for _ in range(5):
        images(transform.range_spectrum)
    tracemalloc.start()
    try:
        images(transform.range_spectrum)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(50):
            images(transform.range_spectrum)
        after, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes - before < 4096
    assert after - before < 512


def test_recorded_reflectors_keep_their_direction() -> None:
    cubes, chirp = recorded_cubes("two_reflectors"), two_reflectors_chirp()
    transform = RangeDoppler(chirp, mti=False)
    angles = []
    for cube in cubes:
        transform(cube)
        angles.append(arrival_angles(transform.spectrum[:, (11, 17), 32].T, chirp))
    # Receivers are not calibrated, so where the reflectors stand is not checked, only that they do.
    assert np.degrees(np.std(angles, axis=0)).max() < 0.5
