"""`faceedge inspect`: what is in a recording, a stream, a chirp file or a bag, and what it lacks."""

from __future__ import annotations

import argparse
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sessions
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from shared_data import SHARED_DATA

from faceedge.cli import inspect
from faceedge.errors import ConfigurationError, InputError
from faceedge.radar.chirp import to_json
from faceedge.radar.chirp_files import find_chirp_file
from faceedge.radar.inspection import Frames, lost_between
from faceedge.radar.recording_folder import open_recording

DATA = Path(__file__).parent / "data"
FACE, STREAM = DATA / "bgt60_synthetic_face", DATA / "iwr6843_synthetic_face.dat"
KEYS = ["kind", "format", "path", "bytes", "duration_s", "rate_hz", "frames", "problems", "chirp", "details", "topics"]
MS, START = 1_000_000, 1_700_000_000_000_000_000


def as_json(path: Path) -> Any:
    out = io.StringIO()
    assert inspect.main(argparse.Namespace(path=path, json=True), out) == 0
    return json.loads(out.getvalue())


def as_text(path: Path, monkeypatch: pytest.MonkeyPatch, columns: int = 140) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    out = io.StringIO()
    assert inspect.main(argparse.Namespace(path=path, json=False), out) == 0
    return out.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(FACE, tmp_path / "recording")


def test_every_kind_has_the_same_keys() -> None:
    for path in (FACE, STREAM, find_chirp_file("bgt60_face_food.json")):
        assert list(as_json(path)) == [*KEYS, "notes"]


# --- recording folders ------------------------------------------------------------------------------------------------


def test_a_recording_folder_is_counted_and_explained() -> None:
    report = as_json(FACE)
    assert report["kind"] == "vendor_recording"
    assert report["frames"] == {"whole": 16, "lost": 0, "broken": 0}
    assert report["duration_s"] == pytest.approx(0.8)
    assert report["rate_hz"] == pytest.approx(20.0)
    assert report["details"]["shape"] == {"frame": 16, "rx": 3, "chirp": 32, "sample": 64}
    assert report["details"]["counts"]["highest"] == int(np.load(FACE / "radar.npy").max())
    assert report["details"]["temperature_c"]["readings"] == 1
    assert report["chirp"]["settings"]["start_frequency_hz"] == 58e9
    assert report["chirp"]["physics"]["range_resolution_m"] == pytest.approx(0.0299, abs=1e-4)
    assert report["problems"] == report["notes"] == []


def test_what_is_lost_or_broken_is_counted_with_its_reason(folder: Path) -> None:
    cubes = np.load(folder / "radar.npy")
    cubes[3, 0, 0, 0] = 60000
    cubes[4] = 7
    np.save(folder / "radar.npy", cubes)
    stamps = [1000 + 0.05 * k + (0.15 if k > 9 else 0) for k in range(16)]
    (folder / "radar_timestamp.csv").write_text("".join(f"{stamp:.4f}\n" for stamp in stamps))
    report = as_json(folder)
    assert report["frames"] == {"whole": 14, "lost": 3, "broken": 2}
    assert report["problems"] == [
        {"what": "after frame 9: 200.0 ms without a frame, expected 50.0 ms", "count": 3},
        {"what": "values above 4095, which 12 bits cannot have (first in frame 3)", "count": 1},
        {"what": "all samples are equal (first in frame 4)", "count": 1},
    ]


def test_the_text_names_settings_losses_and_notes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "meta.json").write_bytes(b"")
    cubes = np.load(folder / "radar.npy")
    cubes[3, 0, 0, 0] = 60000
    np.save(folder / "radar.npy", cubes)
    text = as_text(folder, monkeypatch)
    for words in ("15 whole, 0 lost, 1 broken", "58 GHz", "29.904 mm", "values above 4095", "meta.json is empty"):
        assert words in text


def test_gaps_are_found_by_the_period_not_by_jitter() -> None:
    stamps = np.array([0, 90, 211, 300, 600, 700]) * MS
    lost, problems = lost_between(stamps, 0.1)
    assert lost == 2
    assert [problem.what for problem in problems] == ["after frame 3: 300.0 ms without a frame, expected 100.0 ms"]
    assert lost_between(stamps[:1], 0.1) == (0, [])


# --- streams ----------------------------------------------------------------------------------------------------------


