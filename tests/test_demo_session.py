"""The synthetic person that ships: small, whole, and the same for all three sensors at the same time."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from faceedge.cli.demo_person import FOLDER, NAME, shipped_session
from faceedge.cli.demo_scenes import RATE_HZ
from faceedge.cli.sensor_pictures import changes
from faceedge.events.raw_file import RawReader

MOST_BYTES = 6_000_000
SHIPPED = Path(__file__).parent.parent / FOLDER / NAME
PERIOD_S = 0.0500298125
"""Of the radar's frames, as a BGT60TR13C makes them."""

# What happens, when, in which rows of the event camera, and which curve of the truth says so.
SHOCK = (3.7, 4.1, (0, 320), "jawOpen")
TURN = (5.5, 6.1, (0, 320), "yaw")
TURN_BACK = (6.4, 7.1, (180, 320), "yaw")  # below the eyes, which blink while the head turns back
BLINK = (0.2, 0.85, (130, 190), "eyeBlinkLeft")


class Sensors:
    """How much each sensor saw changing, over time: pairs of moments in s and amounts."""

    def __init__(self, scratch: Path) -> None:
        session = shipped_session()
        truth = session.truth()
        self._time_s = truth["time_s"]
        self._curves = dict(zip(truth["unit_names"].tolist(), truth["units"].T.astype(float), strict=True))
        self._curves["yaw"] = truth["head_rad"][:, 0].astype(float)
        path = session.events_file(scratch)
        assert path is not None
        self.events = np.concatenate(list(RawReader(path)))
        self.pictures = _pictures(session.camera)
        self.cubes = session.cubes()
        power = 10 ** (changes(self.cubes.mean(axis=2), session.chirp)[1] / 10)
        middle_s = session.chirp.chirps_per_frame * session.chirp.chirp_period_s / 2
        self.radar = (np.arange(len(power)) + 0.5) * PERIOD_S + middle_s, power.sum(axis=1)

    def moments(self, start_s: float, stop_s: float, rows: tuple[int, int], curve: str) -> dict[str, float]:
        """When the change from ``start_s`` to ``stop_s`` was, by the truth and by each sensor: its centre in time."""
        speed = np.abs(np.diff(self._curves[curve]))
        chosen = self.events[(self.events["y"] >= rows[0]) & (self.events["y"] < rows[1])]
        counts = np.histogram(chosen["t"] * 1e-6, np.arange(1601) * 0.005)[0]
        steps = np.abs(np.diff(self.pictures[:, rows[0] : rows[1]], axis=0)).mean(axis=(1, 2))
        seen = {
            "truth": ((self._time_s[1:] + self._time_s[:-1]) / 2, speed),
            "events": (np.arange(1600) * 0.005 + 0.0025, counts),
            "pictures": ((np.arange(len(steps)) + 0.5) / RATE_HZ, steps),
            "radar": self.radar,
        }
        return {name: _centre(*pair, start_s, stop_s) for name, pair in seen.items()}


def _pictures(path: Path | None) -> np.ndarray:
    """(n, height, width) float32 grey levels."""
    video = cv2.VideoCapture(str(path))
    found: list[np.ndarray] = []
    while True:
        good, picture = video.read()
        if not good:
            return np.array(found, np.float32)
        found.append(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)))


def _centre(time_s: np.ndarray, amount: np.ndarray, start_s: float, stop_s: float) -> float:
    inside = (time_s >= start_s) & (time_s < stop_s)
    above = np.maximum(amount[inside] - np.median(amount[inside]), 0)
    return float((time_s[inside] * above).sum() / above.sum())


@pytest.fixture(scope="module")
def sensors(tmp_path_factory: pytest.TempPathFactory) -> Sensors:
    return Sensors(tmp_path_factory.mktemp("events"))


def test_the_card_names_what_is_there_and_the_folder_is_small() -> None:
    card = yaml.safe_load((SHIPPED / "card.yaml").read_text(encoding="utf-8"))
    files = {path.relative_to(SHIPPED).as_posix(): path for path in SHIPPED.rglob("*") if path.is_file()}
    card_path = files.pop("card.yaml")
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == card["sha256"]
    assert sum(path.stat().st_size for path in (*files.values(), card_path)) <= MOST_BYTES
    assert card["synthetic"] is True
    assert card["command"] == "python3 tools/make_demo_session.py"


def test_what_ships_is_as_much_as_its_facts_say(sensors: Sensors) -> None:
    session = shipped_session()
    assert session.facts["synthetic"] is True
    counts = {"frames": len(sensors.cubes), "events": len(sensors.events), "pictures": len(sensors.pictures)}
    assert counts == session.facts["counts"] == {"frames": 160, "events": counts["events"], "pictures": 200}
    assert session.duration_s == 8.0
    assert session.chirp.frame_period_s == pytest.approx(PERIOD_S, abs=1e-9)
    assert int(sensors.cubes.max()) < 4095, "nothing is clipped"


@pytest.mark.parametrize("what", [SHOCK, TURN, TURN_BACK])
def test_all_three_sensors_see_a_movement_within_a_radar_frame_of_its_truth(
    sensors: Sensors, what: tuple[float, float, tuple[int, int], str]
) -> None:
    moments = sensors.moments(*what)
    truth_s = moments.pop("truth")
    assert abs(moments["events"] - truth_s) < 0.010
    assert abs(moments["pictures"] - truth_s) < 1 / RATE_HZ
    assert abs(moments["radar"] - truth_s) < PERIOD_S
    assert max(moments.values()) - min(moments.values()) < PERIOD_S


def test_both_cameras_see_the_same_blink(sensors: Sensors) -> None:
    moments = sensors.moments(*BLINK)
    assert abs(moments["events"] - moments["truth"]) < 0.015
    assert abs(moments["pictures"] - moments["truth"]) < 1 / RATE_HZ
