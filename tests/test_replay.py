"""What is recorded and what is played, without a graph: bags, recording folders, and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from radar_echoes import chirp_settings

pytest.importorskip("rclpy", reason="ROS 2 is not installed here")

from rclpy.qos import DurabilityPolicy, HistoryPolicy, ReliabilityPolicy
from rclpy.serialization import serialize_message
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer
from std_msgs.msg import String

from faceedge.bags import STORAGE_SUFFIXES
from faceedge.cli import main as cli
from faceedge.errors import ConfigurationError, InputError
from faceedge.nodes import radar_conversions, tapes
from faceedge.nodes.headers import make_header, stamp_to_ns
from faceedge.nodes.recording import FrameSink, Recorded, is_wanted, record_bag, record_vendor
from faceedge.radar.chirp_files import load_chirp_file
from faceedge.radar.recordings import VendorWriter, open_recording

CHIRP = load_chirp_file("bgt60_presence.json").chirp
START_NS = 1_700_000_000_000_000_000
TYPE_HASH = "RIHS01_" + 64 * "0"
FOREVER = QosTime(9223372036, 854775807)


def cube(number: int) -> np.ndarray:
    return np.full(CHIRP.cube_shape, number, np.uint16)


def offered(
    reliability: QosReliability = QosReliability.RELIABLE,
    durability: QosDurability = QosDurability.VOLATILE,
    history: QosHistory = QosHistory.KEEP_LAST,
    depth: int = 5,
) -> Qos:
    lively = QosLiveliness.AUTOMATIC
    return Qos(history, depth, reliability, durability, FOREVER, FOREVER, lively, FOREVER, False)


def write_bag(folder: Path, plugin: StoragePlugin, topics: dict[str, str]) -> Path:
    """A bag with three texts on each topic (name -> type)."""
    with Writer(folder, version=9, storage_plugin=plugin) as writer:
        connections = [
            writer.add_connection(
                topic, kind, msgdef="string data\n", rihs01=TYPE_HASH, offered_qos_profiles=[offered()]
            )
            for topic, kind in topics.items()
        ]
        for k in range(3):
            for connection in connections:
                writer.write(connection, START_NS + k, bytes(serialize_message(String(data=f"{connection.topic} {k}"))))
    return folder


# --- what is wanted ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "patterns", "wanted"),
    [
        ("/radar/adc", [], True),
        ("/radar/adc", ["/radar/*"], True),
        ("/a/radar/adc", ["*/adc", "/x"], True),
        ("/radar/adc", ["/camera/*"], False),
        ("/rosout", [], False),
        ("/rosout", ["*"], False),
        ("/rosout", ["/rosout"], True),
    ],
)
def test_patterns_are_those_of_a_shell_and_plumbing_must_be_named(
    topic: str, patterns: list[str], wanted: bool
) -> None:
    assert is_wanted(topic, patterns) == wanted


# --- bags -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plugin", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
@pytest.mark.parametrize("by_file", [False, True])
def test_a_bag_is_played_as_the_bytes_that_are_in_it(tmp_path: Path, plugin: StoragePlugin, by_file: bool) -> None:
    folder = write_bag(tmp_path / "bag", plugin, {"/a": "std_msgs/msg/String", "/b": "std_msgs/msg/String"})
    path = next(p for p in folder.iterdir() if p.suffix in STORAGE_SUFFIXES) if by_file else folder
    tape = tapes.open_tape(path, ["/b"], lambda sentence: None)
    assert [(track.topic, track.message_type) for track in tape.tracks] == [("/b", String)]
    messages = list(tape.messages())
    assert messages == list(tape.messages()), "a bag can be played again"
    tape.close()
    assert messages == [(START_NS + k, "/b", bytes(serialize_message(String(data=f"/b {k}")))) for k in range(3)]
    assert tape.tracks[0].qos.depth == 5


def test_a_topic_whose_type_is_not_installed_is_left_out_with_a_sentence(tmp_path: Path) -> None:
    folder = write_bag(
        tmp_path / "bag", StoragePlugin.MCAP, {"/a": "std_msgs/msg/String", "/b": "dream_msgs/msg/Dream"}
    )
    sentences: list[str] = []
    tape = tapes.open_tape(folder, [], sentences.append)
    assert [track.topic for track in tape.tracks] == ["/a"]
    assert sentences == [
        "/b is not played: the message type dream_msgs/msg/Dream is not installed; install the package dream_msgs."
    ]
    tape.close()
    with pytest.raises(InputError, match="no messages that can be played"):
        tapes.open_tape(folder, ["/b"], sentences.append)


def test_what_cannot_be_played_is_a_sentence(tmp_path: Path) -> None:
    def ignore(sentence: str) -> None:
        pass

    with pytest.raises(InputError, match="nothing is at"):
        tapes.open_tape(tmp_path / "nowhere", [], ignore)
    with pytest.raises(InputError, match=r"holds no radar\.npy"):
        tapes.open_tape(tmp_path, [], ignore)
    (tmp_path / "broken.mcap").write_bytes(b"\x89MCAP0\r\n and no more")
    with pytest.raises(InputError, match="is no bag that can be read"):
        tapes.open_tape(tmp_path / "broken.mcap", [], ignore)


def test_a_bag_that_is_damaged_in_the_middle_is_played_up_to_there(tmp_path: Path) -> None:
    folder = write_bag(tmp_path / "bag", StoragePlugin.SQLITE3, {"/a": "std_msgs/msg/String"})
    tape = tapes.open_tape(folder, [], lambda sentence: None)
    messages = tape.messages()
    assert next(messages)[1] == "/a"
    tape.close()
    with pytest.raises(InputError, match="is damaged from here on"):
        list(messages)


@pytest.mark.parametrize(
    ("offers", "reliable", "latched", "everything", "depth"),
    [
        ([], True, False, False, 10),
        ([offered()], True, False, False, 5),
        ([offered(QosReliability.BEST_EFFORT, depth=0)], False, False, False, 1),
        ([offered(durability=QosDurability.TRANSIENT_LOCAL, depth=1)], True, True, False, 1),
        ([offered(durability=QosDurability.TRANSIENT_LOCAL), offered(depth=9)], True, False, False, 9),
        ([offered(QosReliability.SYSTEM_DEFAULT, history=QosHistory.KEEP_ALL)], True, False, True, 5),
    ],
)
def test_a_topic_is_played_with_what_its_publishers_offered(
    offers: list[Qos], reliable: bool, latched: bool, everything: bool, depth: int
) -> None:
    profile = tapes.profile_of(offers)
    assert (profile.reliability == ReliabilityPolicy.RELIABLE) == reliable
    assert (profile.durability == DurabilityPolicy.TRANSIENT_LOCAL) == latched
    assert (profile.history == HistoryPolicy.KEEP_ALL) == everything
    assert profile.depth == depth


# --- recording folders ------------------------------------------------------------------------------------------------


def test_a_folder_is_played_as_settings_frames_and_a_temperature_a_second(tmp_path: Path) -> None:
    with VendorWriter(tmp_path / "folder", CHIRP) as writer:
        for k in range(4):
            writer.append(cube(k), START_NS + k * 400_000_000, 40.0)
    values = np.lib.format.open_memmap(tmp_path / "folder" / "radar.npy", mode="r+")
    values[2, 0, 0, 0] = 5000
    values.flush()
    sentences: list[str] = []
    tape = tapes.open_tape(tmp_path / "folder", [], sentences.append)
    assert [track.topic for track in tape.tracks] == ["/radar/chirp", "/radar/adc", "/radar/temperature"]
    messages = list(tape.messages())
    assert [(time_ns - START_NS, topic) for time_ns, topic, _ in messages] == [
        (0, "/radar/chirp"),
        (0, "/radar/temperature"),
        (0, "/radar/adc"),
        (400_000_000, "/radar/adc"),
        (1_200_000_000, "/radar/temperature"),
        (1_200_000_000, "/radar/adc"),
    ]
    assert radar_conversions.message_to_chirp(messages[0][2]) == CHIRP
    last: Any = messages[-1][2]
    assert np.array_equal(radar_conversions.image_to_cube(last, CHIRP), cube(3))
    assert stamp_to_ns(last.header.stamp) == START_NS + 1_200_000_000
    assert len(sentences) == 1
    assert "frame 2" in sentences[0]


class Sink:
    """A FrameSink, fed as the recorder feeds it."""

    def __init__(self, folder: Path) -> None:
        self.result, self.sentences = Recorded(), list[str]()
        self.sink = FrameSink(folder, "/radar/adc", self.result, self.sentences.append)

    def chirp(self, chirp: Any = CHIRP) -> None:
        self.sink.hear("/radar/chirp", bytes(serialize_message(radar_conversions.chirp_to_message(chirp))))

    def frame(self, values: np.ndarray, stamp_ns: int = START_NS) -> None:
        message = radar_conversions.cube_to_image(values, make_header(stamp_ns, "radar"))
        self.sink.hear("/radar/adc", bytes(serialize_message(message)))


def test_frames_that_come_before_the_settings_are_in_the_folder(tmp_path: Path) -> None:
    sink = Sink(tmp_path / "folder")
    sink.frame(cube(0))
    sink.frame(cube(1), START_NS + 5)
    sink.chirp()
    sink.chirp()
    sink.frame(cube(2), START_NS + 9)
    sink.sink.close()
    sink.sink.close()
    recording = open_recording(tmp_path / "folder")
    assert recording.cubes[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert (recording.stamps_ns - START_NS).tolist() == [0, 5, 9]
    assert recording.chirp == CHIRP


def test_damaged_frames_are_left_out_and_counted(tmp_path: Path) -> None:
    sink = Sink(tmp_path / "folder")
    sink.chirp()
    sink.frame(cube(5000))
    sink.frame(np.zeros((1, 2, 3), np.uint16))
    sink.frame(cube(7))
    sink.sink.close()
    assert sink.result.rejected == 2
    assert "has the value 5000" in sink.sentences[0]
    assert "belong to other settings" in sink.sentences[1]
    assert open_recording(tmp_path / "folder").cubes[:, 0, 0, 0].tolist() == [7]


def test_settings_that_change_or_never_come_end_the_recording(tmp_path: Path) -> None:
    sink = Sink(tmp_path / "folder")
    sink.chirp()
    sink.frame(cube(1))
    with pytest.raises(InputError, match=r"changed after 1 frames, and a recording folder has one chirp"):
        sink.chirp(load_chirp_file("bgt60_face_food.json").chirp)
    sink.sink.close()
    assert len(open_recording(tmp_path / "folder").cubes) == 1
    silent = Sink(tmp_path / "silent")
    small = chirp_settings(chirps=1, samples=2)
    for _ in range(200):
        silent.frame(np.zeros(small.cube_shape, np.uint16))
    with pytest.raises(InputError, match=r"201 frames came on /radar/adc and no chirp settings on /radar/chirp"):
        silent.frame(np.zeros(small.cube_shape, np.uint16))
    silent.sink.close()
    assert not (tmp_path / "silent").exists()


def test_nothing_is_ever_written_over(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="exists already"):
        record_vendor(tmp_path)
    with pytest.raises(ConfigurationError, match="exists already"):
        record_bag(tmp_path)


# --- command line -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["replay", "/nowhere"], "nothing is at /nowhere"),
        (["replay", "/nowhere", "--rate", "0"], "--rate must be more than 0, not 0"),
        (["replay", "/nowhere", "--rate", "nan"], "--rate must be more than 0, not nan"),
        (["replay", "/nowhere", "--wait", "-1"], "--wait must be 0 or more, not -1"),
        (["record", "/tmp", "--seconds", "0"], "--seconds must be more than 0, not 0"),
        (["record", "/tmp", "--format", "vendor"], "/tmp exists already"),
        (["record", "/tmp"], "/tmp exists already"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 1
    assert sentence in capsys.readouterr().err


def test_a_duration_is_that_between_first_and_last_message() -> None:
    recorded = Recorded(Counter({"/a": 2}), 0, START_NS, START_NS + 1_500_000_000)
    assert recorded.duration_s == 1.5
    assert Recorded().duration_s == 0.0
