"""Enrolment by the node's service, frame by frame, with the real embedder and vault; and whom the desk can compare."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceedge.errors import ConfigurationError, FaceedgeError
from faceedge.nodes import enrolment_desk
from faceedge.nodes.enrolment_desk import EnrolmentDesk
from faceedge.perception.authentication.authenticator import Authenticator
from faceedge.perception.enrolment.duplicates import Duplicate
from faceedge.radar.face_frames import FaceFrame, FaceFrames
from faceedge.radar.recording_folder import read_chirp
from faceedge.simulation.live.packing import unpack

DATA = Path(__file__).resolve().parents[1] / "demo_data" / "radar_faces"
CHIRP = read_chirp(DATA / "enrol_1")
PERIOD_NS = round(CHIRP.frame_period_s * 1e9)
NOISE = 2.0


@pytest.fixture(scope="module")
def cubes() -> np.ndarray:
    return unpack((DATA / "enrol_1" / "frames.xz").read_bytes(), "enrol_1")


def values(folder: Path, **changes: Any) -> dict[str, Any]:
    result = {
        "person": "ada",
        "application": "faceedge",
        "templates_folder": str(folder / "templates"),
        "keys_folder": str(folder / "keys"),
        "allow_templates": True,
        "sittings": 2,
    }
    return result | changes


def visit(cubes: np.ndarray) -> Iterator[FaceFrame]:
    """A person who sits there for long, an empty room for 4 s, and so on, without an end."""
    frames, random, index = FaceFrames(CHIRP), np.random.default_rng(0), 0
    empty = cubes[:1].mean(axis=(0, 2), keepdims=True)[0]
    while True:
        for _ in range(4):
            for cube in cubes:
                yield frames.push(cube, index, index * PERIOD_NS)
                index += 1
        for _ in range(40):
            cube = np.clip(empty + random.normal(0, NOISE, CHIRP.cube_shape), 0, 4095).astype(np.uint16)
            yield frames.push(cube, index, index * PERIOD_NS)
            index += 1


def enrol(desk: EnrolmentDesk, cubes: np.ndarray, authenticated: bool = False) -> list[dict[str, Any]]:
    """Begin, and let the person sit down as often as is needed; what was said."""
    desk.begin(CHIRP, authenticated)
    said: list[dict[str, Any]] = []
    for frame, _ in zip(visit(cubes), range(3000), strict=False):
        text = desk.push(frame)
        if text:
            said.append(json.loads(text))
        if desk.figures()["enrolment"] == "none":
            break
    return said


def test_a_person_is_enrolled_step_by_step_and_can_then_be_compared(tmp_path: Path, cubes: np.ndarray) -> None:
    desk = EnrolmentDesk(values(tmp_path))
    with pytest.raises(FaceedgeError, match="ada is not enrolled"):
        desk.verifier(CHIRP)
    said = enrol(desk, cubes)
    assert said[-1]["phase"] == "complete"
    assert said[-1]["result"].startswith("ada is enrolled.")
    assert [step for step in ("still", "turn", "nod", "lean") if any(words["step"] == step for words in said)] == [
        "still",
        "turn",
        "nod",
        "lean",
    ]
    assert any("stand up" in words["say"] for words in said)
    assert desk.take_renewed()
    assert not desk.take_renewed()
    assert desk.names() == ["ada"]
    verifier = desk.verifier(CHIRP)
    frames = FaceFrames(CHIRP)
    decisions = [verifier.push(frames.push(cube, index, index * PERIOD_NS)) for index, cube in enumerate(cubes)]
    scores = [decision.score for decision in decisions if decision is not None]
    assert len(scores) >= 10
    assert max(scores) > 0.5, "the very sitting that the template was made of"


def test_a_name_that_is_enrolled_is_not_taken_over(tmp_path: Path, cubes: np.ndarray) -> None:
    desk = EnrolmentDesk(values(tmp_path))
    enrol(desk, cubes)
    before = (tmp_path / "templates" / "faceedge" / "ada.template").read_bytes()
    with pytest.raises(ConfigurationError, match="whoever sits here could take the name over"):
        desk.begin(CHIRP, authenticated=False)
    desk.begin(CHIRP, authenticated=True)
    assert desk.abandon() == "abandoned; nothing was stored."
    assert (tmp_path / "templates" / "faceedge" / "ada.template").read_bytes() == before


def test_the_same_person_under_another_name_is_refused(
    tmp_path: Path, cubes: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The same frames come twice and are as alike as ever, half of the time; this is about what follows from it.
    monkeypatch.setattr(
        enrolment_desk, "find_duplicates", lambda sittings, known: [Duplicate(other.name, 0.9) for other in known]
    )
    enrol(EnrolmentDesk(values(tmp_path)), cubes)
    said = enrol(EnrolmentDesk(values(tmp_path, person="grace")), cubes)
    assert "grace was not enrolled" in said[-1]["result"]
    assert "ada" in said[-1]["result"]
    assert EnrolmentDesk(values(tmp_path)).names() == ["ada"]


@pytest.mark.parametrize(
    ("changes", "chirp", "sentence"),
    [
        ({"allow_templates": False}, CHIRP, "templates are not allowed here"),
        ({"person": ""}, CHIRP, "say who is to be enrolled"),
        ({}, None, "the radar has sent no frame yet"),
        ({}, dataclasses.replace(CHIRP, start_frequency_hz=57e9), "radar_identity was made for chirps with"),
    ],
)
def test_an_enrolment_that_cannot_work_is_refused_at_once(
    tmp_path: Path, changes: dict[str, Any], chirp: Any, sentence: str
) -> None:
    desk = EnrolmentDesk(values(tmp_path, **changes))
    with pytest.raises(FaceedgeError, match=sentence):
        desk.begin(chirp, authenticated=False)
    assert desk.abandon() == "no enrolment was under way."
    assert not (tmp_path / "templates").exists()


def test_a_template_of_another_chirp_is_refused_and_not_scored(tmp_path: Path, cubes: np.ndarray) -> None:
    desk = EnrolmentDesk(values(tmp_path))
    enrol(desk, cubes)
    authenticator = Authenticator(desk.verifier)
    other = dataclasses.replace(CHIRP, if_gain_db=CHIRP.if_gain_db - 5)
    for index, cube in enumerate(cubes):
        state = authenticator.push(cube, other, index, index * PERIOD_NS, index * PERIOD_NS)
    assert "the template of ada was made with another chirp (if_gain_db" in authenticator.problem
    assert not state.authenticated
    assert np.isnan(state.verification_score)
    for index, cube in enumerate(cubes):
        state = authenticator.push(cube, CHIRP, index, index * PERIOD_NS, index * PERIOD_NS)
    assert authenticator.problem == ""
    assert not np.isnan(state.verification_score)
