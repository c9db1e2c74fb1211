"""What can go wrong with single packets of an emulated IWR6843. Faults of the line itself are in ``faults``."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from faceedge.simulation.devices.iwr6843_packets import HEADER, MAGIC, TLV_HEADER, with_frame

Fault = Callable[[bytes, np.random.Generator], bytes]

_LENGTH_AT = 12
_GARBAGE_BYTES = 200
_TEXT = b"******************************************\n\rxWR68xx MMW Demo 03.05.00.04\n\r"


def _half_packet(packet: bytes, generator: np.random.Generator) -> bytes:
    return packet[: len(packet) // 2]


def _lost_bytes(packet: bytes, generator: np.random.Generator) -> bytes:
    start = int(generator.integers(len(MAGIC), len(packet) - 1))
    return packet[:start] + packet[start + int(generator.integers(1, 64)) :]


def _wrong_length(packet: bytes, generator: np.random.Generator) -> bytes:
    wrong = struct.pack("<I", int(generator.choice((0, 8, len(packet) - 32, len(packet) + 4096, 0xFFFF_FFE0))))
    return packet[:_LENGTH_AT] + wrong + packet[_LENGTH_AT + len(wrong) :]


def _wrong_tlv_length(packet: bytes, generator: np.random.Generator) -> bytes:
    wrong = struct.pack("<I", int(generator.choice((1, len(packet), 0x7FFF_FFFF, 0xFFFF_FFFF))))
    at = HEADER.size + 4
    return packet[:at] + wrong + packet[at + len(wrong) :]


def _unknown_tlv(packet: bytes, generator: np.random.Generator) -> bytes:
    return packet[: HEADER.size] + struct.pack("<I", 4711) + packet[HEADER.size + 4 :]


def _garbage_before(packet: bytes, generator: np.random.Generator) -> bytes:
    return generator.bytes(_GARBAGE_BYTES) + MAGIC[:5] + packet


def _text_inside(packet: bytes, generator: np.random.Generator) -> bytes:
    middle = len(packet) // 2
    return packet[:middle] + _TEXT + packet[middle:]


def _magic_in_payload(packet: bytes, generator: np.random.Generator) -> bytes:
    return _into_largest_payload(packet, MAGIC)


def _packet_in_payload(packet: bytes, generator: np.random.Generator) -> bytes:
    inner = HEADER.pack(MAGIC, 0x0303_0002, 64, 0x000A_6843, 1, 2, 0, 1, 0) + TLV_HEADER.pack(1, 0)
    return _into_largest_payload(packet, inner)


def _into_largest_payload(packet: bytes, content: bytes) -> bytes:
    """The packet with ``content`` in the middle of its largest payload, as much of it as fits there."""
    at, place, room = HEADER.size, 0, 0
    for _ in range(HEADER.unpack_from(packet)[7]):
        _, length = TLV_HEADER.unpack_from(packet, at)
        if length > room:
            place, room = at + TLV_HEADER.size, length
        at += TLV_HEADER.size + length
    content = content[:room]
    start = place + (room - len(content)) // 2
    return packet[:start] + content + packet[start + len(content) :]


def _sent_twice(packet: bytes, generator: np.random.Generator) -> bytes:
    return packet + packet


def _counter_restarts(packet: bytes, generator: np.random.Generator) -> bytes:
    return with_frame(packet, 1, HEADER.unpack_from(packet)[5])


DAMAGE: dict[str, Fault] = {
    "half_packet": _half_packet,
    "lost_bytes": _lost_bytes,
    "wrong_length": _wrong_length,
    "wrong_tlv_length": _wrong_tlv_length,
    "unknown_tlv": _unknown_tlv,
    "text_inside": _text_inside,
    "counter_restarts": _counter_restarts,
}
"""Faults after which the packet is not what it was."""

DISTRACTIONS: dict[str, Fault] = {
    "garbage_before": _garbage_before,
    "magic_in_payload": _magic_in_payload,
    "packet_in_payload": _packet_in_payload,
    "sent_twice": _sent_twice,
}
"""Faults that leave a good packet on the line, for a parser that is not led astray."""

EVENTS = ("frames_skipped", "cycles_wrap", "no_points", "stall", "reboot", "unplug")
"""Faults of the device: the frame counter jumps by 7, the cycle counter wraps within the next second, a frame without
points, silence for half a second, the device boots in the middle of a packet, the cable is pulled in the middle of one.
"""

FRAME_FAULTS = (*DAMAGE, *DISTRACTIONS, *EVENTS)
