"""TI's command files: what they say of the chirp, what goes wrong with them, and what they make the device send."""

from __future__ import annotations

import dataclasses

import pytest
from chirps import bgt60_chirp, iwr6843_chirps, refusal
from hypothesis import given
from hypothesis import strategies as st
from shared_data import IWR6843

from faceedge.errors import ConfigurationError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.chirp_limits import check_limits
from faceedge.radar.ti_cfg import from_chirp, parse
from faceedge.radar.ti_commands import COMMANDS
from faceedge.radar.ti_output import output_advice, output_of

SHARED = IWR6843 / "cfg"
C = 299_792_458.0

# Of our own, with the timing of a published configuration whose figures are known.
BEST_RANGE = """\
% a comment
sensorStop
flushCfg
dfeDataOutputMode 1
channelCfg 15 7 0
adcCfg 2 1
adcbufCfg -1 0 1 1 1

profileCfg 0 60 83 7 88.89 0 0 45 1 176 2175 0 0 158
chirpCfg 0 0 0 0 0 0 0 1
chirpCfg 1 1 0 0 0 0 0 2
chirpCfg 2 2 0 0 0 0 0 4
frameCfg 0 2 32 0 250 1 0
lowPower 0 0
guiMonitor -1 1 0 0 0 1 1
cfarCfg -1 0 2 8 4 3 0 15 1
cfarCfg -1 1 0 8 4 4 1 15 1
multiObjBeamForming -1 1 0.5
clutterRemoval -1 0
calibDcRangeSig -1 0 -5 8 256
extendedMaxVelocity -1 0
lvdsStreamCfg -1 0 0 0
compRangeBiasAndRxChanPhase 0.0 1 0 -1 0 1 0 -1 0 1 0 -1 0 1 0 -1 0 1 0 -1 0 1 0 -1 0
measureRangeBiasAndRxChanPhase 0 1.5 0.2
CQRxSatMonitor 0 3 8 125 0
CQSigImgMonitor 0 87 4
analogMonitor 0 0
aoaFovCfg -1 -90 90 -90 90
cfarFovCfg -1 0 0 0.6
cfarFovCfg -1 1 -2.42 2.42
calibData 0 0 0
sensorStart
"""


def edited(old: str, new: str) -> str:
    assert old in BEST_RANGE
    return BEST_RANGE.replace(old, new)


def test_a_configuration_with_three_transmitters_has_the_published_figures() -> None:
    configuration = parse(BEST_RANGE)
    chirp = configuration.chirp
    check_limits(chirp)
    assert configuration.warnings == ()
    assert chirp.cube_shape == (4, 32, 176)
    assert chirp.tx_antennas == (1, 2, 3)
    assert chirp.sampled_bandwidth_hz / 1e9 == pytest.approx(3.641, abs=1e-3)
    assert chirp.range_resolution_m == pytest.approx(0.0412, abs=1e-4)
    assert C * chirp.sample_rate_hz / (2 * chirp.slope_hz_per_s * 256) == pytest.approx(0.0283, abs=1e-4)
    assert C / 60e9 / (4 * chirp.chirp_period_s) == pytest.approx(2.42, abs=5e-3)
    assert chirp.chirp_period_s == pytest.approx(3 * 171.89e-6)
    assert chirp.frame_period_s == 0.25
    assert (chirp.if_gain_db, chirp.high_pass_hz, chirp.low_pass_hz) == (30.0, 175e3, 0.9 * 2.175e6)
    assert chirp.complex_sampling


def test_text_gives_the_commands_without_comments_and_parses_to_the_same() -> None:
    configuration = parse(BEST_RANGE)
    assert configuration.text().splitlines() == [
        line for line in BEST_RANGE.splitlines() if line and not line.startswith("%")
    ]
    assert parse(configuration.text()) == configuration
    assert parse(BEST_RANGE.replace("\n", "\r\n").replace(" ", "\t ")) == configuration


