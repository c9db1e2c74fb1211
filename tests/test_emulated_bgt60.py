"""The emulated BGT60TR13C on its pins: golden transactions, timing to the cycle, FIFO, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bgt60_registers_by_hand import RX1_ONLY, RX2_ONLY, configure, read, read_fifo, recipe, start, write
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import SHARED_DATA

from faceedge.errors import ConfigurationError
from faceedge.simulation.devices.bgt60 import FIFO_WORDS, Bgt60Chip
from faceedge.simulation.devices.bgt60_frames import LFSR_WORDS, pack
from faceedge.simulation.devices.bgt60_timing import chirp_settings, decode
from faceedge.simulation.devices.clock import RealClock, SteppedClock
from faceedge.simulation.devices.feed import CallableFeed, RecordingFeed

NS_PER_CYCLE = 12.5
MAIN, SFCTL, FSTAT = 0x00, 0x06, 0x5F


def unpack(data: bytes) -> np.ndarray:
    """12-bit samples, written differently from the emulator's packing: through text."""
    text = data.hex()
    return np.array([int(text[place : place + 3], 16) for place in range(0, len(text), 3)], np.uint16)


def registers(name: str, extra: dict[int, int] | None = None) -> list[int]:
    words = [0] * 128
    for address, value in recipe(name, extra).items():
        words[address] = value
    return words


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(1_000_000)


def numbered(shape: tuple[int, int, int]) -> CallableFeed:
    """Cubes in which every sample of the first frames is another one."""
    count = int(np.prod(shape))
    return CallableFeed(lambda index: ((np.arange(count) + 7 * index) % 4096).astype(np.uint16).reshape(shape))


def test_the_chip_id_reads_as_on_the_wire(clock: SteppedClock) -> None:
    chip = Bgt60Chip(clock=clock)
    assert chip.transfer(bytes.fromhex("04000000")) == bytes.fromhex("F4000303")
    chip.transfer(bytes.fromhex("0D1027FF"))  # SFCTL without MISO_HS_RD
    assert chip.transfer(bytes.fromhex("04000000")) == bytes.fromhex("F0000303")
    assert read(chip, SFCTL) == 0x1027FF


def test_a_write_returns_what_the_register_held_before(clock: SteppedClock) -> None:
    chip = Bgt60Chip(clock=clock)
    assert write(chip, 0x05, 0x0805B4) == bytes.fromhex("F4040014")
    assert write(chip, 0x05, 0x123456) == bytes.fromhex("F40805B4")
    assert write(chip, 0x02, 0x000000)[1:] == bytes.fromhex("000303")
    assert read(chip, 0x02) == 0x000303  # read only


def test_reset_bits_clear_themselves_and_a_software_reset_restores_the_registers(clock: SteppedClock) -> None:
    chip = Bgt60Chip(clock=clock)
    configure(chip, recipe("50 ms"), 2048)
    write(chip, MAIN, 0x1E8270 | 0xE)
    assert read(chip, MAIN) == 0x1E0000
    assert read(chip, 0x2F) == 0
    assert chip.transfer(bytes.fromhex("04000000"))[0] == 0xF4


def test_a_burst_reads_and_writes_registers_in_a_row(clock: SteppedClock) -> None:
    chip = Bgt60Chip(clock=clock)
    command = (0xFF000000 | 0x08 << 17 | 1 << 16 | 3 << 9).to_bytes(4, "big")
    chip.transfer(command + bytes.fromhex("000001 000002 000003"))
    assert [read(chip, address) for address in (0x08, 0x09, 0x0A)] == [1, 2, 3]
    command = (0xFF000000 | 0x08 << 17).to_bytes(4, "big")
    assert chip.transfer(command + bytes(9))[4:] == bytes.fromhex("000001 000002 000003")
    assert chip.transfer(bytes(4))[0] == 0xF4


