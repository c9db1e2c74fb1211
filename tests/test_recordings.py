"""The vendor's recording folder: every part of it checked, played as a live radar, and written while frames come."""

from __future__ import annotations

import itertools
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shared_data import BGT60

from faceedge.errors import ConfigurationError, DeviceError, InputError
from faceedge.radar.chirp_files import load_chirp_file
from faceedge.radar.gaps import missing_frames, sequences
from faceedge.radar.recording_folder import find_folder, is_recording, map_npy, open_recording
from faceedge.radar.recordings import LONGEST_GAP_FRAMES, NpyAppender, RecordingSource, VendorWriter

CAPTURE = Path(__file__).parent / "data" / "bgt60_synthetic_face"
MS, S = 1_000_000, 1_000_000_000
START = 1_700_000_000 * S + 123_456_789


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the capture that a test may damage."""
    return shutil.copytree(CAPTURE, tmp_path / "recording")


class Time:
    """Clocks that move only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_ns = 0

    def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * S)

    def source(self, path: Path, **options: bool) -> RecordingSource:
        return RecordingSource(
            path, **options, now_ns=lambda: self.now_ns, sleep=self.sleep, system_ns=lambda: START + self.now_ns
        )


# --- reading ----------------------------------------------------------------------------------------------------------


def test_our_own_capture_is_read_as_it_was_made() -> None:
    recording = open_recording(CAPTURE)
    assert recording.cubes.shape == (16, 3, 32, 64)
    assert recording.chirp.cube_shape == (3, 32, 64)
    assert recording.stamps_ns[:3].tolist() == [1_700_000_000 * S + k * 50 * MS for k in range(3)]
    assert recording.stamped
    assert recording.meta["description"] == "emulated BGT60TR13C, synthetic face at 30 cm"
    assert recording.temperature_of(7) == pytest.approx(37.8, abs=0.3)
    assert recording.notes == ()
    assert (int(recording.cube(0).min()), int(recording.cube(0).max())) == (
        int(np.load(CAPTURE / "radar.npy")[0].min()),
        int(np.load(CAPTURE / "radar.npy")[0].max()),
    )


def test_a_folder_is_found_flat_nested_and_by_one_of_its_files(folder: Path, tmp_path: Path) -> None:
    nested = tmp_path / "nested"
    shutil.copytree(folder, nested / "RadarIfxAvian_00")
    (nested / "meta.json").write_text('{"hostname": "bench"}')
    for path in (folder, folder / "radar.npy", folder / "config.json"):
        assert find_folder(path) == folder
    recording = open_recording(nested)
    assert recording.folder == nested / "RadarIfxAvian_00"
    assert recording.meta["hostname"] == "bench"
    assert is_recording(nested)
    assert not is_recording(tmp_path / "nowhere")
    shutil.copytree(folder, nested / "RadarIfxAvian_01")
    with pytest.raises(InputError, match=r"holds 2 recordings \(RadarIfxAvian_00, RadarIfxAvian_01\); give the path"):
        find_folder(nested)


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_what_is_no_recording_is_said_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"no recording folder at|holds no radar\.npy"):
        open_recording(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("radar_timestamp.csv", "radar_timestamp.csv is empty; stamps are counted from the frame period."),
        ("temperature.npy", "temperature.npy is empty (0 bytes); the temperature is unknown."),
        ("meta.json", "meta.json is empty; what was noted of the device is unknown."),
        ("board_config.json", None),
    ],
)
def test_empty_files_that_are_not_needed_are_noted(folder: Path, name: str, note: str | None) -> None:
    (folder / name).write_bytes(b"")
    recording = open_recording(folder)
    assert recording.notes == (() if note is None else (note,))
    assert len(recording.cubes) == len(recording.stamps_ns) == 16


def test_without_stamps_frames_are_one_period_apart(folder: Path) -> None:
    (folder / "radar_timestamp.csv").unlink()
    recording = open_recording(folder)
    assert not recording.stamped
    assert np.diff(recording.stamps_ns).tolist() == [50 * MS] * 15


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"config\.json is empty; without chirp settings the frames have no scale"),
        (b"{", r"config\.json: .*JSON"),
        (b"\xff\xfe", r"config\.json cannot be read"),
        (b"{}", r"config\.json: "),
    ],
)
def test_without_chirp_settings_a_recording_has_no_scale(folder: Path, content: bytes, sentence: str) -> None:
    (folder / "config.json").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        open_recording(folder)


