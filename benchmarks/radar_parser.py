"""Parser of the IWR6843's data port: MB/s, clean and damaged, against the loop that scripts usually have.

Packets are made here: points, side info, range profile and statistics as in a capture (about 800 bytes), and those of
the near-face configuration with a range-Doppler heat map (about 2,300 bytes).
"""

from __future__ import annotations

import argparse
import struct
import time
from collections.abc import Callable
from itertools import accumulate, pairwise

import numpy as np
from rows import Row, at_least, one_core

from faceedge.radar import iwr6843_decode as decode
from faceedge.radar.iwr6843_layout import MAGIC
from faceedge.radar.iwr6843_packets import PacketStream

STREAM_BYTES = 4_000_000
PIECE_BYTES = 4096
"""What a read of a busy port gives at most."""

LINE_BYTES_S = 1e6 / 11.2
"""The data port's real rate: 11.2 us a byte."""

DAMAGED = 0.01
BURST_BYTES = 64
TRIES = 7


def tlv(kind: int, values: np.ndarray) -> bytes:
    """One TLV."""
    return struct.pack("<2I", kind, values.nbytes) + values.tobytes()


def make_packet(number: int, rng: np.random.Generator, *, heat_map: bool) -> bytes:
    """One packet with 4 to 12 points."""
    count = int(rng.integers(4, 13))
    points = rng.normal(0, 1, (count, 4)).astype("<f4")
    tlvs = [tlv(1, points), tlv(7, rng.integers(100, 900, (count, 2)).astype("<i2"))]
    if heat_map:
        tlvs.append(tlv(5, rng.integers(2000, 30000, (64, 16)).astype("<u2")))
    else:
        tlvs.append(tlv(2, rng.integers(2000, 6000, 256).astype("<u2")))
    tlvs.append(tlv(6, np.array([4074, 8591, 75915, 0, 0, 4], "<u4")))
    body = b"".join(tlvs)
    padding = -(40 + len(body)) % 32
    header = struct.pack(
        "<8s8I",
        MAGIC,
        0x03050004,
        40 + len(body) + padding,
        0xA6843,
        number,
        number * 10_000_000 % 2**32,
        count,
        len(tlvs),
        0,
    )
    return header + body + rng.bytes(padding)


def make_stream(*, heat_map: bool) -> list[bytes]:
    """Packets of together about ``STREAM_BYTES``."""
    packets: list[bytes] = []
    rng, size = np.random.default_rng(1), 0
    while size < STREAM_BYTES:
        packets.append(make_packet(len(packets) + 1, rng, heat_map=heat_map))
        size += len(packets[-1])
    return packets


def damage(packets: list[bytes], burst: int) -> tuple[bytes, list[int]]:
    """1 % of the bytes changed, ``burst`` at a time; the stream, and where the packets begin of which none changed."""
    rng = np.random.default_rng(2)
    stream = np.frombuffer(b"".join(packets), np.uint8).copy()
    wrong = np.zeros(len(stream), bool)
    for start in rng.integers(0, len(stream) - burst, round(DAMAGED * len(stream) / burst)):
        wrong[start : start + burst] = True
    stream[wrong] ^= rng.integers(1, 256, int(wrong.sum()), np.uint8)
    ends = [0, *accumulate(map(len, packets))]
    intact = [start for start, stop in pairwise(ends) if not wrong[start:stop].any()]
    return stream.tobytes(), intact


def ours(stream: bytes) -> list[int]:
    """Where the packets begin that our parser finds."""
    parser, found = PacketStream(), []
    for start in range(0, len(stream), PIECE_BYTES):
        found += [packet.offset for packet in parser.feed(stream[start : start + PIECE_BYTES])]
    return found + [packet.offset for packet in parser.finish()]


def ours_decoded(stream: bytes) -> int:
    """The same with points and images as arrays."""
    parser, shape, count = PacketStream(), decode.Shape(64, 16, 12), 0
    for start in range(0, len(stream), PIECE_BYTES):
        for packet in parser.feed(stream[start : start + PIECE_BYTES]):
            decode.points(packet)
            decode.range_doppler(packet, shape)
            decode.statistics(packet)
            count += 1
    return count