@pytest.mark.parametrize(
    ("transaction", "status", "fstat"),
    [
        (bytes(2), 0xF5, 1 << 17),
        (bytes(5), 0xF5, 1 << 17),
        (bytes.fromhex("FFC0"), 0xF5, 1 << 17),
        ((0xFF000000 | 0x08 << 17 | 3 << 9).to_bytes(4, "big") + bytes(6), 0xF6, 1 << 18),
        ((0xFF000000 | 0x08 << 17).to_bytes(4, "big") + bytes(5), 0xF5, 1 << 17),
    ],
)
def test_a_transaction_of_a_wrong_length_leaves_an_error_until_reset(
    clock: SteppedClock, transaction: bytes, status: int, fstat: int
) -> None:
    chip = Bgt60Chip(clock=clock)
    assert len(chip.transfer(transaction)) == len(transaction)
    write(chip, MAIN, 0x1E0000 | 0x8)  # a FIFO reset does not clear it
    assert chip.transfer(bytes.fromhex("04000000"))[0] == status
    assert read(chip, FSTAT) == 0x100000 | fstat
    write(chip, MAIN, 0x1E0000 | 0x2)
    assert chip.transfer(bytes.fromhex("04000000"))[0] == 0xF4


def test_a_write_of_too_few_bits_is_ignored_and_of_too_many_cut(clock: SteppedClock) -> None:
    chip = Bgt60Chip(clock=clock)
    chip.transfer(bytes.fromhex("0B1234"))
    assert read(chip, 0x05) == 0x040014
    chip.transfer(bytes.fromhex("0B123456FF"))
    assert read(chip, 0x05) == 0x123456


@pytest.mark.parametrize(
    ("name", "chirp_us", "frame_ms"),
    [("64x32", 591.125, 77.169), ("128x64", 79.9625, 99.9474), ("50 ms", 400.7, 50.0)],
)
def test_chirps_and_frames_last_as_long_as_the_vendors_tool_says(name: str, chirp_us: float, frame_ms: float) -> None:
    timing = decode(registers(name))
    assert timing.chirp_period_s * 1e6 == pytest.approx(chirp_us, abs=0.05 if name == "50 ms" else 1e-9)
    assert timing.frame_period_s * 1e3 == pytest.approx(frame_ms, abs=5e-5 if name != "50 ms" else 0.05)


def test_the_frame_timing_has_these_cycles() -> None:
    timing = decode(registers("64x32", RX2_ONLY))
    assert (timing.chirp, timing.frame) == (47_290, 6_173_520)
    assert timing.wake_up == 79_883
    assert timing.first_ramp == 79_883 + 4_167 + 90
    assert timing.first_sample - timing.first_ramp == 399  # 4.99 us into the ramp
    assert (timing.rx, timing.chirps, timing.samples, timing.adc_divider) == ((2,), 32, 64, 40)


@pytest.mark.parametrize(
    ("name", "extra", "band_hz", "sampled_hz", "gain_db", "high_pass_hz"),
    [
        ("64x32", RX2_ONLY, (58e9, 63.5e9), 5.01e9, 23.0, 80e3),
        ("256x128", {}, (58e9, 63.5e9), 5.369e9, 33.0, 80e3),
        ("128x64", {}, (61.0e9, 62.2e9), 1.1345e9, 60.0, 80e3),
        ("50 ms", {}, (60.5e9, 61.5e9), 0.953e9, 38.0, 80e3),
    ],
)
def test_the_registers_tell_the_band_and_the_gain_of_their_export(
    name: str,
    extra: dict[int, int],
    band_hz: tuple[float, float],
    sampled_hz: float,
    gain_db: float,
    high_pass_hz: float,
) -> None:
    chirp = chirp_settings(registers(name, extra))
    assert (chirp.start_frequency_hz, chirp.end_frequency_hz) == pytest.approx(band_hz, abs=2e6)
    assert chirp.sampled_bandwidth_hz == pytest.approx(sampled_hz, rel=1e-3)
    assert (chirp.if_gain_db, chirp.high_pass_hz, chirp.tx_power_level) == (gain_db, high_pass_hz, 31)


