"""`faceedge demo` as its user runs it: real nodes as processes, real DDS, and everything that it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed here")
pytest.importorskip("hri_msgs.msg", reason="the hri_msgs messages are not built here")
pytest.importorskip("skimage", reason="scikit-image, whose picture this is, is not installed")

from faceedge.cli import demo_person, demo_radar
from faceedge.cli.radar_bag import BagFeed
from faceedge.cli.radar_view import RadarView
from faceedge.events.evt3 import Decoder
from faceedge.nodes.conversions import stamp_to_ns
from faceedge.nodes.radar_conversions import image_to_cube
from faceedge.nodes.recorder import read_bag

pytestmark = pytest.mark.graph

PATIENCE_S = 120
COMMAND = (sys.executable, "-m", "faceedge.cli.main", "demo")


def environment(folder: Path, **changes: str) -> dict[str, str]:
    """Without clips, so that every machine shows the same, and without a domain, so that the demo chooses one."""
    inherited = {key: value for key, value in os.environ.items() if key not in ("ROS_DOMAIN_ID", "ROS_LOG_DIR")}
    return {**inherited, "FACEEDGE_DATA": str(folder / "nowhere"), "TMPDIR": str(folder), **changes}


def run(folder: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(folder, **changes),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def processes_below(folder: Path) -> list[str]:
    """Command lines of processes that mention ``folder``, as the demo's nodes do."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command and ("params-file" in command or "demo_radar" in command):
            found.append(command)
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run of the synthetic person and a few seconds of the picture: its folder and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, run(folder, "--seconds", "13", "--output", "out")


def test_the_demo_ends_by_itself_and_says_where_its_outputs_are(finished: Any) -> None:
    folder, result = finished
    assert result.returncode == 0, result.stdout + result.stderr
    last = result.stdout.rstrip().splitlines()[-1]
    assert last.startswith("Outputs: page out/index.html")
    expected = {"index.html", "summary.json", "strip.png", "sensors.png", "radar.png", "bag"}
    assert {path.name for path in (folder / "out").iterdir()} >= expected
    assert result.stderr == ""


def test_no_process_and_no_file_is_left_elsewhere(finished: Any) -> None:
    folder, _ = finished
    assert processes_below(folder) == []
    assert sorted(path.name for path in folder.iterdir()) == ["out"]


def test_the_face_was_seen_on_topics_with_its_id_position_and_head(finished: Any) -> None:
    folder, _ = finished
    summary = json.loads((folder / "out" / "summary.json").read_text())
    topics = {topic["name"]: topic for topic in summary["topics"]}
    for name in ("/humans/faces/tracked", "/humans/faces/<id>/roi", "/humans/faces/<id>/landmarks", "/tf"):
        assert topics[name]["messages"] > 10
    assert topics["/camera/image_raw/compressed"]["messages"] > 60
    assert summary["end_to_end_ms"]["faces"]["count"] > 10
    assert {"detect", "landmarks"} <= {entry["stage"] for entry in summary["stages_ms"]}
    assert len(summary["faces"]) >= 1
    low, high = summary["faces"][0]["yaw_deg"]
    assert -45 < low <= high < 45


def test_the_radar_sees_the_synthetic_face_through_the_real_driver_and_node(finished: Any) -> None:
    folder, result = finished
    assert "The radar:" not in result.stdout, "no complaint about an emulator that was ended"
    radar = json.loads((folder / "out" / "summary.json").read_text())["radar"]
    assert radar["synthetic"] is True
    assert radar["frames"] > 20
    assert radar["chirp"]["device"] == "bgt60tr13c"
    strip = cv2.imread(str(folder / "out" / "radar.png"))
    assert strip is not None
    assert strip.std() > 10
    with BagFeed(folder / "out" / "bag") as feed:
        moments = []
        while not feed.finished:
            moment = feed.next(0.0)
            if moment is not None:
                moments.append(moment)
        assert feed.chirp is not None
        view = RadarView(demo_radar.SHOWN_M)
        peaks = []
        for moment in moments:
            view.add(moment, feed.chirp)
            peak = view.peak()
            assert peak is not None
            peaks.append(peak[0])
    assert 0.25 < min(peaks) < 0.40, "the face, whose nose is at 30 cm"
    assert max(peaks) < 0.50, "or the chest behind it, and nothing else"
    assert len(moments) == radar["frames"]


def test_the_synthetic_person_s_face_is_found_by_the_real_detector(finished: Any) -> None:
    folder, _ = finished
    summary = json.loads((folder / "out" / "summary.json").read_text())
    scene = summary["scenes"][0]
    seen = [face for face in summary["faces"] if face["first_s"] < scene["last_s"]]
    assert sum(face["pictures"] for face in seen) > 0.8 * 25 * (scene["last_s"] - scene["first_s"])


