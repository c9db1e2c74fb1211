"""The bridge's framing: bytes in the documentation, streams that begin anywhere, damage; and a device's clock."""

from __future__ import annotations

import dataclasses
import itertools
import re
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceedge.errors import InputError
from faceedge.radar import bridge_protocol as protocol
from faceedge.radar.bridge_protocol import Decoder, Kind, Message, encode
from faceedge.radar.device_clock import DeviceClock

DOC = Path(__file__).resolve().parents[1] / "docs/radar_bridge.md"
messages = st.builds(
    Message,
    st.sampled_from([0x01, 0x03, 0x7F, 0x81, 0x83, 0x90, 0x91, 0x55]),
    st.binary(max_size=200),
    st.integers(0, 255),
    st.integers(0, 0xFFFF),
    st.integers(0, 2**64 - 1),
)


def encoded(message: Message) -> bytes:
    return encode(
        message.kind, message.payload, status=message.status, sequence=message.sequence, time_us=message.time_us
    )


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def test_a_request_to_read_the_chip_id_is_these_bytes() -> None:
    frame = encode(Kind.TRANSFER, bytes.fromhex("04000000"), sequence=7)
    assert frame.hex(" ") == "fa ce 03 00 07 00 04 00 00 00 00 00 00 00 00 00 04 00 00 00 12 3f 26 3e"


def test_the_worked_examples_of_the_documentation_are_true() -> None:
    text = DOC.read_text(encoding="utf-8")
    frames = [bytes.fromhex(line) for line in re.findall(r"^    (fa ce [0-9a-f ]+)$", text, re.MULTILINE)]
    assert len(frames) == 4
    decoder = Decoder()
    got = [message for frame in frames for message in decoder.feed(frame)]
    assert [message.kind for message in got] == [Kind.TRANSFER, Kind.TRANSFER | Kind.REPLY, Kind.START, Kind.BLOCK]
    assert got[0].payload.hex() == "04000000"
    assert got[1] == Message(0x83, bytes.fromhex("f4000303"), 0, 7, 1_500_000)
    assert got[2].payload == struct.pack("<H", 2)
    assert got[3] == Message(0x90, bytes.fromhex("001800400200"), 0xF0, 0, 1_750_123)
    assert decoder.skipped == 0
    assert f"{protocol.MAX_PAYLOAD}" in text.replace(",", "")


def test_the_checksum_is_the_usual_crc_32() -> None:
    frame = encode(Kind.TIME, sequence=0x1234, time_us=0x0102030405060708)
    assert frame[:16].hex() == "face060034120000" + "0807060504030201"
    assert struct.unpack("<I", frame[16:])[0] == zlib.crc32(frame[:16])
    assert zlib.crc32(b"123456789") == 0xCBF43926


@given(st.lists(messages, max_size=6), st.lists(st.integers(0, 10_000), max_size=8))
def test_messages_survive_any_cuts(sent: list[Message], places: list[int]) -> None:
    decoder = Decoder()
    stream = b"".join(map(encoded, sent))
    got = [message for piece in cut(stream, places) for message in decoder.feed(piece)]
    assert got == sent
    assert (decoder.skipped, decoder.crc_errors, decoder.pending) == (0, 0, 0)


@given(st.binary(max_size=400), messages, st.binary(max_size=50), st.lists(st.integers(0, 10_000), max_size=5))
def test_a_good_message_behind_garbage_is_found(
    garbage: bytes, message: Message, tail: bytes, places: list[int]
) -> None:
    decoder = Decoder()
    got = [m for piece in cut(garbage + encoded(message) + tail, places) for m in decoder.feed(piece)]
    while decoder.pending:  # a false start in the garbage may announce more than will ever come
        got += decoder.give_up()
    assert message in got
    assert decoder.skipped + sum(len(encoded(m)) for m in got) == len(garbage + encoded(message) + tail)