def test_every_command_of_the_table_is_known_by_its_words() -> None:
    argc = {name: command.argc for name, command in COMMANDS.items()}
    assert argc == {
        "sensorStop": 1,
        "flushCfg": 1,
        "dfeDataOutputMode": 2,
        "channelCfg": 4,
        "adcCfg": 3,
        "adcbufCfg": 6,
        "profileCfg": 15,
        "chirpCfg": 9,
        "frameCfg": 8,
        "advFrameCfg": 6,
        "subFrameCfg": 11,
        "lowPower": 3,
        "guiMonitor": 8,
        "cfarCfg": 10,
        "multiObjBeamForming": 4,
        "clutterRemoval": 3,
        "calibDcRangeSig": 6,
        "extendedMaxVelocity": 3,
        "bpmCfg": 5,
        "lvdsStreamCfg": 5,
        "compRangeBiasAndRxChanPhase": 26,
        "measureRangeBiasAndRxChanPhase": 4,
        "CQRxSatMonitor": 6,
        "CQSigImgMonitor": 4,
        "analogMonitor": 3,
        "aoaFovCfg": 6,
        "cfarFovCfg": 5,
        "calibData": 4,
        "sensorStart": 2,
    }


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("adcbufCfg -1 0 1 1 1", "adcbufCfg 0 1 1 1", r"line 7: adcbufCfg takes 5 arguments \(subframe .* got 4"),
        ("channelCfg 15 7 0", "channelCfg 15 x 0", "line 5: channelCfg tx_mask must be a whole number, got 'x'"),
        ("channelCfg 15 7 0", "channelCfg 15 7.5 0", "tx_mask must be a whole number, got '7.5'"),
        ("channelCfg 15 7 0", "channelCfg 16 7 0", "rx_mask must lie between 0 and 15, got 16"),
        ("0 60 83", "0 nan 83", "line 9: profileCfg start_frequency_ghz must be a number, got 'nan'"),
        ("0 60 83", "0 1_0 83", "start_frequency_ghz must be a number, got '1_0'"),
        ("0 60 83", "0 1e99 83", "start_frequency_ghz must lie between 1 and 1000, got 1e99"),
        ("channelCfg 15 7 0", "channelCfg 15 1e999 0", "tx_mask must lie between 0 and 7, got 1e999"),
        ("0 60 83", "0 60 -3", "idle_us must lie between 0 and 5242.87, got -3"),
        ("0 60 83 7 88.89 0 0 45", "0 60 83 7 88.89 0 0 300", "slope_mhz_per_us must lie between -250 and 250"),
        ("sensorStart", "sensorStart 0 0", "sensorStart takes 0 to 1 arguments"),
        ("flushCfg", "flushCfg 1", r"flushCfg takes 0 arguments \(none\), got 1"),
        ("flushCfg", "flushCfg" + " 1" * 200, "line 3: the device takes 255 characters"),
        ("flushCfg", "fl\u00fcsh", "line 3: expected plain ASCII text"),
        ("flushCfg", "fl\x00sh", "line 3: expected plain ASCII text"),
    ],
)
def test_a_wrong_line_is_named_with_argument_and_limits(old: str, new: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        parse(edited(old, new))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("dfeDataOutputMode 1", "dfeDataOutputMode 3", "dfeDataOutputMode 3 asks for advanced frames"),
        ("dfeDataOutputMode 1", "dfeDataOutputMode 2", "asks for continuous transmission"),
        ("frameCfg 0 2 32 0 250 1 0\n", "", "frameCfg is missing"),
        ("channelCfg 15 7 0\n", "", "channelCfg is missing"),
        ("frameCfg 0 2", "frameCfg 0 3", "frameCfg asks for the chirps 0 to 3, and no chirpCfg defines 3"),
        ("frameCfg 0 2", "frameCfg 2 0", "the first must not be above the last"),
        ("chirpCfg 2 2 0 0 0 0 0 4", "chirpCfg 2 2 1 0 0 0 0 4", r"use the profiles \[0, 1\]"),
        ("profileCfg 0", "profileCfg 1", "profileCfg 0 is missing, which chirpCfg refers to"),
        ("0 0 0 0 0 4", "0 0 0 0 0 6", "line 12: chirpCfg has the transmitter mask 6"),
        ("0 0 0 0 0 4", "0 0 0 0 0 0", "line 12: chirpCfg has the transmitter mask 0"),
        ("2 2 0 0 0 0 0 4", "2 2 0 0 5 0 0 4", "line 12: chirpCfg has slope_variation_khz_per_us 5"),
        ("2 2 0 0 0 0 0 4", "2 2 0 0 0 0 0 2", r"take the turns \[1, 2, 2\], which are no repetition"),
        ("channelCfg 15 7", "channelCfg 15 3", r"use the transmitters \[1, 2, 3\], and channelCfg enables \[1, 2\]"),
        ("channelCfg 15 7", "channelCfg 0 7", "rx_antennas must be one or more"),
        ("0 0 45 1", "0 0 -45 1", "line 9: profileCfg has a slope of -45 MHz/us"),
        ("176 2175", "200 2175", "line 9: 200 samples at 2175 ksps take 91.95 us after a start at 7 us, and the ramp"),
    ],
)
def test_what_has_no_plain_chirp_says_why(old: str, new: str, sentence: str) -> None:
    configuration = parse(edited(old, new))
    with pytest.raises(ConfigurationError, match=sentence):
        _ = configuration.chirp


