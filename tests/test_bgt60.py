"""The driver of the BGT60TR13C against an emulated chip, without a cable in between."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from chirps import bgt60_chirp, bgt60_chirps
from hypothesis import given, settings
from hypothesis import strategies as st
from radar_frames import FEED, SMALL, Between, cube, index_of, read_frames

from faceedge.errors import ConfigurationError, DeviceError, InputError
from faceedge.radar import bgt60
from faceedge.radar import bgt60_registers as chip_map
from faceedge.radar.bgt60 import Bgt60, block_words
from faceedge.radar.bgt60_transport import Block
from faceedge.radar.chirp import ChirpSettings
from faceedge.simulation.devices.bgt60 import Bgt60Chip
from faceedge.simulation.devices.clock import RealClock, SteppedClock
from faceedge.simulation.devices.feed import CallableFeed
from faceedge.simulation.devices.local import LocalTransport

FOOD = bgt60_chirp()


def chip_and_transport(feed: CallableFeed = FEED) -> tuple[Bgt60Chip, Between]:
    chip = Bgt60Chip(feed, SteppedClock())
    return chip, Between(LocalTransport(chip))


def pass_time(chip: Bgt60Chip, seconds: float) -> None:
    assert isinstance(chip.clock, SteppedClock)
    chip.clock.advance(seconds)


def streaming(block: Block, chip: Bgt60Chip) -> bool:
    """Whether ``block`` is of frames, not of the check at the start."""
    return not chip.register(chip_map.SFCTL) & 1 << 17


def read_strictly(source: Bgt60, times: int) -> None:
    for _ in range(times):
        source.read()


# --- frames -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rx", [(1,), (2,), (3,), (1, 2), (1, 3), (2, 3), (1, 2, 3)])
def test_each_sample_arrives_at_its_receiver_chirp_and_place(rx: tuple[int, ...]) -> None:
    _chip, transport = chip_and_transport()
    chirp = dataclasses.replace(SMALL, rx_antennas=rx)
    with Bgt60(chirp, transport) as source:
        for index in range(3):
            frame = source.read()
            assert frame is not None
            assert frame.sequence == index
            assert frame.cube is not None
            assert frame.cube.dtype == np.uint16
            np.testing.assert_array_equal(frame.cube, cube(index)[[number - 1 for number in rx]])
    assert (source.dropped, source.rejected, source.counters["restarts"]) == (0, 0, 0)


def test_foods_frame_is_larger_than_the_fifo_and_comes_whole() -> None:
    shape = FOOD.cube_shape
    assert math.prod(shape) // 2 > chip_map.FIFO_WORDS
    chip, transport = chip_and_transport(CallableFeed(lambda index: cube(index, shape)))
    with Bgt60(FOOD, transport) as source:
        assert [index_of(frame) for frame in read_frames(source, 4)] == [0, 1, 2, 3]
    assert chip.counters["overflows"] == 0


@given(bgt60_chirps(), st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_any_possible_chirp_streams_or_is_refused_before(chirp: ChirpSettings, seed: int) -> None:
    cubes = np.random.default_rng(seed).integers(0, 4096, (2, *chirp.cube_shape), np.uint16)
    chip = Bgt60Chip(CallableFeed(lambda index: cubes[index % 2]), SteppedClock())
    try:
        source = Bgt60(chirp, LocalTransport(chip))
    except ConfigurationError:
        with pytest.raises(ConfigurationError, match="more divisors"):
            block_words(*chirp.cube_shape)
        return
    with source:
        for index in range(3):
            frame = source.read()
            assert frame is not None
            np.testing.assert_array_equal(frame.cube, cubes[index % 2])


def test_settings_without_receiver_1_are_checked_with_it_in_the_place_of_another() -> None:
    chip = Bgt60Chip(None, SteppedClock())
    chirp = bgt60_chirp(samples=9, chirps=1, rx=(2, 3))  # one receiver alone would give an odd number of samples
    with Bgt60(chirp, LocalTransport(chip)) as source:
        assert [frame.sequence for frame in read_frames(source, 2)] == [0, 1]


def test_frames_do_not_share_memory() -> None:
    _, transport = chip_and_transport()
    with Bgt60(dataclasses.replace(SMALL, rx_antennas=(1,)), transport) as source:
        first, second = read_frames(source, 2)
    assert first.cube is not None
    assert second.cube is not None
    assert not np.shares_memory(first.cube, second.cube)


def test_the_registers_of_the_chip_are_those_of_the_chirp_afterwards() -> None:
    chip, transport = chip_and_transport()
    chirp = dataclasses.replace(SMALL, rx_antennas=(2, 3))  # the check at the start needs receiver 1
    with Bgt60(chirp, transport):
        expected = dict(chip_map.registers_for(chirp))
        expected[chip_map.SFCTL] = expected[chip_map.SFCTL] & ~0x1FFF | block_words(2, 32, 64) - 1
        assert {address: chip.register(address) for address in expected} == expected


@pytest.mark.parametrize(
    ("shape", "words"),
    [((3, 64, 128), 1536), ((3, 32, 64), 1536), ((1, 64, 128), 2048), ((3, 16, 512), 1536), ((3, 128, 256), 1536),
     ((1, 1, 64), 32), ((1, 3, 5), 0), ((1, 2, 4001), 0), ((3, 2, 1361), 1361)],
)  # fmt: skip
def test_blocks_are_equal_parts_of_a_frame(shape: tuple[int, int, int], words: int) -> None:
    if not words:
        with pytest.raises(ConfigurationError, match="more divisors"):
            block_words(*shape)
    else:
        assert block_words(*shape) == words
        assert math.prod(shape) // 2 % words == 0


# --- time -------------------------------------------------------------------------------------------------------------


def test_the_stamp_is_the_start_of_the_first_ramp_on_the_system_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = Bgt60Chip(FEED, RealClock())
    monkeypatch.setattr(bgt60, "to_system_ns", lambda moment_ns, clock: moment_ns + 7_000_000)
    with Bgt60(SMALL, LocalTransport(chip)) as source:
        for frame in read_frames(source, 3):
            start_ns = chip.ramp_start_ns(index_of(frame))
            assert start_ns is not None
            assert frame.stamp_ns - 7_000_000 == pytest.approx(start_ns, abs=1000)


def test_a_block_that_was_read_late_does_not_delay_the_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bgt60, "to_system_ns", lambda moment_ns, clock: moment_ns)
    chip, transport = chip_and_transport()
    late_ns = 3_000_000
    transport.on_block = lambda block: dataclasses.replace(
        block, time_ns=block.time_ns + late_ns * (block.sequence % 2 == 0)
    )
    with Bgt60(SMALL, transport) as source:
        for frame in read_frames(source, 3):
            assert frame.stamp_ns == pytest.approx(chip.ramp_start_ns(index_of(frame)), abs=1000)


def test_a_frame_that_arrives_periods_after_it_was_made_is_late() -> None:
    _chip, transport = chip_and_transport()
    transport.on_block = lambda block: dataclasses.replace(block, time_ns=bgt60.time.monotonic_ns() - 60_000_000)
    with Bgt60(SMALL, transport) as source:
        read_frames(source, 3)
        assert source.late == 3
    transport.on_block = lambda block: dataclasses.replace(block, time_ns=bgt60.time.monotonic_ns())
    with Bgt60(SMALL, transport) as source:
        read_frames(source, 3)
        assert source.late == 0


# --- loss -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [{2}, {3}, {2, 3}, {3, 4}, {1, 2, 3, 4, 5, 6}, {0}])
def test_a_frame_without_all_its_blocks_is_dropped_whole_and_counted(lost: set[int]) -> None:
    chip, transport = chip_and_transport()
    transport.on_block = lambda block: None if streaming(block, chip) and block.sequence in lost else block
    with Bgt60(SMALL, transport) as source:
        frames = read_frames(source, 5)
    broken = {block // 2 for block in lost}
    expected = [index for index in range(20) if index not in broken][:5]
    assert [index_of(frame) for frame in frames] == expected
    assert [frame.sequence for frame in frames] == expected
    assert source.dropped == len(broken)
    assert source.rejected == 0


def test_the_transport_s_counts_are_told_although_no_frame_gets_through() -> None:
    _chip, transport = chip_and_transport()
    with Bgt60(SMALL, transport) as source:
        transport.counters["crc_errors"] = 7
        transport.on_block = lambda block: dataclasses.replace(block, data=block.data[:-3])
        assert source.read(0.05) is None
        assert source.counters["crc_errors"] == 7


def test_a_truncated_block_takes_its_frame_with_it() -> None:
    chip, transport = chip_and_transport()
    transport.on_block = lambda block: (
        dataclasses.replace(block, data=block.data[:-3]) if block.sequence == 5 and streaming(block, chip) else block
    )
    with Bgt60(SMALL, transport) as source:
        assert [frame.sequence for frame in read_frames(source, 4)] == [0, 1, 3, 4]
    assert source.counters["incomplete_frames"] == 1
    assert source.dropped == 1


def test_a_fifo_that_ran_over_is_reported_and_the_chip_restarted() -> None:
    chip, transport = chip_and_transport()
    with Bgt60(SMALL, transport) as source:
        before = read_frames(source, 2)[-1]
        pass_time(chip, 1.0)  # nobody reads for 50 frames
        with pytest.raises(InputError, match=r"FIFO ran over.*restarted \(1 so far\)"):
            read_strictly(source, 9)
        after = read_frames(source, 3)
        assert [frame.sequence - after[0].sequence for frame in after] == [0, 1, 2]
        [index_of(frame) for frame in after]  # whole, all of them
        missed = after[0].sequence - before.sequence - 1
        assert missed == pytest.approx(51, abs=3)
        assert (source.rejected, source.dropped) == (1, missed - 1)
        assert source.counters["overflows"] == source.counters["restarts"] == 1


def test_an_error_before_the_first_frame_is_no_frame_that_got_lost() -> None:
    chip, transport = chip_and_transport()
    with Bgt60(SMALL, transport) as source:
        pass_time(chip, 1.0)
        with pytest.raises(InputError, match="FIFO ran over"):
            source.read()
        assert [frame.sequence for frame in read_frames(source, 2)] == [1, 2]
        assert (source.rejected, source.dropped) == (1, 0)


def test_an_error_before_a_pause_is_not_taken_off_from_what_gets_lost_after_it() -> None:
    chip, transport = chip_and_transport()
    source = Bgt60(SMALL, transport)
    source.open()
    read_frames(source, 1)
    pass_time(chip, 1.0)
    with pytest.raises(InputError, match="FIFO ran over"):
        read_strictly(source, 9)
    source.close()
    source.open()
    read_frames(source, 2)
    assert (source.rejected, source.dropped) == (1, 0)
    source.close()


def test_an_error_of_the_spi_clock_is_cleared_by_a_software_reset() -> None:
    chip, transport = chip_and_transport()
    with Bgt60(SMALL, transport) as source:
        read_frames(source, 1)
        chip.transfer(b"\x04\x00")  # half a word: the chip remembers that until it is reset
        with pytest.raises(InputError, match="number of SPI clocks"):
            read_strictly(source, 4)
        for frame in read_frames(source, 3):
            index_of(frame)
        assert source.counters["clock_errors"] == 1


def test_a_chip_that_never_gets_through_a_frame_is_given_up() -> None:
    _chip, transport = chip_and_transport()
    with Bgt60(SMALL, transport) as source:
        transport.on_block = lambda block: dataclasses.replace(block, status=0xF8)
        for _ in range(bgt60.RESTARTS):
            with pytest.raises(InputError):
                source.read()
        with pytest.raises(DeviceError, match=r"5 times without one good frame.*longer frame period"):
            source.read()


def test_frames_that_passed_while_the_device_was_away_are_counted_at_the_next_open() -> None:
    chip, transport = chip_and_transport()
    source = Bgt60(SMALL, transport)
    source.open()
    last = read_frames(source, 3)[-1]

    def gone(block: Block) -> Block:
        raise DeviceError("the cable")

    transport.on_block = gone
    with pytest.raises(DeviceError, match="the cable"):
        source.read()
    pass_time(chip, 0.4)
    transport.on_block = lambda block: block
    source.open()
    again = read_frames(source, 2)
    source.close()
    gap = again[0].sequence - last.sequence - 1
    assert gap == pytest.approx(20, abs=4)
    assert source.dropped == gap
    assert again[1].sequence == again[0].sequence + 1


def test_a_pause_between_close_and_open_is_no_loss() -> None:
    chip, transport = chip_and_transport()
    source = Bgt60(SMALL, transport)
    source.open()
    read_frames(source, 3)
    source.close()
    pass_time(chip, 10.0)
    source.open()
    assert [frame.sequence for frame in read_frames(source, 2)] == [3, 4]
    assert source.dropped == 0
    source.close()


def test_a_standstill_is_an_error_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bgt60, "STALLED_S", 0.0)
    monkeypatch.setattr(bgt60, "STALLED_PERIODS", 0.0)
    _chip, transport = chip_and_transport()
    with Bgt60(SMALL, transport) as source:
        read_frames(source, 1)
        transport.stop_stream()
        with pytest.raises(DeviceError, match=r"stands still: no data for .* s, expected a frame every 20.0 ms"):
            source.read(0.0)


def test_reading_in_small_steps_loses_nothing() -> None:
    _chip, transport = chip_and_transport()
    with Bgt60(SMALL, transport) as source:
        steps = [source.read(0.0) for _ in range(200)]
    frames = [frame for frame in steps if frame is not None]
    assert [index_of(frame) for frame in frames] == list(range(len(frames)))


# --- opening and closing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chip_id", "words"),
    [(b"\x00\x00\x00", "no BGT60TR13C answers.*wires"), (b"\xff\xff\xff", "no BGT60TR13C answers.*id FFFFFF"),
     (b"\x00\x06\x06", "expected chip id 000303 of a BGT60TR13C, got 000606; it is another part")],
)  # fmt: skip
def test_another_chip_id_says_what_is_wrong(chip_id: bytes, words: str) -> None:
    _chip, transport = chip_and_transport()
    transport.on_transfer = lambda sent, got: got[:1] + chip_id if sent[0] == 0x04 else got
    with pytest.raises(DeviceError, match=words):
        Bgt60(SMALL, transport).open()


def test_a_chip_without_power_is_no_chip() -> None:
    chip, transport = chip_and_transport()
    chip.answers = False
    with pytest.raises(DeviceError, match="no BGT60TR13C answers"):
        Bgt60(SMALL, transport).open()


def test_a_chip_that_loses_power_while_streaming_is_named() -> None:
    _chip, transport = chip_and_transport()
    with Bgt60(SMALL, transport) as source:
        read_frames(source, 1)
        transport.on_block = lambda block: dataclasses.replace(block, status=0, data=bytes(len(block.data)))
        with pytest.raises(DeviceError, match="does not answer any more"):
            source.read()


def test_a_reset_that_never_ends_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bgt60, "RESET_PAUSE_S", 0.0)
    _chip, transport = chip_and_transport()
    transport.on_transfer = lambda sent, got: got[:1] + b"\x1e\x00\x02" if sent[0] == 0x00 else got
    with pytest.raises(DeviceError, match="does not come out of its reset"):
        Bgt60(SMALL, transport).open()


def test_a_register_that_does_not_keep_its_value_is_an_error() -> None:
    _chip, transport = chip_and_transport()
    transport.on_transfer = lambda sent, got: got[:1] + b"\x00\x00\x00" if sent[0] == chip_map.PLL1_2 << 1 else got
    with pytest.raises(DeviceError, match="register PLL1_2 reads 000000 after 000172 was written"):
        Bgt60(SMALL, transport).open()


def test_one_wrong_bit_in_the_test_words_is_found() -> None:
    _chip, transport = chip_and_transport()

    def flip(block: Block) -> Block:
        data = bytearray(block.data)
        data[9] ^= 0x10  # word 3: samples 6 and 7, of which 6 is receiver 1 at place 2
        return dataclasses.replace(block, data=bytes(data)) if block.sequence == 0 else block

    transport.on_block = flip
    with pytest.raises(DeviceError, match=r"1 of 2048 test words arrived wrong .*number 2: expected 400, got 500"):
        Bgt60(SMALL, transport).open()


def test_a_missing_interrupt_is_named() -> None:
    chip, transport = chip_and_transport()
    transport.on_block = lambda block: None
    chip.clock = RealClock()

    def never(timeout_s: float) -> None:
        return None

    transport.read_block = never  # type: ignore[method-assign]
    with pytest.raises(DeviceError, match=r"0 of 2 blocks came within .* is the interrupt line connected"):
        Bgt60(SMALL, transport).open()


def test_the_check_at_the_start_is_repeated_when_a_block_got_lost() -> None:
    _chip, transport = chip_and_transport()
    first = itertools.count()
    transport.on_block = lambda block: None if next(first) == 0 else block
    with Bgt60(SMALL, transport) as source:
        assert [index_of(frame) for frame in read_frames(source, 2)] == [0, 1]


def test_closing_puts_the_chip_to_rest() -> None:
    chip, transport = chip_and_transport()
    source = Bgt60(SMALL, transport)
    source.close()
    with pytest.raises(DeviceError, match="read before it was opened"):
        source.read()
    source.open()
    read_frames(source, 1)
    assert chip.timing is not None
    source.close()
    source.close()
    assert chip.timing is None


def test_the_temperature_is_read_between_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bgt60, "TEMPERATURE_PERIOD_S", 0.0)
    chip, transport = chip_and_transport()
    chip.temperature_c = 51.0
    with Bgt60(SMALL, transport) as source:
        frames = read_frames(source, 6)
        assert math.isnan(frames[0].temperature_c)
        assert frames[-1].temperature_c == pytest.approx(51.0, abs=0.25)
        assert source.temperature_c == frames[-1].temperature_c
        chip.temperature_c = 20.0
        read_frames(source, 6)
        assert source.temperature_c == pytest.approx(20.0, abs=0.25)


def test_a_reset_during_a_measurement_gives_no_temperature_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bgt60, "TEMPERATURE_PERIOD_S", 0.0)
    chip, transport = chip_and_transport()
    with Bgt60(SMALL, transport) as source:
        read_frames(source, 1)  # and start a measurement
        chip.transfer(b"\x04\x00")
        with pytest.raises(InputError, match="number of SPI clocks"):
            read_strictly(source, 4)
        temperatures = [frame.temperature_c for frame in read_frames(source, 6)]
        assert all(math.isnan(each) or each == pytest.approx(40.0, abs=0.25) for each in temperatures)
        assert not math.isnan(temperatures[-1])


def test_frames_go_on_when_the_temperature_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bgt60, "TEMPERATURE_PERIOD_S", 0.0)
    _chip, transport = chip_and_transport()

    def fails(sent: bytes, got: bytes) -> bytes:
        if sent[0] >> 1 == chip_map.SADC_RESULT:
            raise DeviceError("a reply got lost")
        return got

    transport.on_transfer = fails
    with Bgt60(SMALL, transport) as source:
        assert len(read_frames(source, 6)) == 6
        assert source.counters["temperature_failures"] > 0


def test_a_chirp_of_another_device_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(ConfigurationError, match="'iwr6843'"):
        Bgt60(dataclasses.replace(SMALL, device="iwr6843"), chip_and_transport()[1])