@given(st.lists(messages, min_size=2, max_size=5), st.data())
def test_a_damaged_message_costs_no_other_one(sent: list[Message], data: st.DataObject) -> None:
    sent = [dataclasses.replace(message, sequence=index) for index, message in enumerate(sent)]
    frames = [bytearray(encoded(message)) for message in sent]
    broken = data.draw(st.integers(0, len(sent) - 1))
    place = data.draw(st.integers(0, len(frames[broken]) - 1))
    frames[broken][place] ^= data.draw(st.integers(1, 255))
    decoder = Decoder()
    got = decoder.feed(b"".join(frames))
    while decoder.pending:
        got += decoder.give_up()
    assert [message for message in got if message in sent] == [m for index, m in enumerate(sent) if index != broken]
    assert decoder.skipped >= 1


def test_a_message_inside_a_damaged_one_is_found() -> None:
    inner = encode(Kind.TIME, sequence=5)
    outer = bytearray(encode(Kind.TRANSFER, inner))
    outer[-1] ^= 1
    decoder = Decoder()
    assert [message.sequence for message in decoder.feed(bytes(outer))] == [5]
    assert decoder.crc_errors == 1


def test_damage_is_counted_by_its_kind() -> None:
    decoder = Decoder()
    too_long = protocol.HEADER.pack(protocol.MAGIC, Kind.BLOCK, 0, 0, protocol.MAX_PAYLOAD + 1, 0)
    wrong = bytearray(encode(Kind.STOP))
    wrong[-2] ^= 0x40
    got = decoder.feed(b"hello" + too_long + bytes(wrong) + encode(Kind.STOP))
    assert [message.kind for message in got] == [Kind.STOP]
    assert (decoder.bad_lengths, decoder.crc_errors, decoder.skipped) == (1, 1, 5 + 16 + 20)


def test_memory_is_bounded_by_one_frame_whatever_comes() -> None:
    decoder = Decoder()
    header = protocol.HEADER.pack(protocol.MAGIC, Kind.BLOCK, 0, 0, protocol.MAX_PAYLOAD, 0)
    for chunk in (b"\xfa" * 100_000, b"\xfa\xce" * 50_000, header * 3000, bytes(100_000)):
        for at in range(0, len(chunk), 4096):
            decoder.feed(chunk[at : at + 4096])
            assert decoder.pending < protocol.MAX_FRAME
    decoder.clear()
    assert decoder.pending == 0


def test_a_payload_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="at most 24576 bytes, got 24577"):
        encode(Kind.BLOCK, bytes(24577))
    assert len(encode(Kind.BLOCK, bytes(24576))) == protocol.MAX_FRAME


# --- the device's clock -----------------------------------------------------------------------------------------------


@given(
    st.floats(-100e-6, 100e-6),
    st.integers(-(10**15), 10**15),
    st.lists(st.integers(0, 30_000_000), min_size=200, max_size=200),
)
def test_the_device_clock_follows_the_fastest_messages(drift: float, offset: int, delays: list[int]) -> None:
    clock = DeviceClock()
    period_ns = 150_000_000
    for index in range(200):
        device_ns = index * period_ns
        delay = 0 if index % 10 == 3 else delays[index]
        clock.add(device_ns, round(device_ns * (1 + drift)) + offset + delay)
    now_ns = 199 * period_ns
    assert clock.to_host_ns(now_ns) == pytest.approx(round(now_ns * (1 + drift)) + offset, abs=20_000)
    assert clock.drift == pytest.approx(drift, abs=5e-6)


def test_no_message_arrives_before_it_was_sent() -> None:
    clock = DeviceClock()
    jitter = [3, 9, 1, 4, 0, 8, 2, 7, 5, 6]
    for index in range(300):
        arrived_ns = index * 50_000_000 + jitter[index % 10] * 1_000_000
        clock.add(index * 50_000_000, arrived_ns)
        assert clock.to_host_ns(index * 50_000_000) <= arrived_ns
    assert abs(clock.drift) < 20e-6


def test_the_first_message_already_gives_a_time() -> None:
    clock = DeviceClock()
    knowledge = [clock.known]
    clock.add(1_000, 51_000)
    assert [*knowledge, clock.known] == [False, True]
    assert clock.to_host_ns(2_000) == 52_000


def test_a_device_that_booted_again_gets_a_new_origin() -> None:
    clock = DeviceClock()
    for index in range(100):
        clock.add(10**12 + index * 10**9, index * 10**9)
    clock.add(5_000, 100 * 10**9)
    assert clock.to_host_ns(6_000) == 100 * 10**9 + 1_000