def test_registers_that_make_no_frames_are_refused_with_the_reason(clock: SteppedClock) -> None:
    with pytest.raises(ConfigurationError, match="oscillator is off"):
        decode(registers("50 ms", {0x04: 0x196524}))
    with pytest.raises(ConfigurationError, match="no receiver is selected"):
        decode(registers("50 ms", {0x11: 0x0FF41F}))
    with pytest.raises(ConfigurationError, match="do not fit into a ramp of 3712 cycles"):
        decode(registers("50 ms", {0x32: 0x0001D0}))
    chip = Bgt60Chip(clock=clock)
    start(chip)
    assert chip.counters["refused_starts"] == 1
    assert "oscillator" in chip.complaint
    assert chip.irq_rise_ns() is None


def test_every_sample_is_there_at_its_cycle_and_not_before() -> None:
    timing = decode(registers("50 ms"))
    for sample in (0, 2, 3, 383, 384, 24_575, 24_576, 24_576 * 12_000 + 5_000):
        cycle = timing.cycle_of(sample)
        assert cycle is not None
        assert timing.samples_at(cycle) >= sample + 1
        assert timing.samples_at(cycle - 1) <= sample
    assert timing.cycle_of(0) == timing.first_sample + 40
    assert timing.cycle_of(384) == timing.first_sample + timing.chirp + 40
    assert timing.cycle_of(24_576) == timing.frame + timing.first_sample + 40


@settings(deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(["50 ms", "64x32", "128x64"]), st.integers(1, 7), st.booleans())
def test_sample_times_and_counts_agree(sample: int, name: str, mask: int, prefix: bool) -> None:
    words = registers(name, {0x11: 0x0FF41F | mask << 20, 0x06: 0x1027FF | prefix << 18})
    timing = decode(words)
    cycle = timing.cycle_of(sample)
    assert cycle is not None
    assert timing.samples_at(cycle - 1) <= sample < timing.samples_at(cycle)


def test_the_interrupt_rises_with_the_word_that_completes_a_block(clock: SteppedClock) -> None:
    chip = Bgt60Chip(numbered((3, 64, 128)), clock)
    configure(chip, recipe("50 ms"), 2048)
    start(chip)
    begin = clock.now_ns()
    timing = decode(registers("50 ms"))
    last = timing.cycle_of(4095)
    assert last == timing.first_sample + 10 * timing.chirp + 86 * 40  # 4096 = 10 chirps of 384 and 85 triggers and 1
    rise = chip.irq_rise_ns()
    assert rise == begin + math.ceil(last * NS_PER_CYCLE)
    clock.advance((rise - begin - 1) / 1e9)
    levels, fill = [chip.irq], chip.fill_words
    clock.advance(1e-9)
    levels.append(chip.irq)
    assert read(chip, FSTAT) & (1 << 21)
    read_fifo(chip, 2048)
    levels.append(chip.irq)
    assert levels == [False, True, False]
    assert fill < 2048


def test_an_interrupt_that_stays_rises_when_the_transaction_ends(clock: SteppedClock) -> None:
    chip = Bgt60Chip(numbered((3, 64, 128)), clock)
    configure(chip, recipe("50 ms"), 1024)
    start(chip)
    clock.advance(0.020)
    assert chip.fill_words > 3 * 1024
    read_fifo(chip, 1024)
    assert chip.irq_rise_ns() == clock.now_ns()


def test_waiting_for_the_interrupt_ends_with_the_interrupt_or_the_time(clock: SteppedClock) -> None:
    chip = Bgt60Chip(numbered((3, 64, 128)), clock)
    configure(chip, recipe("50 ms"), 2048)
    before = clock.now_ns()
    assert chip.wait_irq(0.5) is None
    assert clock.now_ns() == before + 500_000_000
    start(chip)
    rise = chip.wait_irq(0.5)
    assert rise == clock.now_ns()


def test_real_time_brings_the_interrupt_as_well() -> None:
    chip = Bgt60Chip(numbered((3, 64, 128)), RealClock(speed=20.0))
    configure(chip, recipe("50 ms"), 2048)
    start(chip)
    assert chip.wait_irq(60.0) is not None
    assert len(unpack(read_fifo(chip, 2048))) == 4096


