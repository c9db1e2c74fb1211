"""The IWR6843's data port: packets put together by hand, real captures, and whatever can happen to bytes on a line."""

from __future__ import annotations

import itertools
import struct
import tracemalloc
from collections.abc import Iterable

import numpy as np
import pytest
import ti_packets as ti
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import IWR6843

from faceedge.radar import iwr6843_decode as decode
from faceedge.radar.iwr6843_layout import HEADER, MAGIC, TEMPERATURE_SENSORS, TLVS, Packet
from faceedge.radar.iwr6843_packets import FrameNumbers, PacketStream

pytestmark = pytest.mark.arrays

POINTS_CAPTURE = IWR6843 / "xwr68xx_processed_stream_2019_12_04T21_44_51_663.dat"
LAB_CAPTURE = IWR6843 / "vital_signs_68xx_dataOutputFromEVM.bin"


def parse(*pieces: bytes) -> tuple[list[Packet], PacketStream]:
    stream = PacketStream()
    packets = [packet for piece in pieces for packet in stream.feed(piece)]
    return packets + stream.finish(), stream


def close(found: np.ndarray | None, expected: object, rtol: float = 0.0, atol: float = 0.0) -> None:
    assert found is not None
    np.testing.assert_allclose(found, np.asarray(expected, float), rtol, atol)


def numbers(packets: Iterable[Packet]) -> list[int]:
    return [packet.header.frame_number for packet in packets]


def chunks(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[start:stop] for start, stop in itertools.pairwise(places)]


# Tables


def test_the_tables_have_the_sizes_of_the_format() -> None:
    assert HEADER.itemsize == 40
    sizes = {kind: layout.record.itemsize for kind, layout in TLVS.items()}
    assert sizes == {1: 16, 2: 2, 3: 2, 4: 4, 5: 2, 6: 24, 7: 4, 8: 4, 9: 28}
    assert len(TEMPERATURE_SENSORS) == 10
    assert bytes.fromhex("0201040306050807") == MAGIC


# Golden vectors


def test_a_packet_written_out_by_hand_is_read_field_by_field() -> None:
    assert len(ti.GOLDEN) == 96
    packets, stream = parse(ti.GOLDEN)
    (packet,) = packets
    assert packet.header._asdict() == {
        "version": 0x03050004,
        "total_bytes": 96,
        "platform": 0x000A6843,
        "frame_number": 42,
        "time_cpu_cycles": 100_000_000,
        "num_objects": 1,
        "num_tlvs": 3,
        "subframe": 0,
    }
    assert [(tlv.type, tlv.start, tlv.stop) for tlv in packet.tlvs] == [(1, 48, 64), (7, 72, 76), (2, 84, 92)]
    assert packet.data == ti.GOLDEN
    assert packet.problems == ()
    assert stream.counters.bytes_skipped == 0


# Real captures


@pytest.mark.skipif(not POINTS_CAPTURE.exists(), reason="needs the captures of real devices (shared/data)")
def test_a_capture_of_a_real_device_is_read_completely() -> None:
    packets, stream = parse(POINTS_CAPTURE.read_bytes())
    assert numbers(packets) == list(range(209, 310))
    assert stream.counters.as_dict() == {
        **dict.fromkeys(stream.counters.as_dict(), 0),
        "packets": 101,
        "bytes_received": 79360,
    }
    assert stream.take_problems() == []
    without = [packet.header.frame_number for packet in packets if packet.header.num_objects == 0]
    assert without == [265, 266, 287, 293]
    for packet in packets:
        kinds = [tlv.type for tlv in packet.tlvs]
        assert kinds == ([1, 2, 6] if packet.header.num_objects == 0 else [1, 7, 2, 6])
        assert len(decode.points(packet)) == packet.header.num_objects  # type: ignore[arg-type]
    assert sum(packet.tlvs[-1].stop == len(packet.data) for packet in packets) == 10
    first = packets[0]
    assert (first.header.version, first.header.platform) == (0x03030002, 0x000A6843)
    close(decode.points(first)[0], [0.0849, -0.0191, 0, 0, 18.1], atol=6e-4)  # type: ignore[index]
    assert first.records(2)[:3].tolist() == [4391, 4404, 4409]  # type: ignore[index]
    assert decode.statistics(first) == decode.Statistics(4074, 8591, 75915, 0, 0, 4)
    assert decode.range_profile_db(first, decode.Shape(256, 16, 8)).shape == (256,)  # type: ignore[union-attr]


