"""The emulated IWR6843's console: golden dialogues, and what configurations come to."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iwr6843_configs import NEAR, Console, configured, lines

from faceedge.simulation.devices.iwr6843_cli import ARGUMENTS, PROMPT, CommandLine
from faceedge.simulation.devices.iwr6843_configuration import number


def test_it_boots_with_a_banner_and_a_prompt() -> None:
    assert Console().line.power_on() == (
        b"******************************************\n\rxWR68xx MMW Demo 03.05.00.04\n\r"
        b"******************************************\n\rmmwDemo:/>"
    )


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ("\n", "\nmmwDemo:/>"),
        ("\r", "\r\nmmwDemo:/>"),
        ("\r\n", "\r\nmmwDemo:/>\nmmwDemo:/>"),
        ("sensorStop\n", "sensorStop\nIgnored: Sensor is already stopped\n\rDone\n\rmmwDemo:/>"),
        ("flushCfg\r", "flushCfg\r\nDone\n\rmmwDemo:/>"),
        ("% a comment\n", "% a comment\nSkipped\n\rmmwDemo:/>"),
        ("  flushCfg  \n", "  flushCfg  \nDone\n\rmmwDemo:/>"),
        ("mmWave 1\n", "mmWave 1\n'mmWave' is not recognized as a CLI command\n\rmmwDemo:/>"),
        ("flushcfg\n", "flushcfg\n'flushcfg' is not recognized as a CLI command\n\rmmwDemo:/>"),
        ("adcCfg 2\n", "adcCfg 2\nError: Invalid usage of the CLI command\n\rError -1\n\rmmwDemo:/>"),
        ("clutterRemoval 1 0\n", "clutterRemoval 1 0\nError: Subframe number is invalid\n\rError -1\n\rmmwDemo:/>"),
        (
            "sensorStart\n",
            "sensorStart\nError: Full configuration must be provided before sensor can be started the first time\n\r"
            "Error -1\n\rmmwDemo:/>",
        ),
        ("sensorS", "sensorS"),
    ],
)
def test_dialogues_go_as_on_the_wire(sent: str, answer: str) -> None:
    assert Console()(sent) == answer


def test_a_whole_configuration_starts_after_the_calibration() -> None:
    console = Console()
    for line in lines():
        ignored = "Ignored: Sensor is already stopped\n\r" if line == "sensorStop" else ""
        assert console(line + "\n") == f"{line}\n{ignored}Done\n\rmmwDemo:/>"
    answers = console.line.feed(b"sensorStart\n")
    assert answers == [
        (0.0, b"sensorStart\n"),
        (1.0, b"Debug: Init Calibration Status = 0x1ffe\n\rDone\n\rmmwDemo:/>"),
    ]
    assert len(console.running) == 1
    assert console("sensorStart\n") == "sensorStart\nIgnored: Sensor is already started\n\rDone\n\rmmwDemo:/>"
    assert console("lowPower 0 0\n") == (
        "lowPower 0 0\nIgnored: This command is not allowed after sensor has started\n\rDone\n\rmmwDemo:/>"
    )
    assert console("sensorStop\n") == "sensorStop\nDone\n\rmmwDemo:/>"
    assert console("sensorStart 0\n") == "sensorStart 0\nDone\n\rmmwDemo:/>"
    assert (len(console.running), console.stops) == (2, 1)


@pytest.mark.parametrize(
    "left_out", sorted({line.split()[0] for line in NEAR.splitlines()} - {"sensorStop", "flushCfg"})
)
def test_the_first_start_needs_every_command(left_out: str) -> None:
    console = Console()
    console.configure(**{left_out: ""})
    assert "Full configuration must be provided" in console("sensorStart\n")
    assert not console.running
    console.configure()
    console.start()


def test_both_directions_of_detection_must_be_configured() -> None:
    console = Console()
    for line in lines():
        if not line.startswith("cfarFovCfg -1 1"):
            console(line + "\n")
    assert console.line.missing(set(console.line.commands)) == ["cfarFovCfg 1"]
    assert "Full configuration" in console("sensorStart\n")


def test_calibration_data_belong_to_the_configuration_from_sdk_3_5_on() -> None:
    old = Console((3, 3, 0, 2))
    old.configure(calibData="")
    old.start()


def test_channels_and_adc_stay_as_they_were_until_the_power_goes() -> None:
    console = Console()
    console.configure()
    console.start()
    console("sensorStop\n")
    for line in ("channelCfg 15 7 0", "adcCfg 1 1", "lowPower 0 1"):
        assert "until power cycle\n\rError -1\n\r" in console(line + "\n")
    console.configure()
    assert "Done" in console("sensorStart\n")
    console.line.power_on()
    console.configure(channelCfg="15 7 0")
    assert console.start().subframes[0].rx == 4


def test_a_restart_takes_a_whole_new_configuration_or_none() -> None:
    console = Console()
    console.configure()
    console.start()
    console("sensorStop\n")
    console("clutterRemoval -1 1\n")
    assert "Either complete configuration or no reconfiguration" in console("sensorStart\n")
    console.configure(frameCfg="0 1 16 0 50 1 0")
    assert "Error -1" in console("sensorStart 0\n")
    assert console.start().subframes[0].period_s == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"profileCfg": "0 62.0 20 6 42 0 0 90 1 64 2000 0 0 30"}, "62.00 to 65.78 GHz"),
        ({"frameCfg": "0 1 16 0 1 1 0"}, "2.0 ms of chirps in a frame of 1.0 ms"),
        ({"profileCfg": "0 60 20 6 42 0 0 0 1 64 2000 0 0 30"}, "a profile without slope"),
    ],
)
def test_a_chirp_that_the_radio_cannot_make_is_refused_at_the_start(changes: dict[str, str], reason: str) -> None:
    console = Console()
    console.configure(**changes)
    answer = console("sensorStart\n")
    assert reason in answer
    assert answer.endswith("Error -1\n\rmmwDemo:/>")


def test_a_line_ends_at_255_characters() -> None:
    answer = Console()("%" * 300)
    assert answer == "%" * 255 + "Skipped\n\rmmwDemo:/>" + "%" * 45


def test_help_and_version_end_with_done() -> None:
    console = Console()
    assert all(name in console("help\n") for name in ARGUMENTS)
    assert "mmWave SDK Version      : 03.05.00.04\n\r" in console("version\n")
    assert console("version\n").endswith("Done\n\rmmwDemo:/>")


def test_a_command_can_be_told_to_fail() -> None:
    line = CommandLine(lambda *_: None, lambda: None, refuse=("flushCfg",))
    assert line.feed(b"flushCfg\n")[-1][1] == b"Error: flushCfg failed\n\rError -1\n\r" + PROMPT


WORDS = st.sampled_from([*ARGUMENTS, "0", "1", "-1", "7", "1e99", "x", "", "%", "60.5", "\r"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=40), st.lists(WORDS, max_size=16).map(lambda w: " ".join(w).encode()))))
def test_the_console_survives_anything_and_prompts_for_every_line(pieces: list[bytes]) -> None:
    console = Console()
    console.configure()
    for piece in pieces:
        answers = console.line.feed(piece[:200] + b"\n")
        assert answers[-1][1].endswith(PROMPT)
        echo = b"".join(text for _, text in answers[::2])
        assert echo == (piece[:200] + b"\n").replace(b"\r", b"\r\n")
        console("sensorStop\n")


def test_advanced_frames_take_their_subframes_in_turn() -> None:
    console = Console()
    console.configure(dfeDataOutputMode="3", frameCfg="")
    console("advFrameCfg 2 0 0 1 0\n")
    console("subFrameCfg 0 0 0 2 16 40 0 1 1 40\n")
    console("subFrameCfg 1 0 0 1 32 60 0 1 1 60\n")
    console("guiMonitor 1 1 0 0 0 0 0\n")
    first, second = console.start().subframes
    assert [first.period_s, second.period_s] == pytest.approx([0.04, 0.06])
    assert (first.tx, first.gui.range_profile) == (2, True)
    assert (second.tx, second.gui.range_profile) == (1, False)


def test_geometry_follows_the_configuration() -> None:
    frame = configured()
    assert (frame.range_bins, frame.doppler_bins, frame.virtual_antennas) == (64, 16, 8)
    assert frame.range_step_m == pytest.approx(0.05205, abs=1e-5)  # c * 2 MHz / (2 * 90 MHz/us * 64)
    assert frame.velocity_step_m_s == pytest.approx(1.25921, abs=1e-5)  # c / (2 * 60 GHz * 62 us * 16 * 2)
    assert frame.active_s == pytest.approx(32 * 62e-6)
    odd = configured(profileCfg="0 60 83 7 88.89 0 0 45 1 176 2175 0 0 158")
    assert (odd.range_bins, round(odd.range_step_m, 4)) == (256, 0.0283)


@pytest.mark.parametrize(("text", "value"), [("1.5", 1.5), ("-3x", -3.0), ("x", 0.0), ("", 0.0), ("2e1", 20.0)])
def test_numbers_are_read_as_c_reads_them(text: str, value: float) -> None:
    assert number(text) == value
