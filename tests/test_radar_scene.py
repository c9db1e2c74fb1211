"""The synthetic radar: its physics by plain FFTs, a slow sum written from the formula, and figures of recordings."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import SHARED_DATA

from faceedge.errors import ConfigurationError
from faceedge.radar import infineon_json
from faceedge.radar.chirp import SPEED_OF_LIGHT_M_S, ChirpSettings
from faceedge.simulation.radar.front_end import SAMPLING_DELAY_S, FrontEnd
from faceedge.simulation.radar.scene import (
    PRESETS,
    RadarScene,
    Scatterers,
    direction,
    empty_room,
    face_at,
    moving,
    still,
    together,
    two_reflectors,
    walking_person,
)

RECORDINGS = SHARED_DATA / "radar" / "bgt60"


def chirp(samples: int = 128, chirps: int = 64, rx: tuple[int, ...] = (1, 2, 3), **other: Any) -> ChirpSettings:
    """A near-face chirp of 1 GHz at 60 GHz, its filters out of the way unless told otherwise."""
    plain = ChirpSettings(
        "bgt60tr13c",
        start_frequency_hz=60.1e9,
        end_frequency_hz=61.1e9,
        slope_hz_per_s=1e9 / 67e-6,
        samples_per_chirp=samples,
        sample_rate_hz=2e6,
        chirps_per_frame=chirps,
        chirp_period_s=391.55e-6,
        frame_period_s=50e-3,
        rx_antennas=rx,
        if_gain_db=33.0,
        high_pass_hz=1.0,
        low_pass_hz=1e9,
    )
    return dataclasses.replace(plain, **other)


def gliding(start_m: np.ndarray, velocity_m_s: np.ndarray, rcs_m2: float = 0.01) -> Scatterers:
    return moving(start_m, rcs_m2, np.atleast_3d(velocity_m_s).reshape(1, -1, 3), lambda time_s: time_s[:, np.newaxis])


def peak(spectrum: np.ndarray) -> float:
    """Place of the highest value along one axis, to a fraction of a bin by a parabola through its logarithm."""
    top = int(np.argmax(spectrum))
    left, middle, right = np.log(spectrum[[top - 1, top, (top + 1) % len(spectrum)]])
    return float(top + 0.5 * (left - right) / (left - 2 * middle + right))


def range_spectrum(samples: np.ndarray) -> np.ndarray:
    """(..., range bin) complex, ten times finer than the chirp's own range bins."""
    count = samples.shape[-1]
    return np.fft.rfft(samples * np.hanning(count), 10 * count, axis=-1)


@settings(max_examples=30, deadline=None)
@given(range_m=st.floats(0.8, 8.5), azimuth_deg=st.floats(-40, 40), samples=st.sampled_from((64, 96, 128, 200)))
def test_a_scatterer_appears_at_its_range(range_m: float, azimuth_deg: float, samples: int) -> None:
    radar = chirp(samples, 1, (3,))
    scene = RadarScene(radar, still(range_m * direction(azimuth_deg), 0.1))
    found_m = peak(np.abs(range_spectrum(scene.if_signal(0)[0, 0]))) * radar.range_resolution_m / 10
    assert found_m == pytest.approx(range_m, abs=0.05 * radar.range_resolution_m)


@settings(max_examples=30, deadline=None)
@given(velocity_m_s=st.floats(-2.9, 2.9), range_m=st.floats(1.0, 6.0))
def test_a_receding_scatterer_has_a_positive_doppler_frequency(velocity_m_s: float, range_m: float) -> None:
    radar = chirp(rx=(3,))
    scene = RadarScene(radar, gliding(np.array([range_m, 0.0, 0.0]), np.array([velocity_m_s, 0.0, 0.0])))
    middle = round((range_m + velocity_m_s * 12.5e-3) / radar.range_resolution_m * 10)
    slow = range_spectrum(scene.if_signal(0)[0])[:, middle] * np.hanning(64)
    spectrum = np.abs(np.fft.fftshift(np.fft.fft(slow, 1024)))
    found = (peak(spectrum) - 512) * radar.velocity_resolution_m_s * 64 / 1024
    assert found == pytest.approx(velocity_m_s, abs=0.25 * radar.velocity_resolution_m_s)