@pytest.mark.skipif(not POINTS_CAPTURE.exists(), reason="needs the captures of real devices (shared/data)")
def test_the_range_profile_of_a_real_capture_is_signal_plus_noise_of_its_points() -> None:
    packets, _ = parse(POINTS_CAPTURE.read_bytes())
    bin_m, differences_db = 0.0436061, []
    for packet in packets:
        points, side = decode.points(packet), packet.records(7)
        profile = decode.range_profile_db(packet, decode.Shape(256, 16, 8))
        if points is None or side is None or profile is None:
            continue
        still = points[:, 3] == 0
        bins = np.rint(np.linalg.norm(points[still, :3], axis=1) / bin_m).astype(int)
        peaks_db = 0.1 * (side["snr_decidb"][still] + side["noise_decidb"][still].astype(float))
        differences_db += (profile[bins] - peaks_db).tolist()
    assert len(differences_db) == 438
    assert np.abs(differences_db).max() < 0.6  # the firmware takes 6 dB for an octave


@pytest.mark.skipif(not POINTS_CAPTURE.exists(), reason="needs the captures of real devices (shared/data)")
def test_the_end_of_the_active_frame_keeps_the_pace_of_the_frames_in_a_real_capture() -> None:
    packets, _ = parse(POINTS_CAPTURE.read_bytes())
    built = np.array([packet.header.time_cpu_cycles for packet in packets]) / 200.0
    processing = [decode.statistics(packet).processing_us for packet in packets]  # type: ignore[union-attr]
    for times, rms_us in ((built, 81.0), (built - processing, 0.5)):
        line = np.polyfit(range(101), times, 1)
        assert np.std(times - np.polyval(line, range(101))) == pytest.approx(rms_us, rel=0.2)
        assert line[0] == pytest.approx(100_000, rel=1e-3)


@pytest.mark.skipif(not LAB_CAPTURE.exists(), reason="needs the captures of real devices (shared/data)")
def test_packets_of_a_lab_are_found_and_their_own_tlvs_are_named() -> None:
    packets, stream = parse(LAB_CAPTURE.read_bytes())
    assert numbers(packets) == list(range(131, 379))
    assert {len(packet.data) for packet in packets} == {288}
    assert stream.counters.bytes_skipped == 0
    assert stream.counters.bad_tlvs == 248
    assert packets[0].problems == ("frame 131: its statistics has 128 bytes, expected 24.",)
    assert decode.statistics(packets[0]) is None
    sentences = stream.take_problems()
    assert len(sentences) == 5
    assert sentences[-1] == "244 more of this kind: bad TLV."


@pytest.mark.skipif(not LAB_CAPTURE.exists(), reason="needs the captures of real devices (shared/data)")
def test_a_capture_cut_into_256_bytes_of_each_packet_gives_sentences_and_no_packet() -> None:
    data = LAB_CAPTURE.read_bytes()
    cut = b"".join(data[start : start + 256] for start in range(0, len(data), 288))
    packets, stream = parse(cut)
    assert packets == []
    assert stream.counters.cut_short == 248
    assert stream.counters.bytes_skipped == len(cut)