def test_a_truncated_array_says_how_many_frames_are_whole(folder: Path) -> None:
    with (folder / "radar.npy").open("r+b") as file:
        file.truncate(128 + 5 * 3 * 32 * 64 * 2 + 7)
    with pytest.raises(InputError, match=r"truncated: its header announces 16 entries .* enough for 5; copy it again"):
        open_recording(folder)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((2, 3, 64, 32), np.uint16), r"shape \(2, 3, 64, 32\), expected \(frame, 3, 32, 64\) uint16"),
        (np.zeros((3, 32, 64), np.uint16), r"shape \(3, 32, 64\), expected"),
        (np.zeros((2, 3, 32, 64), np.int16), "holds <i2, expected"),
        (np.zeros((2, 3, 32, 64), ">u2"), "holds >u2, expected"),
        (np.zeros((0, 3, 32, 64), np.uint16), "which is empty"),
        (np.array([{}], object), "Python objects, which are never loaded"),
    ],
)
def test_an_array_of_another_kind_is_refused(folder: Path, array: np.ndarray, sentence: str) -> None:
    np.save(folder / "radar.npy", array, allow_pickle=True)
    with pytest.raises(InputError, match=sentence):
        open_recording(folder)


def test_a_frame_beyond_twelve_bits_is_refused_and_the_others_are_not(folder: Path) -> None:
    cubes = np.load(folder / "radar.npy")
    cubes[5, 1, 2, 3] = 4096
    np.save(folder / "radar.npy", cubes)
    recording = open_recording(folder)
    with pytest.raises(InputError, match=r"frame 5: radar\.npy has the value 4096, a 12-bit ADC gives 0 to 4095"):
        recording.cube(5)
    assert np.array_equal(recording.cube(6), cubes[6])


@pytest.mark.parametrize(
    ("lines", "note"),
    [(12, "has 12 lines for 16 frames; stamps are counted"), (17, "has 17 lines for 16 frames; only the first 16 are")],
)
def test_stamps_that_are_not_one_for_each_frame_are_noted(folder: Path, lines: int, note: str) -> None:
    (folder / "radar_timestamp.csv").write_text("".join(f"{1000 + k}.5\n" for k in range(lines)))
    recording = open_recording(folder)
    assert note in recording.notes[0]
    assert recording.stamped == (lines > 16)


def test_a_line_that_is_no_time_is_named(folder: Path) -> None:
    lines = (folder / "radar_timestamp.csv").read_text().splitlines()
    (folder / "radar_timestamp.csv").write_text("\n".join([*lines[:3], "noon", *lines[4:]]))
    with pytest.raises(InputError, match="line 4 is 'noon', expected Unix seconds"):
        open_recording(folder)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.integers(0, 130), with_=st.binary(max_size=12), cut=st.integers(0, 200))
def test_a_damaged_array_is_read_or_refused_with_a_sentence(tmp_path: Path, at: int, with_: bytes, cut: int) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.arange(20, dtype=np.uint16).reshape(5, 4))
    data = bytearray(path.read_bytes())
    data[at : at + len(with_)] = with_
    path.write_bytes(data[: len(data) - cut])
    try:
        array, behind = map_npy(path, "numbers")
    except InputError:
        return
    assert array.nbytes + behind <= len(data)


def test_gaps_in_the_stamps_leave_numbers_out() -> None:
    stamps = np.array([0, 50, 101, 149, 350, 400, 460]) * MS
    assert sequences(stamps, 0.05).tolist() == [0, 1, 2, 3, 7, 8, 9]
    assert sequences(stamps[:1], 0.05).tolist() == [0]
    missing = [missing_frames(before, stamp, 0.05) for before, stamp in itertools.pairwise(stamps.tolist())]
    assert missing == [0, 0, 0, 3, 0, 0]
    assert missing_frames(int(stamps[-1]), 0, 0.05) == 0


# --- playing ----------------------------------------------------------------------------------------------------------


def test_a_recording_is_played_at_its_own_pace_and_ends() -> None:
    time = Time()
    with time.source(CAPTURE) as source:
        frames = []
        while (frame := source.read()) is not None:
            frames.append(frame)
        assert source.finished
        assert source.read() is None
    assert [frame.sequence for frame in frames] == list(range(16))
    assert [frame.stamp_ns - START for frame in frames] == [k * 50 * MS for k in range(16)]
    assert time.now_ns == 15 * 50 * MS
    cubes = np.load(CAPTURE / "radar.npy")
    assert all(
        np.array_equal(frame.cube, cube) for frame, cube in zip(frames, cubes, strict=True) if frame.cube is not None
    )
    assert source.temperature_c == pytest.approx(37.8, abs=0.3)
    assert (source.dropped, source.rejected) == (0, 0)