def usual(stream: bytes) -> list[int]:
    """The loop that scripts for this device have: find the magic, believe the length, unpack field by field, cut off.

    Returns:
        Where the packets begin that it finds.
    """
    buffer, base, found = b"", 0, []
    for start in range(0, len(stream), PIECE_BYTES):
        buffer += stream[start : start + PIECE_BYTES]
        while True:
            at = buffer.find(MAGIC)
            if at < 0:
                break
            buffer, base = buffer[at:], base + at
            if len(buffer) < 40:
                break
            fields = struct.unpack("<8I", buffer[8:40])
            total, count = fields[1], fields[6]
            if len(buffer) < total:
                break
            place, good = 40, total >= 40
            try:
                for _ in range(count):
                    kind, length = struct.unpack("<2I", buffer[place : place + 8])
                    place += 8
                    if kind == 1:
                        [
                            struct.unpack("<4f", buffer[place + 16 * n : place + 16 * n + 16])
                            for n in range(length // 16)
                        ]
                    elif kind == 7:
                        [struct.unpack("<2h", buffer[place + 4 * n : place + 4 * n + 4]) for n in range(length // 4)]
                    elif kind in (2, 5):
                        struct.unpack(f"<{length // 2}H", buffer[place : place + length])
                    place += length
            except struct.error:
                good = False
            if good:
                found.append(base)
            step = max(total, 8)
            buffer, base = buffer[step:], base + step
    return found


def mb_s(stream: bytes, *functions: Callable[[bytes], object]) -> list[float]:
    """Best of some tries for each; they take turns, so that a busy machine slows all of them."""
    best = [float("inf")] * len(functions)
    for _ in range(TRIES):
        for index, function in enumerate(functions):
            start = time.perf_counter()
            function(stream)
            best[index] = min(best[index], time.perf_counter() - start)
    return [len(stream) / seconds / 1e6 for seconds in best]


def _compared(name: str, stream: bytes) -> list[Row]:
    mine, theirs = mb_s(stream, ours, usual)
    return [
        Row(f"{name}: MB/s", mine, "MB/s", note=f"{mine * 1e6 / LINE_BYTES_S:,.0f} times the port's rate"),
        Row(f"{name}: to the usual loop", mine / theirs, "x", note=f"that one does {theirs:.1f} MB/s"),
    ]


def _recovered(name: str, stream: bytes, intact: list[int]) -> list[Row]:
    if not intact:  # 1 % of scattered bytes leaves no large packet whole
        return []
    mine, theirs = set(ours(stream)), set(usual(stream))
    found, usually = len(mine & set(intact)), len(theirs & set(intact))
    return [
        at_least(
            f"{name}: intact packets recovered",
            100 * found / len(intact),
            "%",
            100,
            f"{found} of {len(intact)}; the usual loop: {usually}",
        )
    ]


def section(args: argparse.Namespace) -> list[Row]:
    """Measure on one core."""
    rows: list[Row] = []
    with one_core(args.core):
        for kind, heat_map in (("points", False), ("heat map", True)):
            packets = make_stream(heat_map=heat_map)
            clean = b"".join(packets)
            starts = [0, *accumulate(map(len, packets))][:-1]
            assert ours(clean) == starts
            rows += _compared(f"{kind}, clean", clean)
            if heat_map:
                rows.append(Row(f"{kind}, clean, as arrays: MB/s", mb_s(clean, ours_decoded)[0], "MB/s"))
            bursts, intact = damage(packets, BURST_BYTES)
            rows += _compared(f"{kind}, 1 % changed in bursts", bursts)
            rows += _recovered(f"{kind}, 1 % changed in bursts", bursts, intact)
            scattered, intact = damage(packets, 1)
            rows += _compared(f"{kind}, 1 % changed, scattered", scattered)
            rows += _recovered(f"{kind}, 1 % changed, scattered", scattered, intact)
    return rows
