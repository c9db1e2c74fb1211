"""Infineon's configuration files: real ones, their ramps, and what goes wrong with them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from chirps import bgt60_chirp, bgt60_chirps, refusal
from hypothesis import given
from hypothesis import strategies as st
from shared_data import BGT60

from faceedge.errors import ConfigurationError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.chirp_limits import check_limits
from faceedge.radar.infineon_json import read, write

# As the vendor's recorder writes it.
RECORDED = """\
{
    "device_config": {
        "fmcw_single_shape": {
            "aaf_cutoff_Hz": 500000,
            "chirp_repetition_time_s": 0.0005911249900236726,
            "end_frequency_Hz": 63500000000,
            "frame_repetition_time_s": 0.07726884633302689,
            "hp_cutoff_Hz": 80000,
            "if_gain_dB": 23,
            "mimo_mode": "off",
            "num_chirps_per_frame": 64,
            "num_samples_per_chirp": 64,
            "rx_antennas": [
                1,
                2,
                3
            ],
            "sample_rate_Hz": 2000000,
            "start_frequency_Hz": 58000000000,
            "tx_antennas": [
                1
            ],
            "tx_power_level": 31
        }
    }
}
"""


def changed(**values: Any) -> str:
    data = json.loads(RECORDED)
    shape = data["device_config"]["fmcw_single_shape"]
    for key, value in values.items():
        if value is ...:
            del shape[key]
        else:
            shape[key] = value
    return json.dumps(data)


def test_a_recorders_file_is_read_value_by_value() -> None:
    chirp = read(RECORDED)
    assert chirp.device == "bgt60tr13c"
    assert chirp.cube_shape == (3, 64, 64)
    assert (chirp.start_frequency_hz, chirp.end_frequency_hz) == (58e9, 63.5e9)
    assert (chirp.chirp_period_s, chirp.frame_period_s) == (0.0005911249900236726, 0.07726884633302689)
    assert (chirp.if_gain_db, chirp.tx_power_level) == (23.0, 31)
    assert (chirp.high_pass_hz, chirp.low_pass_hz) == (80e3, 500e3)
    assert not chirp.complex_sampling
    check_limits(chirp)


def test_writing_what_was_read_gives_the_file_back_to_the_byte() -> None:
    assert write(read(RECORDED)) == RECORDED


@pytest.mark.parametrize(
    ("start_ghz", "end_ghz", "samples", "sampled_ghz"),
    [
        (60.5, 61.5, 128, 0.953),
        (58, 63.5, 64, 5.01),
        (58, 63.5, 128, 5.244),
        (58, 63.5, 256, 5.369),
        (58, 63, 64, 4.556),
    ],
)
def test_the_sampled_band_is_smaller_than_the_nominal_one(
    start_ghz: float, end_ghz: float, samples: int, sampled_ghz: float
) -> None:
    chirp = read(
        changed(start_frequency_Hz=start_ghz * 1e9, end_frequency_Hz=end_ghz * 1e9, num_samples_per_chirp=samples)
    )
    assert chirp.sampled_bandwidth_hz / 1e9 == pytest.approx(sampled_ghz, abs=0.003)


def test_the_sample_rate_is_a_whole_part_of_the_clock() -> None:
    chirp = read(changed(sample_rate_Hz=2424240))
    assert chirp.sample_rate_hz == 80e6 / 33
    assert json.loads(write(chirp))["device_config"]["fmcw_single_shape"]["sample_rate_Hz"] == 2424242
    assert read(write(chirp)) == chirp


def test_optional_keys_have_the_vendors_defaults() -> None:
    chirp = read(changed(hp_cutoff_Hz=..., aaf_cutoff_Hz=..., mimo_mode=..., tx_antennas=...))
    assert (chirp.high_pass_hz, chirp.low_pass_hz, chirp.tx_antennas) == (80e3, 500e3, (1,))
    bare = json.dumps(json.loads(RECORDED)["device_config"])
    assert read(bare) == read(RECORDED)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (changed(sample_rate_Hz=...), "sample_rate_Hz is missing; expected a finite number"),
        (changed(num_chirps_per_frame="64"), "num_chirps_per_frame must be a whole number, got '64'"),
        (changed(num_chirps_per_frame=64.5), "num_chirps_per_frame must be a whole number, got 64.5"),
        (changed(num_chirps_per_frame=True), "num_chirps_per_frame must be a whole number, got True"),
        (changed(if_gain_dB=None), "if_gain_dB must be a finite number, got null"),
        (changed(start_frequency_Hz=10**400), "start_frequency_Hz must be a finite number"),
        (changed(rx_antennas=[1, "2"]), r"rx_antennas must be a list of whole numbers, got \[1, '2'\]"),
        (changed(rx_antennas=3), "rx_antennas must be a list"),
        (changed(rx_antennas=[]), "rx_antennas must be one or more"),
        (changed(mimo_mode="tdm"), "mimo_mode must be 'off', got 'tdm': the BGT60TR13C has one transmitter"),
        (changed(end_frequency_Hz=57e9), "expected a rising ramp"),
        (changed(end_frequency_Hz=1e300), "expected a rising ramp"),
        (changed(num_samples_per_chirp=0), "expected a rising ramp with samples, got 0 samples"),
        (changed(sample_rate_Hz=0), "expected a rising ramp"),
        (changed(sample_rate_Hz=-2e6), "expected a rising ramp"),
        (changed(end_frequency_Hz=58e9 + 1), "slope_hz_per_s must lie between"),
        (changed(chirp_repetition_time_s=0), "chirp_period_s must lie between"),
        (RECORDED.replace("500000,", "NaN,"), "NaN is no number"),
        (RECORDED.replace("500000,", "1e999,"), "aaf_cutoff_Hz must be a finite number, got inf"),
        (RECORDED.replace("fmcw_single_shape", "sequence"), "expected device_config.fmcw_single_shape, got 'sequence'"),
        ('{"device_config": 3}', "expected device_config.fmcw_single_shape, got no object"),
        ('{"device_config": {"fmcw_single_shape": []}}', r"fmcw_single_shape must be an object \{...\}, got \[\]"),
        ("{}", "expected device_config.fmcw_single_shape, got no key"),
        ("", "not JSON"),
    ],
)
def test_a_wrong_file_is_refused_with_key_and_expectation(text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        read(text)


def test_what_the_format_cannot_say_is_not_written() -> None:
    chirp = bgt60_chirp()
    with pytest.raises(ConfigurationError, match="the format has no slope"):
        write(dataclasses.replace(chirp, slope_hz_per_s=chirp.slope_hz_per_s * 0.98))
    with pytest.raises(ConfigurationError, match="expected settings of a bgt60tr13c, got 'iwr6843'"):
        write(dataclasses.replace(chirp, device="iwr6843"))


@given(bgt60_chirps())
def test_every_possible_chirp_survives_the_file(chirp: ChirpSettings) -> None:
    assert read(write(chirp)) == chirp
    assert write(read(write(chirp))) == write(chirp)


KEYS = sorted(json.loads(RECORDED)["device_config"]["fmcw_single_shape"])


@given(
    st.sampled_from(KEYS),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.integers() | st.floats() | st.none(), max_size=4),
)
def test_any_value_under_any_key_is_a_chirp_or_a_sentence(key: str, value: Any) -> None:
    text = changed(**{key: value})
    sentence = refusal(lambda: read(text))
    if sentence:
        assert sentence.startswith(("Infineon configuration", "chirp"))
        assert sentence.endswith(".")
    else:
        assert read(write(read(text))) == read(text)


@given(st.text())
def test_any_text_is_a_sentence(text: str) -> None:
    with pytest.raises(ConfigurationError):
        read(text)


@pytest.mark.skipif(not BGT60.is_dir(), reason="real recordings are not on this machine")
def test_the_configurations_of_real_recordings_are_read_and_possible() -> None:
    files = sorted(BGT60.rglob("config.json"))
    assert len(files) == 3
    for path in files:
        chirp = read(path.read_text(encoding="utf-8"))
        check_limits(chirp)
        assert read(write(chirp)) == chirp
        before = json.loads(path.read_text(encoding="utf-8"))["device_config"]["fmcw_single_shape"]
        after = json.loads(write(chirp))["device_config"]["fmcw_single_shape"]
        assert {key: after[key] for key in before} == before