def test_a_reader_that_comes_late_misses_frames_as_with_a_radar() -> None:
    time = Time()
    with time.source(CAPTURE) as source:
        assert source.read() is not None
        time.sleep(0.26)
        frame = source.read()
        assert frame is not None
        assert (frame.sequence, source.dropped) == (5, 4)


def test_a_reader_that_comes_early_gets_nothing_yet() -> None:
    time = Time()
    with time.source(CAPTURE) as source:
        assert source.read() is not None
        assert source.read(0.02) is None
        assert time.now_ns == 20 * MS
        frame = source.read(0.1)
        assert frame is not None
        assert frame.sequence == 1


def test_the_seam_of_a_loop_looks_like_a_missing_frame() -> None:
    with Time().source(CAPTURE, loop=True) as source:
        frames = [source.read() for _ in range(20)]
    assert [frame.sequence for frame in frames if frame is not None] == [*range(16), *range(17, 21)]
    assert source.dropped == 0


def test_a_gap_in_the_recording_is_a_gap_in_play_and_is_counted(folder: Path) -> None:
    stamps = [1000.0 + 0.05 * k + (0.1 if k >= 8 else 0) + (3600 if k >= 12 else 0) for k in range(16)]
    (folder / "radar_timestamp.csv").write_text("".join(f"{stamp:.6f}\n" for stamp in stamps))
    with Time().source(folder, paced=False) as source:
        frames = [source.read() for _ in range(16)]
    numbers = [frame.sequence for frame in frames if frame is not None]
    assert np.diff(numbers).tolist() == [1] * 7 + [3] + [1] * 3 + [LONGEST_GAP_FRAMES] + [1] * 3
    assert source.dropped == 2 + LONGEST_GAP_FRAMES - 1


def test_a_damaged_frame_is_rejected_and_the_next_one_comes(folder: Path) -> None:
    cubes = np.load(folder / "radar.npy")
    cubes[1] = 5000
    np.save(folder / "radar.npy", cubes)
    with Time().source(folder, paced=False) as source:
        assert source.read() is not None
        with pytest.raises(InputError, match="frame 1: "):
            source.read()
        frame = source.read()
        assert frame is not None
        assert (frame.sequence, source.rejected) == (2, 1)


def test_reading_before_opening_is_said_so() -> None:
    with pytest.raises(InputError, match="before it was opened"):
        RecordingSource(CAPTURE).read()


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_recording_comes_back_bit_by_bit(tmp_path: Path) -> None:
    chirp = load_chirp_file("bgt60_face_full_band.json").chirp
    generator = np.random.default_rng(0)
    cubes = generator.integers(0, 4096, (25, *chirp.cube_shape), np.uint16)
    stamps = START + np.cumsum(generator.integers(49 * MS, 51 * MS, 25))
    with VendorWriter(tmp_path / "r", chirp, {"note": "a test"}) as writer:
        for k, cube in enumerate(cubes):
            writer.append(cube, int(stamps[k]), 40.0 + k)
        assert writer.frames == 25
        assert not (tmp_path / "r").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["r"]
    recording = open_recording(tmp_path / "r")
    assert np.array_equal(recording.cubes, cubes)
    assert np.array_equal(np.load(tmp_path / "r" / "radar.npy"), cubes)
    assert recording.stamps_ns.tolist() == stamps.tolist()
    assert recording.chirp == chirp
    assert recording.temperature_c.tolist()[0] == 40.0
    assert 59.0 <= recording.temperature_c.tolist()[1] <= 61.0  # a second later
    assert np.load(tmp_path / "r" / "temperature.npy").shape == (2, 1)
    assert recording.meta == {"description": "BGT60TR13C FMCW Radar Sensor", "adc_resolution": 12, "note": "a test"}
    assert recording.notes == ()


