"""Chirp settings: what follows from them, what a device refuses, and their JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from chirps import bgt60_chirp, bgt60_chirps, iwr6843_chirps, refusal
from hypothesis import given
from hypothesis import strategies as st

from faceedge.errors import ConfigurationError
from faceedge.radar import bgt60_ramp
from faceedge.radar.chirp import PLAUSIBLE, ChirpSettings, from_json, summary, to_json
from faceedge.radar.chirp_limits import LIMITS, advice, check_limits, next_power_of_two, problems

FOOD = bgt60_chirp()
C = 299_792_458.0


def test_the_physics_of_foods_chirp_has_the_papers_figures() -> None:
    figures = summary(FOOD)
    assert FOOD.cube_shape == (3, 64, 128)
    assert figures["sampled_bandwidth_hz"] == pytest.approx(0.953125e9)
    assert figures["range_resolution_m"] == pytest.approx(C / 2 / 0.953125e9)  # 0.1573 m: the nominal band has 0.150
    assert figures["max_range_m"] == pytest.approx(10.065, abs=1e-3)
    assert figures["usable_range_m"] == pytest.approx(5.033, abs=1e-3)
    assert figures["near_range_m"] == pytest.approx(0.2013, abs=1e-4)
    assert figures["beat_at_25_cm_hz"] == pytest.approx(24_838, abs=1)
    assert figures["max_velocity_m_s"] == pytest.approx(3.16, abs=0.005)
    assert figures["velocity_resolution_m_s"] == pytest.approx(0.0987, abs=1e-4)
    assert figures["active_time_s"] == pytest.approx(25.0592e-3)
    assert figures["frame_duty_percent"] == pytest.approx(50.12, abs=0.01)
    assert figures["on_air_percent"] == pytest.approx(8.6, abs=0.05)
    assert figures["cube_bytes"] == 36_864


def test_complex_sampling_doubles_the_range() -> None:
    both = dataclasses.replace(FOOD, complex_sampling=True)
    assert both.range_bins == 2 * FOOD.range_bins
    assert both.max_range_m == pytest.approx(2 * FOOD.max_range_m)
    assert both.range_resolution_m == FOOD.range_resolution_m


@given(bgt60_chirps() | iwr6843_chirps())
def test_ranges_and_beats_are_inverse_and_a_beat_at_the_last_bin_is_the_largest_range(chirp: ChirpSettings) -> None:
    assert chirp.beat_frequency_hz(chirp.range_of_beat_m(1234.5)) == pytest.approx(1234.5)
    nyquist_hz = chirp.sample_rate_hz if chirp.complex_sampling else chirp.sample_rate_hz / 2
    if chirp.complex_sampling or chirp.samples_per_chirp % 2 == 0:
        assert chirp.beat_frequency_hz(chirp.max_range_m) == pytest.approx(nyquist_hz)
    step = 2 * chirp.max_velocity_m_s / chirp.chirps_per_frame
    assert step == pytest.approx(chirp.velocity_resolution_m_s)


@given(bgt60_chirps() | iwr6843_chirps())
def test_every_figure_of_a_possible_chirp_is_finite_and_its_json_gives_it_back(chirp: ChirpSettings) -> None:
    assert problems(chirp) == []
    check_limits(chirp)
    assert all(math.isfinite(value) for value in summary(chirp).values() if not isinstance(value, str))
    assert from_json(to_json(chirp)) == chirp


def test_the_json_has_units_in_its_keys_and_the_derived_figures_beside_them() -> None:
    data = json.loads(to_json(FOOD))
    assert data["device"] == "bgt60tr13c"
    assert data["chirp_period_s"] == 391.55e-6
    assert data["rx_antennas"] == [1, 2, 3]
    assert data["derived"]["range_resolution_m"] == FOOD.range_resolution_m
    numbers = [key for key, value in data.items() if isinstance(value, float)]
    assert all(key.endswith(("_hz", "_s", "_db", "_per_s")) for key in numbers)


@pytest.mark.parametrize("name", [*PLAUSIBLE, "device", "rx_antennas", "tx_antennas", "complex_sampling"])
def test_a_key_that_is_missing_from_the_json_is_named(name: str) -> None:
    data = json.loads(to_json(FOOD))
    del data[name]
    with pytest.raises(ConfigurationError, match=f"{name} is missing; expected"):
        from_json(json.dumps(data))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "not JSON"),
        ("[1]", r"expected an object \{...\}, got \[1\]"),
        ('{"device": 1}', "device must be a string, got 1"),
        ('{"device": "a", "device": "b"}', "'device' stands twice"),
        ('{"a": NaN}', "NaN is no number"),
        ("[" * 100_000, "nested too deeply"),
        ("1" * 5000, "not JSON"),
        (" " * 2_000_000, "got 2000000 characters"),
    ],
)
def test_a_text_that_is_no_chirp_is_refused_with_what_was_expected(text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        from_json(text)


@given(
    st.sampled_from([*PLAUSIBLE, "device", "rx_antennas", "complex_sampling"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=5,
    ),
)
def test_any_value_in_any_field_is_a_chirp_or_a_sentence(name: str, value: Any) -> None:
    data = json.loads(to_json(FOOD))
    data[name] = value
    text = json.dumps(data)
    sentence = refusal(lambda: from_json(text))
    if sentence:
        assert sentence.startswith("chirp")
        assert sentence.endswith(".")
        return
    chirp = from_json(text)
    assert getattr(chirp, name) == (tuple(value) if isinstance(value, list) else value)
    summary(chirp)


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_any_text_is_a_chirp_or_a_sentence(text: str) -> None:
    with pytest.raises(ConfigurationError):
        from_json(text)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"slope_hz_per_s": 0.0}, "slope_hz_per_s must lie between 1e+06"),
        ({"frame_period_s": math.nan}, "frame_period_s must lie between .* got nan"),
        ({"samples_per_chirp": 1}, "samples_per_chirp must lie between 2 and 65536, got 1"),
        ({"end_frequency_hz": 60e9}, "the ramp must rise, got 60.1 to 60 GHz; swap"),
        ({"rx_antennas": ()}, "rx_antennas must be one or more numbers from 1"),
        ({"rx_antennas": (2, 1)}, r"ascending, got \[2, 1\]"),
        ({"tx_antennas": (0,)}, "tx_antennas must be"),
    ],
)
def test_what_no_radar_could_be_set_to_cannot_be_made(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence.replace("+", r"\+")):
        dataclasses.replace(FOOD, **change)


IWR = ChirpSettings(
    device="iwr6843",
    start_frequency_hz=60e9,
    end_frequency_hz=63.968e9,
    slope_hz_per_s=160e12,
    samples_per_chirp=64,
    sample_rate_hz=3e6,
    chirps_per_frame=16,
    chirp_period_s=900e-6,
    frame_period_s=50e-3,
    rx_antennas=(1, 2, 3, 4),
    tx_antennas=(1, 2, 3),
    complex_sampling=True,
    high_pass_hz=175e3,
    low_pass_hz=2.7e6,
)


@pytest.mark.parametrize(
    ("chirp", "sentence"),
    [
        (
            bgt60_chirp(frame_period_s=20e-3),
            "BGT60TR13C: 64 chirps of 391.55 us fill 25.06 ms of a frame of 20 ms: take at most 49 chirps, or lengthen "
            "the frame to 25.79 ms or more.",
        ),
        (
            bgt60_chirp(frame_period_s=25.5e-3),
            "of a frame of 25.5 ms, and the chip wakes up for 1.05 ms before them: take at most 63 chirps",
        ),
        (bgt60_chirp(chirps=1, frame_period_s=0.3e-3), "of a frame of 0.3 ms: lengthen the frame to"),
        (
            bgt60_chirp(chirp_period_s=50e-6),
            "128 samples at 2 MHz need a ramp of 69 us, and with the way back a chirp takes 71.7125 us at least",
        ),
        (bgt60_chirp(57e9, 63e9), "the ramp from 57 GHz to 63 GHz leaves the band of the part, 58 GHz to 63.5 GHz"),
        (bgt60_chirp(60e9, 64e9), "leaves the band"),
        (bgt60_chirp(samples=3300, chirp_period_s=2e-3, frame_period_s=0.2), "the chip makes at most 1638.3 us"),
        (bgt60_chirp(divider=10), "the sample rate must lie between 0.0782 and 4 MHz, got 8 MHz"),
        (bgt60_chirp(58e9, 63.5e9, samples=8, divider=20), "a slope of"),
        (bgt60_chirp(chirps=5000, frame_period_s=2.0), "the number of chirps in a frame must lie between 1 and 4096"),
        (bgt60_chirp(rx=(1, 4)), "it has 3 receivers, numbered from 1; got [1, 4]"),
        (bgt60_chirp(gain_db=34.0), "the IF gain can be 18, 23, 28, 30, 33,"),
        (bgt60_chirp(high_pass_hz=30e3), "the high-pass corner can be 20, 45, 70, 80 kHz, got 30"),
        (dataclasses.replace(FOOD, low_pass_hz=600e3), "the low-pass corner can be 500 kHz, got 600"),
        (dataclasses.replace(FOOD, tx_antennas=(1, 2)), "it has 1 transmitters"),
        (dataclasses.replace(FOOD, complex_sampling=True), "its ADC samples real values"),
        (dataclasses.replace(FOOD, slope_hz_per_s=17e12), "cover 1.088 GHz of a ramp of 1 GHz"),
        (dataclasses.replace(IWR, end_frequency_hz=64.1e9), "leaves the band of the part, 60 GHz to 64 GHz"),
        (dataclasses.replace(IWR, slope_hz_per_s=260e12), "a slope of 260 MHz/us is above 250"),
        (dataclasses.replace(IWR, sample_rate_hz=13e6), "the sample rate must lie between 2 and 12.5 MHz"),
        (dataclasses.replace(IWR, complex_sampling=False), "its ADC samples I and Q"),
        (dataclasses.replace(IWR, chirp_period_s=79e-6), "3 transmitters in turn leave 26.3333 us to each chirp"),
        (dataclasses.replace(IWR, frame_period_s=10e-3), "16 chirps of 900 us fill 14.4 ms of a frame of 10 ms"),
        (
            dataclasses.replace(IWR, chirps_per_frame=255, samples_per_chirp=74, frame_period_s=1.0),
            "the cube of 4 x 3 antennas, 255 chirps and 128 ranges is 1,566,720 bytes and its memory holds 786,432",
        ),
    ],
)
def test_a_chirp_that_the_device_cannot_make_is_refused_with_its_physics(chirp: ChirpSettings, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_limits(chirp)
    assert sentence in str(caught.value)


def test_all_problems_stand_in_one_error() -> None:
    chirp = bgt60_chirp(57e9, 63e9, frame_period_s=20e-3, gain_db=34.0)
    assert len(problems(chirp)) == 3
    with pytest.raises(ConfigurationError, match=r"leaves the band.*IF gain.*fill 25\.06 ms"):
        check_limits(chirp)


def test_the_remedy_of_a_frame_that_is_too_short_works() -> None:
    check_limits(bgt60_chirp(frame_period_s=25.79e-3))
    check_limits(bgt60_chirp(chirps=49, frame_period_s=20e-3))
    with pytest.raises(ConfigurationError):
        check_limits(bgt60_chirp(chirps=50, frame_period_s=20e-3))


def test_an_unknown_device_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="one of bgt60tr13c, iwr6843, got 'iwr1443'"):
        check_limits(dataclasses.replace(FOOD, device="iwr1443"))
    assert set(LIMITS) == {"bgt60tr13c", "iwr6843"}


def test_advice_names_the_filters_the_fifo_and_the_time_on_air() -> None:
    assert advice(bgt60_chirp(chirps=32)) == []
    (fifo,) = advice(FOOD)
    assert fifo == "A frame is 12,288 words and the FIFO holds 8,192: it must be drained while it fills."
    (high_pass,) = advice(bgt60_chirp(chirps=32, high_pass_hz=80e3))
    assert "nearer than 0.81 m beat below the high-pass corner of 80 kHz" in high_pass
    (low_pass,) = advice(bgt60_chirp(58e9, 63.5e9, samples=64))
    assert "from 0.6 m beats at 627 kHz, above the low-pass corner of 500 kHz" in low_pass
    (on_air,) = advice(bgt60_chirp(chirps=32, chirp_period_s=75e-6, frame_period_s=3.5e-3))
    assert on_air.startswith("Ramps fill 61% of the time")


@pytest.mark.parametrize(
    ("start_hz", "end_hz", "samples", "divider", "rtu", "rsu"),
    [  # register words that the vendor's tool exports for these settings
        (58e9, 63.5e9, 256, 40, 0x532, 0x35B),
        (58e9, 63.5e9, 64, 40, 0x172, 0xC88),
        (58.5e9, 62.5e9, 64, 40, 0x172, 0x91D),
        (60e9, 61.5e9, 256, 40, 0x532, 0xEA),
        (61e9, 62.2e9, 128, 33, 0x242, 0x1B8),
    ],
)
def test_ramps_have_the_register_values_of_the_vendors_exports(
    start_hz: float, end_hz: float, samples: int, divider: int, rtu: int, rsu: int
) -> None:
    units = bgt60_ramp.ramp_units(samples, divider)
    assert (units, bgt60_ramp.ramp_steps(start_hz, end_hz, units)) == (rtu, rsu)


def test_the_adc_divider_is_the_nearest_and_stays_in_its_field() -> None:
    assert [bgt60_ramp.adc_divider(rate) for rate in (2e6, 2.4242e6, 1.9e6, 1.0, 5e-324, 1e12)] == [
        40,
        33,
        42,
        1023,
        1023,
        1,
    ]


def test_transforms_are_the_next_power_of_two() -> None:
    assert [next_power_of_two(n) for n in (1, 2, 3, 64, 65, 176)] == [1, 2, 4, 64, 128, 256]