def test_three_sensors_show_the_person_in_step(finished: Any) -> None:
    folder, _ = finished
    summary = json.loads((folder / "out" / "summary.json").read_text())
    assert summary["events"]["synthetic"] is True
    assert summary["events"]["size"] == [320, 320]
    strip = cv2.imread(str(folder / "out" / "sensors.png"))
    assert strip is not None
    assert strip.std() > 10
    session = demo_person.shipped_session()
    places = {cube.tobytes(): index for index, cube in enumerate(session.cubes())}
    decoder = Decoder(320, 320)
    epoch_ns = summary["epoch_ns"]
    begins_ns = epoch_ns + round(1e9 * summary["scenes"][0]["first_s"])
    begun_s: dict[str, list[float]] = {"events": [], "radar": []}
    pictures_s = []
    for topic, message, _ in read_bag(folder / "out" / "bag"):
        if topic == "/camera/image_raw/compressed":
            pictures_s.append((stamp_to_ns(message.header.stamp) - epoch_ns) / 1e9)
        elif topic == "/event_camera/events" and not begun_s["events"]:
            first_us = int(decoder.feed(bytes(message.events))[0]["t"])
            begun_s["events"].append((stamp_to_ns(message.header.stamp) - begins_ns) / 1e9 - 1e-6 * first_us)
        elif topic == "/radar/adc":
            assert session.chirp is not None
            place = places[image_to_cube(message, session.chirp).tobytes()]
            stamp_s = (stamp_to_ns(message.header.stamp) - begins_ns) / 1e9
            begun_s["radar"].append(stamp_s - session.chirp.frame_period_s * place)
    off_grid_ms = [abs(1e3 * time_s - 40 * round(25 * time_s)) for time_s in pictures_s]
    assert min(pictures_s) > -1e-3
    assert max(off_grid_ms) < 0.1
    rounds = {name: np.array(times) % session.duration_s for name, times in begun_s.items()}
    apart_ms = {name: 1e3 * np.minimum(times, session.duration_s - times).max() for name, times in rounds.items()}
    assert apart_ms["events"] < 0.1
    assert apart_ms["radar"] < 26, "the recorded frame that is nearest in time"


def test_the_smile_of_the_picture_is_recognised(finished: Any) -> None:
    folder, _ = finished
    summary = json.loads((folder / "out" / "summary.json").read_text())
    if not summary["expression_estimated"]:
        pytest.skip("the expression model is not installed")
    scene = summary["scenes"][1]
    of_picture = [face for face in summary["faces"] if face["first_s"] >= scene["first_s"]]
    assert [face["shares"][0]["label"] for face in of_picture] == ["happy"]


def test_the_bag_holds_the_pictures_and_every_face_that_was_tracked(finished: Any) -> None:
    folder, _ = finished
    tracked: set[str] = set()
    with_position: set[str] = set()
    pictures = 0
    samples = 0
    for topic, message, _ in read_bag(folder / "out" / "bag"):
        if topic == "/humans/faces/tracked":
            tracked |= set(message.ids)
        elif topic.endswith("/roi"):
            with_position.add(topic.split("/")[3])
            assert 0.0 <= message.xmin < message.xmax <= 1.0
        elif topic.endswith("/compressed"):
            pictures += 1
        elif topic == "/radar/adc":
            samples += 1
            assert (message.encoding, message.height, message.width) == ("mono16", 3 * 64, 128)
    assert tracked
    assert tracked == with_position
    assert pictures > 60
    assert samples > 20


def test_the_video_and_the_strip_show_pictures(finished: Any) -> None:
    folder, _ = finished
    strip = cv2.imread(str(folder / "out" / "strip.png"))
    assert strip is not None
    assert strip.std() > 10
    video = next(
        (folder / "out" / name for name in ("faces.webm", "faces.mp4") if (folder / "out" / name).exists()), None
    )
    if video is None:
        pytest.skip("this OpenCV writes no video")
    assert cv2.VideoCapture(str(video)).read()[1].shape == (480, 640, 3)


def test_interrupting_the_demo_ends_its_nodes(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--output", "out", "--seconds", "9"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert "nobody in view" in (line := process.stdout.readline()) or "face" in line
    # camera, faces, radar, event camera, and the emulator that the radar talks to
    assert len(processes_below(tmp_path)) == 5
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == "faceedge: stopped.\n"
    assert processes_below(tmp_path) == []


def test_a_node_that_dies_ends_the_demo_with_a_sentence_and_its_log(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--output", "out", "--seconds", "9"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:
            continue
        if str(tmp_path).encode() in command and b"face_node" in command:
            os.kill(int(path.parent.name), signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert errors.startswith("faceedge: the face node ended with code -9.")
    assert "Traceback" not in errors
    time.sleep(0.1)
    assert processes_below(tmp_path) == []


def test_a_corrupt_model_ends_the_demo_with_both_hashes(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    for path in (Path(__file__).resolve().parents[1] / "models").glob("*"):
        if path.is_file():
            (models / path.name).write_bytes(path.read_bytes())
    with (models / "face_landmarks.tflite").open("ab") as file:
        file.write(b"x")
    result = run(tmp_path, "--output", "out", "--seconds", "2", FACEEDGE_MODELS=str(models))
    assert result.returncode == 1
    assert "face_landmarks.tflite is corrupt" in result.stderr
    assert processes_below(tmp_path) == []


def test_without_a_face_the_demo_still_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "empty.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (64, 48))
    for _ in range(40):
        writer.write(cv2.UMat(48, 64, cv2.CV_8UC3).get() * 0)
    writer.release()
    result = run(tmp_path, "--output", "out", "--clip", "empty.avi")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "no face was found" in result.stdout
