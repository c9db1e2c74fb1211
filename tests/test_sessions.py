"""One synthetic session: its parameters follow from seeds, and its files are what others read."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import Reader
from stand_in_sessions import Full, StandIn, small

from faceedge.cli.inspect import inspect
from faceedge.errors import ConfigurationError, DeviceError, InputError
from faceedge.events.aedat4 import Aedat4Reader
from faceedge.events.raw_file import RawReader
from faceedge.radar.chirp import from_json
from faceedge.radar.chirp_files import load_chirp_file
from faceedge.radar.recordings import open_recording
from faceedge.simulation.sessions import avi, bag
from faceedge.simulation.sessions.columns import NpzColumns
from faceedge.simulation.sessions.options import MOST_PEOPLE, MOST_SEED, Options
from faceedge.simulation.sessions.session import EPOCH_NS, Session, draw_session, person_seed
from faceedge.simulation.sessions.writer import read_facts, unfinished, write_session

CHIRP = load_chirp_file("bgt60_face_food").chirp


def session(person: int = 0, index: int = 0, **changes: Any) -> Session:
    return draw_session(person, index, small(**changes), CHIRP)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of 2 s with all sensors and formats."""
    folder = tmp_path_factory.mktemp("data") / "s0"
    sensors, size = ("radar", "events", "camera"), (96, 64)
    wanted = session(duration_s=2.0, sensors=sensors, camera_size=size)
    write_session(wanted, folder, ("arrays", "mcap", "aedat4"), StandIn)
    return folder


# Parameters


def test_a_session_follows_from_the_seed_alone() -> None:
    assert session(3, 1, people=5, sessions=2) == session(3, 1, people=40, sessions=9)
    assert session(3, 1) != session(3, 1, seed=1)


def test_sessions_of_a_person_differ_in_all_that_a_new_day_changes() -> None:
    first, second = session(0, 0), session(0, 1)
    assert first.person_seed == second.person_seed
    for name in ("seed", "distance_m", "offset_m", "turn_deg", "temperature_c", "warming_c", "light", "start_ns"):
        assert getattr(first, name) != getattr(second, name), name
    for stream in ("room", "clothing", "motion"):
        assert first.stream_seed(stream) != second.stream_seed(stream)


def test_nothing_about_a_session_tells_who_it_is_of() -> None:
    pairs = [(session(person, 0), session(person, 1)) for person in range(400)]
    one, other = (np.array([parameters(pair[index]) for pair in pairs]) for index in (0, 1))
    both = np.concatenate([one, other])
    one, other = ((part - both.mean(axis=0)) / both.std(axis=0) for part in (one, other))
    assert np.abs((one * other).mean(axis=0)).max() < 0.2  # chance: 0.05
    assert {draw.start_ns < EPOCH_NS + 24 * 3_600_000_000_000 for draw, _ in pairs} == {True}


def parameters(draw: Session) -> list[float]:
    """All that is drawn for a session, and the time of the day."""
    time_ns = (draw.start_ns - EPOCH_NS) % (24 * 3_600_000_000_000)
    chip = (draw.temperature_c, draw.warming_c, draw.warming_s)
    return [draw.distance_m, *draw.offset_m, *draw.turn_deg, *chip, draw.light, time_ns]


def test_distances_fill_the_range_that_was_asked_for() -> None:
    found = [session(person, index).distance_m for person in range(100) for index in range(4)]
    assert 0.18 <= min(found) < 0.19
    assert 0.44 < max(found) <= 0.45
    assert all(0.3 <= session(n, distance_m=(0.3, 0.35)).distance_m <= 0.35 for n in range(20))


def test_an_option_changes_nothing_but_what_it_names() -> None:
    plain, masked = session(2, 1), session(2, 1, masks=1.0)
    assert masked.mask
    assert not plain.mask
    assert (masked.distance_m, masked.light, masked.warming_s) == (plain.distance_m, plain.light, plain.warming_s)


def test_people_of_one_and_of_several_data_sets_never_share_a_seed() -> None:
    seeds = [person_seed(seed, person) for seed in (0, 1, 2, MOST_SEED) for person in (0, 1, 2, MOST_PEOPLE - 1)]
    assert len(set(seeds)) == 16
    assert max(seeds) < 2**53


