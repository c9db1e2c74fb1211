"""What people wear: where it sits, how it follows, and how it reflects the radar."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from person_motion import front, motion

from faceedge.simulation.person.accessories import HANGING, grid_triangles
from faceedge.simulation.person.appearance import metal_frame
from faceedge.simulation.person.body import Body
from faceedge.simulation.person.covering import NECKLINES, draw_clothes
from faceedge.simulation.person.covers import random_field, vertex_normals
from faceedge.simulation.person.head import load_head
from faceedge.simulation.person.person import Person, draw_person
from faceedge.simulation.surface import PARTS

SKIN_REFLECTION = (0.6136, 0.6288)
"""Amplitude of dry and of wet skin at 60.5 GHz."""


def plain(seed: int = 0) -> Person:
    """Somebody with short hair, nothing in the face."""
    person = draw_person(seed, glasses=False, mask=False, beard=0.0)
    return replace(person, hair_length=0.2, hairline=0.2)


@pytest.fixture(scope="module")
def body() -> Body:
    return Body(plain())


@pytest.fixture(scope="module")
def covered() -> Body:
    return Body(replace(plain(), glasses=True, mask=True))


def triangles(body: Body, part: str) -> np.ndarray:
    return np.asarray(body.mesh.part == PARTS.index(part))


def rows(body: Body, part: str) -> np.ndarray:
    return np.unique(body.mesh.triangles[triangles(body, part)])


def test_people_without_anything_have_no_vertex_more(body: Body) -> None:
    assert len(body.rest_m) == load_head().vertices
    assert set(np.unique(body.mesh.part)) == {
        PARTS.index(name) for name in ("skin", "eye_left", "eye_right", "lashes", "teeth", "tongue", "hair", "clothes")
    }


def test_hair_stands_off_the_skull_and_leaves_the_face_alone(body: Body) -> None:
    bald = Body(replace(plain(), hair_length=0.0))
    off_m = np.linalg.norm(body.rest_m - bald.rest_m, axis=1)
    head = load_head()
    face = (head.base_m[: head.vertices, 0] > 0.1) & (head.base_m[: head.vertices, 2] < 0.06) & (head.follow > 0.9)
    assert off_m[face].max() < 1e-6
    crown = head.base_m[: head.vertices, 2] > 0.13
    assert 3e-3 < off_m[crown].mean() < 12e-3
    assert triangles(bald, "hair").sum() == 0
    assert triangles(body, "hair").sum() > 500


def test_long_hair_hangs_and_is_seen_from_both_sides() -> None:
    short, long = (Body(replace(plain(), hair_length=length)) for length in (HANGING, 0.9))
    assert len(long.rest_m) > len(short.rest_m) == load_head().vertices
    hanging = long.rest_m[load_head().vertices :]
    assert hanging[:, 2].min() < -0.10
    assert hanging[:, 0].max() < 0.09  # not before the face
    half = len(hanging) // 2
    np.testing.assert_array_equal(hanging[:half], hanging[half:])


def test_a_beard_is_hair_on_jaw_and_chin() -> None:
    bearded = Body(replace(plain(), sex="male", beard=0.9))
    shaved = Body(replace(plain(), sex="male", beard=0.0))
    beard = triangles(bearded, "beard")
    assert beard.sum() > 200
    middle = load_head().base_m[load_head().triangles[beard]].mean(axis=1)
    assert middle[:, 2].max() < 0.03
    ratio = bearded.mesh.reflection[beard] / shaved.mesh.reflection[beard]
    assert 0.45 < ratio.min() + 1e-3 < ratio.mean() < 0.6
    assert ratio.max() < 0.75  # at its edge
    forward = bearded.rest_m[load_head().landmarks["menton"]] - shaved.rest_m[load_head().landmarks["menton"]]
    assert np.linalg.norm(forward) > 2e-3


def test_bare_skin_reflects_as_gabriel_has_it_within_two_decibels(body: Body) -> None:
    head = load_head()
    face = triangles(body, "skin") & (head.base_m[head.triangles].mean(axis=1)[:, 2] > -0.08)
    middle = head.base_m[head.triangles].mean(axis=1)
    face &= (middle[:, 0] > 0.10) & (middle[:, 2] < 0.06)
    decibels = 20 * np.log10(body.mesh.reflection[face] / np.mean(SKIN_REFLECTION))
    assert np.abs(decibels).max() < 2.15
    assert 0.3 < decibels.std() < 1.3
    assert abs(decibels.mean()) < 0.6


def test_reflectivity_is_the_persons_own_and_moisture_the_sessions() -> None:
    one, again, other_day = (Body(plain(3), clothing_seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.mesh.reflection, again.mesh.reflection)
    head = load_head()
    middle = head.base_m[head.triangles].mean(axis=1)
    face = triangles(one, "skin") & (middle[:, 0] > 0.10) & (middle[:, 2] > -0.08) & (middle[:, 2] < 0.06)
    ratio = other_day.mesh.reflection[face] / one.mesh.reflection[face]
    assert ratio.std() < 1e-3  # all of the face alike
    assert abs(ratio.mean() - 1) < 0.03
    somebody = Body(plain(4))
    assert abs(float(np.corrcoef(somebody.mesh.reflection[face], one.mesh.reflection[face])[0, 1])) < 0.6


def test_clothes_cover_the_trunk_and_reflect_unevenly(body: Body) -> None:
    clothes = triangles(body, "clothes")
    assert body.rest_m[body.mesh.triangles[clothes]][..., 2].max() < -0.05
    outfits = [Body(plain(), clothing_seed=seed) for seed in range(6)]
    seen = [outfit.mesh.reflection[clothes & triangles(outfit, "clothes")] for outfit in outfits]
    assert 0.25 < np.min([values.min() for values in seen]) < np.max([values.max() for values in seen]) < 0.85
    # a cloth of half a wave is hardly there; others interfere with the skin behind them
    assert max(values.std() for values in seen) > 0.05
    assert np.std([values.mean() for values in seen]) > 0.01


def test_glasses_sit_before_the_eyes_and_do_not_move_with_the_face(covered: Body) -> None:
    glasses = rows(covered, "glasses")
    eyes = rows(covered, "eye_left")
    lens = triangles(covered, "glasses") & ~covered.mesh.opaque
    lens_x = covered.rest_m[np.unique(covered.mesh.triangles[lens])][:, 0]
    assert 0.004 < lens_x.max() - covered.rest_m[eyes, 0].max() < 0.03
    still = covered.vertices(motion())[0]
    smiling = covered.vertices(motion({"mouthSmileLeft": 1.0, "jawOpen": 1.0, "browInnerUp": 1.0}))[0]
    np.testing.assert_allclose(smiling[glasses], still[glasses], atol=1e-6)
    turned = covered.vertices(motion(head_rad=(0.5, 0.2, 0.1)))[0]
    apart = [np.linalg.norm(points[glasses] - points[glasses[0]], axis=1) for points in (still, turned)]
    np.testing.assert_allclose(apart[1], apart[0], atol=1e-6)


def test_the_radar_sees_through_lenses_and_mask_but_not_through_frames(covered: Body) -> None:
    glasses, mask = triangles(covered, "glasses"), triangles(covered, "mask")
    lens = glasses & ~covered.mesh.opaque
    assert 0 < lens.sum() < glasses.sum()
    np.testing.assert_allclose(covered.mesh.reflection[lens], 0.4176, atol=1e-3)
    assert not covered.mesh.opaque[mask].any()
    np.testing.assert_allclose(covered.mesh.reflection[mask], 0.0533, atol=1e-3)
    assert covered.mesh.opaque[triangles(covered, "skin")].all()
    assert not covered.mesh.opaque[triangles(covered, "lashes")].any()


def test_metal_frames_reflect_all_and_plastic_ones_little() -> None:
    seeds = {metal_frame(draw_person(seed)): seed for seed in range(12)}
    for metal, expected in ((True, 1.0), (False, 0.2494)):
        worn = Body(replace(plain(seeds[metal]), glasses=True))
        frame = triangles(worn, "glasses") & worn.mesh.opaque
        assert worn.mesh.reflection[frame].mean() == pytest.approx(expected, abs=1e-3)


def test_a_mask_hides_nose_and_mouth_and_follows_the_jaw(covered: Body) -> None:
    nearest, _ = front(covered.vertices(motion())[0], covered.mesh)
    parts = covered.mesh.part[nearest[nearest >= 0]]
    assert (parts == PARTS.index("mask")).sum() > 1500  # 60 cm2 of pixels of 4 mm2
    head = load_head()
    skin = np.zeros(len(covered.rest_m), bool)
    skin[[head.landmarks[name] for name in ("nose_tip", "subnasale", "stomion", "menton")]] = True
    shown = np.unique(covered.mesh.triangles[nearest[nearest >= 0]])
    assert not skin[shown].any()
    mask = rows(covered, "mask")
    still, open_mouth = (covered.vertices(motion({"jawOpen": amount}))[0] for amount in (0.0, 1.0))
    moved_m = np.linalg.norm(open_mouth[mask] - still[mask], axis=1)
    assert moved_m.max() > 5e-3
    assert moved_m.min() < 1e-3


def test_what_is_worn_shows_its_outside(covered: Body) -> None:
    nearest, outside = front(covered.vertices(motion())[0], covered.mesh, 1e-3)
    for name in ("mask", "glasses", "hair"):
        shown = (covered.mesh.part[nearest] == PARTS.index(name)) & (nearest >= 0)
        assert outside[shown].mean() > 0.97


def test_both_meshes_of_a_person_wear_the_same() -> None:
    person = replace(plain(2), glasses=True)
    coarse, fine = Body(person), Body(person, longest_edge_m=6e-3)
    for name in ("glasses", "hair", "clothes"):
        assert triangles(fine, name).sum() >= triangles(coarse, name).sum()
    base = load_head().vertices
    np.testing.assert_allclose(fine.rest_m[:base], coarse.rest_m[:base], atol=1e-6)


def test_clothes_are_drawn_from_their_seed() -> None:
    drawn = [draw_clothes(seed) for seed in range(40)]
    assert drawn[5] == draw_clothes(5)
    assert {clothes.neckline for clothes in drawn} == set(NECKLINES)
    assert len({clothes.pattern for clothes in drawn}) == 4
    for clothes in drawn:
        assert all(0 < value <= 0.8 for value in (*clothes.colour, *clothes.second, clothes.nir))


def test_random_fields_are_smooth_and_of_unit_variance() -> None:
    random = np.random.default_rng(0)
    places = random.uniform(-0.5, 0.5, (4000, 3))
    values = np.stack([random_field(places, seed, 1, (0.02, 0.05)) for seed in range(8)])
    assert values.std() == pytest.approx(1.0, abs=0.05)
    beside = np.stack([random_field(places + (2e-4, 0, 0), seed, 1, (0.02, 0.05)) for seed in range(8)])
    assert np.abs(beside - values).max() < 0.25


def test_grids_and_normals_face_outward() -> None:
    rows_m, columns_m = np.meshgrid([0.0, -1.0], [0.0, 1.0, 2.0], indexing="ij")
    points = np.stack([np.zeros(6), -columns_m.ravel(), rows_m.ravel()], axis=1)  # columns run to -y, rows to -z
    found = grid_triangles(2, 3)
    assert found.tolist() == [[0, 3, 1], [1, 4, 2], [1, 3, 4], [2, 4, 5]]
    normals = vertex_normals(points, found)
    np.testing.assert_allclose(normals, np.tile([-1.0, 0.0, 0.0], (6, 1)), atol=1e-6)
    assert len(grid_triangles(2, 3, closed=True)) == 6