def test_what_was_written_stays_readable_when_the_end_never_comes(tmp_path: Path) -> None:
    chirp = open_recording(CAPTURE).chirp
    cubes = np.load(CAPTURE / "radar.npy")
    writer = VendorWriter(tmp_path / "r", chirp)
    for k in range(3):
        writer.append(cubes[k], START + k * 50 * MS)
        assert np.array_equal(np.load(tmp_path / "r.partial" / "radar.npy"), cubes[: k + 1])
    # As a crash in the middle of the next frame leaves it: a stamp and half of the samples.
    with (tmp_path / "r.partial" / "radar_timestamp.csv").open("ab") as stamps:
        stamps.write(b"17000")
    with (tmp_path / "r.partial" / "radar.npy").open("ab") as samples:
        samples.write(bytes(5000))
    recording = open_recording(tmp_path / "r.partial")
    assert np.array_equal(recording.cubes, cubes[:3])
    assert len(recording.stamps_ns) == 3
    assert len(recording.notes) == 2
    writer.close()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    chirp = open_recording(CAPTURE).chirp
    VendorWriter(tmp_path / "r", chirp).close()
    with pytest.raises(ConfigurationError, match=r"r exists already; give another name or remove it"):
        VendorWriter(tmp_path / "r", chirp)
    VendorWriter(tmp_path / "s", chirp)
    with pytest.raises(ConfigurationError, match=r"s\.partial exists already"):
        VendorWriter(tmp_path / "s", chirp)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be made"):
        VendorWriter(tmp_path / "file" / "r", chirp)


def test_frames_of_another_radar_or_chirp_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="these are of an iwr6843; record a bag instead"):
        VendorWriter(tmp_path / "t", load_chirp_file("iwr6843_face.cfg").chirp)
    with VendorWriter(tmp_path / "r", open_recording(CAPTURE).chirp) as writer:
        for cube, sentence in (
            (np.zeros((3, 64, 32), np.uint16), r"\(3, 64, 32\) uint16, expected \(3, 32, 64\)"),
            (np.zeros((3, 32, 64), np.int32), "int32, expected"),
            (np.full((3, 32, 64), 4096, np.uint16), "has the value 4096"),
        ):
            with pytest.raises(InputError, match=sentence):
                writer.append(cube, START)
        assert writer.frames == 0


def test_a_full_disk_ends_the_recording_with_a_sentence_and_keeps_what_is_there(tmp_path: Path) -> None:
    cubes = np.load(CAPTURE / "radar.npy")
    writer = VendorWriter(tmp_path / "r", open_recording(CAPTURE).chirp)
    writer.append(cubes[0], START)
    writer._cubes._file.close()
    with Path("/dev/full").open("wb", buffering=0) as full:
        writer._cubes._file = full
        with pytest.raises(DeviceError, match=r"cannot be continued after 1 frames: No space left"):
            writer.append(cubes[1], START + 50 * MS)
    assert np.array_equal(np.load(tmp_path / "r.partial" / "radar.npy"), cubes[:1])


def test_an_array_grows_without_changing_its_header_size(tmp_path: Path) -> None:
    appender = NpyAppender(tmp_path / "x.npy", (2, 3), "<f4")
    for k in range(1001):
        appender.append(np.full((2, 3), k, np.float32))
    appender.close()
    array = np.load(tmp_path / "x.npy")
    assert array.shape == (1001, 2, 3)
    assert math.isclose(float(array[1000, 1, 2]), 1000.0)


# --- real recordings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape", "first_stamp", "readings"),
    [
        ("ec-international-2022_18_48_07", (232, 1, 64, 128), 1_653_497_289_772_163_900, 22),
        ("ec-international-2022_18_52_43", (31, 1, 64, 128), 1_653_497_563_346_703_000, 3),
        ("two_reflectors", (128, 3, 64, 64), 0, 0),
    ],
)
def test_real_recordings_are_read_and_written_again_as_they_were(
    tmp_path: Path, name: str, shape: tuple[int, ...], first_stamp: int, readings: int
) -> None:
    if not (BGT60 / name).is_dir():
        pytest.skip(f"the recording {name} is not on this machine")
    recording = open_recording(BGT60 / name)
    assert recording.cubes.shape == shape
    assert int(recording.stamps_ns[0]) == first_stamp
    assert len(recording.temperature_c) == readings
    assert sequences(recording.stamps_ns, recording.chirp.frame_period_s).tolist() == list(range(shape[0]))
    with VendorWriter(tmp_path / "r", recording.chirp) as writer:
        for k, stamp in enumerate(recording.stamps_ns.tolist()):
            writer.append(recording.cube(k), stamp, recording.temperature_of(k))
    again = open_recording(tmp_path / "r")
    assert np.array_equal(again.cubes, recording.cubes)
    assert np.array_equal(again.stamps_ns, recording.stamps_ns)
    assert again.chirp == recording.chirp
    config = json.loads((tmp_path / "r" / "config.json").read_text())
    assert config["device_config"]["fmcw_single_shape"]["num_chirps_per_frame"] == 64
