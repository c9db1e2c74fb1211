"""What the demonstration draws and writes, from a scoreboard that a test fills."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

pytest.importorskip("rich", reason="rich and Jinja2, which show the demonstration, are not installed here")
pytest.importorskip("jinja2", reason="rich and Jinja2, which show the demonstration, are not installed here")

from rich.console import Console

from faceedge.cli import demo, demo_person, demo_radar, demo_scenes
from faceedge.cli.annotate import VideoFile, draw, strip
from faceedge.cli.children import Children
from faceedge.cli.demo_pictures import choose_stamps, scene_at
from faceedge.cli.palette import EXPRESSION_COLOURS, colour_of, label_of
from faceedge.cli.report import Outcome, write_page
from faceedge.cli.scoreboard import Scoreboard, Sight
from faceedge.cli.terminal_view import HalfBlocks, Progress, bar, plain_line, render
from faceedge.cli.timeline import runs_of, timeline_svg
from faceedge.errors import ConfigurationError, FaceedgeError, InputError
from faceedge.perception.expression import EXPRESSIONS
from faceedge.radar.chirp_files import load_chirp_file
from faceedge.radar.moments import SourceFeed
from faceedge.radar.recordings import RecordingSource
from faceedge.simulation.live.session_folder import SessionFolder

FACE = Path(__file__).parent / "data" / "bgt60_synthetic_face"
MS = 1_000_000
START = 1_700_000_000_000 * MS
BOX = (0.25, 0.25, 0.75, 0.75)
CHAPTERS = [("a first <scene>", 0, 25), ("a second one", 40, 25)]


def sight(at_ms: float, word: str | None, confidence: float = 0.8, face: str = "fa1") -> Sight:
    return Sight(face, START + round(at_ms * MS), BOX, 0.9, word, confidence)


@pytest.fixture
def board() -> Scoreboard:
    """Two scenes of a second at 25 Hz: happy, then surprised."""
    result = Scoreboard()
    picture = bytes(cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1])
    for k in range(65):
        stamp = START + k * 40 * MS
        result.picture(stamp, picture)
        result.message("/camera/image_raw/compressed", "sensor_msgs/msg/CompressedImage", len(picture), stamp)
        if 25 <= k < 40:
            continue
        face = "fa1" if k < 25 else "fb2"
        result.roi(stamp, face, BOX, 0.9)
        result.expression(stamp, face, "happy" if k < 25 else "surprised", 0.7, (0.5, 0.5), stamp + 9 * MS)
        result.pose(stamp, face, (-0.5, 0.5, -0.5, 0.5), (0.0, 0.0, 0.6))
        result.tracked(stamp, [face], stamp + 8 * MS)
    result.status("faces: status", "OK", "running", {"latency detect": "p50 1.10 ms, p99 2.00 ms"})
    return result


def test_every_expression_of_the_model_has_a_colour_of_its_own() -> None:
    assert set(EXPRESSIONS) | {""} == set(EXPRESSION_COLOURS)
    assert len({colour_of(word) for word in (*EXPRESSIONS, "", None)}) == len(EXPRESSIONS) + 2
    assert [label_of(word) for word in ("sad", "", None)] == ["sad", "undecided", "face"]


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_a_face_is_drawn_in_the_colour_of_its_expression_and_the_picture_itself_stays() -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    drawn = draw(image, [sight(0, "angry")])
    assert not image.any()
    assert tuple(drawn[60, 80].tolist()) == colour_of("angry")[::-1]


def test_a_box_that_leaves_the_picture_is_drawn_as_far_as_it_goes() -> None:
    beyond = Sight("fa1", 0, (-0.5, -0.5, 1.5, 1.5), 0.9, "happy", 0.5)
    assert draw(np.zeros((48, 64, 3), np.uint8), [beyond]).shape == (48, 64, 3)


def test_the_strip_has_rows_of_four() -> None:
    pictures = [np.full((48, 64, 3), 10 * k, np.uint8) for k in range(6)]
    assert strip(pictures).shape == (2 * 240 + 4, 4 * 320 + 3 * 4, 3)
    assert strip(pictures[:1]).shape == (240, 320, 3)


def test_the_video_can_be_read_again_and_opening_it_prints_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    video = VideoFile(tmp_path / "faces", 12.5, (64, 48))
    if video.path is None:
        pytest.skip("this OpenCV writes no video")
    for _ in range(10):
        video.write(np.full((48, 64, 3), 90, np.uint8))
    video.close()
    assert capfd.readouterr().err == ""
    assert cv2.VideoCapture(str(video.path)).read()[0]


def test_each_scene_has_a_picture_in_the_strip_and_none_comes_from_between_them(board: Scoreboard) -> None:
    outcome = Outcome(Path("."), CHAPTERS, 25.0)
    scenes = [scene_at(stamp, board.first_stamp_ns, outcome) for stamp in sorted(choose_stamps(board, outcome, 4))]
    assert scenes == [0, 0, 1, 1]
    assert scene_at(START + 30 * 40 * MS, START, outcome) is None


# --- timeline ---------------------------------------------------------------------------------------------------------


def test_sights_with_the_same_expression_become_one_run_and_a_pause_ends_it() -> None:
    sights = [sight(0, "happy"), sight(40, "happy"), sight(80, "sad"), sight(120, "sad"), sight(900, "sad")]
    runs = runs_of(sights, START)
    assert [(run.word, len(run.points)) for run in runs] == [("happy", 3), ("sad", 2), ("sad", 1)]
    assert runs[0].points[-1][0] == runs[1].points[0][0] == pytest.approx(0.08)


def test_the_timeline_is_well_formed_and_escapes_names() -> None:
    from xml.etree import ElementTree

    svg = timeline_svg({"<f&1>": [sight(0, "happy"), sight(500, "happy")]}, [(0.0, 1.0)], START)
    root = ElementTree.fromstring(svg)
    texts = [element.text for element in root.iter("text")]
    assert "<f&1>" in texts
    assert sum(1 for _ in root.iter("polygon")) == 2  # the half second between the sights is a pause


# --- page -------------------------------------------------------------------------------------------------------------


def test_the_page_needs_no_other_file_and_tells_what_was_seen(board: Scoreboard, tmp_path: Path) -> None:
    outcome = Outcome(tmp_path, CHAPTERS, 25.0, np.zeros((24, 32, 3), np.uint8), notes=["A <note>."])
    page = write_page(board, outcome).read_text()
    assert re.findall(r'(?:src|href)="(?!data:)[^"]*"', page) == []
    assert "a first &lt;scene&gt;" in page
    assert "A &lt;note&gt;." in page
    assert "/camera/image_raw/compressed" in page
    assert "65</b><span>pictures over ROS 2" in page
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["end_to_end_ms"]["expression"] == {"p50": 9.0, "p99": 9.0, "count": 50}
    assert [face["shares"][0]["label"] for face in summary["faces"]] == ["happy", "surprised"]


@pytest.fixture
def radar_board(board: Scoreboard) -> Scoreboard:
    """The same with a radar that saw the synthetic face of tests/data."""
    with SourceFeed(RecordingSource(FACE, paced=False)) as feed:
        assert feed.chirp is not None
        board.radar_chirp(feed.chirp)
        for k in range(16):
            moment = feed.next(0.0)
            assert moment is not None
            stamp = START + k * 50 * MS
            board.radar_image(demo_radar.IMAGE, stamp, moment.range_doppler, stamp + 44 * MS)
            if moment.micro is not None:
                board.radar_image(demo_radar.MICRO, stamp, moment.micro, stamp + 45 * MS)
    values = {"dropped": "2", "rejected": "1", "temperature": "38.5 °C"}
    board.status("radar: status", "OK", "running", values)
    return board


def test_the_page_shows_what_the_radar_saw_and_says_that_it_is_synthetic(
    radar_board: Scoreboard, tmp_path: Path
) -> None:
    strip = tmp_path / "radar.png"
    cv2.imwrite(str(strip), np.zeros((8, 8, 3), np.uint8))
    page = write_page(radar_board, Outcome(tmp_path, CHAPTERS, 25.0, radar_strip=strip)).read_text()
    assert "<h2>What the radar saw</h2>" in page
    assert "This scene is <b>synthetic</b>" in page
    assert re.findall(r'(?:src|href)="(?!data:)[^"]*"', page) == []
    radar = json.loads((tmp_path / "summary.json").read_text())["radar"]
    assert (radar["synthetic"], radar["frames"], radar["micro_images"]) == (True, 16, 9)
    assert (radar["dropped"], radar["rejected"], radar["temperature_c"]) == (2, 1, 38.5)
    assert radar["rate_hz"] == 20.0
    assert radar["first_chirp_to_here_ms"] == {"p50": 44.0, "p99": 44.0, "count": 16}
    assert radar["chirp"]["range_resolution_m"] == pytest.approx(0.0299, abs=1e-4)


def test_without_a_radar_the_page_does_not_speak_of_one(board: Scoreboard, tmp_path: Path) -> None:
    page = write_page(board, Outcome(tmp_path, CHAPTERS, 25.0)).read_text()
    assert "radar" not in page
    assert json.loads((tmp_path / "summary.json").read_text())["radar"] is None


def test_a_machine_without_pseudo_terminals_shows_faces_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse() -> None:
        raise OSError(2, "No such file or directory")

    monkeypatch.setattr("os.openpty", refuse)
    notes: list[str] = []
    session = SessionFolder(tmp_path, {}, load_chirp_file("bgt60_face_full_band").chirp)
    person = demo_person.Person(session, None, tmp_path / "epoch")
    assert demo_radar.start_emulator(Children(tmp_path), tmp_path, person, notes) is None
    assert notes == ["This machine gives no pseudo-terminal (No such file or directory), so the radar is left out."]


def test_nodes_end_before_the_programs_that_they_read_from(tmp_path: Path) -> None:
    order = tmp_path / "order"
    program = f"""
