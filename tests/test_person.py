from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json

import numpy as np
import pytest
import yaml

from faceedge.errors import ConfigurationError, InputError
from faceedge.simulation.performance.motion import FACE_UNITS
from faceedge.simulation.person.head import ASSET, load_head
from faceedge.simulation.person.person import Person, draw_person
from faceedge.simulation.person.shape import SURVEY_MM, measure

CROWD = 60


@pytest.fixture(scope="module")
def crowd() -> list[Person]:
    return [draw_person(seed) for seed in range(1000, 1000 + CROWD)]


@pytest.fixture(scope="module")
def skins(crowd: list[Person]) -> np.ndarray:
    """(people, v + j, 3) neutral faces."""
    head = load_head()
    return np.stack(
        [head.shaped(np.array(person.shape, np.float32)) * np.array(person.size, np.float32) for person in crowd]
    )


def test_the_assets_card_describes_the_asset() -> None:
    card = yaml.safe_load(ASSET.with_suffix(".yaml").read_text(encoding="utf-8"))
    assert card["licence"] == "CC0-1.0"
    assert card["sha256"] == hashlib.sha256(ASSET.read_bytes()).hexdigest()
    head = load_head()
    assert card["counts"] == {
        "vertices": head.vertices,
        "triangles": len(head.triangles),
        "macro_targets": len(head.macro_names),
        "identity_axes": len(head.axis_names),
        "face_units": len(FACE_UNITS),
    }
    assert ASSET.stat().st_size < 1_000_000


def test_the_base_head_is_as_large_as_a_head() -> None:
    head = load_head()
    found = {name: round(1e3 * value) for name, value in measure(head, head.base_m).items()}
    assert found["face length"] == 119
    assert found["eye distance"] == 62
    assert found["lip length"] == 50


def test_left_and_right_landmarks_mirror_each_other() -> None:
    head = load_head()
    for name in ("zygion", "gonion", "alare", "cheilion", "exocanthion", "endocanthion"):
        left, right = (head.base_m[head.landmarks[f"{name}_{side}"]] for side in ("left", "right"))
        assert left[1] > 0.01
        np.testing.assert_allclose(left * [1, -1, 1], right, atol=1e-4)


def test_a_seed_always_gives_the_same_person() -> None:
    assert draw_person(7) == draw_person(7)
    assert draw_person(7) != draw_person(8)


def test_what_is_worn_changes_nothing_else() -> None:
    one = draw_person(7, glasses=True, mask=False)
    other = draw_person(7, glasses=False, mask=True)
    assert dataclasses.replace(one, glasses=False, mask=True) == other


def test_a_person_survives_json() -> None:
    person = draw_person(3)
    assert Person.from_dict(json.loads(json.dumps(person.to_dict()))) == person


def test_a_description_of_another_version_is_refused() -> None:
    values = draw_person(3).to_dict()
    del values["iris"]
    with pytest.raises(InputError, match="lacks iris"):
        Person.from_dict(values)
    with pytest.raises(InputError, match="has the unknown tail"):
        Person.from_dict({**draw_person(3).to_dict(), "tail": 1.0})
    with pytest.raises(InputError, match="lacks freckles, lacks redness"):
        Person.from_dict({**draw_person(3).to_dict(), "skin": {"step": 2.0}})


@pytest.mark.parametrize("beard", [-0.1, 1.1, float("nan")])
def test_a_beard_that_is_none_is_refused(beard: float) -> None:
    with pytest.raises(ConfigurationError, match="beard"):
        draw_person(0, beard=beard)


@pytest.mark.parametrize("seed", [-1, 1.5, True])
def test_a_seed_that_is_none_is_refused(seed: int) -> None:
    with pytest.raises(ConfigurationError, match="seed"):
        draw_person(seed)


def test_a_shape_of_another_asset_is_refused() -> None:
    with pytest.raises(InputError, match="156 coefficients, 3 came"):
        load_head().shaped(np.zeros(3))


def test_people_are_as_large_and_as_different_as_a_survey_found(crowd: list[Person], skins: np.ndarray) -> None:
    head = load_head()
    men = np.array([person.sex == "male" for person in crowd])
    assert 20 <= men.sum() <= 40
    sizes = [measure(head, skin) for skin in skins]
    for name, by_sex in SURVEY_MM.items():
        values = 1e3 * np.array([size[name] for size in sizes])
        for chosen, (mean, spread) in zip((men, ~men), by_sex, strict=True):
            assert abs(values[chosen].mean() - mean) < 0.75 * spread, name
            assert 0.55 * spread < values[chosen].std() < 1.35 * spread, name


def test_no_two_people_are_alike_and_nobody_is_a_caricature(skins: np.ndarray) -> None:
    head = load_head()
    face = head.regions["face"] > 0.5
    faces = skins[:, : head.vertices][:, face]
    faces = faces - faces.mean(axis=1, keepdims=True)
    pairs = itertools.combinations(range(len(faces)), 2)
    apart_mm = [1e3 * np.sqrt(((faces[one] - faces[other]) ** 2).sum(axis=1).mean()) for one, other in pairs]
    assert min(apart_mm) > 1.5
    assert max(apart_mm) < 20.0
    from_mean = 1e3 * np.sqrt(((faces - faces.mean(axis=0)) ** 2).sum(axis=2).mean(axis=1))
    assert 2.0 < np.median(from_mean) < 7.0


def test_faces_are_a_little_asymmetric(skins: np.ndarray) -> None:
    marks = load_head().landmarks
    left, right = skins[:, marks["cheilion_left"], 2], skins[:, marks["cheilion_right"], 2]
    uneven_mm = 1e3 * np.abs(left - right)
    assert 0.1 < np.median(uneven_mm) < 3.0


def test_habits_are_those_of_adults_at_rest(crowd: list[Person]) -> None:
    for person in crowd:
        assert 18 <= person.age_years <= 66
        assert sum(person.ancestry) == pytest.approx(1.0)
        assert 9 <= 60 * person.breathing_hz <= 24
        assert 48 <= 60 * person.heart_hz <= 105
        assert 2.5e-3 <= person.breathing_m <= 14e-3
        assert 1 <= person.skin.step <= 6
        assert person.beard == 0 or person.sex == "male"
