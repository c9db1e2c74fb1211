"""The IWR6843's data port: bytes into packets of the standard demo (mmWave SDK 3, "mmw" out-of-box demo).

A packet is a header, some TLVs (type, length, payload) and 0 to 31 stale bytes up to a multiple of 32. There is no
checksum, so a packet is believed when its parts agree: the lengths of its TLVs must fill the length that the header
announces, and what looks like another packet inside it must not be one (`PacketStream._contest`). Whatever fails is
searched again from the byte after its magic word, so a damaged packet never takes the next good one with it. How the
stream is cut into pieces makes no difference to the packets.

`iwr6843_layout` has the tables, `iwr6843_decode` turns packets into arrays.
"""

from __future__ import annotations

import struct
from dataclasses import asdict, dataclass
from enum import Enum
from typing import NamedTuple

from faceedge.radar.iwr6843_layout import (
    ALIGNMENT_BYTES,
    HEADER_BYTES,
    LAB_HEADER_BYTES,
    MAGIC,
    TLVS,
    Header,
    Packet,
    Tlv,
)

__all__ = ["Counters", "FrameNumbers", "Header", "Packet", "PacketStream", "Tlv"]

MAX_PACKET_BYTES = 256 * 1024
"""No packet is longer: a range-Doppler heat map of 512 x 128 is 128 KiB and takes 1.5 s on the wire."""

MAX_TLVS = 32
MAX_OBJECTS = 2048
MAX_GAP_FRAMES = 100_000
"""A larger jump of the frame number (over an hour of frames) is taken for a damaged number, not for a loss."""

_MAX_RIVALS = 8
_MAX_LAYOUTS = 1024
_PREFIX_ENDS = MAGIC[:-1]
_PIECE_BYTES = 256 * 1024
_MAX_SENTENCES = 20
_MAX_SENTENCES_A_KIND = 4

_HEADER_STRUCT = struct.Struct("<8s8I")
_TLV_STRUCT = struct.Struct("<II")
_TOTAL_STRUCT = struct.Struct("<I")
_TOTAL_AT = 12
_IDENTITY = (slice(8, 12), slice(16, 20))
"""Version and platform, as bytes of the header."""


@dataclass(slots=True)
class Counters:
    """What a stream consisted of.

    Attributes:
        packets: packets given out.
        bytes_received: bytes fed.
        bytes_skipped: bytes that belong to no packet given out.
        bad_lengths: magic words behind which the lengths of header and TLVs do not agree or exceed the limits.
        bad_counts: magic words behind which a count exceeds its limit.
        cut_short: packets that lost bytes: another one, or the end of the stream, came before their end.
        bad_tlvs: TLVs that cannot be what their type says, in packets given out.
        unknown_tlvs: TLVs of a type that the standard demo does not have; kept as raw bytes.
        frames_missing: frames that the frame numbers skip.
        restarts: times that the frame numbers began anew.
        repeated: packets with the frame number of the one before.
    """

    packets: int = 0
    bytes_received: int = 0
    bytes_skipped: int = 0
    bad_lengths: int = 0
    bad_counts: int = 0
    cut_short: int = 0
    bad_tlvs: int = 0
    unknown_tlvs: int = 0
    frames_missing: int = 0
    restarts: int = 0
    repeated: int = 0

    def as_dict(self) -> dict[str, int]:
        """By name."""
        return asdict(self)


class FrameNumbers:
    """Counts gaps, restarts and repetitions of the frame numbers; one damaged number between good ones is neither."""

    def __init__(self) -> None:
        self.missing = 0
        self.restarts = 0
        self.repeated = 0
        self._last: tuple[int, int] | None = None  # number, subframe
        self._before: tuple[int, int, int] | None = None  # number before the last jump; counts before it

    def push(self, number: int, subframe: int = 0) -> None:
        """Take the number of the next packet."""
        last, self._last = self._last, (number, subframe)
        if last is None:
            return
        gap = number - last[0] - 1
        if gap == 0:
            self._before = None
            return
        if self._before is not None:
            before, missing, restarts = self._before
            resumed = number - before - 2
            if 0 <= resumed <= MAX_GAP_FRAMES and (gap < 0 or resumed < gap):  # what came in between was damaged
                self.missing, self.restarts = missing + resumed, restarts
                self._before = None
                return
        if gap == -1:
            self.repeated += subframe == last[1]
            return
        self._before = (last[0], self.missing, self.restarts)
        if 0 < gap <= MAX_GAP_FRAMES:
            self.missing += gap
        else:
            self.restarts += 1