def test_chirps_of_one_transmitter_repeated_in_the_loop_are_its_slow_time() -> None:
    text = edited("chirpCfg 1 1 0 0 0 0 0 2\nchirpCfg 2 2 0 0 0 0 0 4\n", "chirpCfg 1 2 0 0 0 0 0 1\n")
    chirp = parse(text).chirp
    assert (chirp.tx_antennas, chirp.chirps_per_frame) == ((1,), 96)
    assert chirp.chirp_period_s == pytest.approx(171.89e-6)


def test_the_last_command_holds_and_a_flush_forgets_what_stood_before() -> None:
    twice = parse(edited("frameCfg 0 2 32 0 250 1 0", "frameCfg 0 2 16 0 250 1 0\nframeCfg 0 2 8 0 100 1 0"))
    assert (twice.chirp.chirps_per_frame, twice.chirp.frame_period_s) == (8, 0.1)
    flushed = parse("profileCfg 0 77 7 7 57.14 0 0 70 1 256 5209 0 0 30\n" + BEST_RANGE)
    assert flushed.chirp == parse(BEST_RANGE).chirp


def test_foreign_and_missing_commands_are_kept_and_reported() -> None:
    configuration = parse(edited("calibData 0 0 0\n", "trackingCfg 1 2 800 30 46 96 55\n"))
    assert ("trackingCfg", "1", "2", "800", "30", "46", "96", "55") in configuration.commands
    foreign, missing = configuration.warnings
    assert (
        foreign == "The out-of-box demonstration does not have trackingCfg (line 31): the file is for a lab's firmware."
    )
    assert missing == "The out-of-box demonstration of SDK 3.5 also wants calibData before its first start."
    (one_direction,) = parse(edited("cfarFovCfg -1 1 -2.42 2.42\n", "")).warnings
    assert "also wants cfarFovCfg" in one_direction


def test_a_sensor_that_would_stop_or_wait_is_reported() -> None:
    stops, waits = parse(edited("32 0 250 1 0", "32 100 250 2 0")).warnings
    assert stops == "frameCfg stops the sensor after 100 frames; 0 lets it run."
    assert waits.startswith("frameCfg waits for a hardware trigger")


@pytest.mark.parametrize("text", ["", "\n\n", "% only\n%comments", "%"])
def test_a_file_without_commands_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="expected command lines"):
        parse(text)


def test_a_file_without_end_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="more than 1000"):
        parse("sensorStop\n" * 1001)


@given(iwr6843_chirps())
def test_every_possible_chirp_survives_the_file(chirp: ChirpSettings) -> None:
    configuration = from_chirp(chirp)
    back = configuration.chirp
    check_limits(back)
    assert configuration.warnings == ()
    assert parse(configuration.text()) == configuration
    for field in dataclasses.fields(chirp):
        before, after = getattr(chirp, field.name), getattr(back, field.name)
        if isinstance(before, float):
            assert after == pytest.approx(before, rel=1e-9), field.name
        else:
            assert after == before, field.name


def test_only_chirps_of_this_device_become_a_file() -> None:
    with pytest.raises(ConfigurationError, match="complex sampling by an iwr6843, got 'bgt60tr13c'"):
        from_chirp(bgt60_chirp())


WORDS = st.sampled_from(
    [*COMMANDS, "0", "1", "-1", "2", "60", "1e9", "nan", "0x10", "%", "trackingCfg", "1.5", "99999"]
)


@given(st.lists(st.lists(WORDS, max_size=16).map(" ".join), max_size=12).map("\n".join) | st.text())
def test_any_lines_are_a_configuration_or_a_sentence(text: str) -> None:
    if sentence := refusal(lambda: parse(text)):
        assert sentence.endswith((".", "?"))
        return
    configuration = parse(text)
    assert parse(configuration.text()) == configuration
    if sentence := refusal(lambda: check_limits(configuration.chirp)):
        assert sentence.endswith((".", "?"))


@given(st.integers(0, 40), st.integers(0, 30), st.sampled_from(["0", "-1", "1e5", "x", "", "255", "0.5", "1e-300"]))
def test_one_changed_word_is_a_configuration_or_a_sentence(line: int, word: int, value: str) -> None:
    lines = [each.split() for each in BEST_RANGE.splitlines()]
    chosen = lines[line % len(lines)]
    if chosen:
        chosen[word % len(chosen)] = value
    text = "\n".join(" ".join(words) for words in lines)
    if sentence := refusal(lambda: check_limits(parse(text).chirp)):
        assert sentence.endswith((".", "?"))


