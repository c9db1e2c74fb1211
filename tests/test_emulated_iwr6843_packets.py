"""The emulated IWR6843's packets: golden bytes, a real capture rebuilt byte for byte, targets, and faults."""

from __future__ import annotations

import dataclasses
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iwr6843_configs import configured
from shared_data import SHARED_DATA
from ti_packets import fields

from faceedge.errors import ConfigurationError, InputError
from faceedge.radar import iwr6843_decode as decode
from faceedge.radar.iwr6843_layout import Packet
from faceedge.radar.iwr6843_packets import PacketStream
from faceedge.simulation.devices.iwr6843 import FrameTimer
from faceedge.simulation.devices.iwr6843_faults import DAMAGE, DISTRACTIONS
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
