"""What synthetic people look like: textures in anatomical places, and faces that the shipped networks find."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from person_motion import motion

from faceedge.camera.detection import FaceDetector
from faceedge.camera.landmarks import LandmarkNetwork, square_of_detection
from faceedge.inference.registry import find_model
from faceedge.simulation.camera.optics import Optics
from faceedge.simulation.camera.renderer import Renderer
from faceedge.simulation.camera.shading import LIGHTS
from faceedge.simulation.person.appearance import Appearance, appearance
from faceedge.simulation.person.atlas import Atlas, load_atlas
from faceedge.simulation.person.body import Body
from faceedge.simulation.person.canvas import Noise
from faceedge.simulation.person.head import load_head
from faceedge.simulation.person.person import Person, draw_person
from faceedge.simulation.surface import PARTS, Still

SIZE = 512


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return load_atlas(SIZE)


@pytest.fixture(scope="module")
def person() -> Person:
    return draw_person(11, glasses=False, mask=False)


@pytest.fixture(scope="module")
def look(person: Person) -> Appearance:
    return appearance(person, 3, size=SIZE)


def grey(textures: Appearance, mask: np.ndarray) -> float:
    return float(textures.albedo[mask].mean())


def near(atlas: Atlas, x: float, y: float, z: float, radius_m: float) -> np.ndarray:
    """(h, w) bool, texels of skin around a place on the base head."""
    distance = np.linalg.norm(atlas.position_m - np.array((x, y, z), np.float32), axis=-1)
    return np.asarray((distance < radius_m) & atlas.of("skin"))


def test_textures_are_albedos(look: Appearance) -> None:
    assert look.albedo.shape == (SIZE, SIZE, 3)
    assert look.nir.shape == look.gloss.shape == (SIZE, SIZE)
    for plane in (look.albedo, look.nir, look.gloss):
        assert plane.dtype == np.float32
        assert np.isfinite(plane).all()
        assert plane.min() >= 0
        assert plane.max() <= 1


def test_the_same_person_looks_the_same_and_another_one_does_not(person: Person, look: Appearance) -> None:
    again = appearance(person, 3, size=SIZE)
    np.testing.assert_array_equal(again.albedo, look.albedo)
    np.testing.assert_array_equal(again.gloss, look.gloss)
    other = appearance(draw_person(12), 3, size=SIZE)
    assert np.abs(other.albedo - look.albedo).mean() > 0.02


def test_other_clothes_change_the_trunk_alone(person: Person, look: Appearance, atlas: Atlas) -> None:
    other = appearance(person, 4, size=SIZE)
    changed = (other.albedo != look.albedo).any(axis=-1)
    assert changed[(atlas.follow < 0.1) & atlas.of("skin")].mean() > 0.5
    assert not changed[(atlas.follow > 0.6) | ~atlas.of("skin")].any()


def test_every_texel_of_the_mesh_knows_its_place(atlas: Atlas) -> None:
    head = load_head()
    middles = head.corner_uv.mean(axis=1)
    column, row = (middles * SIZE).astype(int).T
    assert (atlas.part[row, column] == head.part).mean() > 0.995
    skin = head.part == PARTS.index("skin")
    wanted = head.base_m[head.triangles[skin]].mean(axis=1)
    apart = np.linalg.norm(atlas.position_m[row[skin], column[skin]] - wanted, axis=1)
    assert np.median(apart) < 1e-3
    assert np.quantile(apart, 0.99) < 6e-3


def test_eyes_are_discs_of_angles(atlas: Atlas) -> None:
    eye = atlas.of("eye_left")
    row, column = np.nonzero(eye & (atlas.eye_rad < 0.05))
    middle = row.mean(), column.mean()
    # an angle is the same number of texels in all directions
    for angle in (0.4, 0.8):
        row, column = np.nonzero(eye & (np.abs(atlas.eye_rad - angle) < 0.03))
        distance = np.hypot(row - middle[0], column - middle[1])
        assert distance.std() < 0.08 * distance.mean()


def test_a_face_has_the_contrasts_of_a_face(look: Appearance, atlas: Atlas) -> None:
    cheek = grey(look, near(atlas, 0.115, 0.045, -0.005, 0.008))
    assert grey(look, near(atlas, 0.1395, 0.0095, -0.0108, 0.002)) < 0.35 * cheek  # nostril
    brow = near(atlas, 0.130, 0.030, 0.0545, 0.002)
    assert grey(look, brow) < 0.6 * cheek
    lips = (atlas.regions["lips"] > 0.9) & atlas.of("skin")
    skin = near(atlas, 0.128, 0.0, -0.065, 0.006)
    redness = look.albedo[..., 0] / np.maximum(look.albedo[..., 1], 1e-3)
    assert redness[lips].mean() > 1.15 * redness[skin].mean()
    eye = atlas.of("eye_left", "eye_right")
    pupil, iris, white = (
        grey(look, eye & (atlas.eye_rad > low) & (atlas.eye_rad < high))
        for low, high in ((0.0, 0.10), (0.2, 0.33), (0.5, 0.7))
    )
    assert pupil < 0.02 < iris < 0.4 < white


def test_darker_skin_is_darker_by_light_but_little_in_near_infrared(person: Person, atlas: Atlas) -> None:
    cheek = near(atlas, 0.115, 0.045, -0.005, 0.008)
    seen = [appearance(replace(person, skin=replace(person.skin, step=step)), size=SIZE) for step in (1.0, 3.5, 6.0)]
    light = [grey(textures, cheek) for textures in seen]
    assert light[0] > 1.4 * light[1] > 1.4**2 * light[2]
    infrared = [float(textures.nir[cheek].mean()) for textures in seen]
    assert infrared[0] > infrared[1] > infrared[2] > 0.55 * infrared[0]


def test_beards_hair_and_bald_heads_are_painted(person: Person, atlas: Atlas) -> None:
    man = replace(person, sex="male", hair="black", hair_length=0.3, beard=0.0)
    shaved = appearance(man, size=SIZE)
    bearded = appearance(replace(man, beard=1.0), size=SIZE)
    bald = appearance(replace(man, hair_length=0.0), size=SIZE)
    chin, crown = near(atlas, 0.122, 0.015, -0.070, 0.006), near(atlas, 0.03, 0.03, 0.145, 0.02)
    assert grey(bearded, chin) < 0.5 * grey(shaved, chin)
    assert grey(shaved, crown) < 0.3 * grey(bald, crown)


def test_noise_is_about_normal_smooth_and_its_own_for_every_number() -> None:
    across, along = np.meshgrid(np.arange(200, dtype=np.float32) * 0.5, np.arange(200, dtype=np.float32) * 0.5)
    noise = Noise(5, 1)
    field = noise.at(across, along, 1)
    assert abs(field.mean()) < 0.1
    assert 0.7 < field.std() < 1.1
    assert np.abs(np.diff(field, axis=1)).mean() < 0.5 * field.std()
    np.testing.assert_array_equal(field, Noise(5, 1).at(across, along, 1))
    np.testing.assert_allclose(noise.at(across + 512, along - 512, 1), field, atol=2e-2)
    other = noise.at(across, along, 2)
    assert abs(float(np.corrcoef(field.ravel(), other.ravel())[0, 1])) < 0.1


@pytest.mark.parametrize("seed", [1, 3, 6, 9])
def test_the_shipped_networks_find_the_face(seed: int) -> None:
    person = draw_person(seed, mask=False)
    body = Body(person, clothing_seed=seed)
    nose = body.nose_tip_m
    points = body.vertices(motion(pivot_m=(0.45 + float(nose[0]), 0.0, 0.03 - float(nose[2]))))[0]
    renderer = Renderer(Still(body.mesh, points), appearance(person, seed, size=SIZE), Optics(), LIGHTS["day"], "rgb")
    picture = (np.clip(renderer.radiance(0.0), 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)[..., ::-1]
    found = FaceDetector(find_model("face_detection_near")).detect(np.ascontiguousarray(picture))
    assert len(found) == 1
    assert found.scores[0] > 0.75
    network = LandmarkNetwork(find_model("face_landmarks"))
    mesh = network.locate(np.ascontiguousarray(picture), square_of_detection(found.boxes[0], found.keypoints[0]))
    assert mesh.presence > 0.95
    tip, _ = Optics().project(points[[load_head().landmarks["nose_tip"]]])
    assert np.linalg.norm(mesh.points[1, :2] - tip[0]) < 12  # point 1 of the 468 is the tip of the nose
