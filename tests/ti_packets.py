"""Packets of an IWR6843 for tests of its parser, put together by hand: the emulator and the parser are not involved."""

from __future__ import annotations

import struct
from collections.abc import Sequence

MAGIC = bytes((2, 1, 4, 3, 6, 5, 8, 7))
STALE = bytes(range(200, 231))
CYCLES_A_FRAME = 20_000_000
"""Of the 200 MHz counter at 10 frames a second."""

# A packet written out: header, one point, its side info, a range profile of 4 bins, 4 stale bytes.
GOLDEN = bytes.fromhex(
    "0201040306050807"  # magic
    "04000503 60000000 43680a00 2a000000 00e1f505 01000000 03000000 00000000".replace(" ", "")
    + "01000000 10000000 0000003f 00000040 000080be 0000c03f".replace(" ", "")  # x 0.5, y 2, z -0.25, 1.5 m/s
    + "07000000 04000000 fa00 1c02".replace(" ", "")  # 25 dB, 54 dB
    + "02000000 08000000 0000 0002 0004 0018".replace(" ", "")  # 0, 1, 2 and 12 octaves
    + "02010403"  # stale: looks like the beginning of a magic word
)


def tlv(kind: int, payload: bytes) -> bytes:
    """One TLV."""
    return struct.pack("<II", kind, len(payload)) + payload


def packet(
    number: int,
    *tlvs: bytes,
    objects: int = 0,
    cycles: int | None = None,
    extra: bytes = b"",
    subframe: int = 0,
    count: int | None = None,
    total: int | None = None,
    stale: bytes = STALE,
) -> bytes:
    """A packet with padding to a multiple of 32; ``count`` and ``total`` replace what the header would announce."""
    body = extra + b"".join(tlvs)
    padding = -(40 + len(body)) % 32
    header = MAGIC + struct.pack(
        "<8I",
        0x03050004,
        40 + len(body) + padding if total is None else total,
        0x000A6843,
        number,
        (number * CYCLES_A_FRAME if cycles is None else cycles) % 2**32,
        objects,
        len(tlvs) if count is None else count,
        subframe,
    )
    return header + body + stale[:padding]


def points(rows: Sequence[tuple[float, float, float, float]]) -> bytes:
    """TLV 1: x right, y along boresight, z up in m, velocity in m/s."""
    return tlv(1, b"".join(struct.pack("<4f", *row) for row in rows))


def side_info(rows: Sequence[tuple[int, int]]) -> bytes:
    """TLV 7: signal-to-noise ratio and noise in 0.1 dB."""
    return tlv(7, b"".join(struct.pack("<2h", *row) for row in rows))


def words(kind: int, values: Sequence[int]) -> bytes:
    """A TLV of uint16: types 2, 3 and 5."""
    return tlv(kind, struct.pack(f"<{len(values)}H", *values))


def statistics(processing_us: int = 4000) -> bytes:
    """TLV 6."""
    return tlv(6, struct.pack("<6I", processing_us, 8591, 75915, 0, 0, 4))


def temperature(celsius: Sequence[int] = (41, 41, 40, 41, 42, 43, 42, 42, 39, 39), invalid: int = 0) -> bytes:
    """TLV 9."""
    return tlv(9, struct.pack("<iI10h", invalid, 123_456, *celsius))


def usual(number: int, objects: int = 3, bins: int = 32) -> bytes:
    """A packet as most are: points, side info, range profile, statistics."""
    return packet(
        number,
        points([(0.1 * index, 1.0, 0.0, -0.5) for index in range(objects)]),
        side_info([(200 + index, 500) for index in range(objects)]),
        words(2, [(number * 7 + index) % 60000 for index in range(bins)]),
        statistics(),
        objects=objects,
    )


def fields(packet: bytes) -> tuple[tuple[int, ...], list[tuple[int, bytes]], bytes]:
    """Header after the magic word, TLVs and padding, by ``struct`` alone."""
    assert packet.startswith(MAGIC)
    header = struct.unpack_from("<8I", packet, 8)
    tlvs, at = [], 40
    for _ in range(header[6]):
        kind, length = struct.unpack_from("<2I", packet, at)
        tlvs.append((kind, packet[at + 8 : at + 8 + length]))
        at += 8 + length
    assert len(packet) == header[1]
    return header, tlvs, packet[at:]
