"""Chirp settings as registers: word for word as the vendor's tool exports them, and back."""

from __future__ import annotations

import contextlib
import dataclasses

import pytest
from chirps import bgt60_chirp, bgt60_chirps
from hypothesis import given, settings
from hypothesis import strategies as st

from faceedge.errors import ConfigurationError
from faceedge.radar import bgt60_registers as chip
from faceedge.radar.bgt60_registers import chirp_from_registers, registers_for, timing_of
from faceedge.radar.chirp import ChirpSettings

FOOD = bgt60_chirp()
ALL, RX2 = (1, 2, 3), (2,)

# Settings, and the words in which the exports differ: ADC0, PLL1_0 to _3, PLL1_7, CCR1, CCR2, CSU1_2. Periods are those
# that the tool made of the wanted ones, and one start frequency is off by as much as the tool rounded it.
ROWS: dict[str, tuple[ChirpSettings, str]] = {
    "58 to 63.5 GHz, 256 x 128": (
        bgt60_chirp(58e9, 63.5e9, 256, 128, chirp_period_s=200e-6, frame_period_s=99.90969e-3, high_pass_hz=80e3),
        "0A0210 A808AE 00035B 000532 000100 03D310 659C0A 07F000 703DEF",
    ),
    "58 to 63.5 GHz, 64 x 32, receiver 2": (
        bgt60_chirp(
            58e9,
            63.5e9,
            64,
            32,
            chirp_period_s=591.125e-6,
            frame_period_s=77.169e-3,
            rx=RX2,
            gain_db=23,
            high_pass_hz=80e3,
        ),
        "0A0210 A2A850 000C88 000172 000040 393B10 646C0A 01F000 701CE7",
    ),
    "58.5 to 62.5 GHz, 64 x 32": (
        bgt60_chirp(
            58.5e9, 62.5e9, 64, 32, chirp_period_s=300e-6, frame_period_s=30.0482e-3, gain_db=30, high_pass_hz=80e3
        ),
        "0A0210 B12902 00091D 000172 000040 2A0B10 56040A 01F000 000C63",
    ),
    "61.0 to 62.2 GHz, 128 x 64, 33 cycles a sample": (
        bgt60_chirp(
            60.9999988e9,
            62.2e9,
            128,
            64,
            divider=33,
            chirp_period_s=80e-6,
            frame_period_s=99.9474e-3,
            gain_db=60,
            high_pass_hz=80e3,
        ),
        "084210 F3FE2E 0001B8 000242 000080 0B0910 672C0A 03F000 006F7B",
    ),
    "60 to 61.5 GHz, 256 x 32, receiver 2, 5 s": (
        bgt60_chirp(
            60e9,
            61.5e9,
            256,
            32,
            chirp_period_s=591.11e-6,
            frame_period_s=5.0,
            rx=RX2,
            gain_db=43,
            high_pass_hz=80e3,
        ),
        "0A0210 DB76E4 0000EA 000532 000100 31FB10 95F40A 01F000 705EF7",
    ),
    "60.5 to 61.5 GHz, 128 x 64": (
        bgt60_chirp(
            60.5e9, 61.5e9, 128, 64, chirp_period_s=400.7e-6, frame_period_s=50e-3, gain_db=38, high_pass_hz=80e3
        ),
        "0A0210 E7CD4A 000131 0002B2 000080 256B10 573C0A 03F000 704E73",
    ),
    "58 to 63.5 GHz, 128 x 32": (
        bgt60_chirp(58e9, 63.5e9, 128, 32, chirp_period_s=300e-6, frame_period_s=50e-3, high_pass_hz=80e3),
        "0A0210 A628CC 00068E 0002B2 000080 29BB10 5E0C0A 01F000 703DEF",
    ),
    "58 to 63 GHz, 64 x 64": (
        bgt60_chirp(58e9, 63e9, 64, 64, chirp_period_s=400.7e-6, frame_period_s=50e-3, high_pass_hz=80e3),
        "0A0210 A35368 000B64 000172 000040 260B10 573C0A 03F000 703DEF",
    ),
}  # fmt: skip
CONSTANT = {
    0x00: 0x1E8270, 0x04: 0xE967FD, 0x05: 0x0805B4, 0x06: 0x1027FF, 0x08: 0, 0x09: 0, 0x0A: 0, 0x0B: 0x000BE0, 0x0C: 0,
    0x0D: 0, 0x0E: 0, 0x0F: 0x000B60, 0x16: 0x000490, 0x1D: 0x000480, 0x24: 0x000480, 0x2B: 0x000480, 0x2C: 0x11BE0E,
    0x2F: 0x787E1E, 0x34: 0, 0x35: 0, 0x36: 0, 0x3F: 0x000100, 0x47: 0x000100, 0x4F: 0x000100, 0x56: 0, 0x5B: 0,
}  # fmt: skip
DIFFERING = (0x01, 0x30, 0x31, 0x32, 0x33, 0x37, 0x2D, 0x2E, 0x12)