@settings(max_examples=30, deadline=None)
@given(azimuth_deg=st.floats(-45, 45), elevation_deg=st.floats(-45, 45))
def test_phases_between_receivers_give_azimuth_to_the_left_and_elevation_upwards(
    azimuth_deg: float, elevation_deg: float
) -> None:
    radar = chirp(chirps=1)
    towards = direction(azimuth_deg, elevation_deg)
    scene = RadarScene(radar, still(5.0 * towards, 0.1))
    spectrum = range_spectrum(scene.if_signal(0)[:, 0])
    bins = spectrum[:, int(np.argmax(np.abs(spectrum[2])))]
    positions = FrontEnd().rx_positions_m
    for number, axis in ((1, 1), (2, 2)):
        apart_m = positions[number][axis] - positions[3][axis]
        # A receiver nearer to the target has the shorter delay, hence the smaller phase.
        sine = np.angle(bins[2] * bins[number - 1].conj()) / (2 * math.pi * apart_m / radar.wavelength_m)
        assert sine == pytest.approx(towards[axis], abs=0.01)


def test_the_signal_is_the_formula_summed_term_by_term() -> None:
    radar = chirp(96, 8, high_pass_hz=80e3, low_pass_hz=500e3)
    generator = np.random.default_rng(1)
    places = generator.uniform((0.6, -0.4, -0.4), (3.0, 0.4, 0.4), (5, 3))
    speeds = generator.normal(0, 1.0, (5, 3))
    rcs_m2 = generator.uniform(0.001, 0.1, 5)
    front = FrontEnd()
    scene = RadarScene(radar, moving(places, rcs_m2, speeds[np.newaxis], lambda time_s: time_s[:, np.newaxis]), front)
    expected = np.zeros(radar.cube_shape)
    f0_hz = 60.1e9 + radar.slope_hz_per_s * SAMPLING_DELAY_S
    time_s = np.arange(96) / 2e6
    for place, speed, rcs in zip(places, speeds, rcs_m2, strict=True):
        for index in range(8):
            at = place + speed * (2 * 50e-3 + index * 391.55e-6)
            there_m = math.dist(at, front.tx_position_m)
            for rx, number in enumerate(radar.rx_antennas):
                back_m = math.dist(at, front.rx_positions_m[number])
                tau_s = (there_m + back_m) / SPEED_OF_LIGHT_M_S
                watts = 3.16e-3 * 10 ** (16 / 10) * radar.wavelength_m**2 * rcs * (at[0] / there_m) ** 6
                watts /= (4 * math.pi) ** 3 * (there_m * back_m) ** 2
                counts = math.sqrt(2 * 50 * watts) * 10 ** ((14 + 33) / 20) * 4096 / 1.2
                beat_hz = radar.slope_hz_per_s * tau_s
                filters = 1 / (1 + 80e3 / (1j * beat_hz))
                filters /= 1 + 1j * math.sqrt(2) * beat_hz / 500e3 - (beat_hz / 500e3) ** 2
                phase = (
                    2
                    * math.pi
                    * (f0_hz * tau_s + radar.slope_hz_per_s * tau_s * time_s - radar.slope_hz_per_s * tau_s**2 / 2)
                )
                expected[rx, index] += counts * abs(filters) * np.cos(phase + np.angle(filters))
    assert np.abs(scene.if_signal(2) - expected).max() < 1e-4 * np.abs(expected).max()


def amplitude(scene: RadarScene) -> float:
    return float(np.abs(range_spectrum(scene.if_signal(0)[0, 0])).max() / np.hanning(128).sum() * 2)


def test_amplitude_follows_the_radar_equation() -> None:
    radar = chirp(chirps=1, rx=(3,))
    near, far = (RadarScene(radar, still(np.array([range_m, 0, 0]), 0.01)) for range_m in (2.0, 4.0))
    large = RadarScene(radar, still(np.array([2.0, 0, 0]), 0.04))
    louder = RadarScene(chirp(chirps=1, rx=(3,), if_gain_db=39.0), still(np.array([2.0, 0, 0]), 0.01))
    # By hand: 5 dBm, 16 dBi, 4.947 mm, 0.01 m2 at 2 m are 9.6e-13 W, of which 47 dB of gain make 7.49 counts.
    assert amplitude(near) == pytest.approx(7.49, rel=0.01)
    assert amplitude(near) / amplitude(far) == pytest.approx(4.0, rel=0.01)
    assert amplitude(large) / amplitude(near) == pytest.approx(2.0, rel=0.01)
    assert amplitude(louder) / amplitude(near) == pytest.approx(10 ** (6 / 20), rel=0.01)


