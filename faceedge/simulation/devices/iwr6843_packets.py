"""Packets as the IWR6843's demo firmware (mmWave SDK 3) writes them to its data port.

A packet is a header, TLVs in the order of ``_EMISSION``, and padding to a multiple of 32 bytes that holds whatever lay
in the device's memory. Layouts follow TI's "Understanding UART Data Output Format"; header, statistics and padding were
compared with a capture from a device. Written for the emulator alone: the driver's parser has its own tables, so that a
mistake in one of them shows.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from faceedge.errors import ConfigurationError

MAGIC = bytes((2, 1, 4, 3, 6, 5, 8, 7))
HEADER = struct.Struct("<8s8I")
"""Magic, version, total length, platform, frame number, CPU cycles, objects, TLVs, subframe."""
TLV_HEADER = struct.Struct("<2I")
"""Type and length of the payload."""
PLATFORM = 0x000A_6843
PACKET_MULTIPLE = 32
MAX_STALE_BYTES = PACKET_MULTIPLE - 1
CYCLES_PER_S = 200_000_000

SECONDS_PER_BYTE = 11.2e-6
"""Of the data port: 10 bits at 200 MHz / 16 / 14, 3.1 % below the nominal 921,600 baud."""


class TlvType(IntEnum):
    """What a TLV holds."""

    POINTS = 1
    RANGE_PROFILE = 2
    NOISE_PROFILE = 3
    AZIMUTH_HEAT_MAP = 4
    RANGE_DOPPLER = 5
    STATISTICS = 6
    SIDE_INFO = 7
    AZIMUTH_ELEVATION_HEAT_MAP = 8
    TEMPERATURE = 9


@dataclass(frozen=True, slots=True)
class Statistics:
    """TLV 6. Processing time is this frame's; transmission and the first margin are the previous frame's."""

    interframe_processing_us: int = 0
    transmit_output_us: int = 0
    interframe_margin_us: int = 0
    interchirp_margin_us: int = 0
    active_cpu_percent: int = 0
    interframe_cpu_percent: int = 0

    def pack(self) -> bytes:
        """24 bytes."""
        return struct.pack(
            "<6I",
            self.interframe_processing_us,
            self.transmit_output_us,
            self.interframe_margin_us,
            self.interchirp_margin_us,
            self.active_cpu_percent,
            self.interframe_cpu_percent,
        )


@dataclass(frozen=True, slots=True)
class Temperatures:
    """TLV 9, sent together with TLV 6 by newer firmware.

    Attributes:
        time_ms: since the device booted.
        celsius: receivers 0 to 3, transmitters 0 to 2, power management, digital 0 and 1.
        status: 0 when the readings are good.
    """

    time_ms: int
    celsius: tuple[int, int, int, int, int, int, int, int, int, int] = (41, 41, 40, 41, 42, 42, 42, 42, 39, 39)
    status: int = 0

    def pack(self) -> bytes:
        """28 bytes."""
        return struct.pack("<iI10h", self.status, self.time_ms & 0xFFFF_FFFF, *self.celsius)


@dataclass(frozen=True, slots=True)
class PacketContent:
    """What one frame shows; None: not sent.

    Attributes:
        points: (n, 4) float: x to the right, y along boresight, z up in m; velocity in m/s, receding positive.
        side_info: (n, 2) int16: signal-to-noise ratio and noise in 0.1 dB.
        range_profile, noise_profile: (range bin,) uint16, log2 magnitude times 256.
        azimuth_heat_map: (range bin, antenna, 2) int16: imaginary part first, then real part.
        heat_map_type: TLV of the heat map: 4 from antennas in a row, 8 from all of them.
        range_doppler: (range bin, Doppler bin) uint16, zero velocity in column 0.
        statistics, temperatures: TLV 6 and 9.
    """

    points: np.ndarray | None = None
    side_info: np.ndarray | None = None
    range_profile: np.ndarray | None = None
    noise_profile: np.ndarray | None = None
    azimuth_heat_map: np.ndarray | None = None
    heat_map_type: TlvType = TlvType.AZIMUTH_HEAT_MAP
    range_doppler: np.ndarray | None = None
    statistics: Statistics | None = None
    temperatures: Temperatures | None = None


def version_word(version: tuple[int, int, int, int]) -> int:
    """Major, minor, bug fix and build, a byte each."""
    major, minor, bug_fix, build = version
    return major << 24 | minor << 16 | bug_fix << 8 | build


def tlvs_of(content: PacketContent, *, empty_points_tlv: bool = True) -> list[tuple[TlvType, bytes]]:
    """Types and payloads in the firmware's order of emission: 1, 7, 2, 3, 4 or 8, 5, 6, 9.

    Args:
        content: of the frame.
        empty_points_tlv: without points, send TLV 1 with length 0, as SDK 3.3 does, instead of no TLV 1. TLV 7 is left
            out either way.
    """
    tlvs: list[tuple[TlvType, bytes]] = []
    found = content.points is not None and len(content.points) > 0
    if content.points is not None and (found or empty_points_tlv):
        tlvs.append((TlvType.POINTS, _bytes(content.points, "<f4")))
    if content.side_info is not None and found:
        tlvs.append((TlvType.SIDE_INFO, _bytes(content.side_info, "<i2")))
    if content.range_profile is not None:
        tlvs.append((TlvType.RANGE_PROFILE, _bytes(content.range_profile, "<u2")))
    if content.noise_profile is not None:
        tlvs.append((TlvType.NOISE_PROFILE, _bytes(content.noise_profile, "<u2")))
    if content.azimuth_heat_map is not None:
        tlvs.append((content.heat_map_type, _bytes(content.azimuth_heat_map, "<i2")))
    if content.range_doppler is not None:
        tlvs.append((TlvType.RANGE_DOPPLER, _bytes(content.range_doppler, "<u2")))
    if content.statistics is not None:
        tlvs.append((TlvType.STATISTICS, content.statistics.pack()))
    if content.temperatures is not None:
        tlvs.append((TlvType.TEMPERATURE, content.temperatures.pack()))
    return tlvs


def _bytes(values: np.ndarray, kind: str) -> bytes:
    return np.ascontiguousarray(values, kind).tobytes()


def build_packet(
    content: PacketContent,
    *,
    frame_number: int,
    cycles: int,
    version: tuple[int, int, int, int],
    subframe: int = 0,
    empty_points_tlv: bool = True,
    stale: bytes = bytes(MAX_STALE_BYTES),
) -> bytes:
    """One packet.

    Args:
        content: of the frame.
        frame_number: counts from 1 since the sensor started.
        cycles: of the 200 MHz counter when the packet is built; wraps at 32 bits.
        version: of the SDK.
        subframe: 0 outside advanced frame mode.
        empty_points_tlv: see ``tlvs_of``.
        stale: at least 31 bytes; the padding is as much of them as is needed.

    Returns:
        A multiple of 32 bytes; no padding when the content already is one.

    Raises:
        ConfigurationError: too few stale bytes.
    """
    if len(stale) < MAX_STALE_BYTES:
        raise ConfigurationError(f"padding needs {MAX_STALE_BYTES} stale bytes to take from, got {len(stale)}.")
    tlvs = tlvs_of(content, empty_points_tlv=empty_points_tlv)
    body = b"".join(TLV_HEADER.pack(kind, len(payload)) + payload for kind, payload in tlvs)
    padding = -(HEADER.size + len(body)) % PACKET_MULTIPLE
    header = HEADER.pack(
        MAGIC,
        version_word(version),
        HEADER.size + len(body) + padding,
        PLATFORM,
        frame_number & 0xFFFF_FFFF,
        cycles & 0xFFFF_FFFF,
        0 if content.points is None else len(content.points),
        len(tlvs),
        subframe,
    )
    return header + body + stale[:padding]


def transmit_output_us(packet_bytes: int) -> int:
    """What the statistics of the next frame report as the time to send a packet: a byte less, rounded up.

    A capture shows 768 -> 8591, 800 -> 8949, 896 -> 10024, 1088 -> 12175.
    """
    return -((packet_bytes - 1) * -112 // 10)


def with_frame(packet: bytes, frame_number: int, cycles: int) -> bytes:
    """The packet with another frame number and cycle count; shorter than a header: unchanged."""
    if len(packet) < HEADER.size:
        return packet
    fields = list(HEADER.unpack_from(packet))
    fields[4], fields[5] = frame_number & 0xFFFF_FFFF, cycles & 0xFFFF_FFFF
    return HEADER.pack(*fields) + packet[HEADER.size :]