@pytest.mark.parametrize("name", ROWS)
def test_the_registers_equal_the_vendors_export_bit_for_bit(name: str) -> None:
    chirp, words = ROWS[name]
    got = registers_for(chirp)
    assert [address for address, _ in got] == sorted(address for address, _ in got)
    assert len(got) == 38
    expected = CONSTANT | dict(zip(DIFFERING, (int(word, 16) for word in words.split()), strict=True))
    expected |= {0x10: 0x10C851, 0x11: 0x2FF41F} if chirp.rx_antennas == RX2 else {0x10: 0x13FC51, 0x11: 0x7FF41F}
    sampling_us = chirp.samples_per_chirp / chirp.sample_rate_hz * 1e6
    expected[0x07] = 0x010F00 if sampling_us > 100 else 0x010700 if sampling_us > 50 else 0x010D00
    assert {address: f"{word:06X}" for address, word in got} == {at: f"{word:06X}" for at, word in expected.items()}


@pytest.mark.parametrize("name", ROWS)
def test_reading_an_export_back_gives_its_physics(name: str) -> None:
    chirp, _ = ROWS[name]
    back = chirp_from_registers(registers_for(chirp))
    assert back.start_frequency_hz == pytest.approx(chirp.start_frequency_hz, abs=2e3)
    assert back.end_frequency_hz == pytest.approx(chirp.end_frequency_hz, abs=2e6)
    assert back.slope_hz_per_s == pytest.approx(chirp.slope_hz_per_s)
    assert back.chirp_period_s == pytest.approx(chirp.chirp_period_s, rel=1e-3)
    assert back.frame_period_s == pytest.approx(chirp.frame_period_s, rel=2e-3)
    same = ("rx_antennas", "samples_per_chirp", "chirps_per_frame", "sample_rate_hz", "if_gain_db", "high_pass_hz")
    for field in same:
        assert getattr(back, field) == getattr(chirp, field), field


def test_timing_reproduces_the_figures_of_the_vendors_tool() -> None:
    slow = timing_of(registers_for(ROWS["58 to 63.5 GHz, 64 x 32, receiver 2"][0]))
    assert slow.chirp_cycles / 80 == 591.125  # us
    assert slow.frame_cycles / 80e3 == 77.169  # ms
    fast = timing_of(registers_for(ROWS["61.0 to 62.2 GHz, 128 x 64, 33 cycles a sample"][0]))
    assert fast.chirp_cycles / 80 == 79.9625
    assert fast.frame_cycles / 80e3 == pytest.approx(99.9474, abs=1e-4)
    assert fast.wake_up_cycles == 79883
    assert fast.first_sample_cycles == 399  # 4.99 us into the ramp
    assert fast.sample_s(2, 9) == (2 * 6397 + 399 + 10 * 33) / 80e6


def test_the_sampled_bandwidth_is_smaller_than_the_ramp() -> None:
    sampled = {
        name: chirp_from_registers(registers_for(chirp)).sampled_bandwidth_hz for name, (chirp, _) in ROWS.items()
    }
    assert round(sampled["58 to 63.5 GHz, 256 x 128"] / 1e9, 3) == 5.369
    assert round(sampled["58 to 63.5 GHz, 128 x 32"] / 1e9, 3) == 5.244
    assert round(sampled["60.5 to 61.5 GHz, 128 x 64"] / 1e9, 3) == 0.953


@given(bgt60_chirps())
@settings(max_examples=150, deadline=None)
def test_settings_survive_the_way_through_the_registers(chirp: ChirpSettings) -> None:
    words = registers_for(chirp)
    assert all(0 <= word <= 0xFFFFFF for _, word in words)
    back = chirp_from_registers(words)
    assert registers_for(back) == words
    # The pause timers count up to 255 steps of a power of two: a part in 256 of the pause is lost at most.
    assert back.chirp_period_s == pytest.approx(chirp.chirp_period_s, rel=5e-3)
    assert back.frame_period_s == pytest.approx(chirp.frame_period_s, rel=5e-3)
    exact = ("rx_antennas", "samples_per_chirp", "chirps_per_frame", "sample_rate_hz", "tx_power_level", "if_gain_db")
    assert all(getattr(back, name) == getattr(chirp, name) for name in exact)
    assert back.slope_hz_per_s == pytest.approx(chirp.slope_hz_per_s, rel=1e-12)


@given(st.integers(1, 250_000_000))
def test_a_timer_is_as_near_to_its_goal_as_the_register_allows(cycles: int) -> None:
    count, multiplier = chip.find_timer(cycles)
    error = abs(chip.timer_cycles(count, multiplier) - cycles)
    others = (chip.timer_cycles(c, m) for m in range(18) for c in (0, 1, 128, 200, 254, 255))
    assert error <= min(abs(other - cycles) for other in others)
    assert error <= cycles / 255 + 8


def test_frequencies_are_the_words_of_the_datasheet() -> None:
    words = {f: f"{chip.frequency_word(f * 1e9) & 0xFFFFFF:06X}" for f in (58, 60, 60.5, 61.5, 63.5)}
    assert words == {58: "AA0000", 60: "DC0000", 60.5: "E88000", 61.5: "018000", 63.5: "338000"}
    assert chip.word_frequency_hz(0xAA0000) == 58e9
    assert chip.word_frequency_hz(0x338000) == 63.5e9