@pytest.mark.skipif(not POINTS_CAPTURE.exists(), reason="needs the captures of real devices (shared/data)")
@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 79360), max_size=60), st.lists(st.integers(0, 100), max_size=4, unique=True))
def test_a_real_capture_in_any_pieces_and_with_packets_cut_short(cuts: list[int], short: list[int]) -> None:
    whole, _ = parse(POINTS_CAPTURE.read_bytes())
    pieces = [packet.data[: len(packet.data) // 2] if at in short else packet.data for at, packet in enumerate(whole)]
    packets, _ = parse(*chunks(b"".join(pieces), cuts))
    assert numbers(packets) == [209 + at for at in range(101) if at not in short]


# The stream


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """Good packets with garbage between them; the garbage may end in a part of a magic word."""
    data, good = b"", []
    for number in range(1, draw(st.integers(1, 6)) + 1):
        data += draw(st.binary(max_size=40)) + draw(st.sampled_from([b"", MAGIC[:3], MAGIC[:7]]))
        good.append(ti.usual(number, draw(st.integers(0, 4)), draw(st.sampled_from([0, 4, 32]))))
        data += good[-1]
    return data, good


@given(streams(), st.lists(st.integers(0, 2000), max_size=30))
def test_how_the_stream_is_cut_makes_no_difference(stream: tuple[bytes, list[bytes]], cuts: list[int]) -> None:
    data, good = stream
    packets, parser = parse(*chunks(data, cuts))
    assert [packet.data for packet in packets] == good
    assert [data[packet.offset :][: len(packet.data)] for packet in packets] == good
    assert parser.counters.bytes_skipped == len(data) - sum(map(len, good))


@given(streams())
def test_byte_by_byte_gives_the_same_packets(stream: tuple[bytes, list[bytes]]) -> None:
    data, good = stream
    packets, _ = parse(*(data[at : at + 1] for at in range(len(data))))
    assert [packet.data for packet in packets] == good


def test_a_packet_is_given_out_with_its_last_byte() -> None:
    data, stream = ti.usual(1), PacketStream()
    assert stream.feed(data[:-1]) == []
    assert numbers(stream.feed(data[-1:])) == [1]
    assert stream.buffered == 0


@given(st.integers(1, 250), st.integers(0, 5), st.lists(st.integers(0, 1500), max_size=6))
def test_a_packet_that_lost_bytes_never_takes_the_next_one_with_it(lost: int, objects: int, cuts: list[int]) -> None:
    first, second, third = ti.usual(1, objects), ti.usual(2, 3), ti.usual(3, 3)
    lost = min(lost, len(first))
    for start in (0, 8, len(first) // 2, len(first) - lost):
        damaged = first[:start] + first[start + lost :]
        packets, _ = parse(*chunks(damaged + second + third, cuts))
        assert [packet.data for packet in packets][-2:] == [second, third]
        assert len(packets) <= 3


@given(st.integers(8, 39), st.binary(min_size=1, max_size=4), st.lists(st.integers(0, 1500), max_size=6))
def test_a_damaged_header_never_takes_the_next_packet_with_it(at: int, wrong: bytes, cuts: list[int]) -> None:
    damaged = bytearray(ti.usual(1))
    damaged[at : at + len(wrong)] = wrong
    good = [ti.usual(2), ti.usual(3)]
    packets, _ = parse(*chunks(bytes(damaged) + b"".join(good), cuts))
    assert [packet.data for packet in packets][-2:] == good


@settings(max_examples=300)
@given(st.data())
def test_every_packet_of_which_no_byte_changed_is_recovered(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 6))
    pieces = [ti.usual(number, data.draw(st.integers(0, 3)), 4) for number in range(1, count + 1)]
    stream = bytearray(b"".join(pieces))
    starts = [0, *itertools.accumulate(map(len, pieces))]
    changed = set()
    for at in data.draw(st.lists(st.integers(0, len(stream) - 1), max_size=12)):
        stream[at] = data.draw(st.integers(0, 255))
        changed.add(at)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))
    packets, parser = parse(*chunks(bytes(stream), cuts))
    found = {packet.offset for packet in packets}
    for start, stop in itertools.pairwise(starts):
        if not any(start <= at < stop for at in changed):
            assert start in found
    given_out = sum(len(packet.data) for packet in packets)
    counters = parser.counters
    assert counters.bytes_received == len(stream) == given_out + counters.bytes_skipped or counters.cut_short


def test_a_magic_word_in_a_payload_is_no_packet() -> None:
    payload = list(struct.unpack("<4H", MAGIC)) + [0, 1, 2, 3]
    first = ti.packet(1, ti.words(2, payload * 8), ti.statistics())
    packets, stream = parse(first, ti.usual(2))
    assert numbers(packets) == [1, 2]
    assert stream.counters.bytes_skipped == 0


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_a_whole_packet_in_a_payload_is_no_packet_when_the_outer_one_ends_where_it_should(size: int) -> None:
    outer = ti.packet(1, ti.tlv(2, bytes(64) + ti.usual(9) + bytes(64)), ti.statistics())
    data = outer + ti.usual(2)
    packets, _ = parse(*(data[at : at + size] for at in range(0, len(data), size)))
    assert numbers(packets) == [1, 2]


