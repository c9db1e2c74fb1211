from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np
import pytest
from camera_meshes import FLAT, WHITE, black, mesh_of, painted, plane, rendered, sharp, sphere, together

from faceedge.errors import ConfigurationError
from faceedge.simulation.camera.optics import Optics
from faceedge.simulation.camera.outlines import edges_of
from faceedge.simulation.camera.raster import Raster
from faceedge.simulation.camera.renderer import Renderer
from faceedge.simulation.camera.shading import LIGHTS, Light
from faceedge.simulation.surface import Still


@pytest.mark.parametrize("distortion", [(0, 0, 0, 0, 0), (-0.28, 0.09, 0.001, -0.0007, -0.01)])
def test_points_appear_where_opencv_puts_them_with_the_calibration_that_is_announced(
    distortion: tuple[float, ...],
) -> None:
    optics = Optics(640, 480, 500.0, (0.01, 0.02, 0.03), (310.0, 250.0), distortion)  # type: ignore[arg-type]
    points = np.random.default_rng(0).uniform((0.2, -0.1, -0.1), (1.0, 0.1, 0.1), (50, 3))
    screen, nearness = optics.project(points)
    seen = points - optics.position_m
    right_down_forward = np.stack([-seen[:, 1], -seen[:, 2], seen[:, 0]], axis=1)
    info = optics.camera_info()
    expected, _ = cv2.projectPoints(right_down_forward, np.zeros(3), np.zeros(3), info.k, np.array(info.d))
    np.testing.assert_allclose(screen, expected[:, 0], atol=1e-9)
    np.testing.assert_allclose(nearness, 1 / seen[:, 0])


def test_what_is_behind_the_lens_is_not_drawn() -> None:
    picture = rendered(plane(-1, 1, -1, 1, x=-0.3)).radiance(0.0)
    assert picture.max() == 0.0


def test_what_the_distortion_would_fold_back_into_the_picture_is_not_drawn() -> None:
    optics = Optics(640, 480, 500.0, (0.0, 0.0, 0.0), distortion=(-0.3, 0.0, 0.0, 0.0, 0.0))
    screen, nearness = optics.project(np.array([[0.3, -0.2, 0.0], [0.3, -0.5, 0.0]]))
    assert nearness.tolist() == [pytest.approx(1 / 0.3), 0.0]
    assert screen[0, 0] > 319.5 + 250


def test_a_rectangle_covers_the_pixels_between_its_edges_and_only_them() -> None:
    optics = sharp(20, 16)
    # 100 px of focal length at 0.5 m: 5 mm a pixel, the middle between columns 9 and 10.
    picture = rendered(plane(-0.02, 0.03, -0.01, 0.02, x=0.5), optics=optics).radiance(0.0)
    expected = np.zeros((16, 20), np.float32)
    expected[6:12, 6:16] = 1.0
    np.testing.assert_allclose(picture, expected, atol=1e-4)


@pytest.mark.parametrize("part", [0.0, 0.2, 0.49, 0.51, 0.8])
def test_an_edge_within_a_pixel_gives_it_the_share_that_it_covers(part: float) -> None:
    optics = sharp(20, 16)
    left, top = (6 + part - 10) * 0.005, (5 + part - 8) * 0.005
    picture = rendered(plane(left, 0.03, top, 0.02, x=0.5), optics=optics).radiance(0.0)
    np.testing.assert_allclose(picture[9, 5:8], [0, 1 - part, 1], atol=1e-4)
    np.testing.assert_allclose(picture[4:7, 12], [0, 1 - part, 1], atol=1e-4)


@pytest.mark.parametrize("place", np.arange(8) / 8)
def test_a_strip_narrower_than_a_pixel_gives_its_width_wherever_it_is(place: float) -> None:
    left = (3.05 + place) * 0.005
    picture = rendered(plane(left, left + 0.3 * 0.005, -0.03, 0.03, x=0.5)).radiance(0.0)
    assert picture[24].sum() == pytest.approx(0.3, abs=1e-4)


