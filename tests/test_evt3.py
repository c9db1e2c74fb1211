"""EVT3: words in and out, the clock, streams that are joined, cut and damaged."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
import textbook_evt3
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from shared_data import SHARED_DATA

from faceedge.errors import ConfigurationError, InputError
from faceedge.events.evt3 import EVENT_DTYPE, Decoder, EncoderState, encode

REAL = SHARED_DATA / "events"
WRAP_US = 1 << 24


def words(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}H", *numbers)


def made(*events: tuple[int, int, int, bool]) -> np.ndarray:
    return np.array(list(events), EVENT_DTYPE)


def random_events(seed: int, count: int, width: int = 640, height: int = 480, step_us: int = 3) -> np.ndarray:
    generator = np.random.default_rng(seed)
    events = np.empty(count, EVENT_DTYPE)
    events["t"] = np.cumsum(generator.integers(0, step_us, count))
    events["x"], events["y"] = generator.integers(0, width, count), generator.integers(0, height, count)
    events["p"] = generator.random(count) < 0.5
    return events


def test_the_worked_example_decodes_to_four_events() -> None:
    data = bytes.fromhex("f480 4562 3200 6428 6038 3040 0150")
    expected = made(
        (1_000_005, 100, 50, True), (1_000_005, 100, 50, True), (1_000_005, 101, 50, True), (1_000_005, 108, 50, True)
    )
    assert Decoder().feed(data).tolist() == expected.tolist()


def test_one_event_is_written_as_time_row_and_column() -> None:
    assert encode(made((1_000_005, 100, 50, True))) == bytes.fromhex("f480 4562 3200 6428")


def test_what_did_not_change_is_not_written_again() -> None:
    data = encode(made((5, 1, 2, True), (5, 9, 2, False), (7, 9, 2, False), (4096, 9, 3, False)))
    assert data == words(0x8000, 0x6005, 0x0002, 0x2801, 0x2009, 0x6007, 0x2009, 0x8001, 0x6000, 0x0003, 0x2009)


def test_neighbours_in_a_row_at_one_time_become_a_vector() -> None:
    row = made(*((5, x, 2, True) for x in (10, 11, 12, 21, 22, 41)))
    assert encode(row) == words(0x8000, 0x6005, 0x0002, 0x380A, 0x4807, 0x4001, 0x5080)
    assert Decoder().feed(encode(row)).tolist() == row.tolist()


def test_two_neighbours_stay_single_because_a_vector_is_no_shorter() -> None:
    assert encode(made((5, 10, 2, True), (5, 11, 2, True))) == words(0x8000, 0x6005, 0x0002, 0x280A, 0x280B)


def test_a_full_row_of_1280_pixels_takes_160_words() -> None:
    row = made(*((5, x, 2, False) for x in range(1280)))
    assert len(encode(row)) == 2 * (3 + 40 * 4)
    assert np.array_equal(Decoder().feed(encode(row)), row)


def test_no_events_are_no_bytes() -> None:
    assert encode(made()) == b""
    assert len(Decoder().feed(b"")) == 0


@given(st.integers(0, 2**32), st.integers(0, 400), st.sampled_from([1, 2, 50, 5000]))
@settings(max_examples=60, deadline=None)
def test_encoding_and_decoding_gives_the_same_events(seed: int, count: int, step_us: int) -> None:
    events = random_events(seed, count, 48, 4, step_us)
    assert np.array_equal(Decoder(48, 4).feed(encode(events)), events)


@given(arrays.arrays(np.uint16, st.integers(0, 300)), st.lists(st.integers(1, 90), max_size=12))
@settings(max_examples=200, deadline=None)
def test_any_words_decode_as_one_by_one_however_they_are_cut(numbers: np.ndarray, cuts: list[int]) -> None:
    data = words(0x8123, 0x0007) + numbers.astype("<u2").tobytes()
    decoder, at, parts = Decoder(1280, 720), 0, []
    for cut in (*cuts, len(data)):
        parts.append(decoder.feed(data[at : at + cut]))
        at += cut
    assert np.array_equal(np.concatenate(parts), textbook_evt3.decode(data, 1280, 720))


def few_kinds() -> st.SearchStrategy[int]:
    return st.one_of(
        st.integers(0x8000, 0x8FFF), st.integers(0x8000, 0x800F), st.integers(0x6000, 0x6FFF), st.just(0x2001)
    )


@given(st.lists(few_kinds(), max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_sequence_of_times_is_followed_as_word_by_word(numbers: list[int]) -> None:
    data = words(0x8000, 0x0001, *numbers)
    assert np.array_equal(Decoder().feed(data), textbook_evt3.decode(data))


def test_time_goes_on_through_the_wrap_of_24_bits() -> None:
    events = made(*((t, 1, 1, True) for t in range(16_000_000, 52_000_000, 3_000)))
    batches = [events[at : at + 100] for at in range(0, len(events), 100)]
    state, decoder = EncoderState(), Decoder()
    decoded = np.concatenate([decoder.feed(encode(batch, state=state)) for batch in batches])
    assert decoded["t"].tolist() == events["t"].tolist()
    assert decoder.clock.wraps == 3


@pytest.mark.parametrize("pause_us", [4096, 5_000_000, 16_777_216, 60_000_000, 3_600_000_000])
def test_a_pause_of_any_length_passes_between_batches_and_within_one(pause_us: int) -> None:
    events = made((100, 1, 1, True), (100 + pause_us, 2, 1, True), (100 + 2 * pause_us, 3, 1, False))
    state, decoder = EncoderState(), Decoder()
    data = encode(events[:1], state=state) + encode(events[1:], state=state)
    assert decoder.feed(data)["t"].tolist() == events["t"].tolist()


def test_a_pause_of_more_than_a_day_is_refused() -> None:
    with pytest.raises(InputError, match="more than a day"):
        encode(made((0, 1, 1, True), (90_000_000_000, 1, 1, True)))


def test_a_decoder_joins_with_any_batch() -> None:
    events = random_events(1, 3000)
    state = EncoderState()
    batches = [encode(events[at : at + 100], state=state) for at in range(0, 3000, 100)]
    assert np.array_equal(Decoder().feed(b"".join(batches[17:])), events[1700:])


def test_what_comes_before_the_first_time_and_row_is_passed_over_and_counted() -> None:
    decoder = Decoder()
    events = decoder.feed(words(0x0005, 0x2001, 0x6001, 0x8002, 0x2002, 0x4FFF, 0x6003, 0x0009, 0x2004))
    assert events.tolist() == [(8195, 4, 9, False)]
    assert (decoder.counters.before_time, decoder.counters.before_row, decoder.counters.before_base) == (3, 1, 1)


def test_half_a_word_waits_for_its_other_half() -> None:
    data, decoder = words(0x8000, 0x0001, 0x2803), Decoder()
    assert len(decoder.feed(data[:5])) == 0
    assert decoder.pending == 1
    assert decoder.feed(data[5:]).tolist() == [(0, 3, 1, True)]


def test_a_small_step_back_of_the_clock_holds_the_time() -> None:
    decoder = Decoder()
    events = decoder.feed(words(0x8010, 0x0001, 0x6FF0, 0x2001, 0x800F, 0x6FFF, 0x2002, 0x8010, 0x6FF5, 0x2003))
    assert events["t"].tolist() == [0x10FF0, 0x10FF0, 0x10FF5]
    assert decoder.clock.steps_back == 3
    assert decoder.clock.doubted == 0


def test_a_bit_error_of_the_time_is_doubted_and_forgotten() -> None:
    decoder = Decoder()
    events = decoder.feed(words(0x8010, 0x0001, 0x6001, 0x2001, 0x8810, 0x6001, 0x2002, 0x8011, 0x6001, 0x2003))
    assert events["t"].tolist() == [0x10001, 0x10001, 0x11001]
    assert (decoder.clock.doubted, decoder.clock.jumps, decoder.clock.wraps) == (1, 0, 0)


def test_a_jump_that_the_next_time_continues_is_followed() -> None:
    decoder = Decoder()
    events = decoder.feed(words(0x8010, 0x0001, 0x2001, 0x8810, 0x2002, 0x8811, 0x6002, 0x2003))
    assert events["t"].tolist() == [0x10000, 0x10000, 0x811002]
    assert (decoder.clock.doubted, decoder.clock.jumps) == (1, 1)


def test_a_small_wrong_leap_ahead_is_taken_back() -> None:
    decoder = Decoder()
    events = decoder.feed(words(0x8010, 0x0001, 0x8210, 0x2001, 0x8011, 0x2002, 0x8012, 0x6003, 0x2003))
    assert events["t"].tolist() == [0x210000, 0x210000, 0x12003]
    assert decoder.clock.jumps == 1


def test_unknown_words_triggers_and_events_outside_the_sensor_are_counted() -> None:
    decoder = Decoder(320, 320)
    data = words(
        0x8000, 0x0001, 0x1234, 0x9000, 0xB000, 0xC000, 0xD000, 0xA601, 0xE014, 0xF123, 0x7001, 0x2000 | 320, 0x2001
    )
    assert decoder.feed(data).tolist() == [(0, 1, 1, False)]
    counters = decoder.counters
    assert (counters.unknown, counters.triggers, counters.others, counters.outside) == (5, 1, 1, 1)
    assert (counters.words, counters.events) == (13, 1)


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        (made((5, 1, 1, True), (4, 1, 1, True)), "event 1 has the time 4 us after 5 us"),
        (made((-1, 1, 1, True)), "times begin at 0"),
        (made((5, 320, 1, True)), "event 0 is at column 320, row 1; the sensor has 320x320"),
        (np.zeros(3), "fields t, x, y and p"),
    ],
)
def test_events_that_cannot_be_written_are_refused_with_a_sentence(events: np.ndarray, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        encode(events, width=320, height=320)


def test_a_batch_before_the_last_one_is_refused() -> None:
    state = EncoderState()
    encode(made((500, 1, 1, True)), state=state)
    with pytest.raises(InputError, match="continue at 499 us after 500 us"):
        encode(made((499, 1, 1, True)), state=state)


def test_a_sensor_beyond_11_bits_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="4096x720"):
        Decoder(4096, 720)


# Real recordings


CHECKSUMS = [1163852150, 1020540681, 2671808845, 2041904026]
"""CRC-32 of the times (int64), columns, rows and polarities that faery decodes from them."""


def packets() -> Iterator[bytes]:
    """EVT3 bytes of the messages of a recording by the ROS driver of Prophesee's cameras."""
    rosbag2 = pytest.importorskip("rosbags.rosbag2")
    if not (REAL / "test_events_1").is_dir():
        pytest.skip("no recordings beside the repository")
    with rosbag2.Reader(REAL / "test_events_1") as reader:
        for _, _, message in reader.messages():
            at = message.index(b"evt3\0") + 6  # and the flag of the byte order
            at = 4 + (at - 4 + 3) // 4 * 4
            size = struct.unpack_from("<I", message, at)[0]
            yield bytes(message[at + 4 : at + 4 + size])


def test_recorded_packets_have_as_many_events_as_two_other_decoders_found() -> None:
    decoder = Decoder(640, 480)
    events = np.concatenate([decoder.feed(packet) for packet in packets()])
    assert len(events) == 343_474
    assert events[0].tolist() == (7_139_845, 479, 441, False)
    assert events[-1].tolist() == (9_218_023, 39, 374, False)
    assert [zlib.crc32(events[axis].tobytes()) for axis in "txyp"] == CHECKSUMS
    assert decoder.counters.triggers == 4157
    assert (decoder.clock.doubted, decoder.counters.unknown, decoder.counters.outside) == (0, 0, 0)


def test_recorded_packets_survive_encoding() -> None:
    data = b"".join(packets())
    events = Decoder(640, 480).feed(data)
    again = encode(events)
    assert np.array_equal(Decoder(640, 480).feed(again), events)
    assert len(again) < 0.9 * len(data)
