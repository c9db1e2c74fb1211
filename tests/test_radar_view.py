"""What the synthetic radar sees of surfaces in a room: shadows, mirrors, clutter, leakage, noise, drift, refusals."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from chirps import bgt60_chirp
from radar_surfaces import ONE_POINT, full_band

from faceedge.errors import ConfigurationError, InputError
from faceedge.radar.bgt60 import Bgt60
from faceedge.simulation.devices.bgt60 import Bgt60Chip
from faceedge.simulation.devices.clock import SteppedClock
from faceedge.simulation.devices.local import LocalTransport
from faceedge.simulation.radar.front_end import FrontEnd, Receiver, TemperatureDrift
from faceedge.simulation.radar.images import Mirror, way
from faceedge.simulation.radar.reflectors import Shifted, mesh_of, parallelogram, plate, sphere
from faceedge.simulation.radar.room import Room, draw_room
from faceedge.simulation.radar.scene import RadarScene, still
from faceedge.simulation.radar.view import RadarView
from faceedge.simulation.radar.visibility import RAMP_M, DepthView
from faceedge.simulation.surface import Mesh

QUIET = FrontEnd(leakage_db=-300.0, adc_noise_counts=0.0)


def behind() -> Shifted:
    """Nothing that the radar could see."""
    mesh, points = plate(1.0, 0.05, 0.05)
    return Shifted(mesh, points - (2.0, 0.0, 0.0))


def face_like(range_m: float = 0.3) -> Shifted:
    """A sphere that sways."""
    mesh, points = sphere(range_m + 0.09, 0.09, 9e-3)
    return Shifted(mesh, points, lambda time_s: 2e-3 * np.sin(np.outer(time_s, (5.0, 3.0, 2.0))))


def range_profile(view: RadarView, index: int = 0) -> np.ndarray:
    """(range bin,) mean power over receivers and chirps, Hann window."""
    signal = view.if_signal(index) * np.hanning(view.chirp.samples_per_chirp)
    return np.asarray((np.abs(np.fft.rfft(signal, axis=-1)) ** 2).mean(axis=(0, 1)))


def peak_db(view: RadarView, range_m: float) -> float:
    """Level around a range, without the filters."""
    count = view.chirp.samples_per_chirp
    spectrum = np.abs(np.fft.rfft(view.if_signal(0)[0, 0] * np.hanning(count), 16 * count))
    near = np.abs(np.arange(len(spectrum)) / 16 * view.chirp.range_resolution_m - range_m) < 0.03
    filtered = np.abs(view.receiver.response(np.array(view.chirp.beat_frequency_hz(range_m))))
    return float(20 * np.log10(spectrum[near].max() / filtered))


# Visibility


def two_plates(front_reflects: bool = True) -> tuple[Mesh, np.ndarray, int]:
    """A plate of 10 cm at 0.5 m and one of 4 cm before its middle at 0.3 m; the number of facets of the large one."""
    far, far_points = plate(0.5, 0.1, 0.1, 5e-3)
    near, near_points = plate(0.3, 0.04, 0.04, 5e-3)
    triangles = np.concatenate([far.triangles, near.triangles + len(far_points)])
    opaque = np.arange(len(triangles)) < (len(triangles) if front_reflects else len(far.triangles))
    mesh = dataclasses.replace(mesh_of(triangles), opaque=opaque)
    return mesh, np.concatenate([far_points, near_points]), len(far.triangles)


def share_seen(mesh: Mesh, points: np.ndarray) -> np.ndarray:
    out = np.empty(len(mesh.triangles), np.float32)
    return DepthView(np.zeros(3)).seen(points, mesh.triangles, mesh.opaque, out)


def test_what_stands_in_front_hides_what_is_behind_it() -> None:
    mesh, points, far = two_plates()
    seen = share_seen(mesh, points)
    assert np.all(seen[far:] > 0.999)
    shadow = 4 / 3 * (0.5 / 0.3 * 0.04) ** 2 / 4 * 3  # of 6.7 cm a side
    assert (1 - seen[:far]).sum() * 0.1**2 / far == pytest.approx(shadow, rel=0.03)
    middles = points[mesh.triangles[:far]].mean(axis=1)
    assert seen[:far][np.abs(middles[:, 1:]).max(axis=1) < 0.028].max() < 0.05
    assert seen[:far][np.abs(middles[:, 1:]).max(axis=1) > 0.039].min() > 0.95


def test_a_mask_or_a_lens_hides_nothing_and_is_seen() -> None:
    mesh, points, _ = two_plates(front_reflects=False)
    assert share_seen(mesh, points).min() > 0.99


def test_a_shadow_slides_without_jumps() -> None:
    mesh, points, far = two_plates()
    shaded, step_m = [], 0.05e-3
    for step in range(60):
        moved = points.copy()
        moved[len(points) - 81 :, 1] += step * step_m
        shaded.append(share_seen(mesh, moved)[:far])
    steps = np.abs(np.diff(shaded, axis=0))
    assert steps.max() < 0.2  # of a facet, when an upright edge passes a column of pixels
    sums = np.sum(1 - np.array(shaded), axis=1)
    assert np.ptp(sums) < 0.05 * sums.mean()  # the shadow keeps its size


def test_a_surface_does_not_hide_itself() -> None:
    mesh, points = sphere(0.4, 0.1, 5e-3)
    seen = share_seen(mesh, points)
    corners = points[mesh.triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    towards = -corners.mean(axis=1)
    cosine = (normal * towards).sum(axis=1) / np.linalg.norm(normal, axis=1) / np.linalg.norm(towards, axis=1)
    assert np.all(seen[cosine > 0.3] > 0.98)
    assert np.all(seen[cosine < 0.0] == 0)


def test_what_touches_hides_nothing_within_a_wavelength() -> None:
    far, far_points = plate(0.5, 0.1, 0.1, 5e-3)
    _, near_points = plate(0.5 - RAMP_M / 2, 0.04, 0.04, 5e-3)
    near, _ = plate(0.5, 0.04, 0.04, 5e-3)
    both = mesh_of(np.concatenate([far.triangles, near.triangles + len(far_points)]))
    assert share_seen(both, np.concatenate([far_points, near_points])).min() > 0.99


# Room


def test_a_wall_shows_the_surface_once_more_where_the_way_over_it_ends() -> None:
    wall = Mirror((-1.0, 0.6, -2.0), (6.0, 0.0, 0.0), (0.0, 0.0, 4.0), 0.5)
    mesh, points = sphere(1.0, 0.03, 5e-3)
    surface = Shifted(mesh, points)
    direct_m, by_wall_m = 0.97, math.hypot(1.0, 1.2) - 0.03  # to the sphere, and to its image
    once_m = (direct_m + by_wall_m) / 2
    room = Room(mirrors=(wall,), decimation=1)
    free, walled = (RadarView(full_band(), surface, front_end=ONE_POINT_ALL, room=r) for r in (None, room))
    for range_m in (once_m, by_wall_m):
        assert peak_db(walled, range_m) > peak_db(free, range_m) + 30
    # There or back over the wall: half the amplitude each and in phase, so only the longer way makes it weaker. There
    # and back: a quarter of it. The sphere is large: it scatters the same to all sides.
    once_db, twice_db = (20 * math.log10(direct_m / other) for other in (by_wall_m, by_wall_m**2 / direct_m))
    assert peak_db(walled, once_m) - peak_db(walled, direct_m) == pytest.approx(once_db, abs=1.0)
    assert peak_db(walled, by_wall_m) - peak_db(walled, direct_m) == pytest.approx(twice_db - 12.0, abs=1.0)


ONE_POINT_ALL = dataclasses.replace(
    ONE_POINT, rx_positions_m={1: (0.0, 0.0, 0.0), 2: (0.0, 0.0, 0.0), 3: (0.0, 0.0, 0.0)}
)


def test_a_mirror_ends_at_its_rim() -> None:
    short = Mirror((-1.0, 0.6, -2.0), (1.2, 0.0, 0.0), (0.0, 0.0, 4.0), 0.5)  # the echo would meet it at x = 0.5
    mesh, points = sphere(1.0, 0.03, 5e-3)
    free, walled = (
        RadarView(full_band(), Shifted(mesh, points), front_end=QUIET, room=Room(mirrors=mirrors)).if_signal(0)
        for mirrors in ((), (short,))
    )
    assert np.abs(walled - free).max() < 1e-4 * np.abs(free).max()


def test_one_of_eight_facets_has_the_power_of_all_in_a_mirror() -> None:
    wall = Mirror((-1.0, 0.6, -2.0), (6.0, 0.0, 0.0), (0.0, 0.0, 4.0), 0.5)
    chirp = full_band(chirps_per_frame=8, rx_antennas=(1,))
    rough = np.random.default_rng(3).normal(0, 1.5e-3, (1681, 3))  # speckle, as a face is
    points, triangles = parallelogram(np.array([0.4, 0.1, -0.1]), np.array([0, -0.2, 0]), np.array([0, 0, 0.2]), 5e-3)
    mesh = mesh_of(triangles)
    power = []
    for decimation in (1, 8):
        total = 0.0
        for seed in range(12):
            moved = points + np.random.default_rng(seed).permutation(rough)
            views = [
                RadarView(
                    chirp, Shifted(mesh, moved), front_end=QUIET, room=Room(mirrors=mirrors, decimation=decimation)
                )
                for mirrors in ((), (wall,))
            ]
            total += float(((views[1].if_signal(0) - views[0].if_signal(0)) ** 2).mean())
        power.append(total)
    assert 10 * math.log10(power[1] / power[0]) == pytest.approx(0.0, abs=1.5)


def test_every_seed_is_another_room_and_always_the_same_one() -> None:
    first, again, other = draw_room(4), draw_room(4), draw_room(5)
    assert np.array_equal(first.clutter_m, again.clutter_m)
    assert first.mirrors == again.mirrors
    assert first.mirrors != other.mirrors
    assert len(first.clutter_m) == len(first.rcs_m2)
    assert first.clutter_m[:, 0].min() > 0


def test_clutter_stands_still_and_is_where_it_is() -> None:
    room = Room(np.array([[0.8, 0.0, 0.0]]), np.array([0.01]))
    view = RadarView(full_band(), behind(), room=room, front_end=QUIET)
    signal = view.if_signal(0)
    assert np.abs(signal - signal[:, :1]).max() < 1e-4 * np.abs(signal).max()
    assert np.argmax(range_profile(view)) == round(0.8 / view.chirp.range_resolution_m)


def test_clutter_is_as_strong_as_the_same_points_of_a_scene() -> None:
    place, rcs_m2 = np.array([[0.6, 0.35, -0.1], [1.4, 0.0, 0.2]]), np.array([0.003, 0.02])
    seen = RadarView(full_band(), behind(), room=Room(place, rcs_m2), front_end=QUIET).if_signal(0)
    expected = RadarScene(full_band(), still(place, rcs_m2), QUIET).if_signal(0)
    assert np.abs(seen - expected).max() < 1e-3 * np.abs(expected).max()


def test_each_bounce_off_a_mirror_turns_the_sign() -> None:
    antenna = np.zeros(3)
    wall = Mirror((0.0, -1.0, -1.0), (2.0, 0.0, 0.0), (0.0, 0.0, 2.0), 0.5)
    ways = [
        way(antenna, antenna[np.newaxis], *bounces) for bounces in (((wall,), ()), ((), (wall,)), ((wall,), (wall,)))
    ]
    assert [found.amplitude for found in ways] == [-0.5, -0.5, 0.25]
    assert ways[0].tx_m == pytest.approx((0.0, -2.0, 0.0))


# Receiver


def test_leakage_is_that_of_the_front_end() -> None:
    front = FrontEnd()
    chirp = full_band()
    seen = RadarView(chirp, behind(), front_end=front).if_signal(0)
    receiver = Receiver(chirp, front, 0)
    expected = receiver.background - receiver.offset
    assert np.abs(expected).max() > 300
    assert np.abs(seen - expected).max() < 0.05


@pytest.mark.parametrize("snr_db", [-10.0, 20.0])
def test_thermal_noise_is_as_far_below_the_echoes_as_told(snr_db: float) -> None:
    front = dataclasses.replace(QUIET, offset_counts=(2048.0, 2048.0, 2048.0))
    surface = face_like()
    view = RadarView(full_band(), surface, front_end=front, snr_db=snr_db, seed=1)
    echo = view.if_signal(0)
    noise = view.cube(0) - 2048.0 - echo
    expected = math.sqrt(float((echo**2).mean()) / 10 ** (snr_db / 10) + 1 / 12)
    assert noise.std() == pytest.approx(expected, rel=0.03)


def test_phase_noise_grows_with_the_range() -> None:
    front = dataclasses.replace(QUIET, frequency_noise_hz=200e3)

    def jitter_rad(range_m: float) -> float:
        room = Room(np.array([[range_m, 0.0, 0.0]]), np.array([1.0]))
        lines = np.fft.rfft(RadarView(full_band(), behind(), room=room, front_end=front).if_signal(0)[0], axis=-1)
        line = lines[:, int(np.argmax(np.abs(lines[0])))]
        return float(np.angle(line * line.mean().conj()).std())

    assert jitter_rad(1.2) == pytest.approx(2 * math.pi * 200e3 * 2.4 / 299_792_458, rel=0.3)
    assert jitter_rad(1.2) / jitter_rad(0.4) == pytest.approx(3.0, rel=0.05)


def test_the_adc_saturates_at_both_ends() -> None:
    mesh, points = plate(0.15, 0.1, 0.1)
    loud = RadarView(full_band(if_gain_db=48.0), Shifted(mesh, points)).cube(0)
    assert loud.dtype == np.uint16
    assert (loud.min(), loud.max()) == (0, 4095)


def test_a_frame_depends_on_its_index_and_the_seeds_alone() -> None:
    views = [RadarView(full_band(), face_like(), room=draw_room(1), seed=seed) for seed in (5, 5, 6)]
    first = views[0].cube(7)
    assert first.shape == (3, 64, 128)
    views[0].cube(3)
    assert np.array_equal(views[0].cube(7), first)
    assert np.array_equal(views[1].cube(7), first)
    assert not np.array_equal(views[2].cube(7), first)
    assert not np.array_equal(views[0].cube(8), first)


def test_a_chip_that_grows_warm_loses_gain_and_turns_the_phase() -> None:
    drift = TemperatureDrift(30.0, 50.0, 10.0, gain_db_per_c=-0.05, frequency_ppm_per_c=-1.0)
    room = Room(np.array([[0.8, 0.0, 0.0]]), np.array([0.1]))
    cold, warm = (
        np.fft.rfft(RadarView(full_band(), behind(), room=room, front_end=QUIET, drift=drift).if_signal(i)[0, 0])[28]
        for i in (0, 4000)
    )
    assert drift.temperature_c(0.0) == 30.0
    assert drift.temperature_c(10 * math.log(2)) == pytest.approx(40.0)
    assert abs(warm) / abs(cold) == pytest.approx(10 ** (-1.0 / 20), rel=5e-3)
    hertz = -20e-6 * 60.8e9
    assert np.angle(warm / cold) == pytest.approx(2 * math.pi * hertz * 1.6 / 299_792_458, rel=0.02)
    view = RadarView(full_band(), behind(), drift=drift)
    assert view.temperature_c(4000) == pytest.approx(50.0, abs=1e-3)
    assert RadarView(full_band(), behind()).temperature_c(0) is None


@pytest.mark.parametrize(
    "other",
    [{"chirps_per_frame": 1}, {"chirps_per_frame": 13}, {"samples_per_chirp": 32}, {"chirp_period_s": 4e-3,
     "chirps_per_frame": 10}, {"rx_antennas": (2,)}],
)  # fmt: skip
def test_any_shape_of_a_cube_is_made(other: dict[str, Any]) -> None:
    chirp = full_band(**other)
    cube = RadarView(chirp, face_like(), room=draw_room(2)).cube(1)
    assert cube.shape == chirp.cube_shape
    assert 0 < cube.min() < cube.max() < 4095


# Bad input


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"chirp": full_band(start_frequency_hz=55e9)}, "BGT60TR13C: .*55"),
        ({"chirp": full_band(rx_antennas=(1, 4))}, "4"),
        ({"snr_db": float("nan")}, "snr_db must lie between -60 and 120, got nan"),
        (
            {"room": Room(decimation=0, mirrors=(Mirror((0, 1, 0), (1, 0, 0), (0, 0, 1)),))},
            "decimation must be 1 or more",
        ),
    ],
)
def test_what_cannot_be_is_refused(other: dict[str, Any], sentence: str) -> None:
    arguments = {"chirp": full_band(), "surface": behind(), **other}
    with pytest.raises(ConfigurationError, match=sentence):
        RadarView(**arguments)


def test_frames_before_the_first_one_are_refused() -> None:
    with pytest.raises(InputError, match="counted from 0, got frame -1"):
        RadarView(full_band(), behind()).cube(-1)


def test_a_surface_with_a_hole_in_its_figures_is_refused() -> None:
    mesh, points = plate(1.0, 0.05, 0.05, 25e-3)
    with pytest.raises(InputError, match=r"at 0.1 s that are no finite numbers"):
        RadarView(full_band(), Shifted(mesh, points * np.nan)).cube(2)
    with pytest.raises(InputError, match="8 vertices, but its triangles name vertices 0 to 8"):
        RadarView(full_band(), Shifted(mesh, points[:-1])).cube(0)


@pytest.mark.parametrize("values", [{"time_constant_s": 0.0}, {"gain_db_per_c": float("inf")}])
def test_an_impossible_drift_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="finite and the time constant positive"):
        TemperatureDrift(**values)


def test_point_scenes_need_no_compiler() -> None:
    program = "import sys; sys.modules['numba'] = None; import faceedge.simulation.radar.scene"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_emulated_chip_sends_what_the_view_sees() -> None:
    view = RadarView(bgt60_chirp(58e9, 63.5e9, chirps=8, gain_db=23.0), face_like(), room=draw_room(1), seed=2)
    chip = Bgt60Chip(view, SteppedClock())
    with Bgt60(view.chirp, LocalTransport(chip)) as radar:
        cubes: list[np.ndarray] = []
        while len(cubes) < 2:
            frame = radar.read()
            if frame is not None and frame.cube is not None:
                cubes.append(frame.cube.copy())
    for cube in cubes:
        assert any(np.array_equal(cube, view.cube(index)) for index in range(6))