def test_a_stream_is_counted_by_packets_frames_and_tlvs() -> None:
    report = as_json(STREAM)
    assert report["kind"] == "ti_stream"
    assert report["frames"] == {"whole": 20, "lost": 0, "broken": 0}
    assert report["rate_hz"] == pytest.approx(20.0, rel=0.01)
    assert [tlv["type"] for tlv in report["details"]["tlvs"]] == [1, 5, 6, 7, 9]
    assert report["details"]["points_per_frame"] == {"fewest": 5, "mean": 5.0, "most": 5}
    assert report["details"]["bytes_skipped"] == 0


def test_a_stream_without_some_packets_says_which_frames_are_lost_or_broken(tmp_path: Path) -> None:
    data = STREAM.read_bytes()
    size = len(data) // 20
    path = tmp_path / "damaged.dat"
    path.write_bytes(b"noise" + data[: 5 * size] + data[7 * size : 9 * size + 100] + data[10 * size :])
    report = as_json(path)
    assert report["frames"]["whole"] == 17
    assert report["frames"]["lost"] == 3
    assert report["frames"]["broken"] == 1
    assert report["details"]["bytes_skipped"] == 105
    assert report["problems"][0] == {"what": "frames that the frame numbers leave out", "count": 3}


def test_odd_parts_of_whole_frames_are_not_called_lost(tmp_path: Path) -> None:
    path = tmp_path / "other_demo.dat"
    data = bytearray(STREAM.read_bytes())
    size = len(data) // 20
    for start in range(0, len(data), size):
        at = data.index((6).to_bytes(4, "little") + (24).to_bytes(4, "little"), start)
        data[at] = 9  # statistics under the number of the temperature, which has 28 bytes
    path.write_bytes(data)
    report = inspect.inspect(path)
    assert report.frames == Frames(20, 0, 0)
    assert report.problems[-1].what == "more of this kind: bad TLV."
    assert report.problems[-1].count > 1
    out = io.StringIO()
    inspect.show(report, out)
    assert "odd parts of whole frames" in out.getvalue()
    assert "lost or broken" not in out.getvalue()


def test_a_stream_without_a_whole_packet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.bin"
    path.write_bytes(STREAM.read_bytes()[:500])
    with pytest.raises(InputError, match=r"none of .* packets is whole"):
        inspect.inspect(path)


# --- chirp files and others -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bgt60_face_food.json", "iwr6843_face.cfg"])
def test_a_chirp_file_shows_its_physics(name: str) -> None:
    report = as_json(find_chirp_file(name))
    assert report["kind"] == "chirp_file"
    assert report["chirp"]["physics"]["range_resolution_m"] > 0
    assert ("commands" in report["details"]) == name.endswith(".cfg")


def test_a_chirp_that_ships_is_known_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("bgt60_face_food", "bgt60_face_food.json"):
        assert inspect.inspect(Path(name)) == inspect.inspect(find_chirp_file("bgt60_face_food.json"))