@pytest.mark.parametrize(
    ("gain_db", "high_pass_hz", "word"),
    [(33, 80e3, 0x703DEF), (43, 80e3, 0x705EF7), (23, 80e3, 0x701CE7), (60, 80e3, 0x006F7B), (30, 80e3, 0x000C63),
     (33, 20e3, 0x70318C)],
)  # fmt: skip
def test_gain_and_filter_are_the_same_for_all_receivers(gain_db: float, high_pass_hz: float, word: int) -> None:
    chirp = bgt60_chirp(gain_db=gain_db, high_pass_hz=high_pass_hz)
    assert f"{dict(registers_for(chirp))[chip.CSU1_2]:06X}" == f"{word:06X}"


@pytest.mark.parametrize(
    ("rx", "power", "selected"),
    [((1,), 0x103C51, 0x1FF41F), ((2,), 0x10C851, 0x2FF41F), ((3,), 0x130C51, 0x4FF41F), (ALL, 0x13FC51, 0x7FF41F)],
)
def test_only_the_wanted_receivers_have_power(rx: tuple[int, ...], power: int, selected: int) -> None:
    words = dict(registers_for(bgt60_chirp(rx=rx)))
    assert (words[chip.CSU1_0], words[chip.CSU1_1]) == (power, selected)


def test_a_chirp_that_is_too_fast_for_sleep_keeps_the_pll_on() -> None:
    asleep = dict(registers_for(bgt60_chirp(chirp_period_s=150e-6)))[chip.PLL1_7]
    awake = dict(registers_for(bgt60_chirp(chirp_period_s=100e-6)))[chip.PLL1_7]
    assert chip.FIELDS["PLL1_7.PD_MODE"].of(asleep) == 1
    assert chip.FIELDS["PLL1_7.PD_MODE"].of(awake) == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"device": "iwr6843"}, "'iwr6843', and this radar"),
        ({"end_frequency_hz": 64.5e9}, "leaves the band"),
        ({"slope_hz_per_s": 14e12}, "slope of 14.00 MHz/us is stated"),
        ({"sample_rate_hz": 8e6}, "sample rate"),
        ({"if_gain_db": 34.0}, "IF gain can be"),
        ({"high_pass_hz": 100e3}, "high-pass corner can be 20, 45, 70, 80 kHz"),
        ({"low_pass_hz": 400e3}, "low-pass corner"),
        ({"complex_sampling": True}, "real values"),
        ({"tx_antennas": (1, 2)}, "transmitters"),
        ({"rx_antennas": (1, 4)}, "receivers"),
        ({"chirp_period_s": 70e-6}, "ramp of 69 us"),
        ({"frame_period_s": 25.5e-3}, "wakes up for 1.05 ms"),
        ({"frame_period_s": 20e-3}, "at most 49 chirps"),
    ],
)
def test_what_the_chip_cannot_do_is_refused_with_the_physics(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        registers_for(dataclasses.replace(FOOD, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("missing", [chip.ADC0, chip.CSU1_1, chip.PLL1_2, chip.PLL1_3])
def test_registers_without_a_chirp_are_refused(missing: int) -> None:
    words = dict(registers_for(FOOD))
    del words[missing]
    with pytest.raises(ConfigurationError, match=f"missing: {chip.NAMES[missing]}"):
        chirp_from_registers(words)


@given(st.dictionaries(st.sampled_from(sorted(chip.NAMES)), st.integers(0, 0xFFFFFF), max_size=40))
def test_any_words_are_a_chirp_or_refused(words: dict[int, int]) -> None:
    with contextlib.suppress(ConfigurationError):
        assert chirp_from_registers(words).samples_per_chirp > 0


def test_the_register_map_has_every_address_once() -> None:
    assert sorted(chip.NAMES) == list(range(0x61))
    assert len(set(chip.NAMES.values())) == 0x61
    assert chip.NAMES[0x16] == "CSC1"
    assert (chip.NAMES[0x25], chip.NAMES[0x2B]) == ("CSU4_0", "CSC4")
    assert (chip.NAMES[0x37], chip.NAMES[0x48], chip.NAMES[0x4F]) == ("PLL1_7", "PLL4_0", "PLL4_7")
    assert chip.RESET_VALUES[chip.CHIP_ID] == 0x000303
    for name, field in chip.FIELDS.items():
        assert name.split(".")[0] == chip.NAMES[field.address]
        assert field.of(field.put(0, (1 << field.width) - 1)) == (1 << field.width) - 1


def test_temperatures_follow_the_sensors_line() -> None:
    # 0.78984 V at 0 degrees and 2.86 mV a degree, over 1.21 V / 256 a step, four times oversampled in ten bits
    assert chip.temperature_c(0x2D9) == pytest.approx(25.03, abs=0.01)
    assert [chip.temperature_result(t) for t in (-40.0, 0.0, 25.0, 85.0)] == [572, 668, 729, 874]
    for degrees in (-20.0, 33.3, 70.0):
        assert chip.temperature_c(chip.temperature_result(degrees)) == pytest.approx(degrees, abs=0.21)