def test_a_thousand_sessions_have_seeds_of_their_own() -> None:
    found = {session(person, index, seed=430_000).seed for person in range(250) for index in range(4)}
    assert len(found) == 1000
    assert max(found) < 2**53


def test_the_chip_warms_up_as_its_time_constant_says() -> None:
    one = session()
    assert one.temperature_at(0) == one.temperature_c
    assert one.temperature_at(one.warming_s) == pytest.approx(one.temperature_c + 0.632 * one.warming_c, abs=0.01)


def test_a_session_comes_back_from_json_as_it_was() -> None:
    one = session(7, 2, sensors=("radar", "events", "camera"))
    assert Session.from_dict(json.loads(json.dumps(one.to_dict()))) == one


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"people": 0}, "people must be a whole number from 1 to 10000, got 0"),
        ({"people": 10_001}, "people must be a whole number from 1 to 10000"),
        ({"sessions": -1}, "sessions must be a whole number from 1 to 100, got -1"),
        ({"seed": -1}, "seed must be a whole number from 0 to"),
        ({"duration_s": -5.0}, "a session must be 1 to 86400 seconds, got -5"),
        ({"duration_s": 0.0}, "a session must be 1 to 86400 seconds, got 0"),
        ({"duration_s": float("nan")}, "a session must be 1 to 86400 seconds, got nan"),
        ({"sensors": ()}, "at least one sensor is needed"),
        ({"sensors": ("radar", "lidar")}, "no sensor 'lidar'; choose one of radar, events, camera"),
        ({"sensors": ("radar", "radar")}, "each sensor can be named once"),
        ({"formats": ("csv",)}, "no format 'csv'; choose one of arrays, mcap, aedat4"),
        ({"formats": ("aedat4",), "sensors": ("radar",)}, "the format aedat4 holds events"),
        ({"distance_m": (0.05, 0.4)}, "15 to 150 cm from the radar, got 5 cm; nearer the radar would be inside"),
        ({"distance_m": (0.2, float("nan"))}, "got nan cm"),
        ({"distance_m": (0.4, 0.2)}, "the least distance, 40 cm, is more than the largest, 20 cm; swap them"),
        ({"masks": 1.5}, "the share of sessions with a mask must be 0 to 1, got 1.5"),
        ({"event_rate_hz": 100}, "the event camera's rate must be 200 to 10000 Hz, got 100"),
        ({"camera_rate_hz": 0.0}, "the camera's rate must be 1 to 240 Hz, got 0"),
        ({"camera_size": (640, 0)}, "the camera's width and height in pixels must be a whole number from 64"),
    ],
)
def test_impossible_options_are_refused_with_a_sentence(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Options(**change)


# Files


def test_the_radar_wrote_a_recording_folder_as_the_vendor_does(everything: Path) -> None:
    recording = open_recording(everything / "radar")
    one = session(duration_s=2.0)
    assert recording.chirp.cube_shape == CHIRP.cube_shape
    assert recording.cubes.shape[0] == 40
    assert recording.notes == ()
    np.testing.assert_array_equal(recording.cube(7), StandIn(one).radar_cube(7))
    assert recording.stamps_ns[0] == one.start_ns
    assert recording.stamps_ns[1] - recording.stamps_ns[0] == pytest.approx(1e9 * CHIRP.frame_period_s, abs=1)
    assert recording.temperature_c[0] == pytest.approx(one.temperature_c)
    assert recording.meta["synthetic"] is True


def test_the_event_camera_wrote_a_raw_file(everything: Path) -> None:
    reader = RawReader(everything / "events.raw")
    events = np.concatenate(list(reader))
    assert (reader.width, reader.height, len(events)) == (320, 320, 10_000)
    stage = StandIn(session(duration_s=2.0))
    expected = np.concatenate([stage.events(until_us) for until_us in range(10_000, 2_000_001, 10_000)])
    np.testing.assert_array_equal(events["t"], expected["t"])
    np.testing.assert_array_equal(np.sort(events["x"]), np.sort(expected["x"]))


def test_the_same_events_are_in_the_aedat4_file_by_the_time_of_the_day(everything: Path) -> None:
    raw, other = RawReader(everything / "events.raw"), Aedat4Reader(everything / "events.aedat4")
    events, others = np.concatenate(list(raw)), np.concatenate(list(other))
    np.testing.assert_array_equal(others["t"], events["t"] + session().start_ns // 1000)
    for name in ("x", "y", "p"):
        np.testing.assert_array_equal(others[name], events[name])


def test_the_camera_wrote_a_video_that_opencv_plays(everything: Path) -> None:
    video = cv2.VideoCapture(str(everything / "camera.avi"))
    assert (video.get(cv2.CAP_PROP_FRAME_COUNT), video.get(cv2.CAP_PROP_FPS)) == (60, 30)
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1])
    assert len(frames) == 60
    assert frames[0].shape == (64, 96, 3)
    assert frames[59].mean() == pytest.approx(39, abs=1)


