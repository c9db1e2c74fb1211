"""The demonstration's authentication says what the nodes answered, whatever that is, and leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from rich.console import Console

from faceedge.cli import demo_faces
from faceedge.cli.demo_faces import Visitor
from faceedge.radar.recordings import open_recording

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "demo_data" / "radar_faces"


def test_the_recordings_that_ship_are_those_of_their_card_and_small() -> None:
    card = yaml.safe_load((DATA / "card.yaml").read_text())
    assert card["synthetic"] is True
    assert card["seed"] == 60
    for name, digest in card["sha256"].items():
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == digest
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) <= 3_000_000


def test_recordings_are_unpacked_as_synthetic_sessions(tmp_path: Path) -> None:
    sessions = demo_faces.unpack_recordings(tmp_path)
    assert sessions is not None
    assert sorted(sessions) == ["enrol_1", "enrol_2", "enrol_3", "person", "stranger_1", "stranger_2"]
    shapes = {name: open_recording(folder / "radar").cubes.shape for name, folder in sessions.items()}
    assert shapes["enrol_1"] == (120, 3, 8, 128)
    assert shapes["person"] == (215, 3, 8, 128)
    assert json.loads((sessions["person"] / "session.json").read_text()) == {"synthetic": True}


@pytest.mark.parametrize(
    ("visitor", "sentence"),
    [
        (
            Visitor("ada", True, accepted=True, after_s=5.6, best_score=0.71, held=True, shown=[("happy", 7.3, 9.0)]),
            "ada: accepted by the radar after 5.6 s (best score 0.71), which holds to the recording's end. "
            "Shows happy 7.3 to 9.0 s.",
        ),
        (
            Visitor("ada", True, best_score=0.1, by_pin=True, said="not authenticated: somebody else."),
            "ada: NOT recognised by the radar (best score 0.10), a PIN opens the session, which does not hold to the "
            "end: not authenticated: somebody else.",
        ),
        (Visitor("a stranger", False, best_score=-0.2), "a stranger: refused (best score -0.20)."),
        (Visitor("a stranger", False), "a stranger: refused (no decision)."),
        (
            Visitor("a stranger", False, accepted=True, after_s=6.0, best_score=0.8, held=True),
            "a stranger: WRONGLY ACCEPTED by the radar after 6.0 s (best score 0.80), "
            "which holds to the recording's end.",
        ),
    ],
)
def test_a_visit_is_told_as_it_was(visitor: Visitor, sentence: str) -> None:
    assert visitor.sentence() == sentence


def test_the_summary_counts_strangers_who_were_let_in() -> None:
    visitors = [Visitor("ada", True), Visitor("b", False, accepted=True, after_s=5.0), Visitor("c", False)]
    result = demo_faces.summary(visitors, "")
    assert result["note"].startswith("1 of 2 strangers refused.")
    assert [visitor["accepted_by_radar"] for visitor in result["visitors"]] == [False, True, False]


def test_an_enrolment_that_fails_is_told_and_the_demonstration_goes_on(tmp_path: Path) -> None:
    sessions = demo_faces.unpack_recordings(tmp_path)
    assert sessions is not None
    for name in demo_faces.ENROLMENT:
        cubes = np.load(sessions[name] / "radar" / "radar.npy")
        np.save(sessions[name] / "radar" / "radar.npy", cubes[:20])
    console = Console(record=True, width=200)
    trouble = demo_faces.enrol(sessions, tmp_path, console)
    assert "sitting 1 cannot be used" in trouble
    assert "ada could not be enrolled" in console.export_text()
    assert not (tmp_path / "templates" / "faceedge" / "ada.template").exists()


@pytest.mark.graph
def test_the_demonstration_s_radar_lets_people_sit_down_in_turn_and_tells_what_came_of_it(tmp_path: Path) -> None:
    pytest.importorskip("rclpy", reason="ROS 2 is not installed here")
    pytest.importorskip("hri_msgs.msg", reason="the hri_msgs messages are not built here")
    from test_demo_graph import environment

    words = [sys.executable, "-m", "faceedge.cli.main", "demo", "--part", "authentication", "--output", "out"]
    done = subprocess.run(
        words, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "out" / "authentication.json").read_text())
    person, *strangers = result["visitors"]
    assert person["genuine"] is True
    # Whether the radar knows the person is what is shown, not what is required; without it the PIN opens the session.
    assert person["accepted_by_radar"] or person["by_pin"]
    assert [stranger["by_pin"] for stranger in strangers] == [False, False]
    for visitor in result["visitors"]:
        assert visitor["sentence"] in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"], "templates and keys are gone"
