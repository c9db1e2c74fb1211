"""Physical optics of facets against closed forms: plate, sphere, corner reflector, Fresnel, and a point that moves."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from radar_surfaces import ONE_POINT, cross_section_db, full_band, wavelength_m
from scipy.special import fresnel

from faceedge.errors import ConfigurationError
from faceedge.radar.chirp import SPEED_OF_LIGHT_M_S
from faceedge.simulation.radar.facets import co_polar_reflection, triangle_mean
from faceedge.simulation.radar.front_end import FrontEnd
from faceedge.simulation.radar.reflectors import Shifted, corner, mesh_of, parallelogram, plate, sphere
from faceedge.simulation.radar.scene import RadarScene, moving
from faceedge.simulation.radar.view import RadarView

SIDE_M = 0.05
FAR_M = 20.0


def db(ratio: float) -> float:
    return 10 * math.log10(ratio)


def flat_plate_db(turn_deg: float) -> float:
    """4 pi A^2 / wavelength^2, a cosine squared and a sinc squared: Knott, Shaeffer and Tuley, ch. 6."""
    turn = math.radians(turn_deg)
    sinc = np.sinc(2 * SIDE_M * math.sin(turn) / wavelength_m())
    return db(4 * math.pi * SIDE_M**4 / wavelength_m() ** 2 * (math.cos(turn) * float(sinc)) ** 2)


# One facet


def mean_by_points(phases: tuple[float, float, float]) -> complex:
    """The mean of exp(j phase), over many small triangles by their centres."""
    count = 600
    i, j = np.meshgrid(np.arange(count), np.arange(count), indexing="ij")
    upward = np.stack([i + 1 / 3, j + 1 / 3])[:, i + j < count] / count
    downward = np.stack([i + 2 / 3, j + 2 / 3])[:, i + j < count - 1] / count
    u, v = np.concatenate([upward, downward], axis=1)
    return complex(np.exp(1j * (phases[0] * u + phases[1] * v + phases[2] * (1 - u - v))).mean())


@pytest.mark.parametrize(
    "phases",
    [
        (0.0, 0.0),
        (1e-6, -2e-6),
        (0.3, 0.4),
        (1.0, 0.99),
        (1.999, -0.5),
        (2.001, -0.5),
        (3.0, 3.0),
        (9.0, -4.5),
        (-8, 1),
    ],
)
def test_the_mean_over_a_triangle_is_that_of_its_points(phases: tuple[float, float]) -> None:
    found = complex(*triangle_mean(*phases))
    assert abs(found - mean_by_points((*phases, -sum(phases)))) < 1e-4


@settings(max_examples=200, deadline=None)
@given(st.floats(-12, 12), st.floats(-12, 12))
def test_the_mean_over_a_triangle_is_at_most_one_and_does_not_depend_on_the_order(first: float, second: float) -> None:
    found = complex(*triangle_mean(first, second))
    assert abs(found) <= 1 + 1e-6
    assert abs(found - complex(*triangle_mean(-first - second, first))) < 1e-6
    assert abs(found.conjugate() - complex(*triangle_mean(-first, -second))) < 1e-6


def test_the_series_and_the_closed_form_meet() -> None:
    for share in (-0.9, -0.5, 0.0, 0.3, 0.5):
        below, above = (complex(*triangle_mean(size, share * size)) for size in (2 - 1e-9, 2 + 1e-9))
        assert abs(below - above) < 2e-7


def test_reflection_is_that_of_fresnel() -> None:
    assert co_polar_reflection(1.0, 0.6, 0.3) == pytest.approx(-0.6)
    index = 1.6 / 0.4
    brewster = math.cos(math.atan(index))
    assert co_polar_reflection(brewster, 0.6, 0.0) == pytest.approx(0.0, abs=1e-9)
    inside = math.sqrt(index**2 - 0.75)  # 60 degrees
    assert co_polar_reflection(0.5, 0.6, 1.0) == pytest.approx((0.5 - inside) / (0.5 + inside))
    assert co_polar_reflection(0.2, 1.0, 0.0) == -1.0


def strength(points: np.ndarray, triangles: np.ndarray, reflection: float, exponent: float) -> float:
    """Root mean square signal of a tiny plate."""
    front = dataclasses.replace(ONE_POINT, pattern_exponent=exponent)
    shape = Shifted(mesh_of(triangles, reflection), points)
    signal = RadarView(full_band(chirps_per_frame=1, rx_antennas=(3,)), shape, front_end=front).if_signal(0)
    return float(np.sqrt(np.square(signal, dtype=np.float64).mean()))


def turned(points: np.ndarray, first: int, second: int, angle_deg: float) -> np.ndarray:
    """Points about their middle, from one axis towards another."""
    middle, angle = points.mean(axis=0), math.radians(angle_deg)
    turn = np.eye(3)
    turn[[first, second], [first, second]] = math.cos(angle)
    turn[first, second], turn[second, first] = -math.sin(angle), math.sin(angle)
    return np.asarray((points - middle) @ turn.T + middle)


def test_a_facet_aside_is_as_weak_as_both_antennas_make_it() -> None:
    points, triangles, _ = small_plate(0.5)
    aside = turned(points - (0.5, 0, 0), 0, 1, 30.0) + (0.5 * math.cos(math.pi / 6), 0.25, 0.0)
    ratio = strength(aside, triangles, 1.0, 3.0) / strength(aside, triangles, 1.0, 0.0)
    assert ratio == pytest.approx(math.cos(math.radians(30)) ** 3, rel=1e-3)


def test_the_field_is_upright() -> None:
    # Turned about the upright axis the field is perpendicular to the plane of incidence, tilted back it lies in it.
    points, triangles, _ = small_plate(0.5)
    found = [strength(turned(points, 0, axis, 50.0), triangles, 0.6, 0.0) for axis in (1, 2)]
    across, along = (abs(co_polar_reflection(math.cos(math.radians(50)), 0.6, share)) for share in (1.0, 0.0))
    assert found[0] / found[1] == pytest.approx(across / along, rel=0.01)


# Plate


@pytest.mark.parametrize("turn_deg", [0, 0.7, 1.5, 4.0, 4.3, 7.1])
def test_a_plate_has_the_cross_section_of_the_textbook_up_to_the_second_side_lobe(turn_deg: float) -> None:
    shape = plate(FAR_M, SIDE_M, SIDE_M, 2.5e-3, turn_deg)
    assert cross_section_db(shape, FAR_M) == pytest.approx(flat_plate_db(turn_deg), abs=0.1)


@pytest.mark.parametrize("turn_deg", [2.865, 5.738])
def test_a_plate_is_dark_between_its_lobes(turn_deg: float) -> None:
    assert cross_section_db(plate(FAR_M, SIDE_M, SIDE_M, 2.5e-3, turn_deg), FAR_M) < flat_plate_db(0) - 30


@pytest.mark.parametrize(("edge_m", "within_db"), [(25e-3, 0.3), (10e-3, 0.05), (5e-3, 0.05)])
def test_the_size_of_facets_hardly_matters_because_each_is_integrated(edge_m: float, within_db: float) -> None:
    for turn_deg in (0, 4.0):
        shape = plate(FAR_M, SIDE_M, SIDE_M, edge_m, turn_deg)
        assert cross_section_db(shape, FAR_M) == pytest.approx(flat_plate_db(turn_deg), abs=within_db)


@pytest.mark.parametrize("range_m", [0.2, 0.3, 0.5, 1.0, 3.0])
def test_a_plate_nearby_looks_smaller_as_the_integrals_of_fresnel_say(range_m: float) -> None:
    # The mean of exp(2 j k r^2 / 2 R) over the plate, a product of two equal integrals; spreading over it is neglected.
    limit = SIDE_M * math.sqrt(1 / (wavelength_m() * range_m))
    sine, cosine = fresnel(limit)
    near_db = 2 * db((sine**2 + cosine**2) / limit**2)
    shape = plate(range_m, SIDE_M, SIDE_M, 2.5e-3)
    assert cross_section_db(shape, range_m) == pytest.approx(flat_plate_db(0) + near_db, abs=0.15)


def test_a_plate_seen_from_behind_is_not_seen() -> None:
    mesh, points = plate(1.0, SIDE_M, SIDE_M)
    turned = mesh_of(mesh.triangles[:, ::-1])
    view = RadarView(full_band(), Shifted(turned, points), front_end=FrontEnd(leakage_db=-300.0))
    assert np.abs(view.if_signal(0)).max() < 1e-6


# Sphere


@pytest.mark.parametrize(("radius_m", "edge_m"), [(0.05, 2.5e-3), (0.05, 5e-3), (0.1, 5e-3), (0.03, 2.5e-3)])
def test_a_sphere_has_the_cross_section_of_its_disc(radius_m: float, edge_m: float) -> None:
    assert cross_section_db(sphere(FAR_M, radius_m, edge_m), FAR_M) == pytest.approx(db(math.pi * radius_m**2), abs=0.2)


# Corner reflector


def aperture_m2(edge_m: float, cosines: np.ndarray) -> float:
    """Effective area of a trihedral corner of squares for the cosines between its edges and the line of sight.

    Siegel et al., Studies in Radar Cross Sections XVIII; the same by tracing rays at random.
    """
    least, middle, most = np.sort(cosines)
    if middle >= most / 2:
        return float(edge_m**2 * least * (4 - most / middle))
    return float(edge_m**2 * 4 * least * middle / most)


def test_a_corner_reflector_has_the_cross_section_of_the_textbook_straight_ahead() -> None:
    for edge_m in (0.05, 0.08):
        mesh, points, plates = corner(FAR_M, edge_m, 2.5e-3)
        expected = db(12 * math.pi * edge_m**4 / wavelength_m() ** 2)
        assert cross_section_db((mesh, points), FAR_M, plates) == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize("turn_deg", [-20, -8, 8, 16, 24])
def test_a_corner_reflector_fades_with_its_aperture(turn_deg: float) -> None:
    edge_m = 0.06
    mesh, points, plates = corner(FAR_M, edge_m, 2.5e-3, turn_deg)
    cosines = np.array([-np.asarray(plate.first_m)[0] / edge_m for plate in plates])
    expected = db(4 * math.pi * aperture_m2(edge_m, cosines) ** 2 / wavelength_m() ** 2)
    assert cross_section_db((mesh, points), FAR_M, plates) == pytest.approx(expected, abs=0.2)


def test_a_corner_reflector_without_its_bounces_is_dark() -> None:
    mesh, points, plates = corner(FAR_M, 0.06, 2.5e-3)
    assert cross_section_db((mesh, points), FAR_M) < cross_section_db((mesh, points), FAR_M, plates) - 25


# Motion


def small_plate(x_m: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Points and triangles of a plate that is a point, and its cross section."""
    side = 4e-4
    points, triangles = parallelogram(
        np.array([x_m, side / 2, -side / 2]), np.array([0, -side, 0]), np.array([0, 0, side]), side
    )
    return points, triangles, side**2