def test_what_cannot_be_read_is_named_with_what_can(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    for path in (tmp_path / "a.txt", tmp_path):
        with pytest.raises(InputError, match=r"reads a recording folder .*radar\.npy.*IWR6843.*\.cfg.*ROS 2 bag"):
            inspect.inspect(path)
    with pytest.raises(InputError, match="there is nothing at"):
        inspect.inspect(tmp_path / "nowhere")
    (tmp_path / "a.cfg").write_text("hello")
    with pytest.raises((ConfigurationError, InputError)):
        inspect.inspect(tmp_path / "a.cfg")


def test_keys_become_words_with_the_unit_that_reads_best() -> None:
    for key, value, words in (
        ("range_resolution_m", 0.157, ("range resolution", "0.157 m")),
        ("wavelength_m", 0.0049, ("wavelength", "4.9 mm")),
        ("sampled_bandwidth_hz", 953e6, ("sampled bandwidth", "953 MHz")),
        ("slope_hz_per_s", 82e12, ("slope", "82 MHz/µs")),
        ("chirp_period_s", 391.55e-6, ("chirp period", "391.55 µs")),
        ("complex_sampling", False, ("complex sampling", "no")),
        ("rx_antennas", [1, 3], ("rx antennas", "1, 3")),
        ("device", "bgt60tr13c", ("device", "bgt60tr13c")),
    ):
        assert inspect.readable(key, value) == words


# --- bags -------------------------------------------------------------------------------------------------------------


def write_bag(path: Path, plugin: StoragePlugin, missing: tuple[int, ...] = (4, 5)) -> Path:
    """Ten frames of a radar without those that are ``missing``, and messages of another sensor."""
    store = get_typestore(Stores.ROS2_JAZZY)
    types = store.types
    time, header = types["builtin_interfaces/msg/Time"], types["std_msgs/msg/Header"]
    chirp = open_recording(FACE).chirp
    with Writer(path, version=9, storage_plugin=plugin) as bag:
        topics = {
            name: bag.add_connection(name, kind, typestore=store)
            for name, kind in (
                ("/radar/chirp", "std_msgs/msg/String"),
                ("/radar/range_doppler", "sensor_msgs/msg/Image"),
                ("/other", "std_msgs/msg/String"),
            )
        }

        def write(name: str, at_ns: int, message: object) -> None:
            bag.write(topics[name], at_ns, store.serialize_cdr(message, topics[name].msgtype))

        write("/radar/chirp", START, types["std_msgs/msg/String"](to_json(chirp)))
        for k in range(10):
            stamp = START + k * 50 * MS
            write("/other", stamp, types["std_msgs/msg/String"]("x"))
            if k not in missing:
                image = types["sensor_msgs/msg/Image"](
                    header(time(stamp // 10**9, stamp % 10**9), "radar"),
                    32, 32, "32FC1", 0, 128, np.ones(32 * 32, np.float32).view(np.uint8),
                )  # fmt: skip
                write("/radar/range_doppler", stamp + 30 * MS, image)
    return path


@pytest.mark.parametrize("plugin", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_a_bag_lists_its_topics_and_counts_the_radar_s_frames_by_stamp(tmp_path: Path, plugin: StoragePlugin) -> None:
    report = as_json(write_bag(tmp_path / "bag", plugin))
    assert report["kind"] == "bag"
    assert report["frames"] == {"whole": 8, "lost": 2, "broken": 0}
    assert report["problems"] == [
        {"what": "/radar/range_doppler after frame 3: 150.0 ms without a frame, expected 50.0 ms", "count": 2}
    ]
    topics = {topic["name"]: topic for topic in report["topics"]}
    assert list(topics) == ["/other", "/radar/chirp", "/radar/range_doppler"]
    assert topics["/other"]["messages"] == 10
    assert topics["/other"]["rate_hz"] == pytest.approx(20.0)
    assert topics["/radar/range_doppler"]["shape"] == "32 x 32 32FC1"
    assert topics["/radar/range_doppler"]["rate_by"] == "stamps"
    assert report["chirp"]["settings"]["device"] == "bgt60tr13c"
    assert report["notes"] == []


def test_a_bare_mcap_file_is_a_bag_too_and_one_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", StoragePlugin.MCAP)
    (file,) = bag.glob("*.mcap")
    assert as_json(file)["frames"] == {"whole": 8, "lost": 2, "broken": 0}
    data = file.read_bytes()
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(data[:-40])
    report = as_json(cut)
    assert report["details"]["messages"] == 19
    assert "was not finished or is damaged" in report["notes"][0]


def test_a_bag_whose_metadata_promise_more_says_so(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", StoragePlugin.MCAP)
    (file,) = bag.glob("*.mcap")
    file.unlink()
    report = as_json(bag)
    assert report["details"]["messages"] == 0
    assert "metadata.yaml announces 10 messages on /other, 0 are there." in report["notes"]
    (bag / "metadata.yaml").unlink()
    with pytest.raises(InputError, match="nothing that faceedge can read"):
        inspect.inspect(bag)


def test_a_bag_with_damaged_metadata_is_read_from_its_files(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", StoragePlugin.MCAP)
    (bag / "metadata.yaml").write_text("no: [metadata")
    report = as_json(bag)
    assert report["details"]["messages"] == 19
    assert "metadata.yaml cannot be read" in report["notes"][0]


def test_a_folder_with_damaged_metadata_alone_is_no_bag(tmp_path: Path) -> None:
    (tmp_path / "metadata.yaml").write_text("x: [")
    with pytest.raises(InputError, match="no file of a bag"):
        inspect.inspect(tmp_path)


def test_a_bag_of_noise_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "noise.mcap"
    path.write_bytes(bytes(range(256)) * 8)
    with pytest.raises(InputError, match="is no MCAP file that can be read"):
        inspect.inspect(path)
    other = tmp_path / "noise.db3"
    other.write_bytes(bytes(range(256)) * 8)
    with pytest.raises(InputError, match="is no bag that can be read"):
        inspect.inspect(other)


def test_topics_fit_a_narrow_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bag = write_bag(tmp_path / "bag", StoragePlugin.MCAP)
    narrow, wide = as_text(bag, monkeypatch, 80), as_text(bag, monkeypatch, 140)
    assert "sensor_msgs/Image" not in narrow
    assert "sensor_msgs/Image" in wide
    assert "/radar/range_doppler" in narrow
    assert max(len(line) for line in narrow.splitlines()[1:]) <= 80


# --- real files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "frames"),
    [
        ("radar/bgt60/ec-international-2022_18_48_07", Frames(232)),
        ("radar/bgt60/ec-international-2022_18_52_43", Frames(31)),
        ("radar/bgt60/two_reflectors", Frames(128)),
        ("radar/iwr6843/xwr68xx_processed_stream_2019_12_04T21_44_51_663.dat", Frames(101)),
        ("radar/iwr6843/vital_signs_68xx_dataOutputFromEVM.bin", Frames(248)),
    ],
)
def test_real_recordings_are_whole(path: str, frames: Frames) -> None:
    if not (SHARED_DATA / path).exists():
        pytest.skip(f"{path} is not on this machine")
    assert inspect.inspect(SHARED_DATA / path).frames == frames


@pytest.mark.parametrize(
    ("path", "messages"),
    [("events/test_events_1", 517), ("events/test_events_2", 100), ("events/test_data_mono_cd", 2)],
)
def test_bags_of_event_cameras_are_listed(path: str, messages: int) -> None:
    if not (SHARED_DATA / path).exists():
        pytest.skip(f"{path} is not on this machine")
    (topic,) = inspect.inspect(SHARED_DATA / path).topics
    assert topic["name"] == "/event_camera/events"
    assert topic["messages"] == messages
    assert topic["rate_by"] == "stamps"


# --- what `faceedge simulate` makes, and events -----------------------------------------------------------------------


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    """A data set of two sessions, of which one is there."""
    folder = tmp_path / "faces"
    session = sessions.write_session(folder / "p000" / "s0")
    facts = json.loads((session / "session.json").read_text())
    acts = [{"expression": name, "start_s": 0.2, "stop_s": 1.0} for name in ("smile", "anger", "smile")]
    size = (session / "events.raw").stat().st_size
    facts |= {"path": "p000/s0", "acts": acts, "files": {"events.raw": size, "camera.avi": 7, "notes.txt": 3}}
    facts |= {"counts": {"frames": 40, "events": 20000, "pictures": 50}, "distance_m": 0.25}
    (session / "session.json").write_text(json.dumps(facts))
    manifest = {"format": 1, "synthetic": True, "options": {"people": 1, "sessions": 2, "duration_s": 2.0}}
    manifest |= {"sessions": [{"path": "p000/s0"}, {"path": "p000/s1"}], "versions": {"faceedge": "0.1.0"}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_session_says_what_was_performed_and_which_files_are_damaged(data_set: Path) -> None:
    session = data_set / "p000" / "s0"
    report = as_json(session)
    assert report == as_json(session / "session.json")
    assert (report["kind"], report["duration_s"]) == ("session", 2.0)
    assert report["chirp"]["settings"]["device"] == "bgt60tr13c"
    assert report["details"]["expressions"] == "2 smile, 1 anger"
    assert report["details"]["recorded"] == {"frames": 40, "events": 20000, "pictures": 50}
    size = (session / "camera.avi").stat().st_size
    assert report["notes"] == [f"camera.avi has {size} bytes, expected 7.", "notes.txt is missing."]


def test_a_data_set_says_how_much_of_it_is_made(data_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = as_json(data_set)
    assert report == as_json(data_set / "manifest.json")
    assert (report["kind"], report["duration_s"]) == ("data_set", 2.0)
    assert report["details"]["made"] == "1 of 2 sessions"
    assert report["notes"] == ["The command that began it goes on with what is missing."]
    assert "expressions  2 smile, 1 anger" in as_text(data_set, monkeypatch)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"options": {}, "sessions": 3}'])
def test_a_damaged_manifest_is_a_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(InputError, match=r"manifest\.json is no manifest of a data set: "):
        inspect.inspect(tmp_path)


def test_a_file_of_events_is_counted(data_set: Path) -> None:
    report = as_json(data_set / "p000" / "s0" / "events.raw")
    assert (report["kind"], report["format"], report["duration_s"]) == ("events", "events, EVT3", 1.9999)
    assert report["details"] == {
        "events": 20000, "event_rate_hz": 10000.5, "brighter_percent": 33.3, "sensor": "64 x 64 pixels",
    }  # fmt: skip
    assert report["notes"] == []


def test_events_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "events.raw").write_bytes(b"hello")
    with pytest.raises(InputError, match="expected a RAW, AEDAT4"):
        inspect.inspect(tmp_path / "events.raw")