@pytest.mark.parametrize("words", [1364, 2048, 3072, 4099])
def test_a_recording_comes_out_bit_exact(clock: SteppedClock, words: int) -> None:
    cubes = np.random.default_rng(1).integers(0, 4096, (4, 3, 64, 128), np.uint16)
    chip = Bgt60Chip(RecordingFeed(cubes), clock)
    configure(chip, recipe("50 ms"), words)
    start(chip)
    data = b""
    while len(data) < 5 * 12_288 * 3:
        assert chip.wait_irq(0.1) is not None
        data += read_fifo(chip, words)
    samples = unpack(data[: 5 * 12_288 * 3]).reshape(5, 64, 128, 3).transpose(0, 3, 1, 2)
    assert np.array_equal(samples[:4], cubes)
    assert np.array_equal(samples[4], cubes[0])
    assert chip.counters["overflows"] == chip.counters["underflows"] == 0


def test_real_recordings_come_out_bit_exact(clock: SteppedClock) -> None:
    path = SHARED_DATA / "radar" / "bgt60" / "two_reflectors"
    if not path.is_dir():
        pytest.skip("the real recordings are not here")
    feed = RecordingFeed.load(path)
    chip = Bgt60Chip(feed, clock)
    configure(chip, recipe("64x32", {0x2E: 0x03F000}), 6144)  # (3, 64, 64) a frame
    start(chip)
    for cube in feed.cubes[:20]:
        assert chip.wait_irq(0.2) is not None
        samples = unpack(read_fifo(chip, 6144)).reshape(64, 64, 3).transpose(2, 0, 1)
        assert np.array_equal(samples, cube)


def test_frames_of_an_odd_number_of_samples_share_words(clock: SteppedClock) -> None:
    feed = numbered((1, 1, 5))
    chip = Bgt60Chip(feed, clock)
    configure(chip, recipe("50 ms", {**RX1_ONLY, 0x33: 5, 0x2E: 0}), 5)
    start(chip)
    assert chip.wait_irq(1.0) is not None
    samples = unpack(read_fifo(chip, 5))
    assert samples.tolist() == [0, 1, 2, 3, 4, 7, 8, 9, 10, 11]


def test_an_overflow_puts_the_chip_to_sleep_until_the_fifo_is_reset(clock: SteppedClock) -> None:
    chip = Bgt60Chip(numbered((3, 64, 128)), clock)
    configure(chip, recipe("50 ms"), 2048)
    start(chip)
    clock.advance(0.2)
    assert chip.overflowed
    assert chip.irq
    fstat = read(chip, FSTAT)
    assert fstat & 0x3FFF == FIFO_WORDS
    assert fstat & (1 << 22)
    assert fstat & (1 << 23)
    assert chip.transfer(bytes.fromhex("04000000"))[0] == 0xF8
    kept = unpack(read_fifo(chip, FIFO_WORDS))
    assert np.array_equal(kept, numbered((3, 64, 128)).cube(0).transpose(1, 2, 0).ravel()[: 2 * FIFO_WORDS])
    clock.advance(0.2)
    assert chip.fill_words == 0  # asleep
    write(chip, MAIN, 0x1E8270 | 0x1)
    assert chip.counters["refused_starts"] == 1
    write(chip, MAIN, 0x1E8270 | 0x4)
    write(chip, MAIN, 0x1E8270 | 0x8)
    write(chip, MAIN, 0x1E8270 | 0x1)
    assert chip.transfer(bytes.fromhex("04000000"))[0] == 0xF0
    assert chip.wait_irq(0.1) is not None
    assert unpack(read_fifo(chip, 2048))[0] == 7  # the next frame of the feed
    assert chip.counters["overflows"] == 1


