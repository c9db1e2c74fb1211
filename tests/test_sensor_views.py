"""Three sensors side by side: in the terminal, and on one time axis in a picture."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import sessions
from rich.console import Console

from faceedge.cli import demo_radar
from faceedge.cli.event_board import BACKGROUND, BRIGHTER, DARKER, EventBoard, figures, picture_of
from faceedge.cli.report import Outcome, write_page
from faceedge.cli.scoreboard import Scoreboard
from faceedge.cli.sensor_pictures import Seen, changes, event_rate, moments, write_sensor_strip
from faceedge.cli.sensors_view import side_of
from faceedge.cli.terminal_view import Progress, plain_line, render, rows_of_pictures
from faceedge.events.event import EVENT_DTYPE
from faceedge.events.evt3 import encode
from faceedge.radar.chirp import SPEED_OF_LIGHT_M_S
from faceedge.radar.range_doppler import RangeDoppler
from faceedge.simulation.live.session_folder import open_session

MS = 1_000_000
START = 1_700_000_000_000 * MS


def some_events(count: int, at_us: int, x: int, y: int, p: bool) -> np.ndarray:
    result = np.zeros(count, EVENT_DTYPE)
    result["t"], result["x"], result["y"], result["p"] = at_us + np.arange(count), x, y, p
    return result


@pytest.fixture
def board() -> Scoreboard:
    """A second of a camera's pictures, events and radar frames."""
    result = Scoreboard()
    picture = bytes(cv2.imencode(".jpg", np.full((480, 640, 3), 90, np.uint8))[1])
    images = RangeDoppler(sessions.chirp())
    result.radar_chirp(sessions.chirp())
    for k in range(25):
        stamp = START + k * 40 * MS
        result.picture(stamp, picture)
        result.message("/camera/image_raw/compressed", "sensor_msgs/msg/CompressedImage", len(picture), stamp)
        result.roi(stamp, "fa1", (0.3, 0.2, 0.7, 0.8), 0.9)
        result.tracked(stamp, ["fa1"], stamp + 8 * MS)
        words = encode(some_events(200, 40_000 * k, 40, 50, k % 2 == 0))
        result.event_packet(stamp, (320, 320), words, stamp + 11 * MS)
    for k in range(20):
        image = np.array(images(sessions.cube(k)))
        result.radar_image(demo_radar.IMAGE, START + k * 50 * MS, image, START + k * 50 * MS + 44 * MS)
    return result


# --- events -----------------------------------------------------------------------------------------------------------


def test_what_becomes_brighter_and_darker_is_told_apart_by_colour() -> None:
    events = np.concatenate([some_events(99, 0, 5, 7, True), some_events(99, 99, 6, 7, False)])
    picture = picture_of(events, (32, 32), (32, 32))
    assert tuple(picture[7, 5][::-1].tolist()) == BRIGHTER
    assert tuple(picture[7, 6][::-1].tolist()) == DARKER
    assert tuple(picture[0, 0][::-1].tolist()) == BACKGROUND


def test_an_edge_stands_out_from_noise_in_a_small_picture() -> None:
    noise = np.concatenate([some_events(1, 0, x, y, True) for x in range(0, 320, 16) for y in range(0, 320, 16)])
    edge = np.concatenate([some_events(2, 0, x, 160, True) for x in range(320)])
    picture = picture_of(np.concatenate([noise, edge]), (20, 20), (320, 320)).astype(int)
    light = picture.sum(axis=(1, 2)) - 20 * sum(BACKGROUND)
    assert light[10] > 4 * np.delete(light, 10).max()


def test_packets_are_counted_and_their_rate_is_that_of_the_last_second() -> None:
    board = EventBoard()
    assert (board.picture((8, 8)), board.rate_hz()) == (None, 0.0)
    for k in range(300):
        words = encode(some_events(50, 10_000 * k, 3, 4, True))
        board.packet(START + k * 10 * MS, (64, 48), words, START + k * 10 * MS + 12 * MS)
    assert (board.width, board.height, board.packets, board.events) == (64, 48, 300, 15_000)
    assert board.rate_hz() == pytest.approx(5000, rel=0.02)
    assert figures(board) == "5.0 kev/s"
    assert board.latency_ms[-1] == 12.0


# --- terminal ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(78, 24), (80, 30), (100, 40), (120, 42), (200, 60)])
def test_three_sensors_stand_side_by_side_whatever_the_terminal_s_size(
    board: Scoreboard, size: tuple[int, int]
) -> None:
    out = io.StringIO()
    console = Console(file=out, width=size[0], height=size[1], force_terminal=True, color_system=None)
    console.print(render(board, Progress("a person", 1, 2, 1.0, 2.0, person=True), size[1], size[0]))
    lines = out.getvalue().splitlines()
    assert len(lines) <= size[1]
    assert max(len(line) for line in lines) <= size[0]
    titles = next(line for line in lines if "event camera" in line)
    assert titles.index("camera") < titles.index("event camera") < titles.index("radar")
    text = "\n".join(lines)
    for word in ("kev/s", "pictures/s", "frames/s", "0 m/s"):
        assert word in text
    assert "fa1" in text