def test_the_high_pass_takes_half_of_the_power_at_its_corner() -> None:
    beat_hz = 2 * 4.0 * 1e9 / 67e-6 / SPEED_OF_LIGHT_M_S
    target = still(np.array([4.0, 0.0, 0.0]), 0.1)
    free = amplitude(RadarScene(chirp(chirps=1, rx=(3,)), target))
    filtered = amplitude(RadarScene(chirp(chirps=1, rx=(3,), high_pass_hz=beat_hz), target))
    assert filtered / free == pytest.approx(math.sqrt(0.5), rel=0.01)


def test_scatterers_add_up_and_those_behind_the_radar_are_not_seen() -> None:
    radar = chirp(chirps=4)
    parts = [still(np.array([[1.0, 0.2, 0.0]]), 0.1), gliding(np.array([2.0, 0, 0]), np.array([1.0, 0, 0]))]
    behind = still(np.array([[-1.0, 0.2, 0.0]]), 10.0)
    both = RadarScene(radar, together(*parts, behind)).if_signal(3)
    apart = sum(RadarScene(radar, part).if_signal(3) for part in parts)
    assert np.abs(both - apart).max() < 1e-4 * np.abs(apart).max()
    assert not RadarScene(radar, behind).if_signal(0).any()


def test_a_frame_depends_on_its_index_alone() -> None:
    scene = RadarScene(chirp(chirps=8), walking_person(), seed=5)
    first = scene.cube(7)
    scene.cube(3)
    assert np.array_equal(scene.cube(7), first)
    assert np.array_equal(RadarScene(chirp(chirps=8), walking_person(), seed=5).cube(7), first)
    assert not np.array_equal(RadarScene(chirp(chirps=8), walking_person(), seed=6).cube(7), first)
    assert not np.array_equal(scene.cube(8), first)


def test_a_cube_is_12_bit_counts_and_clips_at_both_ends() -> None:
    radar = chirp(high_pass_hz=20e3, low_pass_hz=500e3)
    calm = RadarScene(radar, still(np.array([1.0, 0, 0]), 0.01)).cube(0)
    assert calm.shape == (3, 64, 128)
    assert calm.dtype == np.uint16
    assert 0 < calm.min() < calm.max() < 4095
    loud = RadarScene(radar, still(np.array([0.3, 0, 0]), 10.0)).cube(0)
    assert (loud.min(), loud.max()) == (0, 4095)


def test_receivers_keep_their_number_when_others_are_switched_off() -> None:
    target = still(np.array([1.0, 0.3, 0.1]), 0.05)
    both = RadarScene(chirp(rx=(1, 2, 3)), target).if_signal(0)
    alone = RadarScene(chirp(rx=(2,)), target).if_signal(0)[0]
    assert np.abs(alone - both[1]).max() < 1e-3 < np.abs(alone - both[0]).max()


def test_noise_is_thermal_noise_behind_the_gain_and_that_of_the_adc() -> None:
    nothing = Scatterers(lambda time_s: np.zeros((1, 0, 3)), np.zeros(0))
    for gain_db, thermal in ((23.0, 0.43), (48.0, 7.6)):  # k T 1 MHz, 12 dB noise figure, 14 dB and the gain
        cube = RadarScene(chirp(if_gain_db=gain_db), nothing, FrontEnd(leakage_db=-200.0)).cube(0).astype(float)
        scatter = (cube - cube.mean(axis=1, keepdims=True)).std()
        assert scatter == pytest.approx(math.sqrt(thermal**2 + 1.0 + 1 / 12), rel=0.03)


def test_errors_of_the_ramp_matter_more_from_farther_away() -> None:
    front = FrontEnd(frequency_noise_hz=200e3)

    def jitter(range_m: float) -> float:
        scene = RadarScene(chirp(rx=(3,)), still(np.array([range_m, 0, 0]), 0.1), front)
        spectrum = range_spectrum(scene.if_signal(0)[0])
        line = spectrum[:, int(np.argmax(np.abs(spectrum[0])))]
        return float(np.angle(line * line.mean().conj()).std())

    assert jitter(4.0) / jitter(1.0) == pytest.approx(4.0, rel=0.05)
    assert jitter(4.0) == pytest.approx(2 * math.pi * 200e3 * 8.0 / SPEED_OF_LIGHT_M_S, rel=0.3)