@pytest.mark.parametrize("velocity_m_s", [0.0, 0.05, -0.5, 2.0])
def test_a_small_plate_that_moves_is_the_point_that_moves(velocity_m_s: float) -> None:
    chirp = full_band()
    points, triangles, area_m2 = small_plate(0.5)

    def way_m(time_s: np.ndarray) -> np.ndarray:
        return np.stack([velocity_m_s * time_s, 0 * time_s, 0 * time_s], axis=1)

    front = FrontEnd(leakage_db=-300.0)
    seen = RadarView(chirp, Shifted(mesh_of(triangles), points, way_m), front_end=front).if_signal(2)
    wavelength = SPEED_OF_LIGHT_M_S / (58e9 + chirp.slope_hz_per_s * (249 / 80e6 + 64 / 2e6))
    rcs_m2 = 4 * math.pi * area_m2**2 / wavelength**2
    place = np.array([[0.5, 0.0, 0.0]])
    point = moving(place, rcs_m2, np.array([[[1.0, 0.0, 0.0]]]), lambda time_s: velocity_m_s * time_s[:, np.newaxis])
    expected = -RadarScene(chirp, point, front).if_signal(2)  # a metal turns the sign
    # Phase, range and Doppler are those of each chirp; the amplitude is that of the middle of the frame.
    scale = (seen * expected).sum(axis=2) / (expected**2).sum(axis=2)
    assert np.abs(scale - 1).max() < 2e-3 + 0.06 * abs(velocity_m_s)
    assert scale[:, 32] == pytest.approx(1.0, abs=1e-3)
    rest = seen - scale[..., np.newaxis] * expected
    assert np.abs(rest).max() < (2e-4 + 0.01 * velocity_m_s**2) * np.abs(expected).max()