def test_the_truth_has_a_row_for_each_millisecond(everything: Path) -> None:
    with np.load(everything / "truth.npz") as truth:
        assert truth["time_s"].tolist() == pytest.approx(np.arange(2000) / 1000)
        assert truth["units"].shape == (2000, 52)
        assert truth["units"].dtype == np.float16
        assert truth["unit_names"][43] == "mouthSmileLeft"
        assert float(truth["units"][1234, 43]) == 0.25
        assert truth["nose_m"].shape == (2000, 3)
        assert truth["expression_names"][truth["expression"][0]] == "neutral"


def test_the_session_says_what_it_is(everything: Path) -> None:
    facts = json.loads((everything / "session.json").read_text())
    assert facts["synthetic"] is True
    assert (facts["path"], facts["duration_s"], facts["script"]) == ("p000/s0", 2.0, "fooder")
    assert facts["counts"] == {"frames": 40, "events": 10_000, "pictures": 60}
    assert facts["acts"][1]["expression"] == "smile"
    assert facts["files"]["events.raw"] == (everything / "events.raw").stat().st_size
    assert facts["versions"]["numpy"] == np.__version__
    assert Session.from_dict(facts) == session(
        duration_s=2.0, sensors=("radar", "events", "camera"), camera_size=(96, 64)
    )


def test_the_bag_has_the_topics_of_the_nodes_and_the_truth(everything: Path) -> None:
    report = inspect(everything / "session.mcap")
    found = {topic["name"]: (topic["type"].rpartition("/")[2], topic["messages"]) for topic in report.topics}
    assert found == {
        "/radar/adc": ("Image", 40),
        "/radar/chirp": ("String", 1),
        "/radar/temperature": ("Temperature", 2),
        "/event_camera/events": ("EventPacket", 200),
        "/camera/image_raw/compressed": ("CompressedImage", 60),
        "/camera/camera_info": ("CameraInfo", 60),
        "/truth": ("String", 200),
    }
    assert report.notes == []
    assert report.frames is not None
    assert report.frames.lost == 0