def test_reading_too_much_gives_ones_and_an_underflow(clock: SteppedClock) -> None:
    chip = Bgt60Chip(numbered((3, 64, 128)), clock)
    configure(chip, recipe("50 ms"), 100)
    start(chip)
    chip.wait_irq(0.1)
    have = chip.fill_words
    samples = unpack(read_fifo(chip, have + 2))
    assert samples[-4:].tolist() == [0xFFF] * 4
    assert 0xFFF not in samples[:-4]
    assert chip.transfer(bytes.fromhex("04000000"))[0] == 0xF8
    assert read(chip, FSTAT) & (1 << 19)
    write(chip, MAIN, 0x1E8270 | 0x8)
    assert chip.transfer(bytes.fromhex("04000000"))[0] == 0xF0


def test_test_words_replace_receiver_1_only(clock: SteppedClock) -> None:
    chip = Bgt60Chip(clock=clock)
    configure(chip, recipe("50 ms", RX1_ONLY), 2048)
    write(chip, SFCTL, 0x1207FF)
    start(chip)
    chip.wait_irq(0.1)
    data = read_fifo(chip, 2048)
    assert data[:18] == bytes.fromhex("001800 400200 100880 440220 110888 444A22")
    assert unpack(data[-3:]).tolist() == LFSR_WORDS[[4094, 0]].tolist()  # period 4095
    chip.reset()
    configure(chip, recipe("50 ms"), 2048)
    write(chip, SFCTL, 0x1207FF)
    start(chip)
    chip.wait_irq(0.1)
    samples = unpack(read_fifo(chip, 2046)).reshape(-1, 3)
    assert np.array_equal(samples[:, 0], LFSR_WORDS[:1364])
    assert np.all(samples[:, 1:] == 2048)


def test_the_test_words_are_the_sequence_of_the_shift_register() -> None:
    first = "001 800 400 200 100 880 440 220 110 888 444 A22 D11 688 344 1A2"
    assert [f"{word:03X}" for word in LFSR_WORDS[:16]] == first.split()
    assert len(set(LFSR_WORDS.tolist())) == 4095


def test_test_words_do_not_use_up_frames_of_the_feed(clock: SteppedClock) -> None:
    chip = Bgt60Chip(numbered((3, 64, 128)), clock)
    configure(chip, recipe("50 ms"), 2048)
    write(chip, SFCTL, 0x1207FF)
    start(chip)
    chip.wait_irq(0.1)
    write(chip, MAIN, 0x1E8270 | 0xC)
    write(chip, SFCTL, 0x1007FF)
    start(chip)
    chip.wait_irq(0.1)
    assert unpack(read_fifo(chip, 2048)).tolist()[:2] == [0, 8192 % 4096]


def test_a_receiver_without_a_mixer_sees_nothing(clock: SteppedClock) -> None:
    cubes = np.full((1, 3, 64, 128), 100, np.uint16)
    chip = Bgt60Chip(RecordingFeed(cubes), clock)
    configure(chip, recipe("50 ms", {0x10: 0x13FC51 & ~(1 << 15)}), 2046)
    start(chip)
    chip.wait_irq(0.1)
    samples = unpack(read_fifo(chip, 2046)).reshape(-1, 3)
    assert np.unique(samples, axis=0).tolist() == [[100, 2048, 100]]


def test_one_receiver_of_a_recording_of_three_is_chosen_by_its_number(clock: SteppedClock) -> None:
    cubes = np.stack([np.full((64, 128), value, np.uint16) for value in (1, 2, 3)])[None]
    chip = Bgt60Chip(RecordingFeed(cubes), clock)
    configure(chip, recipe("50 ms", RX2_ONLY), 1000)
    start(chip)
    chip.wait_irq(0.1)
    assert set(unpack(read_fifo(chip, 1000)).tolist()) == {2}