def test_an_accelerated_plate_keeps_its_phase_to_a_hundredth_of_a_radian() -> None:
    chirp = full_band(chirps_per_frame=64)
    points, triangles, _ = small_plate(0.4)

    def nod_m(time_s: np.ndarray) -> np.ndarray:
        return np.stack([5e-3 * np.sin(2 * math.pi * 3 * time_s), 0 * time_s, 0 * time_s], axis=1)

    front = FrontEnd(leakage_db=-300.0)
    seen = RadarView(chirp, Shifted(mesh_of(triangles), points, nod_m), front_end=front).if_signal(1)
    point = moving(
        np.array([[0.4, 0, 0]]), 1e-8, np.array([[[1.0, 0, 0]]]), lambda t: 5e-3 * np.sin(2 * math.pi * 3 * t)[:, None]
    )
    expected = -RadarScene(chirp, point, front).if_signal(1)
    lines = [np.fft.rfft(signal[0], axis=-1)[:, 14] for signal in (seen, expected)]
    phase = np.angle(lines[0] * lines[1].conj())
    assert np.ptp(phase) < 0.01


def test_a_breathing_plate_turns_the_phase_by_four_pi_of_its_way_in_wavelengths() -> None:
    chirp = full_band(chirps_per_frame=8, rx_antennas=(3,))
    mesh, points = plate(0.5, 0.04, 0.04)
    stroke_m = 1e-3

    def breath_m(time_s: np.ndarray) -> np.ndarray:
        return np.stack([stroke_m / 2 * np.sin(2 * math.pi * 0.25 * time_s), 0 * time_s, 0 * time_s], axis=1)

    view = RadarView(chirp, Shifted(mesh, points, breath_m), front_end=ONE_POINT)
    window = np.hanning(128)
    lines = np.array([np.fft.rfft(view.if_signal(index)[0, 0] * window)[17] for index in range(0, 80, 2)])
    swing = np.ptp(np.unwrap(np.angle(lines)))
    middle_hz = 58e9 + chirp.slope_hz_per_s * (249 / 80e6 + 64 / 2e6)
    assert swing == pytest.approx(4 * math.pi * stroke_m * middle_hz / SPEED_OF_LIGHT_M_S, rel=0.01)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: plate(1.0, 0.1, 0.1, -1.0), "must be positive, got -1.0"),
        (lambda: plate(1.0, 0.1, 0.1, float("nan")), "must be positive, got nan"),
        (lambda: plate(1.0, 10.0, 10.0, 1e-3), "more than 2,000,000"),
        (lambda: sphere(1.0, 0.01, 0.02), "smaller than its radius"),
    ],
)
def test_impossible_shapes_are_refused(make: object, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        make()  # type: ignore[operator]