def test_two_reflectors_stand_at_their_ranges() -> None:
    radar = chirp(64, slope_hz_per_s=4.556e9 / 32e-6, if_gain_db=23.0, high_pass_hz=80e3, low_pass_hz=500e3)
    cube = RadarScene(radar, two_reflectors()).cube(0).astype(float)
    profile = np.abs(range_spectrum(cube - cube.mean(axis=-1, keepdims=True)).mean(axis=1))[1]
    places_m = np.arange(len(profile)) * radar.range_resolution_m / 10
    for range_m in (0.33, 0.50):
        near = np.abs(places_m - range_m) < 0.08
        assert places_m[near][np.argmax(profile[near])] == pytest.approx(range_m, abs=0.01)


def test_a_walking_person_recedes_and_comes_back() -> None:
    radar = chirp(rx=(3,))
    scene = RadarScene(radar, walking_person(1.0, 4.0, period_s=10.0))
    for time_s, sign in ((0.0, 1), (5.0, -1)):  # 0.94 m/s in the middle of the way
        slow = np.fft.rfft(scene.if_signal(round(time_s / 50e-3))[0], axis=-1)[:, :40]
        power = (np.abs(np.fft.fft(slow * np.hanning(64)[:, np.newaxis], axis=0)) ** 2).sum(axis=1)
        velocity = (np.fft.fftfreq(64) * 64 * radar.velocity_resolution_m_s * power).sum() / power.sum()
        assert 0.5 < sign * velocity < 1.3


def test_a_face_breathes_at_a_quarter_hertz() -> None:
    radar = chirp(chirps=1, rx=(3,), slope_hz_per_s=5e9 / 67e-6)
    scene = RadarScene(radar, face_at(0.3, nod_deg=0.0, speech_m=0.0))
    lines = np.array([np.fft.rfft(scene.if_signal(index)[0, 0])[12] for index in range(400)])  # 20 s, at the chest
    spectrum = np.abs(np.fft.rfft(np.unwrap(np.angle(lines)) - np.unwrap(np.angle(lines)).mean()))
    assert np.argmax(spectrum) == round(0.25 * 20)


def test_a_face_keeps_its_distance_and_moves_only_as_told() -> None:
    time_s = np.arange(0, 10, 0.05)
    head = face_at(0.25, nod_deg=0.0, points=160).positions_m(time_s)[:, :160]
    assert head[..., 0].min() == pytest.approx(0.25, abs=0.01)
    assert np.ptp(head, axis=0).max() < 5e-3
    aside = face_at(0.5, azimuth_deg=30.0).positions_m(time_s)[:, :160].mean(axis=(0, 1))
    assert math.degrees(math.atan2(aside[1], aside[0])) == pytest.approx(30.0, abs=3.0)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_fills_the_adc_without_clipping(name: str) -> None:
    cube = RadarScene(chirp(high_pass_hz=20e3, low_pass_hz=500e3), PRESETS[name]()).cube(4)
    assert 0 < cube.min() < cube.max() < 4095
    assert cube.std() > 20


def test_an_empty_room_stands_still() -> None:
    scene = RadarScene(chirp(), empty_room())
    assert np.array_equal(scene.if_signal(0), scene.if_signal(100))


@pytest.mark.parametrize(
    ("settings_", "sentence"),
    [({"rx": (1, 4)}, "receivers 1, 2, 3 with real sampling; .* 1, 4"), ({"complex_sampling": True}, "complex")],
)
def test_a_radar_that_the_scene_does_not_know_is_refused(settings_: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        RadarScene(chirp(**settings_), two_reflectors())


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings of ../shared/data are not on this machine")
def test_leakage_echoes_and_noise_are_of_the_size_of_a_recording() -> None:
    folder = RECORDINGS / "two_reflectors" / "RadarIfxAvian_00"
    radar = infineon_json.read((folder / "config.json").read_text())
    assert (radar.if_gain_db, radar.high_pass_hz, radar.samples_per_chirp) == (23, 80_000, 64)
    real = np.load(folder / "radar.npy", mmap_mode="r")[0].astype(float)
    made = RadarScene(radar, two_reflectors()).cube(0).astype(float)
    figures = []
    for cube in (real, made):
        window = np.hanning(64) / np.hanning(64).sum() * 2
        still_ = np.abs(np.fft.rfft((cube - cube.mean(axis=-1, keepdims=True)) * window).mean(axis=1)).mean(axis=0)
        noise = np.diff(cube, axis=1).std() / math.sqrt(2)
        figures.append((still_[:3].max(), still_[9:13].max(), still_[15:19].max(), noise, np.ptp(cube)))
    assert np.all(np.abs(np.log2(np.array(figures[0]) / figures[1])) < 1.5), figures  # each within a factor of 2.8