def test_pictures_are_square_and_fit() -> None:
    assert side_of(120, 20) == 36
    assert side_of(200, 20) == 38
    assert side_of(20, 3) == 8


def test_three_pictures_get_half_of_a_small_terminal() -> None:
    assert rows_of_pictures(24, 80, person=True) == 10
    assert rows_of_pictures(24, 80, person=False) == 6
    assert rows_of_pictures(50, 80, person=True) == 20
    assert rows_of_pictures(40, 60, person=True) == 18
    assert rows_of_pictures(30, 60, person=True) == 9  # wider ones do not fit


def test_nothing_seen_yet_is_said(board: Scoreboard) -> None:
    out = io.StringIO()
    console = Console(file=out, width=100, height=40, force_terminal=True, color_system=None)
    console.print(render(Scoreboard(), Progress(person=True), 40, 100))
    assert out.getvalue().count("waiting") >= 3


def test_a_plain_line_has_the_rate_of_events(board: Scoreboard) -> None:
    assert "| events 5.0 kev/s" in plain_line(board, Progress("a person", 1, 2, 1.0, 2.0, person=True))
    assert "events" not in plain_line(board, Progress("somebody else", 2, 2, 1.0, 2.0))


# --- picture ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = sessions.write_session(tmp_path_factory.mktemp("session") / "s0")
    truth = open_session(folder).truth()
    names = ["mouthSmileLeft", "mouthSmileRight", "jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "browInnerUp"]
    units = np.zeros((len(truth["time_s"]), len(names)), np.float16)
    units[:, 2] = np.sin(truth["time_s"]) ** 2
    head = np.zeros((len(units), 3), np.float32)
    truth = {"time_s": truth["time_s"], "unit_names": np.array(names), "units": units, "head_rad": head}
    jpeg = [bytes(cv2.imencode(".jpg", sessions.picture(k))[1]) for k in range(sessions.PICTURES)]
    return Seen(
        sessions.DURATION_S,
        [(k / sessions.CAMERA_HZ, data) for k, data in enumerate(jpeg)],
        sessions.events(),
        (sessions.SIDE_PX, sessions.SIDE_PX),
        [(0.05 * k, sessions.cube(k).mean(axis=1)) for k in range(sessions.FRAMES)],
        sessions.chirp(),
        truth,
    )


def test_the_moments_are_where_most_happens_in_their_share_of_the_time() -> None:
    events = np.concatenate([some_events(500, at, 1, 1, True) for at in (300_000, 900_000, 1_700_000)])
    found = moments(Seen(2.0, events=events, sensor=(8, 8)), 4)
    assert [round(moment, 1) for moment in (found[0], found[1], found[3])] == [0.3, 0.9, 1.7]
    assert event_rate(events, 2.0, 0.1)[[3, 4, 9]] == pytest.approx([5000, 0, 5000], abs=20)


def test_what_moves_shows_at_its_range() -> None:
    chirp = sessions.chirp()
    times = np.arange(chirp.samples_per_chirp) / chirp.sample_rate_hz
    rows = []
    for extra_m in (0.0, 0.0, 0.001, 0.002):
        delay = 2 * (0.30 + extra_m) / SPEED_OF_LIGHT_M_S
        still = 400 * np.cos(2 * np.pi * chirp.slope_hz_per_s * (2 * 0.5 / SPEED_OF_LIGHT_M_S) * times)
        phase = 2 * np.pi * (chirp.start_frequency_hz * delay + chirp.slope_hz_per_s * delay * times)
        rows.append([1800 + still + 50 * np.cos(phase)] * 3)
    ranges_m, levels = changes(np.array(rows), chirp)
    assert levels[0].max() < -50, "nothing moved"
    assert ranges_m[levels[1].argmax()] == pytest.approx(0.30, abs=0.02)
    assert levels[1].max() == pytest.approx(levels[2].max(), abs=1.0)


def test_the_picture_is_drawn_with_and_without_a_radar_and_truth(seen: Seen, tmp_path: Path) -> None:
    write_sensor_strip(tmp_path / "all.png", seen, "one face")
    without = Seen(seen.duration_s, seen.pictures, seen.events, seen.sensor)
    write_sensor_strip(tmp_path / "two.png", without, "one face")
    heights = [np.asarray(cv2.imread(str(tmp_path / name))).shape[0] for name in ("all.png", "two.png")]
    assert heights[0] > heights[1] + 300
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.png", "two.png"]


def test_the_page_shows_the_picture_and_says_that_the_face_is_synthetic(board: Scoreboard, tmp_path: Path) -> None:
    picture = tmp_path / "sensors.png"
    cv2.imwrite(str(picture), np.zeros((8, 8, 3), np.uint8))
    outcome = Outcome(tmp_path, [("a person", 0, 25)], 25.0, sensor_strip=picture)
    page = write_page(board, outcome).read_text()
    assert "<h2>One face under three sensors, in step</h2>" in page
    assert "The face is <b>synthetic</b>" in page
    assert "5000 events of 320×320" in page