def test_three_surfaces_in_one_pixel_share_it_as_they_cover_it() -> None:
    # Columns 32 and on are on the right of the middle; edges at 0.1, 0.3 px behind the centre of column 34.
    near = plane(-0.05, (34.1 - 31.5) * 0.003, -0.05, 0.05, x=0.3)
    far = plane(-0.07, (34.3 - 31.5) * 0.0031, -0.06, 0.06, x=0.31)
    texture = np.ones((8, 8), np.float32)
    texture[:, 4:] = 0.5
    left, right = (dataclasses.replace(each.mesh, corner_uv=np.full((2, 3, 2), uv, np.float32)) for each, uv in (
        (near, 0.1), (far, 0.9)
    ))  # fmt: skip
    both = together(Still(left, near.points_m), Still(right, far.points_m))
    picture = rendered(both, painted(texture)).radiance(0.0)
    np.testing.assert_allclose(
        picture[24, 33:36], [1.0, 0.6 + 0.2 * 0.5, 0.0], atol=0.01
    )  # the near one shades the far one a little


def test_triangles_that_share_edges_leave_no_gap() -> None:
    random = np.random.default_rng(1)
    surface = plane(-0.3, 0.3, -0.3, 0.3, x=0.3, cells=40)
    for _ in range(20):
        points = surface.points_m + random.uniform(-0.004, 0.004, surface.points_m.shape)
        renderer = rendered(Still(surface.mesh, points))
        renderer.radiance(0.0)
        assert renderer.coverage.all()


def test_the_nearer_of_two_surfaces_is_seen_whatever_the_order() -> None:
    back, front = plane(-0.1, 0.1, -0.1, 0.1, x=0.5), plane(-0.02, 0.02, -0.02, 0.02, x=0.3)
    optics = sharp()
    for both in (together(back, front), together(front, back)):
        raster = Raster(48, 64, both.mesh.triangles, both.mesh.corner_uv, len(both.points_m))
        raster.draw(*optics.project(both.points_m), np.zeros((2, len(both.points_m)), np.float32))
        assert raster.nearness[24, 32] == pytest.approx(1 / 0.3)
        assert raster.nearness[24, 45] == pytest.approx(1 / 0.5)


def test_texture_lies_in_perspective() -> None:
    # A floor from 0.1 to 1 m in front of the camera and 5 cm below it, as dark as it is far.
    surface = plane(-0.2, 0.2, 0, 1)
    points = surface.points_m.copy()
    points[:, 0], points[:, 2] = 1.0 + 0.9 * points[:, 2], -0.05
    ramp = np.tile(np.linspace(1, 0, 513)[:512, None].astype(np.float32), (1, 8))
    picture = rendered(Still(surface.mesh, points), painted(ramp)).radiance(0.0)
    rows = np.arange(32, 48)
    distance = 100 * 0.05 / (rows - 23.5)
    far_from_far_end = (1.0 - distance) / 0.9
    np.testing.assert_allclose(picture[rows, 32], 1 - far_from_far_end, atol=0.02)


def test_a_lambertian_ball_shines_with_the_cosine_to_the_lamp() -> None:
    lamp = np.array([-0.8, 0.36, 0.48])
    light = Light(1000.0, ((tuple(lamp), 1.0),), 0.0, softness=0.0)  # type: ignore[arg-type]
    optics = sharp(160, 160, 400.0)
    centre, radius = np.array([0.5, 0.0, 0.0]), 0.08
    picture = rendered(sphere(radius, (0.5, 0, 0), rings=60), optics=optics, light=light).radiance(0.0)
    rows, columns = np.indices((160, 160))
    ray = np.stack([np.full(rows.shape, 400.0), 79.5 - columns, 79.5 - rows], axis=-1)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    along = ray @ centre
    inside = radius**2 - (centre @ centre - along**2)
    hit = ray * (along - np.sqrt(np.maximum(inside, 0)))[..., None] - centre
    cosine = hit @ lamp / radius
    sure = (inside > (0.2 * radius) ** 2) & (cosine > 0.15)
    assert sure.sum() > 5000
    np.testing.assert_allclose(picture[sure], cosine[sure], atol=0.015)


