from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from camera_meshes import FLAT, WHITE, black, painted, plane, rendered, sharp

from faceedge.camera.detection import FaceDetector
from faceedge.camera.landmarks import LandmarkNetwork, square_of_detection, square_of_mesh
from faceedge.errors import ConfigurationError
from faceedge.inference.registry import find_model
from faceedge.simulation.camera.background import room, wall
from faceedge.simulation.camera.optics import Optics
from faceedge.simulation.camera.renderer import Renderer
from faceedge.simulation.camera.view import MODES, CameraView, Sensor, camera_view, light_of
from faceedge.simulation.performance.motion import Motion
from faceedge.simulation.person.appearance import Appearance, appearance
from faceedge.simulation.person.body import Body
from faceedge.simulation.person.head import load_head
from faceedge.simulation.person.person import draw_person
from faceedge.simulation.surface import Mesh, Still

EVEN = Sensor(response_spread=0.0, offset_spread_e=0.0, vignetting=0.0, cosine_fourth=False, dark_e_s=0.0)
WALL = plane(-1, 1, -1, 1)
POINTS = {
    "nose_tip": 4, "exocanthion_left": 263, "exocanthion_right": 33, "endocanthion_left": 362,
    "endocanthion_right": 133, "cheilion_left": 291, "cheilion_right": 61, "sellion": 168, "stomion": 13,
}  # fmt: skip
"""Landmarks of the synthetic head, and the network's points at the same places."""


@dataclass(frozen=True)
class Sliding:
    """A surface that moves along the rows, to the right."""

    still: Still
    speed_m_s: float

    @property
    def mesh(self) -> Mesh:
        return self.still.mesh

    def vertices(self, time_s: np.ndarray) -> np.ndarray:
        way = np.array([0.0, -self.speed_m_s, 0.0])
        return np.asarray(self.still.points_m + np.asarray(time_s)[:, None, None] * way)


def grey_view(level: float, exposure_s: float = 0.01, **settings: object) -> CameraView:
    """A camera in front of a wall that sends back ``level`` of 1000 lux."""
    renderer = rendered(WALL, painted(np.full((8, 8), level)), sharp(128, 128, 200.0))
    return CameraView(renderer, exposure_s=exposure_s, gain_db=0.0, **{"sensor": EVEN, **settings})  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [0.001, 0.01, 0.1, 0.8])
def test_the_variance_of_electrons_is_their_mean_and_that_of_reading(level: float) -> None:
    view = grey_view(level)
    electrons = np.concatenate([view.electrons(k / 30) for k in range(8)]).astype(np.float64)
    expected = level * 1000 * 170 * 0.01
    assert electrons.mean() == pytest.approx(expected, rel=0.01, abs=0.05)
    assert electrons.var() == pytest.approx(expected + 2.2**2, rel=0.03)


def test_a_full_well_holds_no_more() -> None:
    view = grey_view(1.0, exposure_s=0.05)
    assert view.electrons(0.0).mean() == pytest.approx(6000, abs=1)
    assert (view.frame(0.0) == 255).mean() > 0.4


def test_pixels_differ_as_they_did_in_the_last_picture() -> None:
    view = grey_view(0.5, sensor=dataclasses.replace(EVEN, response_spread=0.05))
    one, two = view.electrons(0.0).ravel(), view.electrons(1.0).ravel()
    assert np.corrcoef(one, two)[0, 1] > 0.6
    assert abs(np.corrcoef(grey_view(0.5).electrons(0.0).ravel(), grey_view(0.5).electrons(1.0).ravel())[0, 1]) < 0.05


def test_light_falls_with_the_fourth_power_of_the_cosine_towards_the_corners() -> None:
    view = grey_view(0.5, sensor=dataclasses.replace(EVEN, cosine_fourth=True))
    mean = view.mean_electrons(0.0)[..., 0]
    cosine = 1 / math.sqrt(1 + 2 * (63.5 / 200) ** 2)
    assert mean[0, 0] / mean[64, 64] == pytest.approx(cosine**4, rel=1e-3)


def test_a_picture_depends_on_its_time_and_the_seed_alone() -> None:
    view = grey_view(0.3)
    first = view.frame(0.5)
    view.frame(0.1)
    np.testing.assert_array_equal(view.frame(0.5), first)
    np.testing.assert_array_equal(grey_view(0.3).frame(0.5), first)
    assert (view.frame(0.6) != first).any()
    assert (grey_view(0.3, seed=1).frame(0.5) != first).any()


