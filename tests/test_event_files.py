"""Event files: RAW written and read here, the others through faery; exact against faery where both can read."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from fuzz_events import aedat4_file
from shared_data import SHARED_DATA
from test_evt3 import made, random_events, words

from faceedge.errors import ConfigurationError, InputError
from faceedge.events.aedat4 import Aedat4Reader, Aedat4Writer
from faceedge.events.aedat4_layout import check_layout
from faceedge.events.files import file_format, iterate_events, read_events
from faceedge.events.raw_file import RawReader, RawWriter, parse_header

REAL = SHARED_DATA / "events"
HEADER = b"% evt 3.0\n% format EVT3;height=480;width=640\n% geometry 640x480\n% end\n"


def real(name: str) -> Path:
    path = REAL / name
    if not path.exists():
        pytest.skip("no recordings beside the repository")
    return path


def by_faery(path: Path) -> np.ndarray:
    decoder = pytest.importorskip("faery.file_decoder")
    return np.concatenate(list(decoder.Decoder(path, file_type="evt" if path.suffix == ".raw" else None)))


def same(events: np.ndarray, faery_events: np.ndarray) -> bool:
    return len(events) == len(faery_events) and all(
        np.array_equal(events[axis].astype(np.int64), faery_events[axis].astype(np.int64)) for axis in "txyp"
    )


# RAW


def test_a_raw_file_begins_with_these_lines(tmp_path: Path) -> None:
    with RawWriter(tmp_path / "a.raw", 640, 480, facts={"sensor_name": "GenX320"}) as writer:
        writer.append(made((1_000_005, 100, 50, True)))
    text = b"% evt 3.0\n% format EVT3;height=480;width=640\n% geometry 640x480\n% sensor_name GenX320\n% end\n"
    assert (tmp_path / "a.raw").read_bytes() == text + bytes.fromhex("f480 4562 3200 6428")


def test_what_is_appended_in_batches_is_read_as_a_whole(tmp_path: Path) -> None:
    events = random_events(3, 20_000)
    with RawWriter(tmp_path / "a.raw", 640, 480) as writer:
        for at in range(0, len(events), 700):
            writer.append(events[at : at + 700])
        assert writer.events == 20_000
    file = read_events(tmp_path / "a.raw")
    assert (file.width, file.height, file.format, file.notes) == (640, 480, "evt3", ())
    assert np.array_equal(file.events, events)
    assert np.array_equal(np.concatenate(list(iterate_events(tmp_path / "a.raw"))), events)


def test_faery_reads_what_is_written_through_wraps_and_pauses(tmp_path: Path) -> None:
    events = random_events(4, 5000)
    events["t"] += np.arange(5000) // 500 * 9_000_000
    with RawWriter(tmp_path / "a.raw", 640, 480) as writer:
        for at in range(0, len(events), 450):
            writer.append(events[at : at + 450])
    assert same(events, by_faery(tmp_path / "a.raw"))


def test_a_late_start_is_kept_in_the_header(tmp_path: Path) -> None:
    events = made((50_000_000, 1, 1, True), (50_000_007, 1, 1, False))
    with RawWriter(tmp_path / "a.raw", 640, 480, start_us=50_000_000) as writer:
        writer.append(events)
    assert read_events(tmp_path / "a.raw").events.tolist() == events.tolist()
    assert same(events, by_faery(tmp_path / "a.raw"))


def test_a_file_that_was_cut_off_gives_what_came_before(tmp_path: Path) -> None:
    events = random_events(5, 4000)
    with RawWriter(tmp_path / "a.raw", 640, 480) as writer:
        writer.append(events)
    data = (tmp_path / "a.raw").read_bytes()
    (tmp_path / "b.raw").write_bytes(data[: len(data) // 2 | 1])
    file = read_events(tmp_path / "b.raw")
    assert 1000 < len(file.events) < 3000
    assert np.array_equal(file.events, events[: len(file.events)])
    assert file.notes == ("1 byte is left at the end: the file is truncated.",)


def test_a_writer_leaves_no_bytes_of_a_batch_that_does_not_fit(tmp_path: Path) -> None:
    with RawWriter(tmp_path / "a.raw", 640, 480) as writer:
        size = (tmp_path / "a.raw").stat().st_size
        with pytest.raises(InputError, match="640x480"):
            writer.append(made((5, 1, 1, True), (6, 640, 1, True)))
    assert (tmp_path / "a.raw").stat().st_size == size


def test_a_file_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(b"precious")
    with pytest.raises(ConfigurationError, match="exists already"):
        RawWriter(tmp_path / "a.raw", 640, 480)
    assert (tmp_path / "a.raw").read_bytes() == b"precious"


def test_words_that_look_like_a_header_line_after_the_end_are_words() -> None:
    assert parse_header(HEADER + b"% \x00\n").bytes == len(HEADER)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (words(0x8000, 0x0001), "no RAW file"),
        (b"% evt 3.0", "does not end within"),
        (b"% evt 4.0\n", "holds the encoding '4.0'"),
        (b"% geometry 640x480\n", "holds the encoding 'nothing'"),
        (b"% format EVT3;width=0;height=480\n", "'0x480' pixels"),
        (b"% evt 3.0\n% geometry 99999x1\n", "'99999x1' pixels"),
        (b"% evt 3.0\n% t0 -5\n", "t0 '-5'"),
        (b"% format EVT21;endianness=legacy;width=9;height=9\n", "the order 'legacy'"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused_with_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        parse_header(data)


def test_an_old_recording_without_end_and_size_is_exactly_as_faery_reads_it() -> None:
    path = real("evt3_sample.raw")
    file = read_events(path)
    assert (len(file.events), file.width, file.height, file.notes) == (219_596, 1280, 720, ())
    assert same(file.events, by_faery(path))
    assert RawReader(path).header.fields["serial_number"] == "00000307"


# Other formats


def test_aedat4_keeps_events_size_and_time(tmp_path: Path) -> None:
    pytest.importorskip("faery")
    events = random_events(6, 3000, 320, 240)
    with Aedat4Writer(tmp_path / "a.aedat4", 320, 240, source="synthetic", start_us=1_700_000_000_000_000) as writer:
        writer.append(events[:1000])
        writer.append(events[1000:])
        with pytest.raises(InputError, match="write them in order"):
            writer.append(events[:1])
    file = read_events(tmp_path / "a.aedat4")
    assert (file.width, file.height, file.format, len(file.events)) == (320, 240, "aedat4", 3000)
    assert file.events["t"][0] == events["t"][0] + 1_700_000_000_000_000
    assert np.array_equal(np.diff(file.events["t"]), np.diff(events["t"]))
    assert all(np.array_equal(file.events[axis], events[axis]) for axis in "xyp")


def test_a_recorded_aedat4_file_survives_writing(tmp_path: Path) -> None:
    path = real("sample.aedat4")
    pytest.importorskip("faery")
    file = read_events(path)
    assert (len(file.events), file.width, file.height) == (111_954, 320, 240)
    assert file.events[0].tolist() == (1_605_537_493_718_345, 154, 204, False)
    with Aedat4Writer(tmp_path / "a.aedat4", 320, 240) as writer:
        for packet in Aedat4Reader(path):
            writer.append(packet)
    assert np.array_equal(read_events(tmp_path / "a.aedat4").events, file.events)


def test_evt2_is_read_through_faery_with_the_size_of_its_sensor() -> None:
    path = real("evt2_sample.raw")
    pytest.importorskip("faery")
    file = read_events(path)
    assert (len(file.events), file.format, file.width, file.height) == (539_481, "evt2", 640, 480)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("alex_walking_for_10secs.aedat", "is AEDAT 2.0; only AEDAT 4 is read"),
        ("generic.es", 'unsupported type "generic"'),
    ],
)
def test_recordings_of_kinds_that_are_not_read_are_named(name: str, sentence: str) -> None:
    path = real(name)
    pytest.importorskip("faery")
    with pytest.raises(InputError, match=sentence):
        read_events(path)


@pytest.mark.parametrize("size", [0, 14, 40, 400, 950, 1400])
def test_a_truncated_aedat4_file_is_refused_with_a_sentence(tmp_path: Path, size: int) -> None:
    pytest.importorskip("faery")
    with Aedat4Writer(tmp_path / "a.aedat4", 320, 240) as writer:
        writer.append(random_events(7, 100, 320, 240))
    (tmp_path / "b.aedat4").write_bytes((tmp_path / "a.aedat4").read_bytes()[:size])
    with pytest.raises(InputError, match=r"empty|ends too early"):
        read_events(tmp_path / "b.aedat4")


@pytest.mark.parametrize(
    ("xml", "sentence"),
    [
        (b"<dv>\xe3\x28</dv>", "a damaged header"),  # given to faery, this ends the process
        (b"<dv><node></dv>", "a damaged header"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><dv/>", "a damaged header"),
        (b"<dv><node name='outInfo'><node name='x'/></node></dv>", "a damaged header"),
    ],
)
def test_a_damaged_aedat4_header_is_refused_before_a_library_sees_it(tmp_path: Path, xml: bytes, sentence: str) -> None:
    (tmp_path / "a.aedat4").write_bytes(aedat4_file(xml))
    with pytest.raises(InputError, match=sentence):
        check_layout(tmp_path / "a.aedat4")


def test_a_packet_that_goes_beyond_the_file_is_named_with_its_place(tmp_path: Path) -> None:
    xml = b"<dv><node name='outInfo'><node name='0'/></node></dv>"
    good = aedat4_file(xml, b"\0\0\0\0\3\0\0\0abc")
    (tmp_path / "a.aedat4").write_bytes(good)
    check_layout(tmp_path / "a.aedat4")
    (tmp_path / "a.aedat4").write_bytes(good[:-1])
    with pytest.raises(InputError, match=f"the packet before byte {len(good)} goes beyond byte {len(good) - 1}"):
        check_layout(tmp_path / "a.aedat4")
    (tmp_path / "a.aedat4").write_bytes(aedat4_file(xml, b"\7\0\0\0\3\0\0\0abc"))
    with pytest.raises(InputError, match="a packet of stream 7 with 3 bytes"):
        check_layout(tmp_path / "a.aedat4")


def test_a_file_of_something_else_is_refused_with_its_first_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(InputError, match="begins with b'PK"):
        file_format(tmp_path / "a.raw")


def test_without_faery_the_remedy_is_named_and_evt3_still_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RawWriter(tmp_path / "a.raw", 640, 480) as writer:
        writer.append(made((5, 1, 1, True)))
    (tmp_path / "a.aedat4").write_bytes(b"#!AER-DAT4.0\r\n")
    for name in ("faery", "faery.extension"):
        monkeypatch.setitem(sys.modules, name, None)
    assert len(read_events(tmp_path / "a.raw").events) == 1
    for action in (lambda: read_events(tmp_path / "a.aedat4"), lambda: Aedat4Writer(tmp_path / "b.aedat4", 320, 240)):
        with pytest.raises(ConfigurationError, match=r"pip install 'faceedge\[sim\]'"):
            action()