def test_a_ring_of_leds_fades_with_the_square_of_the_distance() -> None:
    light = Light(100.0, (), 0.0, ring=1.0, ring_distance_m=0.3)
    levels = [
        rendered(plane(-0.02, 0.02, -0.02, 0.02, x=x, cells=8), light=light).radiance(0.0)[23, 31] for x in (0.3, 0.6)
    ]
    np.testing.assert_allclose(levels, [1.0, 0.25], rtol=0.01)


def test_a_plate_in_front_of_a_lamp_throws_its_shadow() -> None:
    light = Light(100.0, (((-1.0, 0.0, 0.0), 1.0),), 0.0, softness=0.0)
    wall, plate = plane(-0.1, 0.1, -0.1, 0.1, x=0.5, cells=20), plane(-0.02, 0.02, -0.02, 0.02, x=0.45)
    shade = rendered(together(wall, plate), light=light)._shade[1]
    middle = np.abs(wall.points_m[:, 1:]).max(axis=1)
    assert shade[:441][middle < 0.008].max() < 0.3
    assert shade[:441][middle > 0.045].min() > 0.95


def test_a_moving_textured_ball_changes_smoothly_by_hundredths_of_a_pixel() -> None:
    texture = np.full((128, 256), 0.6, np.float32)
    texture[(np.indices((128, 256)) // 16).sum(axis=0) % 2 == 0] = 0.2
    ball = sphere(0.08, (0.5, 0, 0), rings=40)
    optics = dataclasses.replace(sharp(96, 96, 220.0), blur_px=0.6)
    renderer = rendered(ball, painted(texture), optics)
    step = np.array([0.0, -1.0, -0.4]) * 0.01 * 0.42 / 220
    pictures = np.array([renderer.draw(ball.points_m + k * step).copy() for k in range(110)])
    change = np.abs(np.diff(pictures, axis=0))
    # A black and white edge behind a blur of 0.6 px changes by 0.6 / (sqrt(2 pi) 0.6) * 0.01 = 0.004 a step at most.
    assert np.quantile(change.max(axis=0), 0.999) > 0.003
    inside = np.hypot(*(np.indices((96, 96)) - 47.5)) < 30
    assert change[:, inside].max() < 0.004
    poles = np.abs(np.arange(96) - 47.5) > 30  # there the squares are narrower than pixels
    change[:, poles] = 0.0
    assert np.quantile(change, 0.9999) < 0.008
    assert change.max() < 0.05
    assert np.ptp(pictures.sum(axis=(1, 2))) < 1e-3 * pictures[0].sum()


def test_outlines_move_smoothly_too() -> None:
    ball = sphere(0.08, (0.5, 0, 0), rings=40)
    optics = dataclasses.replace(sharp(96, 96, 220.0), blur_px=0.6)
    renderer = rendered(ball, optics=optics)
    step = np.array([0.0, -1.0, -0.4]) * 0.01 * 0.42 / 220
    pictures = np.array([renderer.draw(ball.points_m + k * step).copy() for k in range(110)])
    change = np.abs(np.diff(pictures, axis=0))
    assert 0.005 < change.max() < 0.03


def test_an_edge_belongs_to_two_triangles_and_a_rim_to_one() -> None:
    edges = edges_of(np.array([[0, 1, 2], [2, 1, 3]]))
    assert sorted(tuple(edge) for edge in edges.tolist()) == [
        (0, 1, 0, -1, 2, -1), (0, 2, 0, -1, 1, -1), (1, 2, 1, 0, 3, 0), (1, 3, 1, -1, 2, -1), (2, 3, 1, -1, 1, -1),
    ]  # fmt: skip


def test_a_sheet_with_two_sides_has_the_edges_of_each_side() -> None:
    front = np.array([[0, 1, 2], [2, 1, 3]])
    edges = edges_of(np.concatenate([front, front[:, ::-1]]))
    across = edges[(edges[:, 0] == 1) & (edges[:, 1] == 2)]
    assert sorted(tuple(sorted(pair)) for pair in across[:, 2:4].tolist()) == [(0, 1), (2, 3)]
    assert (edges[:, 3] == -1).sum() == 8


def test_luminance_is_the_weighted_sum_of_the_colours() -> None:
    texture = painted(np.ones((8, 8)))
    texture.albedo[:] = (0.9, 0.5, 0.2)
    light = dataclasses.replace(FLAT, tint=(1.0, 0.8, 0.5))
    pictures = {}
    for band in ("rgb", "luminance"):
        optics = sharp()
        renderer = Renderer(
            plane(-0.1, 0.1, -0.1, 0.1),
            texture,
            optics,
            light,
            band,
            background=black(optics),  # type: ignore[arg-type]
        )
        pictures[band] = renderer.radiance(0.0)[24, 32].copy()
    np.testing.assert_allclose(pictures["rgb"], [0.9, 0.4, 0.1], rtol=1e-3)
    assert pictures["luminance"] == pytest.approx(0.2126 * 0.9 + 0.7152 * 0.4 + 0.0722 * 0.1, rel=1e-3)


def test_lenses_are_looked_through() -> None:
    face, lens = plane(-0.1, 0.1, -0.1, 0.1), plane(-0.02, 0.02, -0.02, 0.02, x=0.2)
    glass = dataclasses.replace(lens.mesh, part=np.full(2, 8, np.uint8), opaque=np.zeros(2, bool))
    renderer = rendered(together(face, Still(glass, lens.points_m)))
    renderer.radiance(0.0)
    assert renderer._raster.nearness[24, 32] == pytest.approx(1 / 0.3)


def test_pupils_shine_only_where_the_leds_are_at_the_lens() -> None:
    texture = np.full((64, 64), 0.5, np.float32)
    texture[24:40, 24:40] = 0.01
    eye = plane(-0.05, 0.05, -0.05, 0.05)
    surface = Still(dataclasses.replace(eye.mesh, part=np.full(2, 1, np.uint8)), eye.points_m)
    levels = []
    for bright in (False, True):
        light = dataclasses.replace(FLAT, bright_pupil=bright)
        optics = sharp()
        renderer = Renderer(surface, painted(texture), optics, light, "nir", background=black(optics))
        levels.append(renderer.radiance(0.0)[24, 32])
    assert levels[0] < 0.05 < 0.6 < levels[1]


def test_what_no_camera_has_is_refused_with_a_sentence() -> None:
    surface, optics = plane(-0.1, 0.1, -0.1, 0.1), sharp()
    with pytest.raises(ConfigurationError, match="focal length must be above 0 px, got -1"):
        Optics(focal_px=-1.0)
    with pytest.raises(ConfigurationError, match="finite numbers"):
        Optics(position_m=(0.0, math.nan, 0.0))
    with pytest.raises(ConfigurationError, match="at least 1x1 pixels, got 0x48"):
        Optics(0, 48)
    with pytest.raises(ConfigurationError, match="must be rgb, nir or luminance, got 'uv'"):
        Renderer(surface, WHITE, optics, FLAT, "uv")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"must be \(48, 64, 3\) like the picture, got \(4, 4, 3\)"):
        Renderer(surface, WHITE, optics, FLAT, background=np.zeros((4, 4, 3), np.float32))
    with pytest.raises(ConfigurationError, match=r"textures must be of one size, got \(4, 4\) beside \(8, 8\)"):
        Renderer(surface, dataclasses.replace(WHITE, gloss=np.zeros((4, 4), np.float32)), optics, FLAT)
    with pytest.raises(ConfigurationError, match="not below 0"):
        Light(ambient=-0.1)
    with pytest.raises(ConfigurationError, match="a picture needs a time in s, got nan"):
        rendered(surface).radiance(math.nan)
    with pytest.raises(ConfigurationError, match="use vertices 0 to 5, it has 4"):
        Raster(8, 8, np.array([[0, 1, 5]]), np.zeros((1, 3, 2)), 4)
    assert mesh_of(np.array([[0, 1, 2]]), np.zeros((3, 2))).part.tolist() == [0]
    assert set(LIGHTS) == {"day", "dim", "dark", "nir"}