def test_a_packet_behind_the_rest_of_a_large_one_is_found_although_the_large_one_would_hold_it() -> None:
    large = ti.packet(1, ti.words(5, [7] * 8192), ti.statistics())
    packets, stream = parse(large[:5000] + ti.usual(2) + ti.usual(3) + ti.usual(4))
    assert numbers(packets) == [2, 3, 4]
    assert stream.counters.cut_short == 1
    # Also at once, before the length that the large one announces has come.
    assert stream.take_problems() == ["packet at byte 0: another packet begins inside this one; skipped."]


def test_a_header_with_an_extra_number_is_recognised() -> None:
    lab = ti.packet(5, ti.words(2, list(range(1000, 1032))), ti.statistics(), extra=struct.pack("<I", 2))
    packets, _ = parse(ti.usual(4) + lab + ti.usual(6))
    assert [(packet.header.frame_number, packet.header_bytes) for packet in packets] == [(4, 40), (5, 44), (6, 40)]
    assert packets[1].records(2)[:2].tolist() == [1000, 1001]  # type: ignore[index]


# Limits


@pytest.mark.parametrize(
    ("bad", "counter", "sentence"),
    [
        (ti.packet(1, total=39), "bad_lengths", "its header announces 39 bytes, expected 40 to 262144"),
        (ti.packet(1, total=2**32 - 1), "bad_lengths", "its header announces 4294967295 bytes, expected 40 to 262144"),
        (
            ti.packet(1, ti.statistics(), total=768),
            "bad_lengths",
            "its header announces 768 bytes and its 1 TLVs end after 72, expected at most 31 bytes of padding",
        ),
        (ti.packet(1, count=33, total=4096), "bad_counts", "its header announces 33 TLVs, expected at most 32"),
        (ti.packet(1, count=4), "bad_lengths", "TLV 1 of 4 (type 3419064776) announces"),
        (
            ti.packet(1, struct.pack("<II", 2, 900), bytes(100)),
            "bad_lengths",
            "TLV 1 of 2 (type 2) announces 900 bytes, 112 of the packet's 160 are left",
        ),
    ],
)
def test_lengths_and_counts_outside_their_limits_are_skipped_with_a_sentence(
    bad: bytes, counter: str, sentence: str
) -> None:
    packets, stream = parse(bad, ti.usual(2))
    assert numbers(packets) == [2]
    assert getattr(stream.counters, counter) == 1
    assert stream.counters.bytes_skipped == len(bad)
    (problem,) = stream.take_problems()
    assert problem.startswith(f"packet at byte 0: {sentence}")
    assert problem.endswith("; skipped.")


@pytest.mark.parametrize(
    ("packet", "sentence"),
    [
        (
            ti.packet(3, ti.points([(0, 1, 0, 0)] * 2), objects=3),
            "its detected points has 2 entries, the header announces 3",
        ),
        (ti.packet(3, ti.tlv(1, bytes(20)), objects=1), "its detected points has 20 bytes, expected a multiple of 16"),
        (ti.packet(3, ti.side_info([(1, 1)]), objects=0), "its side info has 1 entries, the header announces 0"),
        (ti.packet(3, ti.tlv(6, bytes(20))), "its statistics has 20 bytes, expected 24"),
        (ti.packet(3, ti.tlv(9, bytes(56))), "its temperature has 56 bytes, expected 28"),
        (ti.packet(3, ti.tlv(2, bytes(5))), "its range profile has 5 bytes, expected a multiple of 2"),
        (
            ti.packet(3, ti.tlv(7, bytes(4 * 3000)), objects=3000),
            "its side info has 3000 entries, expected at most 2048",
        ),
        (ti.packet(3, ti.statistics(), ti.statistics()), "a type of TLV comes twice; the first of them counts"),
    ],
)
def test_a_tlv_that_does_not_fit_its_type_is_named_and_not_decoded(packet: bytes, sentence: str) -> None:
    packets, stream = parse(packet)
    assert packets[0].problems == (f"frame 3: {sentence}.",)
    assert stream.counters.bad_tlvs == 1
    assert stream.take_problems() == [f"frame 3: {sentence}."]