def test_messages_of_the_bag_hold_what_the_files_hold(everything: Path) -> None:
    store = bag.Messages().store
    cube = StandIn(session(duration_s=2.0)).radar_cube(0)
    first: dict[str, Any] = {}
    times = []
    with Reader(everything / "session.mcap") as reader:
        for connection, time_ns, data in reader.messages():
            times.append(time_ns)
            first.setdefault(connection.topic, store.deserialize_cdr(data, connection.msgtype))
    assert times == sorted(times)
    assert times[0] == session().start_ns
    adc = first["/radar/adc"]
    assert (adc.encoding, adc.height, adc.width, adc.step) == ("mono16", 192, 128, 256)
    np.testing.assert_array_equal(adc.data.view("<u2").reshape(3, 64, 128), cube)
    assert from_json(first["/radar/chirp"].data) == CHIRP
    packet = first["/event_camera/events"]
    assert (packet.encoding, packet.width, packet.height, packet.seq) == ("evt3", 320, 320, 0)
    picture = cv2.imdecode(first["/camera/image_raw/compressed"].data, cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (64, 96, 3)
    assert first["/camera/camera_info"].k.shape == (9,)
    truth = json.loads(first["/truth"].data)
    assert truth["units"] == {"mouthSmileLeft": 0.25}
    assert (truth["synthetic"], truth["expression"], truth["time_s"]) == (True, "neutral", 0.0)


def test_the_event_packet_is_the_one_of_the_released_package() -> None:
    path = Path(__file__).parents[1] / "interfaces/event_camera_msgs/msg/EventPacket.msg"
    lines = [line.strip() for line in path.read_text().splitlines()]
    assert [line for line in lines if line and not line.startswith("#")] == bag.EVENT_PACKET.splitlines()


def test_equal_sessions_are_equal_bytes(everything: Path, tmp_path: Path) -> None:
    sensors, size = ("radar", "events", "camera"), (96, 64)
    again = session(duration_s=2.0, sensors=sensors, camera_size=size)
    write_session(again, tmp_path / "s0", ("arrays", "mcap", "aedat4"), StandIn)
    assert contents(tmp_path / "s0") == contents(everything)


def test_a_bag_alone_has_no_files_beside_it(tmp_path: Path) -> None:
    write_session(session(duration_s=1.0), tmp_path / "s0", ("mcap",), StandIn)
    assert sorted(contents(tmp_path / "s0")) == ["session.json", "session.mcap", "truth.npz"]


# What goes wrong


def test_a_session_that_is_there_is_not_written_again(everything: Path) -> None:
    with pytest.raises(ConfigurationError, match="exists already"):
        write_session(session(), everything, ("arrays",), StandIn)


def test_a_session_with_a_missing_or_cut_file_is_none(tmp_path: Path) -> None:
    write_session(session(duration_s=1.0), tmp_path / "s0", ("arrays",), StandIn)
    assert read_facts(tmp_path / "s0") is not None
    cubes = tmp_path / "s0/radar/radar.npy"
    cubes.write_bytes(cubes.read_bytes()[:-1])
    assert read_facts(tmp_path / "s0") is None
    assert read_facts(tmp_path / "s1") is None


def test_a_full_disk_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="s0 cannot be written: no space left on device; the same command goes on"):
        write_session(session(), tmp_path / "s0", ("arrays", "mcap"), Full)
    assert list(tmp_path.iterdir()) == []


def test_a_recording_shorter_than_a_frame_is_refused() -> None:
    slow = draw_session(0, 0, small(duration_s=1.0, sensors=("radar",)), CHIRP)
    chirp = dataclasses.replace(CHIRP, chirps_per_frame=4000, frame_period_s=5.0)
    with pytest.raises(ConfigurationError, match="has no whole radar frame"):
        write_session(dataclasses.replace(slow, chirp=chirp), Path("nowhere"), ("arrays",), StandIn)


def test_an_unfinished_session_lies_beside_the_place_of_the_whole_one(tmp_path: Path) -> None:
    class Looking(StandIn):
        def radar_cube(self, index: int) -> np.ndarray:
            seen.append((len(unfinished(tmp_path / "s0")), (tmp_path / "s0").exists()))
            return super().radar_cube(index)

    seen: list[tuple[int, bool]] = []
    write_session(session(duration_s=1.0), tmp_path / "s0", ("arrays",), Looking)
    assert set(seen) == {(1, False)}
    assert unfinished(tmp_path / "s0") == []


def test_a_video_too_large_for_its_format_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avi, "LARGEST_BYTES", 1000)
    with avi.AviWriter(tmp_path / "camera.avi", (4, 4), 30) as video:
        video.append(b"x" * 300)
        with pytest.raises(InputError, match=r"camera.avi would be larger than the 4 GB .* after 1 pictures"):
            video.append(b"x" * 500)


def test_rows_on_the_disk_become_one_file_and_leave_nothing_else(tmp_path: Path) -> None:
    with NpzColumns(tmp_path / "rows.npz", {"names": np.array(["a", "b"])}) as file:
        file.append({"t": np.arange(3), "x": np.ones((3, 2), np.float32)})
        file.append({"t": np.arange(3, 5), "x": np.zeros((2, 2), np.float32)})
    assert [path.name for path in tmp_path.iterdir()] == ["rows.npz"]
    with np.load(tmp_path / "rows.npz") as found:
        assert found["t"].tolist() == [0, 1, 2, 3, 4]
        assert found["x"][:, 1].tolist() == [1, 1, 1, 0, 0]
        assert found["names"].tolist() == ["a", "b"]


def test_rows_of_another_shape_are_refused(tmp_path: Path) -> None:
    file = NpzColumns(tmp_path / "x.npz")
    file.append({"t": np.arange(3)})
    with pytest.raises(ValueError, match="rows must look like the first ones"):
        file.append({"t": np.arange(3.0)})
    file.abandon()
    assert list(tmp_path.iterdir()) == []