def test_an_edge_that_moves_is_blurred_over_its_way() -> None:
    # 200 px of focal length at 0.3 m, 3 m/s, 10 ms: 20 px.
    surface = Sliding(plane(-1, 0, -1, 1), 3.0)
    optics = sharp(128, 128, 200.0)
    renderer = Renderer(surface, WHITE, optics, FLAT, background=black(optics))
    view = CameraView(renderer, exposure_s=0.01, gain_db=0.0, samples=40, sensor=EVEN)
    row = view.mean_electrons(0.0)[64, :, 0] / 1700
    columns = np.arange(128)
    np.testing.assert_allclose(row, np.clip((63.5 + 20 - columns) / 20, 0, 1), atol=0.03)


def test_rows_are_exposed_one_after_the_other() -> None:
    surface = Sliding(plane(-1, 0, -1, 1), 3.0)
    optics = sharp(128, 128, 200.0)
    renderer = Renderer(surface, WHITE, optics, FLAT, background=black(optics))
    view = CameraView(renderer, exposure_s=0.001, gain_db=0.0, samples=33, readout_s=0.02, sensor=EVEN)
    lit = view.mean_electrons(0.0)[..., 0].sum(axis=1) / 170
    # 2000 px/s: the last row begins 20 ms after the first one.
    assert lit[0] == pytest.approx(64 + 1, abs=1.0)
    assert lit[127] - lit[0] == pytest.approx(40, abs=1.5)


def test_automatic_gain_makes_the_middle_grey_and_shortens_the_exposure_in_bright_light() -> None:
    renderer = rendered(WALL, painted(np.full((8, 8), 0.1)), sharp(128, 128, 200.0))
    view = CameraView(renderer, exposure_s=0.01, sensor=EVEN)
    assert view.gain_db == pytest.approx(20 * math.log10(0.2 / (0.1 * 1700 / 6000)), abs=0.05)
    assert view.frame(0.0).mean() == pytest.approx(124, abs=3)  # 0.2 after the sRGB curve
    bright = rendered(WALL, WHITE, sharp(), dataclasses.replace(FLAT, illuminance_lux=20_000))
    view = CameraView(bright, exposure_s=0.01, sensor=EVEN)
    assert view.gain_db == 0.0
    assert view.exposure_s == pytest.approx(0.01 * 0.2 / (20_000 * 1.7 / 6000), rel=0.01)


def test_a_camera_for_infrared_gives_three_equal_colours() -> None:
    view = camera_view(WALL, WHITE, sharp(), "nir")
    picture = view.frame(0.0)
    assert picture.shape == (48, 64, 3)
    assert picture.dtype == np.uint8
    assert (picture[..., 0] == picture[..., 1]).all()
    assert (picture[..., 0] == picture[..., 2]).all()


def test_backgrounds_come_from_their_seed() -> None:
    light = light_of("day")
    for paint in (wall, room):
        one = paint(24, 32, light, 5)
        assert one.shape == (24, 32, 3)
        assert one.min() >= 0
        np.testing.assert_array_equal(one, paint(24, 32, light, 5))
        assert np.abs(one - paint(24, 32, light, 6)).max() > 0.05


def test_settings_that_cannot_be_are_refused_with_a_sentence() -> None:
    renderer = rendered(WALL)
    with pytest.raises(ConfigurationError, match=r"must take 1e-6 to 10 s, got -0\.01"):
        CameraView(renderer, exposure_s=-0.01)
    with pytest.raises(ConfigurationError, match="must take 1e-6 to 10 s, got nan"):
        CameraView(renderer, exposure_s=math.nan)
    with pytest.raises(ConfigurationError, match="must take 0 to 1 s, got 2"):
        CameraView(renderer, readout_s=2.0)
    with pytest.raises(ConfigurationError, match="must be -20 to 60 dB, got 100"):
        CameraView(renderer, gain_db=100)
    with pytest.raises(ConfigurationError, match="at least 1 picture, got 0"):
        CameraView(renderer, samples=0)
    with pytest.raises(ConfigurationError, match="a sensor's figures must be finite"):
        Sensor(read_noise_e=math.inf)
    with pytest.raises(ConfigurationError, match="must be one of day, dim, dark, nir, got 'night'"):
        camera_view(WALL, WHITE, sharp(), "night")
    with pytest.raises(ConfigurationError, match="a picture needs a time in s, got nan"):
        grey_view(0.5).frame(math.nan)


