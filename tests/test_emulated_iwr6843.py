"""The emulated IWR6843: golden dialogues and packets, a real capture rebuilt byte for byte, and its two ports."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import select
import struct
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iwr6843_configs import NEAR, lines
from pictures import SHARED_DATA

from faceedge.errors import ConfigurationError, InputError
from faceedge.radar import iwr6843_decode as decode
from faceedge.radar.iwr6843_layout import Packet
from faceedge.radar.iwr6843_packets import PacketStream
from faceedge.simulation.devices.faults import Faults
from faceedge.simulation.devices.iwr6843 import FrameTimer, Iwr6843Emulator
from faceedge.simulation.devices.iwr6843_cli import ARGUMENTS, PROMPT, CommandLine
from faceedge.simulation.devices.iwr6843_configuration import Configuration, Subframe, number
from faceedge.simulation.devices.iwr6843_faults import DAMAGE, DISTRACTIONS, FRAME_FAULTS
from faceedge.simulation.devices.iwr6843_feeds import (
    TargetFeed,
    fixed_targets,
    read_stream,
    split_stream,
    standing_face,
)
from faceedge.simulation.devices.iwr6843_packets import (
    PacketContent,
    Statistics,
    Temperatures,
    TlvType,
    build_packet,
    tlvs_of,
    transmit_output_us,
)

CAPTURE = SHARED_DATA / "radar" / "iwr6843" / "xwr68xx_processed_stream_2019_12_04T21_44_51_663.dat"
CHIPPED = SHARED_DATA / "radar" / "iwr6843" / "vital_signs_68xx_dataOutputFromEVM.bin"
captured = pytest.mark.skipif(not CAPTURE.is_file(), reason="the captures of ../shared/data are not on this machine")
MAGIC = bytes.fromhex("0201040306050807")
PATIENCE_S = 20.0


class Console:
    """A console without a port, and what it started."""

    def __init__(self, version: tuple[int, int, int, int] = (3, 5, 0, 4)) -> None:
        self.running: list[Configuration] = []
        self.stops = 0
        self.line = CommandLine(lambda what, _: self.running.append(what), self._stopped, version=version)
        self.line.power_on()

    def _stopped(self) -> None:
        self.stops += 1

    def __call__(self, text: str) -> str:
        return b"".join(answer for _, answer in self.line.feed(text.encode("latin-1"))).decode("latin-1")

    def configure(self, **changes: str) -> None:
        for line in lines(**changes):
            assert "Error" not in self(line + "\n"), line

    def start(self) -> Configuration:
        assert "Done" in self("sensorStart\n")
        return self.running[-1]


def configured(**changes: str) -> Subframe:
    console = Console()
    console.configure(**changes)
    return console.start().subframes[0]


# The console


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


# Packets


def fields(packet: bytes) -> tuple[tuple[int, ...], list[tuple[int, bytes]], bytes]:
    """Header after the magic word, TLVs and padding, by ``struct`` alone."""
    assert packet[:8] == MAGIC
    header = struct.unpack_from("<8I", packet, 8)
    tlvs, at = [], 40
    for _ in range(header[6]):
        kind, length = struct.unpack_from("<2I", packet, at)
        tlvs.append((kind, packet[at + 8 : at + 8 + length]))
        at += 8 + length
    assert len(packet) == header[1]
    return header, tlvs, packet[at:]


def test_a_packet_is_laid_out_as_documented() -> None:
    content = PacketContent(
        points=np.array([[0.5, 1.0, -0.25, 2.0]]),
        side_info=np.array([[181, 852]]),
        range_profile=np.array([4391, 4404]),
        statistics=Statistics(4074, 8591, 75915, 0, 1, 4),
    )
    packet = build_packet(content, frame_number=209, cycles=(1 << 32) + 5, version=(3, 3, 0, 2), stale=b"\xcc" * 31)
    assert packet.hex(" ", 4) == (
        "02010403 06050807 02000303 80000000 43680a00 d1000000 05000000 01000000 04000000 00000000 "
        "01000000 10000000 0000003f 0000803f 000080be 00000040 "
        "07000000 04000000 b5005403 "
        "02000000 04000000 27113411 "
        "06000000 18000000 ea0f0000 8f210000 8b280100 00000000 01000000 04000000 "
        "cccccccc cccccccc"
    )  # fmt: skip


def test_tlvs_come_in_the_firmware_s_order_with_the_documented_sizes() -> None:
    content = PacketContent(
        points=np.zeros((3, 4)),
        side_info=np.zeros((3, 2)),
        range_profile=np.zeros(64),
        noise_profile=np.zeros(64),
        azimuth_heat_map=np.zeros((64, 8, 2)),
        range_doppler=np.arange(64 * 16).reshape(64, 16),
        statistics=Statistics(),
        temperatures=Temperatures(5),
    )
    sizes = [(int(kind), len(payload)) for kind, payload in tlvs_of(content)]
    assert sizes == [(1, 48), (7, 12), (2, 128), (3, 128), (4, 2048), (5, 2048), (6, 24), (9, 28)]
    assert struct.unpack_from("<20H", tlvs_of(content)[5][1]) == tuple(range(20))  # Doppler runs fastest
    assert struct.unpack("<iI10h", tlvs_of(content)[7][1])[:3] == (0, 5, 41)


def test_without_points_the_points_are_empty_or_absent() -> None:
    content = PacketContent(np.zeros((0, 4)), np.zeros((0, 2)), np.zeros(4), statistics=Statistics())
    assert [(kind, len(data)) for kind, data in tlvs_of(content)] == [(1, 0), (2, 8), (6, 24)]
    assert [(kind, len(data)) for kind, data in tlvs_of(content, empty_points_tlv=False)] == [(2, 8), (6, 24)]


@pytest.mark.parametrize(("bins", "padding"), [(0, 16), (4, 8), (8, 0), (9, 30)])
def test_padding_fills_up_to_32_bytes_with_what_lay_there(bins: int, padding: int) -> None:
    content = PacketContent(range_profile=np.zeros(bins))
    packet = build_packet(content, frame_number=1, cycles=0, version=(3, 5, 0, 4), stale=bytes(range(1, 32)))
    assert len(packet) % 32 == 0
    assert fields(packet)[2] == bytes(range(1, 32))[:padding]
    with pytest.raises(ConfigurationError, match="31 stale bytes"):
        build_packet(content, frame_number=1, cycles=0, version=(3, 5, 0, 4), stale=b"")


@pytest.mark.parametrize(("size", "us"), [(608, 6799), (768, 8591), (800, 8949), (896, 10024), (1088, 12175)])
def test_transmission_is_reported_as_a_device_did(size: int, us: int) -> None:
    assert transmit_output_us(size) == us


@captured
def test_every_packet_of_a_real_capture_is_rebuilt_from_its_values() -> None:
    chunks = read_stream(CAPTURE)
    assert len(chunks) == 101
    assert b"".join(chunk.data for chunk in chunks) == CAPTURE.read_bytes()
    stale = max((fields(chunk.data)[2] for chunk in chunks), key=len).ljust(31, b"\0")
    before = 0
    for chunk in chunks:
        header, tlvs, _ = fields(chunk.data)
        payloads = dict(tlvs)
        content = PacketContent(
            points=np.array(list(struct.iter_unpack("<4f", payloads[1]))).reshape(-1, 4),
            side_info=np.array(list(struct.iter_unpack("<2h", payloads.get(7, b"")))).reshape(-1, 2),
            range_profile=np.array(struct.unpack("<256H", payloads[2])),
            statistics=Statistics(*struct.unpack("<6I", payloads[6])),
        )
        packet = build_packet(
            content, frame_number=header[3], cycles=header[4], version=(3, 3, 0, 2), subframe=header[7], stale=stale
        )
        assert packet == chunk.data
        if before:
            assert abs(struct.unpack("<6I", payloads[6])[1] - transmit_output_us(before)) <= 3
        before = len(packet)
    assert sum(chunk.gap_s for chunk in chunks[1:]) == pytest.approx(10.0, abs=1e-3)


@pytest.mark.skipif(not CHIPPED.is_file(), reason="the captures of ../shared/data are not on this machine")
def test_a_capture_of_another_demo_is_cut_at_its_magic_words() -> None:
    chunks = read_stream(CHIPPED)
    assert len(chunks) == 248
    assert b"".join(chunk.data for chunk in chunks) == CHIPPED.read_bytes()


def test_a_stream_without_a_packet_is_refused_with_a_sentence() -> None:
    with pytest.raises(InputError, match="holds no packet: 3 bytes"):
        split_stream(b"abc")
    with pytest.raises(InputError, match="cannot read the recorded stream"):
        read_stream(CAPTURE / "nothing")


@given(st.binary(max_size=200), st.lists(st.binary(max_size=80), max_size=5))
def test_cutting_a_stream_loses_nothing(before: bytes, pieces: list[bytes]) -> None:
    stream = before + MAGIC + MAGIC.join(pieces)
    assert b"".join(chunk.data for chunk in split_stream(stream)) == stream


# What a frame shows


def test_a_target_stands_where_its_range_and_velocity_say() -> None:
    frame = configured(guiMonitor="-1 1 1 1 1 1 1")
    target = (0.3, 1.2, 0.1, 2 * frame.velocity_step_m_s, 30.0)
    content = TargetFeed(fixed_targets([target])).content(frame, 1, 0.0)
    assert content.range_doppler is not None
    assert content.range_profile is not None
    assert content.noise_profile is not None
    place = divmod(int(np.argmax(content.range_doppler)), frame.doppler_bins)
    assert place == (round(math.hypot(0.3, 1.2, 0.1) / frame.range_step_m), 2)
    assert np.array_equal(content.range_profile, content.range_doppler[:, 0])
    assert np.array_equal(content.noise_profile, content.range_doppler[:, 8])
    # 30 dB above the noise: 5 doublings of the magnitude, 256 steps each.
    floor = float(np.median(content.range_doppler))
    assert content.range_doppler.max() - floor == pytest.approx(256 * 30 / 6.02, rel=0.1)
    assert content.points is not None
    assert content.side_info is not None
    assert np.linalg.norm(content.points[0, :3] - target[:3]) < frame.range_step_m
    assert content.points[0, 3] == pytest.approx(target[3])
    assert content.side_info.tolist() == [[300, 850]]


def test_the_heat_map_s_phases_point_at_the_target() -> None:
    frame = configured(guiMonitor="-1 1 0 0 1 0 0")
    for azimuth in (-0.5, 0.0, 0.4):
        target = (1.5 * math.sin(azimuth), 1.5 * math.cos(azimuth), 0.0, 0.0, 40.0)
        heat = TargetFeed(fixed_targets([target])).content(frame, 1, 0.0).azimuth_heat_map
        assert heat is not None
        assert heat.shape == (64, 8, 2)
        line = heat[round(1.5 / frame.range_step_m)]
        spectrum = np.abs(np.fft.fftshift(np.fft.fft(line[:, 1] + 1j * line[:, 0], 256)))
        assert (np.argmax(spectrum) - 128) / 128 == pytest.approx(math.sin(azimuth), abs=0.05)
    everywhere = TargetFeed(standing_face(), TlvType.AZIMUTH_ELEVATION_HEAT_MAP).content(frame, 1, 0.0)
    assert everywhere.heat_map_type == 8


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({}, 3),
        ({"clutterRemoval": "-1 1"}, 1),
        ({"aoaFovCfg": "-1 -20 20 -90 90"}, 2),
        ({"guiMonitor": "-1 2 0 0 0 0 0"}, 3),
    ],
)
def test_filters_of_the_configuration_take_targets_away(changes: dict[str, str], seen: int) -> None:
    rows = [(0.0, 1.0, 0.0, 0.0, 20.0), (0.0, 2.0, 0.0, 2.6, 20.0), (1.0, 1.0, 0.0, 0.0, 20.0), (0, 9.0, 0, 0, 20.0)]
    content = TargetFeed(fixed_targets(rows)).content(configured(**changes), 1, 0.0)
    assert content.points is not None
    assert len(content.points) == seen
    assert (content.side_info is None) == ("guiMonitor" in changes)


def test_velocities_beyond_the_limit_fold_back() -> None:
    frame = configured()
    span = frame.velocity_step_m_s * 16
    points = TargetFeed(fixed_targets([(0, 1, 0, 0.6 * span, 20)])).content(frame, 1, 0.0).points
    assert points is not None
    assert points[0, 3] == pytest.approx(-0.4 * span, abs=frame.velocity_step_m_s)


def test_a_frame_s_noise_depends_on_its_number_alone() -> None:
    frame, feed = configured(), TargetFeed(standing_face())
    profiles = [feed.content(frame, number, 1.0).range_profile for number in (7, 8, 7)]
    first, other, again = (profile.tolist() for profile in profiles if profile is not None)
    assert again == first
    assert other != first


def test_frames_are_stretched_when_sending_takes_too_long() -> None:
    frame = configured()  # 100 ms, 2 ms of them chirps
    timer = FrameTimer(5.0)
    begin_s, built_s, statistics = timer.begin(frame, 4000)
    assert [begin_s, built_s] == pytest.approx([5.0, 5.005984])
    assert statistics == Statistics(4000, 0, 0, 0, 0, 4)
    assert timer.end(800) == 0.0
    begin_s, _, statistics = timer.begin(frame, 4010)
    assert begin_s == pytest.approx(5.1)
    assert statistics == Statistics(4010, 8949, 94016, 0, 0, 4)
    assert timer.end(16_384) == pytest.approx(1984e-6 + 4010e-6 + 16_384 * 11.2e-6 - 0.1)
    begin_s, _, statistics = timer.begin(frame, 4000)
    assert begin_s == pytest.approx(5.1 + 1984e-6 + 4010e-6 + 16_384 * 11.2e-6)
    assert statistics.interframe_margin_us == 0


def test_the_driver_s_decoder_reads_what_the_emulator_builds() -> None:
    frame = configured(guiMonitor="-1 1 1 1 1 1 1")
    rows = [(0.3, 1.2, 0.1, 2.6, 30.0), (-0.4, 0.8, -0.2, -5.1, 21.5), (0.1, 2.0, 0.3, 0.0, 12.0)]
    content = dataclasses.replace(
        TargetFeed(fixed_targets(rows)).content(frame, 1, 0.0),
        statistics=Statistics(4074, 8591, 75915, 0, 1, 4),
        temperatures=Temperatures(5, (41, 41, 40, 41, 47, 42, 42, 42, 39, 39)),
    )
    assert content.points is not None
    assert content.range_doppler is not None
    assert content.range_profile is not None
    assert content.azimuth_heat_map is not None
    packet, shape = decoded(content), decode.Shape(64, 16, 8)
    points = decode.points(packet)
    assert points is not None
    x, y, z, velocity = content.points.T
    assert np.array_equal(points.T, [y, -x, z, velocity, np.array([30, 21.5, 12], np.float32)])
    image, profile = decode.range_doppler(packet, shape), decode.range_profile_db(packet, shape)
    assert image is not None
    assert profile is not None
    assert np.allclose(image, np.fft.fftshift(2 ** (content.range_doppler / 256), axes=1), rtol=1e-5)
    assert np.allclose(profile, content.range_profile / 256 * 6.0206, rtol=1e-4)
    imaginary, real = np.moveaxis(content.azimuth_heat_map.astype(float), -1, 0)
    heat = decode.heat_map(packet, shape)
    assert heat is not None
    assert np.array_equal(heat, real + 1j * imaginary)
    assert decode.temperature_c(packet) == 47.0
    statistics = decode.statistics(packet)
    assert statistics is not None
    assert (statistics.processing_us, statistics.transmit_us, statistics.margin_us) == (4074, 8591, 75915)


def decoded(content: PacketContent) -> Packet:
    stream = PacketStream()
    packets = stream.feed(build_packet(content, frame_number=9, cycles=77, version=(3, 5, 0, 4))) + stream.finish()
    assert len(packets) == 1
    return packets[0]


# Single packets that go wrong


def some_packet() -> bytes:
    frame = configured(guiMonitor="-1 1 1 1 0 0 1")
    content = TargetFeed(standing_face()).content(frame, 1, 0.0)
    return build_packet(content, frame_number=9, cycles=77, version=(3, 5, 0, 4))


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_changes_a_packet_and_is_repeatable(name: str) -> None:
    packet = some_packet()
    first, same = (DAMAGE[name](packet, np.random.default_rng(4)) for _ in range(2))
    assert first == same
    assert packet not in first


@pytest.mark.parametrize("name", DISTRACTIONS)
def test_distractions_leave_a_packet_that_is_good(name: str) -> None:
    packet = some_packet()
    data = DISTRACTIONS[name](packet, np.random.default_rng(4))
    if name in ("garbage_before", "sent_twice"):
        assert data.endswith(packet)
        assert len(data) > len(packet)
    else:
        assert data.count(MAGIC) == 2
        assert [(kind, len(payload)) for kind, payload in fields(data)[1]] == [
            (kind, len(payload)) for kind, payload in fields(packet)[1]
        ]


# The ports


class Host:
    """Both ports of an emulator, opened as files."""

    def __init__(self, device: Iwr6843Emulator) -> None:
        self.cli = os.open(device.cli_port, os.O_RDWR | os.O_NOCTTY)
        self.data = os.open(device.data_port, os.O_RDWR | os.O_NOCTTY)
        self._stream = b""

    def close(self) -> None:
        os.close(self.cli)
        os.close(self.data)

    def until(self, text: bytes) -> bytes:
        """What the console says up to ``text``."""
        said = b""
        deadline = time.monotonic() + PATIENCE_S
        while not said.endswith(text):
            assert time.monotonic() < deadline, f"{text!r} did not come after {said!r}"
            if select.select([self.cli], [], [], 0.1)[0]:
                said += os.read(self.cli, 1)
        return said

    def command(self, line: str) -> str:
        os.write(self.cli, line.encode() + b"\n")
        return self.until(PROMPT).decode("latin-1")

    def configure(self, **changes: str) -> None:
        self.until(PROMPT)
        for line in lines(**changes):
            assert "Done" in self.command(line)

    def start(self, **changes: str) -> None:
        self.configure(**changes)
        assert "Init Calibration Status" in self.command("sensorStart")

    def stream(self, size: int) -> bytes:
        """The next bytes of the data port."""
        deadline = time.monotonic() + PATIENCE_S
        while len(self._stream) < size:
            assert time.monotonic() < deadline, f"{size} bytes did not come, only {len(self._stream)}"
            if select.select([self.data], [], [], 0.1)[0]:
                self._stream += os.read(self.data, 1 << 16)
        out, self._stream = self._stream[:size], self._stream[size:]
        return out

    def packet(self) -> bytes:
        start = self.stream(40)
        return start + self.stream(struct.unpack_from("<I", start, 12)[0] - 40)


def device(**options: object) -> Iwr6843Emulator:
    """In a hurry: calibrated at once, ten times as fast, and patient with a test that is slow to read."""
    return Iwr6843Emulator(calibration_s=0.01, speed=10.0, lossy=False, **options)  # type: ignore[arg-type]


@pytest.fixture
def no_leaks() -> Iterator[None]:
    before = set(os.listdir("/proc/self/fd")), threading.active_count()
    yield
    assert (set(os.listdir("/proc/self/fd")), threading.active_count()) == before


def test_frames_come_over_the_data_port_as_configured(no_leaks: None) -> None:
    with device() as radar:
        host = Host(radar)
        host.start(guiMonitor="-1 1 1 1 1 1 1")
        packets = [host.packet() for _ in range(12)]
        assert host.command("sensorStop").startswith("sensorStop\nDone")
        host.close()
        sent = [frame.data for frame in radar.sent]
    assert packets == sent[:12]
    for index, packet in enumerate(packets):
        header, tlvs, _ = fields(packet)
        assert header[0] == 0x03050004
        assert header[2] == 0x000A6843
        assert (header[3], header[5], header[6], header[7]) == (index + 1, 5, 8, 0)
        assert [(kind, len(data)) for kind, data in tlvs] == [
            (1, 80), (7, 20), (2, 128), (3, 128), (4, 2048), (5, 2048), (6, 24), (9, 28)
        ]  # fmt: skip


def test_cycles_less_processing_lie_on_a_straight_line() -> None:
    with device() as radar:
        host = Host(radar)
        host.start()
        packets = [host.packet() for _ in range(20)]
        host.close()
    ends = []
    for packet, before in zip(packets, [b"", *packets], strict=False):
        header, tlvs, _ = fields(packet)
        statistics = struct.unpack("<6I", dict(tlvs)[6])
        ends.append(header[4] - 200 * statistics[0])
        if before:
            assert statistics[1] == transmit_output_us(len(before))
            assert statistics[2] > 90_000
    assert set(np.diff(ends)) <= {19_999_999, 20_000_000, 20_000_001}


def test_a_clock_that_drifts_counts_more_cycles_a_second() -> None:
    with device(faults=Faults(clock_drift_ppm=5e4)) as radar:
        host = Host(radar)
        host.start(frameCfg="0 1 16 5 100 1 0")
        numbers = [fields(host.packet())[0][3:5] for _ in range(5)]
        host.close()
        starts = [frame.start_ns for frame in radar.sent]
    assert [number for number, _ in numbers] == [1, 2, 3, 4, 5]
    assert np.diff(starts) / 1e9 == pytest.approx([0.1 / 1.05] * 4, rel=1e-6)


def test_a_recording_is_sent_byte_for_byte_and_goes_on_in_a_loop() -> None:
    frame = configured()
    packets = [
        build_packet(
            TargetFeed(standing_face()).content(frame, number, 0.0),
            frame_number=number,
            cycles=(1 << 32) - 30_000_000 + 20_000_000 * index,
            version=(3, 3, 0, 2),
        )
        for index, number in enumerate((11, 12, 14))
    ]
    stream = b"half a packet" + packets[0] + b"noise" + packets[1][:100] + packets[2]
    with device(recording=split_stream(stream), loop=True) as radar:
        host = Host(radar)
        host.start()
        assert host.stream(len(stream)) == stream
        assert host.stream(13) == b"half a packet"
        assert fields(host.packet())[0][3] == 11
        host.close()
    with device(recording=split_stream(packets[0] + packets[1]), loop=True) as radar:
        host = Host(radar)
        host.start()
        headers = [fields(host.packet())[0] for _ in range(6)]
        host.close()
    assert [header[3] for header in headers] == [11, 12, 13, 14, 15, 16]
    assert [(b[4] - a[4]) % (1 << 32) for a, b in itertools.pairwise(headers)] == [20_000_000] * 5


@pytest.mark.parametrize("name", [*DAMAGE, *DISTRACTIONS])
def test_a_fault_happens_to_the_frame_it_was_ordered_for(name: str) -> None:
    with device(frame_faults={3: name}) as radar:
        host = Host(radar)
        host.start(frameCfg="0 1 16 5 100 1 0")
        deadline = time.monotonic() + PATIENCE_S
        while len(radar.sent) < 5 and time.monotonic() < deadline:
            host.stream(32)
        frames = list(radar.sent)
        host.close()
    assert [frame.frame_number for frame in frames] == [1, 2, 3, 4, 5]
    assert [frame.intact for frame in frames] == [True, True, name in DISTRACTIONS, True, True]
    assert fields(frames[1].data)[0][3] == 2


def test_the_device_s_own_faults_show_in_its_frames() -> None:
    faults = {2: "no_points", 4: "frames_skipped", 13: "cycles_wrap"}
    with device(frame_faults=faults) as radar:
        host = Host(radar)
        host.start(frameCfg="0 1 16 12 100 1 0")
        headers = [fields(host.packet())[0] for _ in range(12)]
        host.close()
    assert [header[3] for header in headers] == [1, 2, 3, 11, 12, 13, 14, 15, 16, 17, 18, 19]
    assert [header[5] for header in headers[:3]] == [5, 0, 5]
    cycles = [header[4] for header in headers]
    assert cycles[5] == pytest.approx(2**32 - 1e8, abs=1)
    assert cycles[-1] < cycles[5]


def test_a_reboot_in_the_middle_of_a_packet_forgets_the_configuration() -> None:
    with device() as radar:
        host = Host(radar)
        host.start()
        host.packet()
        radar.inject("reboot")
        assert b"xWR68xx MMW Demo" in host.until(PROMPT)
        assert "Full configuration" in host.command("sensorStart")
        assert not radar.started
        last = radar.sent[-1]
        assert not last.intact
        assert len(last.data) < struct.unpack_from("<I", last.data, 12)[0]
        host.close()


def test_an_unplugged_board_is_gone_and_boots_when_it_comes_back(no_leaks: None) -> None:
    with device() as radar:
        host = Host(radar)
        host.start()
        host.packet()
        paths = radar.cli_port, radar.data_port
        radar.unplug()
        assert not any(os.path.exists(path) for path in paths)
        assert os.read(host.cli, 10) == b""
        host.close()
        radar.replug()
        host = Host(radar)
        assert (radar.cli_port, radar.data_port) == paths
        host.start()
        assert fields(host.packet())[0][3] == 1
        host.close()


def test_a_cable_fault_of_the_line_takes_both_ports_away_and_brings_them_back() -> None:
    with device(faults=Faults(unplug_after_bytes=1000, replug_after_s=0.3)) as radar:
        host = Host(radar)
        host.configure()
        os.write(host.cli, b"sensorStart\n")
        deadline = time.monotonic() + PATIENCE_S
        while radar.counters["powered"] < 2:
            assert time.monotonic() < deadline
            select.select([], [], [], 0.01)
        host.close()
        host = Host(radar)
        host.start()
        assert fields(host.packet())[0][3] == 1
        host.close()


def test_lost_bytes_and_garbage_come_from_the_line() -> None:
    with device(faults=Faults(seed=3, garbage_rate=0.002)) as radar:
        host = Host(radar)
        host.start(frameCfg="0 1 16 8 100 1 0")
        received = host.stream(3000)
        sent = b"".join(frame.data for frame in radar.sent)
        host.close()
    assert received[: len(sent)] != sent[: len(received)]
    assert received.count(MAGIC) >= 2


def test_an_unknown_fault_is_named_with_those_that_exist() -> None:
    with pytest.raises(ConfigurationError, match=r"no fault 'fire'; it has half_packet, .*unplug"):
        Iwr6843Emulator(frame_faults={1: "fire"})
    radar = Iwr6843Emulator()
    for name in FRAME_FAULTS:
        radar.inject(name)
    with pytest.raises(ConfigurationError, match="no fault"):
        radar.inject("")


def test_it_can_be_closed_twice_and_opened_anew(no_leaks: None) -> None:
    radar = device()
    for _ in range(2):
        with radar:
            host = Host(radar)
            host.start()
            host.packet()
            host.close()
        radar.close()