def test_a_recording_of_another_shape_is_cut_and_filled_up_and_counted(clock: SteppedClock) -> None:
    cubes = np.full((1, 3, 64, 64), 7, np.uint16)
    chip = Bgt60Chip(RecordingFeed(cubes), clock)
    configure(chip, recipe("50 ms"), 192)
    start(chip)
    chip.wait_irq(0.1)
    samples = unpack(read_fifo(chip, 192)).reshape(128, 3)
    assert np.all(samples[:64] == 7)
    assert np.all(samples[64:] == 2048)
    write(chip, MAIN, 0x1E8270 | 0x4)
    assert chip.counters["misfit_cubes"] == 1


def test_a_header_precedes_each_chirp_when_asked_for(clock: SteppedClock) -> None:
    chip = Bgt60Chip(numbered((3, 64, 128)), clock)
    configure(chip, recipe("50 ms", {0x06: 0x1427FF}), 390)
    start(chip)
    chip.wait_irq(0.1)
    data = read_fifo(chip, 390)
    assert data[:6].hex() == "000000000000"
    assert data[195 * 3 : 195 * 3 + 6].hex() == "000000000001"
    assert unpack(data[9:15]).tolist() == [0, 0, 0, 1]  # 8192 and 16384 wrap to 0


def test_the_temperature_comes_from_the_converter(clock: SteppedClock) -> None:
    chip = Bgt60Chip(clock=clock, temperature_c=35.0)
    for control, scale in ((0x010100, 1), (0x010D00, 4), (0x010700, 4)):
        write(chip, 0x07, control | 0x10)
        assert read(chip, 0x07) == control
        while (result := read(chip, 0x5E)) & 0x400:
            pass
        volt = result / scale * 1.21 / 256
        assert (volt - 0.78984) / 0.00286 == pytest.approx(35.0, abs=1.0)


def test_a_limited_number_of_frames_stops_by_itself(clock: SteppedClock) -> None:
    chip = Bgt60Chip(numbered((3, 64, 32)), clock)
    configure(chip, recipe("64x32", {0x2E: 0x01F001}), 3072)
    start(chip)
    assert chip.wait_irq(1.0) is not None
    read_fifo(chip, 3072)
    assert chip.wait_irq(1.0) is None


def test_a_fast_oscillator_shortens_the_frames(clock: SteppedClock) -> None:
    rises = []
    for drift_ppm in (0.0, 100.0):
        chip = Bgt60Chip(numbered((3, 64, 128)), clock, drift_ppm=drift_ppm)
        configure(chip, recipe("50 ms"), 6144)
        start(chip)
        begin = clock.now_ns()
        for _ in range(40):
            rise = chip.wait_irq(0.2)
            read_fifo(chip, 6144)
        assert rise is not None
        rises.append(rise - begin)
    assert rises[0] / rises[1] == pytest.approx(1 + 100e-6, abs=1e-9)


def test_the_start_of_each_ramp_is_known_for_comparison(clock: SteppedClock) -> None:
    chip = Bgt60Chip(numbered((3, 64, 128)), clock)
    configure(chip, recipe("50 ms"), 2048)
    start(chip)
    begin = clock.now_ns()
    assert chip.ramp_start_ns(0) == begin + math.ceil((79_883 + 4_167 + 90) * NS_PER_CYCLE)
    timing = chip.timing
    assert timing is not None
    assert chip.ramp_start_ns(3) == begin + math.ceil((79_883 + 4_167 + 90 + 3 * timing.frame) * NS_PER_CYCLE)


def test_a_silent_chip_answers_zeros() -> None:
    chip = Bgt60Chip()
    chip.answers = False
    assert chip.transfer(bytes.fromhex("04000000")) == bytes(4)


@settings(deadline=None)
@given(st.lists(st.integers(0, 4095), max_size=40).filter(lambda samples: len(samples) % 2 == 0))
def test_packing_is_big_endian_twelve_bit(samples: list[int]) -> None:
    expected = "".join(f"{sample:03x}" for sample in samples)
    assert pack(np.array(samples, np.uint16)).hex() == expected


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=20))
def test_any_bytes_get_as_many_back(transactions: list[bytes]) -> None:
    chip = Bgt60Chip(clock=SteppedClock())
    for transaction in transactions:
        assert len(chip.transfer(transaction)) == len(transaction)
