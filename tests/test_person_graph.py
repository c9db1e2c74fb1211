"""One person on the topics of three sensors, in step: real nodes as processes, with an emulated radar on a port."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sessions

pytest.importorskip("rclpy", reason="ROS 2 is not installed here")
pytest.importorskip("event_camera_msgs.msg", reason="the event_camera_msgs messages are not built here")

from event_camera_msgs.msg import EventPacket
from graph import Graph, values_of
from sensor_msgs.msg import Image

from faceedge.cli import main as cli
from faceedge.events.evt3 import Decoder
from faceedge.nodes.conversions import image_to_frame, stamp_to_ns
from faceedge.nodes.qos import EVENTS_OUT, IMAGE_OUT, RADAR_OUT
from faceedge.nodes.radar_conversions import image_to_cube

pytestmark = pytest.mark.graph

EMULATOR = (
    "import sys; from faceedge.cli.demo_radar import emulate; sys.exit(emulate({link!r}, {session!r}, {epoch!r}))"
)
ROUND_NS = 2_000_000_000
RADAR_PERIOD_MS = 50.03
ENOUGH = {"radar": 50, "pictures": 60, "events": 250}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sessions.write_session(tmp_path_factory.mktemp("session") / "s0")


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    with Graph(tmp_path_factory.mktemp("graph")) as result:
        yield result


class Heard:
    """Messages of the three topics."""

    def __init__(self, graph: Graph) -> None:
        self.radar = graph.collect("/radar/adc", Image, qos=RADAR_OUT)
        self.pictures = graph.collect("/camera/image_raw", Image, qos=IMAGE_OUT)
        self.events = graph.collect("/event_camera/events", EventPacket, qos=EVENTS_OUT)

    def enough(self) -> bool:
        return all(len(getattr(self, name)) >= count for name, count in ENOUGH.items())

    def skews_ms(self, epoch_ns: int) -> dict[str, np.ndarray]:
        """For each message: its stamp against the moment of the session that it shows, both within a round."""
        cubes = {sessions.cube(index).tobytes(): index for index in range(sessions.FRAMES)}
        decoder = Decoder(sessions.SIDE_PX, sessions.SIDE_PX)
        shown: dict[str, list[tuple[int, float]]] = {"radar": [], "pictures": [], "events": []}
        for message in self.radar:
            place = cubes[image_to_cube(message, sessions.chirp()).tobytes()]
            shown["radar"].append((stamp_to_ns(message.header.stamp), 50e6 * place))
        for message in self.pictures:
            image = image_to_frame(message).image
            place = int(np.count_nonzero(image[:, 0, 0] > 120))
            shown["pictures"].append((stamp_to_ns(message.header.stamp), 40e6 * place))
        for message in self.events:
            first = decoder.feed(bytes(message.events))[0]
            shown["events"].append((stamp_to_ns(message.header.stamp), 1e3 * (int(first["t"]) % 2_000_000)))
        return {
            name: np.array([_apart_ms(stamp - epoch_ns, at) for stamp, at in pairs]) for name, pairs in shown.items()
        }


def _apart_ms(elapsed_ns: int, shown_ns: float) -> float:
    """The nearer way around a round."""
    return float((elapsed_ns - shown_ns + ROUND_NS / 2) % ROUND_NS - ROUND_NS / 2) / 1e6


def test_three_sensors_show_the_same_moment_at_the_same_time(graph: Graph, folder: Path, tmp_path: Path) -> None:
    link, epoch_file = tmp_path / "ttyRadar", tmp_path / "epoch"
    names = {"link": str(link), "session": str(folder), "epoch": str(epoch_file)}
    emulator = graph.start_python(EMULATOR.format(**names), {})
    camera = graph.start("camera_node", {"/**": {"source": "video", "path": str(folder / "camera.avi"), "loop": True}})
    events = graph.start("event_node", {"/**": {"path": str(folder / "events.raw"), "loop_s": sessions.DURATION_S}})
    radar_parameters = {"source": "bgt60_bridge", "path": str(link), "chirp": sessions.CHIRP_FILE}
    radar = graph.start("radar_node", {"/**": radar_parameters})
    graph.wait_for(link.exists, "the emulated radar's port")
    nodes = ("/camera", "/event_camera", "/radar")
    for node in nodes:
        assert graph.change(node, "configure")
    heard = Heard(graph)
    epoch_ns = time.time_ns() + 1_500_000_000
    epoch_file.write_text(str(epoch_ns))
    for node in nodes[:2]:
        assert graph.set_parameter(node, "epoch_ns", epoch_ns).successful
    for node in nodes:
        assert graph.change(node, "activate")
    graph.wait_for(heard.enough, f"messages of three sensors: {ENOUGH}")

    skews = heard.skews_ms(epoch_ns)
    worst = {name: float(np.abs(values).max()) for name, values in skews.items()}
    assert worst["pictures"] < 0.01, "stamps are spaced evenly from the epoch on"
    assert worst["events"] < 0.01, "a packet's stamp is its first event"
    assert worst["radar"] < RADAR_PERIOD_MS / 2 + 1, "the session's frame that is nearest in time"
    assert max(worst.values()) < RADAR_PERIOD_MS, "in step within a radar frame"
    refused = graph.set_parameter("/camera", "epoch_ns", epoch_ns)
    assert not refused.successful
    assert "deactivate it first" in refused.reason
    for child in (radar, camera, events, emulator):
        assert graph.stop(child) == 0


def test_the_event_node_says_what_it_plays_and_what_is_wrong(graph: Graph, folder: Path) -> None:
    node = graph.start("event_node", {"/**": {"path": str(folder / "events.raw"), "packet_ms": 20.0}})
    packets = graph.collect("/event_camera/events", EventPacket, qos=EVENTS_OUT)
    assert graph.change("/event_camera", "configure")
    assert graph.change("/event_camera", "activate")
    status = graph.wait_for_report("event_camera", lambda found: found.message == "end of file", "the end of the file")
    values = values_of(status)
    assert (values["events"], values["size"]) == ("20000", "64x64")
    assert len(packets) == 100
    assert [packet.seq for packet in packets] == list(range(100))
    assert {(packet.encoding, packet.width, packet.height) for packet in packets} == {("evt3", 64, 64)}
    assert graph.change("/event_camera", "deactivate")
    assert graph.change("/event_camera", "cleanup")
    graph.set_parameter("/event_camera", "path", str(folder / "camera.avi"))
    assert graph.change("/event_camera", "configure")
    assert not graph.change("/event_camera", "activate")
    graph.wait_for_report("event_camera", lambda found: "is no RAW file" in found.message, "a sentence")
    assert graph.stop(node) == 0


def test_emulate_person_gives_a_port_and_topics_that_are_in_step(graph: Graph, folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "ttyPerson"
    code = f"import sys; from faceedge.cli.main import main; sys.exit(main({_words(folder, link)!r}))"
    heard = Heard(graph)
    person = graph.start_python(code, {})
    graph.wait_for(link.exists, "the person's radar port")
    parameters = {"source": "bgt60_bridge", "path": str(link), "chirp": str(folder / "radar" / "config.json")}
    radar = graph.start("radar_node", {"/**": {**parameters, "autostart": True}})
    graph.wait_for(heard.enough, f"messages of three sensors: {ENOUGH}")
    decoder = Decoder(sessions.SIDE_PX, sessions.SIDE_PX)
    first = heard.events[0]
    shown_us = int(decoder.feed(bytes(first.events))[0]["t"])
    epoch_ns = stamp_to_ns(first.header.stamp) - 1000 * shown_us
    worst = {name: float(np.abs(values).max()) for name, values in heard.skews_ms(epoch_ns).items()}
    assert worst["pictures"] < 0.01
    assert worst["radar"] < RADAR_PERIOD_MS
    assert graph.stop(radar) == 0
    assert graph.stop(person) == 0
    assert not link.exists()


def _words(folder: Path, link: Path) -> list[str]:
    return ["emulate", "person", "--session", str(folder), "--link", str(link)]


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["person", "--seed", "1", "--session", "x"], "give either --session, which is played, or --seed"),
        (["person", "--script", "talk"], "--script and --sensors are for a person who is computed"),
        (["person", "--sensors", "radar"], "--script and --sensors are for a person who is computed"),
        (["person", "--once"], "--once is for a radar alone"),
        (["person", "--speed", "2"], "--speed is for a radar alone"),
        (["person", "--session", "/nowhere"], "/nowhere is no session"),
        (["bgt60", "--session", "x"], "--session is for a person"),
        (["iwr6843", "--seed", "0"], "--seed is for a person"),
        (["person", "--seed", "-1"], "seed must be a whole number from 0"),
        (["person", "--seed", "1", "--sensors", "sonar"], "there is no sensor 'sonar'"),
    ],
)
def test_a_wrong_argument_is_one_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["emulate", *words]) == 1
    assert sentence in capsys.readouterr().err


def test_the_demonstration_s_modules_need_neither_numba_nor_anny() -> None:
    code = """
import sys
for name in ("numba", "anny", "joblib", "faery", "torch"):
    sys.modules[name] = None
import faceedge.cli.demo, faceedge.cli.demo_person, faceedge.cli.demo_radar, faceedge.cli.sensor_pictures
import faceedge.cli.terminal_view, faceedge.cli.report, faceedge.cli.emulate_person, faceedge.nodes.event_node
import faceedge.simulation.live.radar_port, faceedge.simulation.live.session_folder
from faceedge.cli.demo_person import shipped_session
shipped_session().cubes()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