class _Verdict(NamedTuple):
    """What can be said about the bytes behind a magic word. Neither ``stop`` nor ``reason``: it takes more bytes."""

    stop: int = 0
    tlvs: tuple[Tlv, ...] = ()
    header: Header | None = None
    header_bytes: int = HEADER_BYTES
    reason: str = ""
    bad_count: bool = False


_MORE = _Verdict()


class _Contest(Enum):
    """Whether a packet can be believed although something in it looks like another one."""

    CLEAR = 0
    REFUTED = 1
    OPEN = 2


class PacketStream:
    """Finds the packets in the bytes of the data port, however they are cut into pieces.

    Memory stays below twice ``max_packet_bytes`` plus 256 KiB.

    Args:
        max_packet_bytes: a header that announces more is damaged.
    """

    def __init__(self, max_packet_bytes: int = MAX_PACKET_BYTES) -> None:
        self.counters = Counters()
        self._max_packet_bytes = max_packet_bytes
        self._numbers = FrameNumbers()
        self._buffer = bytearray()
        self._base = 0  # offset in the stream of the buffer's first byte
        self._at = 0  # where to search for the next magic word
        self._accounted = 0  # bytes before this one were given out or counted as skipped
        self._contested_from = 0  # between the current magic word and here lies nothing that looks like a packet
        self._sound: set[tuple[int, tuple[Tlv, ...]]] = set()  # layouts that were checked
        self._problems: list[str] = []
        self._kinds: dict[str, int] = {}

    def feed(self, data: bytes | bytearray | memoryview) -> list[Packet]:
        """Take the next bytes of the stream; the packets that they complete, oldest first."""
        packets: list[Packet] = []
        if len(data) <= _PIECE_BYTES:
            self._take(data, packets)
            return packets
        view = memoryview(data)
        for start in range(0, len(view), _PIECE_BYTES):
            self._take(view[start : start + _PIECE_BYTES], packets)
        return packets

    def finish(self) -> list[Packet]:
        """No more bytes will come: the packets that were held back because another seemed to begin inside them."""
        packets: list[Packet] = []
        self._parse(packets, final=True)
        left = len(self._buffer)
        self._skip_to(left)
        self._drop(left)
        return packets

    def take_problems(self) -> list[str]:
        """Sentences about what was wrong since the last call: a few of each kind, the counters have all of them."""
        problems = self._problems
        problems += [
            f"{count - _MAX_SENTENCES_A_KIND} more of this kind: {kind}."
            for kind, count in self._kinds.items()
            if count > _MAX_SENTENCES_A_KIND
        ]
        self._problems, self._kinds = [], {}
        return problems

    @property
    def buffered(self) -> int:
        """Bytes that wait for more."""
        return len(self._buffer)

    def _take(self, data: bytes | bytearray | memoryview, packets: list[Packet]) -> None:
        self.counters.bytes_received += len(data)
        self._buffer += data
        self._parse(packets, final=False)

    def _parse(self, packets: list[Packet], final: bool) -> None:
        """Give out what can be given out. ``_at`` and all positions are indices into the buffer."""
        buffer = self._buffer
        while True:
            start = buffer.find(MAGIC, self._at)
            if start < 0:
                self._at = max(self._at, len(buffer) - _prefix_before(buffer, len(buffer)))
                self._skip_to(self._at)
                break
            if self._base + start < self._accounted:
                self._cut_short(start, "the packet before it lost its last bytes")
            self._skip_to(start)
            verdict = self._examine(start)
            if verdict.reason:
                self._refuse(start, verdict)
                continue
            contest = self._contest(start, verdict, final)
            if contest is _Contest.REFUTED:
                self._cut_short(start, "another packet begins inside this one")
                self._at = start + len(MAGIC)
            elif contest is _Contest.CLEAR:
                packets.append(self._accept(start, verdict))
            elif final:
                self._cut_short(start, f"the stream ends after {len(buffer) - start} bytes of it")
                self._at = start + len(MAGIC)
            else:
                self._at = start
                break
        self._drop(self._at)

    def _skip_to(self, position: int) -> None:
        """Count the bytes before ``position`` as skipped unless they were given out."""
        offset = self._base + position
        if offset > self._accounted:
            self.counters.bytes_skipped += offset - self._accounted
            self._accounted = offset

    def _drop(self, position: int) -> None:
        """Forget the bytes before ``position``; at the front of a bytearray that moves nothing."""
        if position:
            del self._buffer[:position]
            self._base += position
        self._at = 0

    def _examine(self, start: int) -> _Verdict:
        """Whether the parts of the packet at ``start`` agree."""
        buffer = self._buffer
        have = len(buffer) - start
        if have < HEADER_BYTES:
            if have >= _TOTAL_AT + _TOTAL_STRUCT.size:
                return self._bad_total(_TOTAL_STRUCT.unpack_from(buffer, start + _TOTAL_AT)[0]) or _MORE
            return _MORE
        header = Header._make(_HEADER_STRUCT.unpack_from(buffer, start)[1:])
        bad_total = self._bad_total(header.total_bytes)
        if bad_total is not None:
            return bad_total
        if header.num_tlvs > MAX_TLVS:
            return _Verdict(
                reason=f"its header announces {header.num_tlvs} TLVs, expected at most {MAX_TLVS}", bad_count=True
            )
        verdict = self._walk(start, header, HEADER_BYTES)
        if verdict.reason and header.total_bytes >= LAB_HEADER_BYTES:
            lab = self._walk(start, header, LAB_HEADER_BYTES)
            return verdict if lab.reason else lab
        return verdict

    def _bad_total(self, total: int) -> _Verdict | None:
        if HEADER_BYTES <= total <= self._max_packet_bytes:
            return None
        return _Verdict(
            reason=f"its header announces {total} bytes, expected {HEADER_BYTES} to {self._max_packet_bytes}"
        )

    def _walk(self, start: int, header: Header, header_bytes: int) -> _Verdict:
        """Go from TLV to TLV; they must end less than one padding before the packet's announced end."""
        buffer, unpack = self._buffer, _TLV_STRUCT.unpack_from
        have, stop, count = len(buffer) - start, header.total_bytes, header.num_tlvs
        at, tlvs = header_bytes, []
        for index in range(count):
            first = at + 8
            if first > stop:
                return _Verdict(reason=f"TLV {index + 1} of {count} begins behind the packet's {stop} bytes")
            if first > have:
                return _MORE
            kind, length = unpack(buffer, start + at)
            at = first + length
            if at > stop:
                return _Verdict(
                    reason=f"TLV {index + 1} of {count} (type {kind}) announces {length} bytes, {stop - first} of the "
                    f"packet's {stop} are left"
                )
            tlvs.append(Tlv(kind, first, at))
        if stop - at >= ALIGNMENT_BYTES:
            return _Verdict(
                reason=f"its header announces {stop} bytes and its {count} TLVs end after {at}, expected at most "
                f"{ALIGNMENT_BYTES - 1} bytes of padding"
            )
        if stop > have:
            return _MORE
        return _Verdict(start + stop, tuple(tlvs), header, header_bytes)

    def _contest(self, start: int, verdict: _Verdict, final: bool) -> _Contest:
        """Look at what seems to begin inside the packet at ``start``: the packet may have lost bytes, or hold these.

        It has lost bytes if the packet inside ends at or behind its end, or is followed by a magic word, or if what
        follows its own end is none. These are facts about the stream, so its cuts make no difference. At the stream's
        end (``final``) the header of the same device inside is enough.
        """
        buffer, end = self._buffer, verdict.stop
        at = max(self._contested_from - self._base, start + len(MAGIC))
        first, rivals, undecided = -1, 0, False
        while (at := buffer.find(MAGIC, at, end or len(buffer))) >= 0:
            inner = self._examine(at)
            if final and end and not inner.stop and not inner.reason:
                if self._same_device(start, at):
                    return _Contest.REFUTED
            elif not inner.reason:
                followed = self._magic_at(inner.stop) if inner.stop else None
                if inner.stop and (followed or (end and inner.stop >= end)):
                    return _Contest.REFUTED
                undecided = undecided or followed is None
                first = at if first < 0 else first
                rivals += 1
                if rivals == _MAX_RIVALS:
                    break
            at += len(MAGIC)
        self._contested_from = self._base + (first if first >= 0 else (end or len(buffer)) - len(MAGIC) + 1)
        if not end or (undecided and not final):
            return _Contest.OPEN
        if not rivals or final:
            return _Contest.CLEAR
        followed = self._magic_at(end)
        if followed is None:
            return _Contest.OPEN
        return _Contest.CLEAR if followed else _Contest.REFUTED

    def _same_device(self, first: int, second: int) -> bool:
        """Whether two headers have the same version and platform."""
        headers = bytes(self._buffer[first : first + HEADER_BYTES]), bytes(self._buffer[second : second + HEADER_BYTES])
        return all(headers[0][part] == headers[1][part] for part in _IDENTITY)

    def _magic_at(self, position: int) -> bool | None:
        """Whether a magic word stands there; None: more bytes are needed to say."""
        found = self._buffer[position : position + len(MAGIC)]
        if not MAGIC.startswith(found):
            return False
        return True if len(found) == len(MAGIC) else None

    def _refuse(self, start: int, verdict: _Verdict) -> None:
        if verdict.bad_count:
            self.counters.bad_counts += 1
        else:
            self.counters.bad_lengths += 1
        self._report("bad count" if verdict.bad_count else "bad length", start, verdict.reason)
        self._at = start + len(MAGIC)

    def _accept(self, start: int, verdict: _Verdict) -> Packet:
        stop, tlvs, header, header_bytes, _, _ = verdict
        assert header is not None
        with memoryview(self._buffer) as view:
            data = view[start:stop].tobytes()
        packet = Packet(header, tlvs, data, self._base + start, header_bytes, self._check(header, tlvs))
        counters, numbers = self.counters, self._numbers
        counters.packets += 1
        numbers.push(header.frame_number, header.subframe)
        counters.frames_missing, counters.restarts = numbers.missing, numbers.restarts
        counters.repeated = numbers.repeated
        self._accounted = self._base + stop
        # If bytes were lost, the next magic word may have begun in what looks like this packet's end.
        self._at = stop - _prefix_before(self._buffer, stop)
        return packet

    def _check(self, header: Header, tlvs: tuple[Tlv, ...]) -> tuple[str, ...]:
        """Sentences about TLVs that cannot be what their types say."""
        layout = (header.num_objects, tlvs)
        if layout in self._sound:
            return ()
        whats, unknown = wrong_with(header, tlvs)
        for kind in unknown:
            self.counters.unknown_tlvs += 1
            self._note("unknown TLV", f"frame {header.frame_number}: TLV type {kind} is not of the standard demo")
        problems = tuple(f"frame {header.frame_number}: {what}" for what in whats)
        for problem in problems:
            self.counters.bad_tlvs += 1
            self._note("bad TLV", problem)
        if not problems and not unknown:
            if len(self._sound) == _MAX_LAYOUTS:
                self._sound.clear()
            self._sound.add(layout)
        return tuple(f"{problem}." for problem in problems)

    def _cut_short(self, start: int, what: str) -> None:
        self.counters.cut_short += 1
        self._report("cut short", start, what)

    def _report(self, kind: str, start: int, what: str) -> None:
        self._note(kind, f"packet at byte {self._base + start}: {what}; skipped")

    def _note(self, kind: str, what: str) -> None:
        count = self._kinds[kind] = self._kinds.get(kind, 0) + 1
        if count <= _MAX_SENTENCES_A_KIND and len(self._problems) < _MAX_SENTENCES:
            self._problems.append(f"{what}.")