import signal, sys, time
def end(*_):
    time.sleep(float(sys.argv[2]))
    open({str(order)!r}, "a").write(sys.argv[1] + " ")
    sys.exit()
signal.signal(signal.SIGINT, end)
open({str(tmp_path)!r} + "/ready " + sys.argv[1], "w").close()
time.sleep(60)
"""
    with Children(tmp_path) as children:
        children.start_program("device", program, "device", "0")
        children.start_program("slow node", program, "node", "0.3")
        children._nodes.add("slow node")
        while len(list(tmp_path.glob("ready *"))) < 2:
            children.check()
    assert order.read_text().split() == ["node", "device"]


def test_a_radar_in_trouble_is_noted_and_does_not_end_the_demonstration(radar_board: Scoreboard) -> None:
    assert demo_radar.troubles(radar_board) == []
    radar_board.status("radar: status", "ERROR", "the port went away; plug it in.", {})
    assert demo_radar.troubles(radar_board) == ["The radar: the port went away; plug it in."]
    observer = SimpleNamespace(failed=False)
    demo._raise_troubles(radar_board, observer)  # type: ignore[arg-type]
    radar_board.status("camera: status", "ERROR", "no camera.", {})
    with pytest.raises(FaceedgeError, match=r"^a node cannot work: camera: no camera\.$"):
        demo._raise_troubles(radar_board, observer)  # type: ignore[arg-type]


def test_a_run_without_any_face_makes_a_page_too(tmp_path: Path) -> None:
    board = Scoreboard()
    board.picture(START, b"")
    assert "<svg" in write_page(board, Outcome(tmp_path, CHAPTERS, 25.0, expression=False)).read_text()


# --- terminal ---------------------------------------------------------------------------------------------------------


def printed(view: object, width: int = 100, height: int = 40, colour: str | None = None) -> str:
    out = io.StringIO()
    Console(file=out, width=width, height=height, force_terminal=True, color_system=colour).print(view)  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize("size", [(78, 24), (80, 30), (120, 42), (200, 60)])
def test_the_view_fits_the_terminal(board: Scoreboard, size: tuple[int, int]) -> None:
    lines = printed(render(board, Progress("a scene", 1, 2, 1.0, 2.0), size[1], size[0]), *size).splitlines()
    assert len(lines) <= size[1]
    assert max(len(line) for line in lines) <= size[0]
    text = "\n".join(lines)
    for word in ("fb2", "surprised", "0.70", "detect", "a scene"):
        assert word in text


@pytest.mark.parametrize("size", [(78, 24), (80, 30), (100, 40), (120, 42), (200, 60)])
def test_the_view_shows_the_radar_where_there_is_room_and_its_figures_anywhere(
    radar_board: Scoreboard, size: tuple[int, int]
) -> None:
    lines = printed(render(radar_board, Progress("a scene", 1, 2, 1.0, 2.0), size[1], size[0]), *size).splitlines()
    assert len(lines) <= size[1]
    assert max(len(line) for line in lines) <= size[0]
    text = "\n".join(lines)
    for word in ("20.0 frames/s", "2 dropped", "38.5 °C", "surprised", "detect"):
        assert word in text
    assert ("range-Doppler" in text) == (size[1] >= 40)
    assert ("synthetic face" in text) == (size[1] >= 40)


def test_a_plain_line_has_the_radar_s_figures(radar_board: Scoreboard) -> None:
    assert "| radar 20.0 frames/s · 2 dropped · 38.5 °C |" in plain_line(radar_board, Progress("a", 1, 1, 1.0, 2.0))


def test_the_view_of_an_empty_scoreboard_says_that_it_waits() -> None:
    text = printed(render(Scoreboard(), Progress(), 40, 100))
    assert "waiting for the first picture" in text
    assert "nobody in view" in text


def test_half_blocks_show_two_pixels_in_a_cell() -> None:
    image = np.zeros((2, 1, 3), np.uint8)
    image[0], image[1] = (0, 0, 248), (248, 0, 0)
    text = printed(HalfBlocks(image, []), 1, 1, "truecolor")
    assert "38;2;255;0;0" in text
    assert "48;2;0;0;255" in text
    assert text.count("▀") == 1


@pytest.mark.parametrize(
    ("fraction", "text"), [(0.0, "········"), (0.5, "████····"), (1.0, "████████"), (7.0, "████████")]
)
def test_bars_are_filled_by_their_fraction(fraction: float, text: str) -> None:
    assert bar(fraction, "red", 8).plain == text


def test_a_plain_line_names_the_scene_the_faces_and_the_latency(board: Scoreboard) -> None:
    line = plain_line(board, Progress("a scene", 1, 2, 1.0, 2.0))
    assert "a scene: fb2 surprised 0.70" in line
    assert "p50 8.0 ms" in line


# --- scenes -----------------------------------------------------------------------------------------------------------


def test_without_clips_the_scenes_come_from_the_public_domain_picture() -> None:
    pytest.importorskip("skimage", reason="scikit-image, whose picture this is, is not installed")
    scenes = demo_scenes.find_scenes(None, [])
    assert len(scenes) == 2
    assert next(scenes[1].make()).shape == (480, 640, 3)


def test_without_scikit_image_the_sentence_names_two_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "skimage", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'faceedge\[demo\]'.*--clip FILE"):
        demo_scenes.find_scenes(None, [])


def test_the_users_own_clip_is_played_at_the_rate_of_the_demonstration(tmp_path: Path) -> None:
    path = tmp_path / "own.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 50.0, (64, 48))
    for k in range(50):
        writer.write(np.full((48, 64, 3), 5 * k, np.uint8))
    writer.release()
    (scene,) = demo_scenes.find_scenes(None, [path])
    frames = list(scene.make())
    assert (scene.frames, len(frames)) == (25, 25)
    assert [round(float(frame[240, 320, 0]) / 5) for frame in frames[:4]] == [0, 2, 4, 6]
    chapters = demo_scenes.write_clip([scene, scene], tmp_path / "clip.avi", lambda count: None)
    first, second = demo_scenes.TITLE_FRAMES, 2 * demo_scenes.TITLE_FRAMES + 25
    assert chapters == [("own.avi", first, 25), ("own.avi", second, 25)]


def test_scenes_are_cut_to_the_time_there_is() -> None:
    def nothing() -> Iterator[np.ndarray]:
        return iter(())

    scenes = [demo_scenes.Scene(title, 50, nothing) for title in ("a", "b", "c")]
    cut = [(scene.title, scene.frames) for scene in demo_scenes.shorten(scenes, 4.0)]
    assert cut == [("a", 50), ("b", 100 - 50 - 2 * demo_scenes.TITLE_FRAMES)]
    assert demo_scenes.shorten(scenes, 0.0) == scenes
    assert [scene.frames for scene in demo_scenes.shorten(scenes, 0.1)] == [1]


def test_a_new_run_removes_the_outputs_of_the_last_one_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "bag").mkdir()
    for name in ("index.html", "mine.txt", "bag/bag.mcap"):
        (tmp_path / name).write_text("old")
    demo.prepare_output(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(ConfigurationError, match="cannot be used"):
        demo.prepare_output(tmp_path / "mine.txt")


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_text("no")
    with pytest.raises(InputError, match="is not a video file"):
        demo_scenes.find_scenes(None, [tmp_path / "x.mp4"])


def test_the_data_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACEEDGE_DATA", str(tmp_path))
    assert demo_scenes.data_folder() == tmp_path
    monkeypatch.setenv("FACEEDGE_DATA", str(tmp_path / "nowhere"))
    assert demo_scenes.data_folder() is None