@dataclass(frozen=True)
class Sitter:
    body: Body
    look: Appearance


def posed(body: Body, yaw_deg: float, distance_m: float = 0.4) -> np.ndarray:
    """(v, 3) vertices of a neutral face in front of the camera."""
    tip = body.nose_tip_m
    zero = np.zeros(1, np.float32)
    off = np.zeros(1, bool)
    turn = np.radians(np.array([[yaw_deg, 0.0, 0.0]], np.float32))
    pivot = np.array([[distance_m + tip[0], 0.0, 0.01 - tip[2]]])
    return np.asarray(
        body.vertices(
            Motion(
                zero, np.zeros((1, 52), np.float32), np.zeros((1, 2), np.float32), turn, pivot, zero, zero, zero, zero,
                np.zeros(1, np.int8), np.zeros(1, np.int8), zero, off, off,
            )
        )[0]
    )  # fmt: skip


@pytest.fixture(scope="module")
def sitters() -> list[Sitter]:
    people = [draw_person(seed, glasses=False, mask=False) for seed in (1, 3, 8)]
    return [Sitter(Body(person), appearance(person)) for person in people]


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector(find_model("face_detection_near"))


@pytest.fixture(scope="module")
def landmarks() -> LandmarkNetwork:
    return LandmarkNetwork(find_model("face_landmarks"))


@pytest.mark.parametrize(("mode", "turns_deg"), [("day", (-25, 0, 25)), ("dim", (0, 25, -25)), ("nir", (25, -25, 0))])
def test_the_shipped_networks_find_synthetic_faces_and_their_landmarks(
    mode: str, turns_deg: tuple[float, ...], sitters: list[Sitter], detector: FaceDetector, landmarks: LandmarkNetwork
) -> None:
    optics = Optics(640, 480, focal_px=530.0)
    for number, (sitter, yaw_deg) in enumerate(zip(sitters, turns_deg, strict=True)):
        points = posed(sitter.body, yaw_deg)
        behind = room(480, 640, light_of(mode), number)
        view = camera_view(Still(sitter.body.mesh, points), sitter.look, optics, mode, background=behind, seed=number)
        picture = view.frame(0.0)
        found = detector.detect(picture)
        assert len(found) == 1
        mesh = landmarks.locate(picture, square_of_detection(found.boxes[0], found.keypoints[0]))
        mesh = landmarks.locate(picture, square_of_mesh(mesh.points))
        assert mesh.presence > 0.9
        places = load_head().landmarks
        truth = optics.project(points[[places[name] for name in POINTS]])[0]
        located = mesh.points[list(POINTS.values()), :2]
        eyes = points[[places["exocanthion_left"], places["exocanthion_right"]]]
        scale_px = np.linalg.norm(eyes[0] - eyes[1]) / 0.4 * 530
        error = np.linalg.norm(located - truth, axis=1) / scale_px
        assert np.median(error) < 0.07
        assert error.max() < 0.22


@pytest.mark.parametrize("mode", list(MODES))
def test_there_is_no_face_in_an_empty_room(mode: str, detector: FaceDetector) -> None:
    nobody = plane(-0.1, 0.1, -0.1, 0.1, x=-1.0)
    optics = Optics(320, 240, focal_px=265.0)
    for seed in range(4):
        behind = room(240, 320, light_of(mode), seed)
        view = camera_view(nobody, WHITE, optics, mode, background=behind, seed=seed)
        assert len(detector.detect(view.frame(0.0))) == 0


def test_a_face_in_the_dark_is_dim_and_noisy(sitters: list[Sitter]) -> None:
    optics = Optics(320, 240, focal_px=265.0)
    points = posed(sitters[0].body, 0.0)
    pictures = {}
    for mode in ("day", "dark"):
        view = camera_view(Still(sitters[0].body.mesh, points), sitters[0].look, optics, mode)
        pictures[mode] = view.frame(0.0).astype(np.float32)
    assert pictures["dark"].mean() < 0.7 * pictures["day"].mean()
    noise = {mode: np.std(picture - cv2.GaussianBlur(picture, (5, 5), 0)) for mode, picture in pictures.items()}
    assert noise["dark"] / pictures["dark"].mean() > 2 * noise["day"] / pictures["day"].mean()
