"""A session with the real person and the real views: parts fit together, and equal seeds give equal recordings."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stand_in_sessions import small

from faceedge.events.raw_file import RawReader
from faceedge.radar.chirp_files import load_chirp_file
from faceedge.radar.recordings import open_recording
from faceedge.simulation.camera.optics import Optics
from faceedge.simulation.camera.renderer import Renderer
from faceedge.simulation.events.settings import QUIET
from faceedge.simulation.events.view import EventView
from faceedge.simulation.performance.subject import DAILY_SPREAD, on_the_day
from faceedge.simulation.person.head import load_head
from faceedge.simulation.person.person import Person
from faceedge.simulation.sessions.session import Session, draw_session
from faceedge.simulation.sessions.stage import RealStage, build
from faceedge.simulation.sessions.writer import write_session
from faceedge.simulation.surface import Still

SLOW_M_S = 0.01
"""Of a face at some 30 cm: about 6 px/s."""

CHIRP = load_chirp_file("bgt60_face_food").chirp


def session(person: int = 0, index: int = 0, duration_s: float = 0.2, **changes: Any) -> Session:
    """Of a fifth of a second: four radar frames, two hundred pictures for the event camera."""
    return dataclasses.replace(draw_session(person, index, small(), CHIRP), duration_s=duration_s, **changes)


@pytest.fixture(scope="module")
def stage() -> RealStage:
    return build(session())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "s0"
    write_session(session(), folder, ("arrays", "mcap"))
    return folder


def test_the_radar_and_the_event_camera_see_somebody(written: Path) -> None:
    recording = open_recording(written / "radar")
    assert recording.cubes.shape == (4, 3, 64, 128)
    moving = np.asarray(recording.cubes, np.float64)
    moving -= moving.mean(axis=2, keepdims=True)
    assert moving.std() > 1.5
    events = np.concatenate(list(RawReader(written / "events.raw")))
    assert len(events) > 500
    assert int(events["t"][-1]) <= 200_000


def test_equal_seeds_give_equal_bytes(written: Path, tmp_path: Path) -> None:
    write_session(session(), tmp_path / "s0", ("arrays", "mcap"))
    for path in (path for path in written.rglob("*") if path.is_file()):
        assert (tmp_path / "s0" / path.relative_to(written)).read_bytes() == path.read_bytes(), path.name


def test_another_session_shows_the_same_person_elsewhere(stage: RealStage) -> None:
    other = build(session(0, 1))
    assert other.person == stage.person
    assert abs(other.session.distance_m - stage.session.distance_m) > 0.01
    assert other.session.stream_seed("room") != stage.session.stream_seed("room")
    assert not np.array_equal(other.appearance.albedo, stage.appearance.albedo)  # other clothes,
    assert not np.array_equal(other.body.mesh.reflection, stage.body.mesh.reflection)  # for the radar, too


def test_on_another_day_the_trunk_is_held_otherwise_and_the_face_is_the_same(stage: RealStage) -> None:
    head = load_head()
    chest_m = []
    for index in range(6):
        body = build(session(0, index)).body
        skin = stage.body.rest_m[: head.vertices] - body.rest_m[: head.vertices]
        face = (head.follow > 0.999) & (head.base_m[: head.vertices, 0] > 0.06)
        face &= np.abs(head.base_m[: head.vertices, 2]) < 0.06
        if stage.person.beard == 0:
            assert np.abs(skin[face]).max() < 1e-6
        below = (head.follow < 0.01) & (np.abs(head.base_m[: head.vertices, 1]) < 0.03)
        chest_m.append(float(body.nose_tip_m[0] - body.rest_m[: head.vertices][below, 0].max()))
    assert 0.005 < np.std(chest_m) < 0.05


def test_habits_are_not_the_same_every_day(stage: RealStage) -> None:
    days = [on_the_day(stage.person, seed) for seed in range(200)]
    assert on_the_day(stage.person, 7) == days[7]
    assert stage.today.seed == stage.person.seed
    for name, spread in DAILY_SPREAD.items():
        logs = np.log([getattr(day, name) / getattr(stage.person, name) for day in days])
        assert logs.std() == pytest.approx(0.88 * spread, rel=0.15)  # cut off at two standard deviations
        assert abs(logs.mean()) < 0.3 * spread


def test_two_people_have_two_shapes(stage: RealStage) -> None:
    other = build(session(1, 0))
    assert other.person.shape != stage.person.shape


def test_the_true_place_of_the_nose_is_that_of_the_mesh(stage: RealStage) -> None:
    motion, nose_m = stage.truth(0, 200)
    tip = stage.surface.vertices(motion.time_s)[:, load_head().landmarks["nose_tip"]]
    np.testing.assert_allclose(nose_m, tip, atol=2.5e-3)
    wanted = (stage.session.distance_m, *stage.session.offset_m)
    np.testing.assert_allclose(nose_m.mean(axis=0), wanted, atol=0.03)


def test_the_facts_hold_the_person_and_every_act(written: Path, stage: RealStage) -> None:
    facts = json.loads((written / "session.json").read_text())
    assert Person.from_dict(facts["identity"]) == stage.person
    long = build(session(duration_s=20.0)).facts()
    assert {"expression", "start_s", "stop_s", "intensity"} <= set(long["acts"][0])
    assert all(0 <= act["start_s"] < act["stop_s"] <= 20.0 for act in long["acts"])


def test_a_session_with_a_mask_shows_a_masked_person() -> None:
    assert build(session(mask=True)).person.mask
    assert not build(session(mask=False)).person.mask


def test_darker_sessions_are_darker_for_the_cameras(stage: RealStage) -> None:
    usual, half = (build(session(light=light)).light().illuminance_lux for light in (1.0, 0.5))
    assert half == pytest.approx(usual / 2)


def test_the_camera_sees_a_face_where_the_truth_has_it() -> None:
    looking = build(session(camera_size=(160, 120)))
    picture = looking.picture(0.1)
    assert picture.shape == (120, 160, 3)
    assert 30 < picture.mean() < 200
    _, nose_m = looking.truth(100, 101)
    screen, _ = looking.camera.renderer.optics.project(nose_m)
    column, row = np.rint(screen[0]).astype(int)
    assert looking.camera.renderer.coverage[row, column]
    assert looking.calibration().k[0, 2] == pytest.approx(79.5)


def test_the_chip_of_the_radar_is_as_warm_as_the_session_says(stage: RealStage) -> None:
    assert stage.radar.temperature_c(2) == pytest.approx(stage.session.temperature_at(0.1))


def test_a_face_that_holds_still_gives_the_events_of_one_frozen_picture(stage: RealStage) -> None:
    still = Still(stage.body.mesh, stage.surface.vertices(np.array([0.05]))[0])
    seen, frozen = EventView(_renderer(stage, still), seed=1), EventView(_Frozen(_renderer(stage, still)), seed=1)
    np.testing.assert_array_equal(seen.advance(0.1), frozen.advance(0.1))


def test_ideal_pixels_see_no_more_in_a_slow_face_than_its_pictures_change(stage: RealStage) -> None:
    class Drifting(Still):
        def vertices(self, time_s: np.ndarray) -> np.ndarray:
            place: np.ndarray = self.points_m + time_s[:, None, None] * np.array([0.0, SLOW_M_S, 0.0])
            return place

    surface = Drifting(stage.body.mesh, stage.surface.vertices(np.array([0.05]))[0])
    events = EventView(_renderer(stage, surface), pixels=QUIET).advance(0.2)
    renderer = _renderer(stage, surface)
    logs = [np.log(np.maximum(renderer.radiance(t), 0) + QUIET.dark_light) for t in np.linspace(0, 0.2, 9)]
    changes = sum(np.abs(after - before).sum() for before, after in pairwise(logs)) / QUIET.on_threshold
    assert 300 < len(events) < changes


class _Frozen:
    """A scene of one picture."""

    def __init__(self, renderer: Renderer) -> None:
        self.light, self._picture = renderer.light, renderer.radiance(0.0).copy()

    def radiance(self, time_s: float) -> np.ndarray:
        return self._picture


def _renderer(stage: RealStage, surface: Still) -> Renderer:
    optics = Optics(160, 160, 170.0)
    return Renderer(surface, stage.appearance, optics, stage.light())
