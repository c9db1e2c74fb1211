from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from chirps import bgt60_chirp

from faceedge.errors import InputError
from faceedge.evaluation.radar.datasets import load_folders, load_manifest
from faceedge.evaluation.radar.points import write_points
from faceedge.radar.chirp import ChirpSettings, to_json
from faceedge.radar.recordings import VendorWriter

CHIRP = bgt60_chirp()
START_NS = 1_700_000_000_000_000_000


def record(folder: Path, frames: int = 12, chirp: ChirpSettings = CHIRP) -> Path:
    rng = np.random.default_rng(frames)
    with VendorWriter(folder, chirp) as writer:
        for index in range(frames):
            cube = rng.integers(1900, 2200, chirp.cube_shape, np.uint16)
            writer.append(cube, START_NS + round(index * chirp.frame_period_s * 1e9))
    return folder


def listed(folder: Path, *rows: str, header: str = "path,person,session,expression") -> Path:
    path = folder / "list.csv"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def test_a_list_of_vendor_folders_is_read_with_its_expressions(tmp_path: Path) -> None:
    record(tmp_path / "a")
    record(tmp_path / "b", 10)
    data = load_manifest(listed(tmp_path, "a,anna,1,smile", "b,anna,2,"))
    assert [(each.person, each.session, len(each)) for each in data.enrolled] == [("anna", "1", 5), ("anna", "2", 3)]
    assert data.enrolled[0].labels.tolist() == [1] * 5
    assert data.enrolled[1].labels.tolist() == [-1] * 3
    assert not data.synthetic


def test_several_rows_of_one_recording_are_its_acts(tmp_path: Path) -> None:
    record(tmp_path / "a")
    data = load_manifest(
        listed(
            tmp_path,
            "a,anna,1,smile,0.4,0.45",
            "a,anna,1,anger,0.5,9",
            header="path,person,session,expression,start_s,stop_s",
        )
    )
    assert data.enrolled[0].labels.tolist() == [0, 1, 0, 3, 3]  # from 0.35 s on, every 0.05 s


def test_people_with_a_single_session_are_strangers_where_others_have_more(tmp_path: Path) -> None:
    for name in "abc":
        record(tmp_path / name)
    data = load_manifest(listed(tmp_path, "a,anna,1,", "b,anna,2,", "c,zoe,1,"))
    assert [each.person for each in data.strangers] == ["zoe"]


def test_a_role_says_who_is_a_stranger(tmp_path: Path) -> None:
    for name in "abc":
        record(tmp_path / name)
    rows = ("a,anna,1,,", "b,ben,1,,stranger", "c,ben,2,,stranger")
    data = load_manifest(listed(tmp_path, *rows, header="path,person,session,expression,role"))
    assert {each.person for each in data.strangers} == {"ben"}


@pytest.mark.parametrize(
    ("rows", "header", "sentence"),
    [
        (("a,anna,1",), "path,person,session", "lacks the columns expression"),
        ((), "path,person,session,expression", "lists no recordings"),
        (("a,,1,",), "path,person,session,expression", "line 2 has no path or no person"),
        (("a,anna,1,,far",), "path,person,session,expression,distance_m", "line 2 has distance_m 'far'"),
        (("a,anna,1,,maybe",), "path,person,session,expression,glasses", "expected yes or no"),
        (("a,anna,1,", "a,ben,1,"), "path,person,session,expression", "two people or sessions"),
        (("nowhere,anna,1,",), "path,person,session,expression", "no recording folder"),
    ],
)
def test_a_wrong_list_is_refused_with_what_is_wrong(
    tmp_path: Path, rows: tuple[str, ...], header: str, sentence: str
) -> None:
    record(tmp_path / "a")
    with pytest.raises(InputError, match=sentence):
        load_manifest(listed(tmp_path, *rows, header=header))


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_manifest(tmp_path / "none.csv")


def test_recordings_of_different_chirps_are_not_mixed(tmp_path: Path) -> None:
    record(tmp_path / "a")
    record(tmp_path / "b", chirp=bgt60_chirp(58e9, 63.5e9, gain_db=23))
    with pytest.raises(InputError, match="different chirps"):
        load_manifest(listed(tmp_path, "a,anna,1,", "b,anna,2,"))


def test_a_folder_without_finished_sessions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished session"):
        load_folders(tmp_path)


def test_a_simulated_session_brings_its_facts(tmp_path: Path) -> None:
    session = tmp_path / "p003" / "s1"
    record(session / "radar")
    facts = {
        "person": 3,
        "index": 1,
        "distance_m": 0.25,
        "turn_deg": [3.0, -4.0, 0.0],
        "mask": False,
        "identity": {"glasses": True},
        "acts": [{"expression": "shock", "start_s": 0.4, "stop_s": 1.0}],
    }
    (session / "session.json").write_text(json.dumps(facts))
    data = load_folders(tmp_path)
    (clip,) = data.enrolled
    assert (clip.person, clip.session) == ("enrolled/p003", "s1")
    assert (clip.facts.distance_m, clip.facts.glasses, clip.facts.mask) == (0.25, True, False)
    assert clip.labels.tolist() == [0, 2, 2, 2, 2]
    assert data.description == "synthetic: 1 enrolled (1 recordings, 0 s), 0 strangers (0 recordings, 0 s)"
    (session / "session.json").write_text("{}")
    with pytest.raises(InputError, match="is no session"):
        load_folders(tmp_path)


def test_a_bag_gives_the_same_frames_as_the_folder_that_it_was_made_of(tmp_path: Path) -> None:
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    from faceedge.radar.recordings import open_recording

    recording = open_recording(record(tmp_path / "a"))
    store = get_typestore(Stores.ROS2_JAZZY)
    types = store.types
    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        chirp = writer.add_connection("/near/chirp", "std_msgs/msg/String", typestore=store)
        adc = writer.add_connection("/near/adc", "sensor_msgs/msg/Image", typestore=store)
        text = types["std_msgs/msg/String"](to_json(CHIRP))
        writer.write(chirp, START_NS, store.serialize_cdr(text, "std_msgs/msg/String"))
        for index, stamp_ns in enumerate(recording.stamps_ns.tolist()):
            rows = recording.cube(index).reshape(-1, CHIRP.samples_per_chirp)
            time = types["builtin_interfaces/msg/Time"](stamp_ns // 10**9, stamp_ns % 10**9)
            header = types["std_msgs/msg/Header"](time, "radar")
            data = np.frombuffer(rows.astype("<u2").tobytes(), np.uint8)
            image = types["sensor_msgs/msg/Image"](
                header, rows.shape[0], rows.shape[1], "mono16", 0, 2 * rows.shape[1], data
            )
            writer.write(adc, stamp_ns, store.serialize_cdr(image, "sensor_msgs/msg/Image"))
    both = load_manifest(listed(tmp_path, "a,anna,1,", "bag,anna,2,"))
    np.testing.assert_array_equal(both.enrolled[0].images, both.enrolled[1].images)
    np.testing.assert_array_equal(both.enrolled[0].looks, both.enrolled[1].looks)


def test_moving_points_make_a_list_of_people_and_strangers(tmp_path: Path) -> None:
    path = write_points(tmp_path, CHIRP, 0.6)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["path"] for row in rows}) == 3 * 3 + 3 * 2
    assert {row["expression"] for row in rows} == {"neutral", "smile", "shock", "anger"}
    data = load_manifest(path)
    assert ({each.person for each in data.strangers}) == {"p3", "p4", "p5"}