def test_an_unknown_tlv_is_kept_as_raw_bytes_and_named() -> None:
    packets, stream = parse(ti.packet(3, ti.tlv(4711, b"raw"), ti.statistics()))
    assert bytes(packets[0].payload(4711) or b"") == b"raw"
    assert packets[0].problems == ()
    assert decode.statistics(packets[0]) is not None
    assert stream.counters.unknown_tlvs == 1
    assert stream.take_problems() == ["frame 3: TLV type 4711 is not of the standard demo."]


def test_sentences_are_few_however_many_problems_there_are() -> None:
    _, stream = parse(b"".join(ti.packet(number, total=8) for number in range(1000)))
    assert stream.counters.bad_lengths == 1000
    problems = stream.take_problems()
    assert len(problems) == 5
    assert problems[-1] == "996 more of this kind: bad length."
    assert stream.take_problems() == []


def test_a_stream_that_ends_in_a_packet_says_so() -> None:
    packets, stream = parse(ti.usual(1), ti.usual(2)[:-5])
    assert numbers(packets) == [1]
    size = len(ti.usual(1))
    assert stream.take_problems() == [f"packet at byte {size}: the stream ends after {size - 5} bytes of it; skipped."]
    assert stream.counters.bytes_skipped == size - 5


# Frame numbers


@pytest.mark.parametrize(
    ("sequence", "missing", "restarts", "repeated"),
    [
        ([1, 2, 3], 0, 0, 0),
        ([5, 6, 9, 10], 2, 0, 0),
        ([100, 101, 1, 2, 3], 0, 1, 0),
        ([7, 8, 8, 9], 0, 0, 1),
        ([7, 8, 900, 10, 11], 0, 0, 0),  # 900 was 9
        ([7, 8, 900, 11, 12], 1, 0, 0),  # 900 was 9 or 10
        ([7, 8, 900, 901], 891, 0, 0),
        ([30, 31, 1, 33, 34], 0, 0, 0),
        ([30, 31, 4_000_000_000, 33], 0, 0, 0),
        ([30, 31, 4_000_000_000, 4_000_000_001], 0, 1, 0),
    ],
)
def test_frame_numbers_tell_losses_from_restarts_and_damage(
    sequence: list[int], missing: int, restarts: int, repeated: int
) -> None:
    counter = FrameNumbers()
    for number in sequence:
        counter.push(number)
    assert (counter.missing, counter.restarts, counter.repeated) == (missing, restarts, repeated)


def test_subframes_share_a_frame_number() -> None:
    packets, stream = parse(*(ti.packet(frame, ti.statistics(), subframe=sub) for frame in (1, 2) for sub in range(3)))
    assert len(packets) == 6
    assert (stream.counters.frames_missing, stream.counters.repeated, stream.counters.restarts) == (0, 0, 0)


# Memory


def test_memory_stays_bounded_on_headers_that_announce_much_and_on_plain_noise() -> None:
    rng = np.random.default_rng(3)
    tempting = ti.packet(1, ti.tlv(2, b""), total=200_000)[:40] + struct.pack("<II", 2, 199_900)
    stream = PacketStream()
    tracemalloc.start()
    for _ in range(300):
        stream.feed(rng.bytes(4096))
        stream.feed(tempting)
        assert stream.buffered <= 2 * 262_144 + 4096
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_500_000
    assert stream.counters.packets < 10
    assert numbers(stream.feed(bytes(300_000) + ti.usual(5)))[-1] == 5


def test_thousands_of_magic_words_in_a_row_take_no_quadratic_time() -> None:
    # Each opens a header that announces 200,000 bytes: work counts calls, for time would depend on the machine.
    stream, calls = PacketStream(), 0
    examine = stream._examine

    def counted(start: int) -> object:
        nonlocal calls
        calls += 1
        return examine(start)

    stream._examine = counted  # type: ignore[assignment, method-assign]
    header = ti.packet(1, count=1, total=200_000)[:40] + struct.pack("<II", 2, 199_000)
    for _ in range(2000):
        stream.feed(header)
    stream.feed(bytes(300_000))
    assert calls < 2000 * 40