def wrong_with(header: Header, tlvs: tuple[Tlv, ...]) -> tuple[list[str], list[int]]:
    """What is wrong with the TLVs of a packet, in words, and the types that the standard demo does not have."""
    wrong: list[str] = []
    unknown: list[int] = []
    for kind, start, stop in tlvs:
        if kind not in TLVS:
            unknown.append(kind)
            continue
        layout, length = TLVS[kind], stop - start
        size = layout.record.itemsize
        if layout.records and length != size * layout.records:
            wrong.append(f"its {layout.name} has {length} bytes, expected {size * layout.records}")
        elif length % size:
            wrong.append(f"its {layout.name} has {length} bytes, expected a multiple of {size}")
        elif layout.per_object and length != size * header.num_objects:
            wrong.append(f"its {layout.name} has {length // size} entries, the header announces {header.num_objects}")
        elif layout.per_object and header.num_objects > MAX_OBJECTS:
            wrong.append(f"its {layout.name} has {header.num_objects} entries, expected at most {MAX_OBJECTS}")
    if len({tlv.type for tlv in tlvs}) < len(tlvs):
        wrong.append("a type of TLV comes twice; the first of them counts")
    return wrong, unknown


def _prefix_before(buffer: bytearray, stop: int) -> int:
    """How many bytes before ``stop`` can be the beginning of a magic word, 0 to 7."""
    if stop == 0 or buffer[stop - 1] not in _PREFIX_ENDS:
        return 0
    for length in range(min(len(MAGIC) - 1, stop), 0, -1):
        if buffer[stop - length : stop] == MAGIC[:length]:
            return length
    return 0
