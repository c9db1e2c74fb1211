"""Packets of the IWR6843 as arrays: hand-made values in, axes, units and shapes out."""

from __future__ import annotations

import dataclasses
import math
import struct

import numpy as np
import pytest
import ti_packets as ti

from faceedge.errors import InputError
from faceedge.radar import iwr6843_decode as decode
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.iwr6843_layout import Packet
from faceedge.radar.iwr6843_packets import PacketStream

pytestmark = pytest.mark.arrays

SHAPE = decode.Shape(range_bins=4, doppler_bins=4, virtual_antennas=12)


def parse(*pieces: bytes) -> tuple[list[Packet], PacketStream]:
    stream = PacketStream()
    packets = [packet for piece in pieces for packet in stream.feed(piece)]
    return packets + stream.finish(), stream


def close(found: np.ndarray | None, expected: object, rtol: float = 0.0, atol: float = 0.0) -> None:
    assert found is not None
    np.testing.assert_allclose(found, np.asarray(expected, float), rtol, atol)


def test_points_are_turned_into_the_axes_of_robots() -> None:
    (packet,), _ = parse(ti.GOLDEN)
    # The device's x right, y ahead, z up: 0.5 to the right, 2 ahead, 0.25 below; receding with 1.5 m/s; 25 dB.
    close(decode.points(packet), [[2.0, -0.5, -0.25, 1.5, 25.0]], rtol=1e-6)
    assert decode.points(packet).dtype == np.float32  # type: ignore[union-attr]
    rows = [(0.0, 1.0, 2.0, 3.0), (-0.5, 1.5, 0.0, 0.0), (0.25, 0.5, -1.0, -2.0)]
    packets, _ = parse(ti.packet(1, ti.points(rows), objects=3))
    found = decode.points(packets[0])
    assert found is not None
    close(found[:, :4], [[1.0, 0.0, 2.0, 3.0], [1.5, 0.5, 0.0, 0.0], [0.5, -0.25, -1.0, -2.0]])
    assert not np.signbit(found[0, 1])


def test_a_range_profile_is_in_db_of_one_antenna() -> None:
    (packet,), _ = parse(ti.GOLDEN)
    profile = decode.range_profile_db(packet, SHAPE)
    # 256 steps are one doubling; of 12 antennas, the sum was divided by 16.
    close(profile, np.array([0, 2, 4, 24]) * 6.0206 * 16 / 12, rtol=1e-4)


def test_a_range_doppler_map_has_zero_velocity_in_the_middle_and_magnitudes() -> None:
    octave = 256 * 12 // 16
    image = np.zeros((4, 4), int)
    image[1, 0] = octave  # range bin 1, at rest
    image[2, 1] = 2 * octave  # receding slowly
    image[3, 3] = 3 * octave  # approaching slowly
    packets, _ = parse(ti.packet(1, ti.words(5, image.ravel().tolist())))
    result = decode.range_doppler(packets[0], SHAPE)
    expected = np.ones((4, 4))
    expected[1, 2], expected[2, 3], expected[3, 1] = 2, 4, 8
    close(result, expected, rtol=1e-6)
    assert result.dtype == np.float32  # type: ignore[union-attr]


def test_heat_maps_have_the_imaginary_part_first() -> None:
    values = [3, 4, -1, 2] * 4
    for kind in (4, 8):
        (packet,), _ = parse(ti.packet(1, ti.tlv(kind, struct.pack("<16h", *values))))
        result = decode.heat_map(packet, SHAPE)
        assert result is not None
        assert result.shape == (4, 2)
        np.testing.assert_array_equal(result[0], [4 + 3j, 2 - 1j])