def test_the_heat_map_of_64_by_16_bins_fits_between_frames_and_64_by_32_does_not() -> None:
    small = (
        BEST_RANGE.replace("176 2175", "64 3000").replace("32 0 250 1 0", "16 0 50 1 0").replace("0 60 83", "0 60 20")
    )
    output = output_of(parse(small))
    assert output.fixed_bytes == 40 + 2 * 8 + 8 + 64 * 16 * 2 + 8 + 24 + 8 + 28
    assert output.room_s == pytest.approx(50e-3 - 48 * 108.89e-6 - 4e-3)
    assert output.packet_bytes(output.most_points) * 11.2e-6 <= output.room_s
    assert output.packet_bytes(output.most_points + 2) * 11.2e-6 > output.room_s
    assert output_advice(parse(small)) == []
    large = small.replace("16 0 50 1 0", "32 0 50 1 0")
    (sentence,) = output_advice(parse(large))
    assert sentence.startswith(
        "guiMonitor asks for 4,256 bytes a frame, 47.7 ms on the wire, and chirps and processing"
    )


def test_without_a_monitor_only_headers_are_sent() -> None:
    output = output_of(parse(edited("guiMonitor -1 1 0 0 0 1 1\n", "")))
    assert (output.fixed_bytes, output.point_bytes, output.most_points) == (40, 0, 0)
    points_only = output_of(parse(edited("guiMonitor -1 1 0 0 0 1 1", "guiMonitor -1 2 0 0 0 0 0")))
    assert (points_only.fixed_bytes, points_only.point_bytes) == (48, 16)


NOT_FOR_THE_DEMONSTRATION = {
    "18xx_traffic_monitoring_70m_MIMO_2D.cfg": "the ramp from 77 GHz",
    "18xx_traffic_monitoring_70m_MIMO_3D.cfg": "the ramp from 77 GHz",
    "high_accuracy_demo_68xx.cfg": "line 5: adcbufCfg takes 5 arguments",
    "people_detection_and_tracking_100m_2D_advanced.cfg": "dfeDataOutputMode 3 asks for advanced frames",
    "sense_and_direct_68xx.cfg": "line 4: adcbufCfg takes 5 arguments",
}
DEMONSTRATION = ("23_4_12.cfg", "30fps_06m_15db.cfg", "heatmap.cfg")
"""Made by the demonstration's own visualiser: nothing to report but what they ask for."""


@pytest.mark.skipif(not SHARED.is_dir(), reason="real configurations are not on this machine")
def test_every_real_configuration_is_a_chirp_or_says_why_not() -> None:
    files = sorted(SHARED.glob("*.cfg"))
    assert len(files) == 23
    for path in files:
        text = path.read_text(encoding="utf-8")
        if path.name in NOT_FOR_THE_DEMONSTRATION:
            with pytest.raises(ConfigurationError) as caught:
                check_limits(parse(text).chirp)
            assert NOT_FOR_THE_DEMONSTRATION[path.name] in str(caught.value)
            continue
        configuration = parse(text)
        check_limits(configuration.chirp)
        assert parse(configuration.text()) == configuration
        assert from_chirp(configuration.chirp).chirp.cube_shape == configuration.chirp.cube_shape
        assert (configuration.warnings == ()) == (path.name in DEMONSTRATION), path.name


@pytest.mark.skipif(not SHARED.is_dir(), reason="real configurations are not on this machine")
def test_the_figures_that_real_configurations_state_of_themselves_come_out() -> None:
    stated = 0
    for path in sorted(SHARED.glob("*.cfg")):
        if path.name in NOT_FOR_THE_DEMONSTRATION:
            continue
        text = path.read_text(encoding="utf-8")
        comments = dict(line[1:].strip().split(":", 1) for line in text.splitlines() if line[:1] == "%" and ":" in line)
        if "Range Resolution(m)" not in comments:
            continue
        chirp = parse(text).chirp
        stated += 1
        assert chirp.range_resolution_m == pytest.approx(float(comments["Range Resolution(m)"]), abs=6e-4)
        # The files take the wavelength at the start of the ramp, faceedge in its middle.
        at_start_m_s = chirp.max_velocity_m_s * chirp.center_frequency_hz / chirp.start_frequency_hz
        assert at_start_m_s == pytest.approx(float(comments["Maximum Radial Velocity(m/s)"]), rel=0.01)
    assert stated == 8