def test_statistics_noise_and_temperature_are_read() -> None:
    packets, _ = parse(ti.packet(1, ti.words(3, [256 * 12 // 16] * 4), ti.statistics(4074), ti.temperature()))
    assert decode.statistics(packets[0]) == decode.Statistics(4074, 8591, 75915, 0, 0, 4)
    close(decode.noise_profile_db(packets[0], SHAPE), [6.0206] * 4, rtol=1e-4)
    assert decode.temperature_c(packets[0]) == 43.0
    invalid, _ = parse(ti.packet(1, ti.temperature(invalid=-1)))
    assert math.isnan(decode.temperature_c(invalid[0]))


def test_what_was_not_sent_is_none() -> None:
    (packet,), _ = parse(ti.packet(1, ti.statistics(), objects=3))
    assert decode.points(packet) is None
    assert decode.range_profile_db(packet, SHAPE) is None
    assert decode.range_doppler(packet, SHAPE) is None
    assert decode.heat_map(packet, SHAPE) is None
    assert math.isnan(decode.temperature_c(packet))


@pytest.mark.parametrize("tlvs", [(ti.points([]), ti.words(2, [0] * 4)), (ti.words(2, [0] * 4),), ()])
def test_a_frame_without_points_has_none_whether_an_empty_tlv_comes_or_not(tlvs: tuple[bytes, ...]) -> None:
    (packet,), _ = parse(ti.packet(1, *tlvs))
    found = decode.points(packet)
    assert found is not None
    assert found.shape == (0, 5)
    assert packet.problems == ()


def test_points_without_side_info_have_an_unknown_ratio() -> None:
    (packet,), _ = parse(ti.packet(1, ti.points([(0, 1, 0, 0)]), objects=1))
    assert np.isnan(decode.points(packet)[0, 4])  # type: ignore[index]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30, -1000.1])
@pytest.mark.parametrize("place", range(4))
def test_points_that_cannot_be_are_refused_with_a_sentence(value: float, place: int) -> None:
    row = [0.0, 1000.0, -0.0, -1000.0]
    (good,), _ = parse(ti.packet(3, ti.points([(row[0], row[1], row[2], row[3])]), objects=1))
    assert decode.points(good) is not None
    row[place] = value
    (bad,), _ = parse(ti.packet(3, ti.points([(row[0], row[1], row[2], row[3])]), objects=1))
    with pytest.raises(InputError, match=r"frame 3: a detected point has a coordinate or velocity beyond 1000;"):
        decode.points(bad)


def test_images_of_another_size_than_the_chirp_gives_are_refused_with_a_sentence() -> None:
    packets, _ = parse(ti.packet(7, ti.words(5, [0] * 15)), ti.packet(8, ti.words(2, [0] * 5)))
    with pytest.raises(InputError, match=r"frame 7: range-Doppler heat map has 15 values, the chirp gives 16 or 32 or"):
        decode.range_doppler(packets[0], SHAPE)
    with pytest.raises(InputError, match=r"frame 8: range profile has 5 values, the chirp gives 4;"):
        decode.range_profile_db(packets[1], SHAPE)
    packets, _ = parse(ti.packet(9, ti.tlv(4, bytes(4 * 5))))
    with pytest.raises(InputError, match=r"frame 9: azimuth heat map has 5 values, expected a multiple of"):
        decode.heat_map(packets[0], SHAPE)


def test_the_shape_follows_from_the_chirp_by_powers_of_two() -> None:
    chirp = ChirpSettings(
        "iwr6843",
        60e9,
        63.6e9,
        83e12,
        176,
        2.175e6,
        33,
        287.67e-6,
        0.25,
        (1, 2, 3, 4),
        (1, 2, 3),
        complex_sampling=True,
    )
    assert decode.Shape.of(chirp) == decode.Shape(256, 64, 12)
    longest = dataclasses.replace(chirp, samples_per_chirp=600, sample_rate_hz=10e6)
    assert decode.Shape.of(longest) == decode.Shape(1022, 64, 12)
    assert decode.Shape.of(dataclasses.replace(longest, rx_antennas=(1, 2))) == decode.Shape(1024, 64, 6)


def test_levels_that_no_device_has_stay_finite() -> None:
    packets, _ = parse(ti.packet(7, ti.words(5, [0] * 15 + [65535])), ti.packet(8, ti.words(2, [0, 0, 65535, 0])))
    image, profile = decode.range_doppler(packets[0], SHAPE), decode.range_profile_db(packets[1], SHAPE)
    assert image is not None
    assert image.max() == 2.0**40
    close(profile, [0, 0, 40 * 6.0206, 0], rtol=1e-4)


def test_few_chirps_give_as_many_doppler_bins_as_the_firmware_has_at_least() -> None:
    for bins in (4, 8, 16):
        (packet,), _ = parse(ti.packet(1, ti.words(5, [0] * 4 * bins)))
        assert decode.range_doppler(packet, SHAPE).shape == (4, bins)  # type: ignore[union-attr]
    (packet,), _ = parse(ti.packet(1, ti.words(5, [0] * 4 * 8)))
    with pytest.raises(InputError, match="has 32 values, the chirp gives 64; is the configuration"):
        decode.range_doppler(packet, decode.Shape(4, 16, 12))


def test_logarithms_had_finer_steps_before_sdk_3_2() -> None:
    assert SHAPE.octaves_per_step(0x03020000) == pytest.approx(16 / 12 / 256)
    assert SHAPE.octaves_per_step(0x03010003) == pytest.approx(16 / 12 / 512)
    assert decode.Shape(4, 4, 8).octaves_per_step(0x03050004) == 1 / 256
