"""The IWR6843's data port: bytes into packets of the standard demo (mmWave SDK 3, "mmw" out-of-box demo).

A packet is a header, some TLVs (type, length, payload) and 0 to 31 stale bytes up to a multiple of 32. There is no
checksum, so a packet is believed when its parts agree: the lengths of its TLVs must fill the length that the header
announces, and no other packet that agrees with itself may begin inside it. Whatever fails is searched again from the
byte after its magic word, so a damaged packet never takes the next good one with it.

Layout: TI, "Understanding UART Data Output Format"; SDK 3 xwr68xx demo, ``mmw_output.h``. All numbers are
little-endian. `iwr6843_decode` turns packets into arrays.
"""

from __future__ import annotations

import struct
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

MAGIC = bytes((2, 1, 4, 3, 6, 5, 8, 7))
ALIGNMENT_BYTES = 32
"""A packet is padded to a multiple of this, with whatever lay in memory."""

HEADER_BYTES = 40
LAB_HEADER_BYTES = 44
"""Some lab demos insert one more number before the first TLV."""

MAX_PACKET_BYTES = 256 * 1024
"""No packet is longer: a range-Doppler heat map of 512 x 128 is 128 KiB and takes 1.5 s on the wire."""

MAX_TLVS = 32
MAX_OBJECTS = 2048
MAX_GAP_FRAMES = 100_000
"""A larger jump of the frame number (over an hour of frames) is taken for a damaged number, not for a loss."""

_MAX_RIVALS = 8
_PREFIX_ENDS = MAGIC[:-1]
_PIECE_BYTES = 256 * 1024
_MAX_SENTENCES = 20
_MAX_SENTENCES_A_KIND = 4

HEADER = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u4"),  # major << 24 | minor << 16 | bugfix << 8 | build
        ("total_bytes", "<u4"),  # header, TLVs and padding
        ("platform", "<u4"),  # 0xA6843
        ("frame_number", "<u4"),  # from 1 at sensorStart
        ("time_cpu_cycles", "<u4"),  # 200 MHz counter when the packet was built; wraps every 21.5 s
        ("num_objects", "<u4"),
        ("num_tlvs", "<u4"),
        ("subframe", "<u4"),
    ]
)
_HEADER_STRUCT = struct.Struct("<8s8I")
_TLV_STRUCT = struct.Struct("<II")
_TOTAL_STRUCT = struct.Struct("<I")
_TOTAL_AT = 12


class TlvLayout(NamedTuple):
    """What a TLV type holds: ``records`` of type ``record`` (0: any number)."""

    name: str
    record: np.dtype
    records: int = 0
    per_object: bool = False


POINTS, RANGE_PROFILE, NOISE_PROFILE, AZIMUTH_HEAT_MAP, RANGE_DOPPLER, STATISTICS, SIDE_INFO = 1, 2, 3, 4, 5, 6, 7
AZIMUTH_ELEVATION_HEAT_MAP, TEMPERATURE = 8, 9

TLVS: dict[int, TlvLayout] = {
    POINTS: TlvLayout(
        "detected points",
        np.dtype([("x_m", "<f4"), ("y_m", "<f4"), ("z_m", "<f4"), ("velocity_m_s", "<f4")]),
        per_object=True,
    ),
    RANGE_PROFILE: TlvLayout("range profile", np.dtype("<u2")),
    NOISE_PROFILE: TlvLayout("noise profile", np.dtype("<u2")),
    AZIMUTH_HEAT_MAP: TlvLayout("azimuth heat map", np.dtype([("imag", "<i2"), ("real", "<i2")])),
    RANGE_DOPPLER: TlvLayout("range-Doppler heat map", np.dtype("<u2")),
    STATISTICS: TlvLayout(
        "statistics",
        np.dtype(
            [
                ("inter_frame_processing_us", "<u4"),  # of this frame
                ("transmit_output_us", "<u4"),  # of the frame before, as is the margin
                ("inter_frame_margin_us", "<u4"),
                ("inter_chirp_margin_us", "<u4"),
                ("active_frame_load_percent", "<u4"),
                ("inter_frame_load_percent", "<u4"),
            ]
        ),
        1,
    ),
    SIDE_INFO: TlvLayout("side info", np.dtype([("snr_decidb", "<i2"), ("noise_decidb", "<i2")]), per_object=True),
    AZIMUTH_ELEVATION_HEAT_MAP: TlvLayout(
        "azimuth and elevation heat map", np.dtype([("imag", "<i2"), ("real", "<i2")])
    ),
    TEMPERATURE: TlvLayout(
        "temperature", np.dtype([("invalid", "<i4"), ("time_ms", "<u4"), ("sensors_c", "<i2", (10,))]), 1
    ),
}
TEMPERATURE_SENSORS = ("rx0", "rx1", "rx2", "rx3", "tx0", "tx1", "tx2", "pm", "dig0", "dig1")
_RECORD_BYTES = {number: layout.record.itemsize for number, layout in TLVS.items()}


class Header(NamedTuple):
    """The header's numbers, as `HEADER`."""

    version: int
    total_bytes: int
    platform: int
    frame_number: int
    time_cpu_cycles: int
    num_objects: int
    num_tlvs: int
    subframe: int


class Tlv(NamedTuple):
    """One TLV of a packet: its payload is ``data[start:stop]`` of the packet."""

    type: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet whose parts agree.

    Attributes:
        header: its numbers.
        tlvs: in the order in which they came, unknown types as well.
        data: all of its bytes, from the magic word to the padding.
        offset: of the magic word in the stream, bytes since the stream began.
        header_bytes: 40, or 44 in some lab demos.
        problems: one sentence for each TLV that cannot be what its type says; empty in a good packet.
    """

    header: Header
    tlvs: tuple[Tlv, ...]
    data: bytes
    offset: int
    header_bytes: int = HEADER_BYTES
    problems: tuple[str, ...] = ()

    def payload(self, tlv_type: int) -> memoryview | None:
        """Bytes of the first TLV of that type, not copied; None when there is none."""
        for tlv in self.tlvs:
            if tlv[0] == tlv_type:
                return memoryview(self.data)[tlv[1] : tlv[2]]
        return None

    def records(self, tlv_type: int) -> np.ndarray | None:
        """The TLV as an array of its records (see `TLVS`), read-only and not copied.

        None when it is absent or its length does not fit; ``problems`` has a sentence for the second.
        """
        payload = self.payload(tlv_type)
        layout = TLVS[tlv_type]
        size = layout.record.itemsize
        if payload is None or len(payload) % size or (layout.records and len(payload) != size * layout.records):
            return None
        return np.frombuffer(payload, layout.record)


@dataclass(slots=True)
class Counters:
    """What a stream consisted of.

    Attributes:
        packets: packets given out.
        bytes_received: bytes fed.
        bytes_skipped: bytes that belong to no packet given out.
        bad_lengths: magic words behind which the lengths of header and TLVs do not agree or exceed the limits.
        bad_counts: magic words or TLVs with a count that is beyond the limits or does not fit the length.
        cut_short: packets that lost bytes: another one began before their end.
        unknown_tlvs: TLVs of a type that the standard demo does not have; kept as raw bytes.
        frames_missing: frames that the frame numbers skip.
        restarts: times that the frame numbers began anew.
    """

    packets: int = 0
    bytes_received: int = 0
    bytes_skipped: int = 0
    bad_lengths: int = 0
    bad_counts: int = 0
    cut_short: int = 0
    unknown_tlvs: int = 0
    frames_missing: int = 0
    restarts: int = 0

    def as_dict(self) -> dict[str, int]:
        """By name."""
        return asdict(self)


class FrameNumbers:
    """Counts the gaps in the frame numbers; one damaged number between good ones counts as none."""

    def __init__(self) -> None:
        self.missing = 0
        self.restarts = 0
        self._last: tuple[int, int] | None = None
        self._before: tuple[int, int, int, int] | None = None

    def push(self, number: int, subframe: int = 0) -> int:
        """Take the number of the next packet; how many frames are missing before it."""
        last = self._last
        if last is None:
            self._last = (number, subframe)
            return 0
        gap = number - last[0] - 1
        if self._before is not None and not 0 <= gap <= MAX_GAP_FRAMES:
            before, _, missing, restarts = self._before
            if 1 < number - before <= MAX_GAP_FRAMES:  # the number in between was damaged: undo what it counted
                self.missing, self.restarts = missing, restarts
                gap = number - before - 2
        same_frame = gap == -1 and subframe > last[1]
        self._before = None if gap == 0 or same_frame else (*last, self.missing, self.restarts)
        self._last = (number, subframe)
        if gap == 0 or same_frame:
            return 0
        if 0 < gap <= MAX_GAP_FRAMES:
            self.missing += gap
            return gap
        self.restarts += 1
        return 0


class _Verdict(NamedTuple):
    """What can be said about the bytes behind a magic word. ``stop`` 0: more bytes are needed to say."""

    stop: int = 0
    tlvs: tuple[Tlv, ...] = ()
    header: Header | None = None
    header_bytes: int = HEADER_BYTES
    reason: str = ""
    bad_count: bool = False


_MORE = _Verdict()


class PacketStream:
    """Finds the packets in the bytes of the data port, however they are cut into pieces.

    Memory stays below twice ``max_packet_bytes`` plus one piece.

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
        self._rivals_from = 0  # no packet begins between the current magic word and here
        self._problems: list[str] = []
        self._kinds: dict[str, int] = {}

    def feed(self, data: bytes | bytearray | memoryview) -> list[Packet]:
        """Take the next bytes of the stream; the packets that they complete, oldest first."""
        if len(data) <= _PIECE_BYTES:
            return self._feed(data)
        packets, view = [], memoryview(data)
        for start in range(0, len(view), _PIECE_BYTES):
            packets += self._feed(view[start : start + _PIECE_BYTES])
        return packets

    def finish(self) -> list[Packet]:
        """No more bytes will come: packets that were held back because another seemed to begin inside them."""
        packets: list[Packet] = []
        self._parse(packets, final=True)
        left = len(self._buffer)
        self._skip_to(left)
        self._drop(left)
        return packets

    def take_problems(self) -> list[str]:
        """Sentences about what was wrong since the last call: a few of each kind, the counters have all of them."""
        problems, self._problems = self._problems, []
        for kind, count in self._kinds.items():
            if count > _MAX_SENTENCES_A_KIND:
                problems.append(f"{count - _MAX_SENTENCES_A_KIND} more of this kind: {kind}.")
        self._kinds = {}
        return problems

    @property
    def buffered(self) -> int:
        """Bytes that wait for more."""
        return len(self._buffer)

    def _feed(self, data: bytes | bytearray | memoryview) -> list[Packet]:
        self.counters.bytes_received += len(data)
        self._buffer += data
        packets: list[Packet] = []
        self._parse(packets, final=False)
        return packets

    def _parse(self, packets: list[Packet], final: bool) -> None:
        """Give out what can be given out. ``_at`` and local positions are indices into the buffer."""
        buffer = self._buffer
        while True:
            start = buffer.find(MAGIC, self._at)
            if start < 0:
                keep = _prefix_at_end(buffer, len(buffer))
                self._at = max(self._at, len(buffer) - keep)
                self._skip_to(self._at)
                break
            if self._base + start < self._accounted:
                self._report("cut short", self._base + start, "the packet before it lost its last bytes")
                self.counters.cut_short += 1
            self._skip_to(start)
            verdict = self._examine(start)
            if verdict.reason:
                self._refuse(start, verdict)
                continue
            rival, complete = self._rival(start, verdict.stop or len(buffer))
            if rival >= 0 and complete:
                self.counters.cut_short += 1
                self._report("cut short", self._base + start, f"another packet begins after {rival - start} bytes")
                self._at = rival
                continue
            if verdict.stop and (rival < 0 or final):
                packets.append(self._accept(start, verdict))
                continue
            if final:
                self._report("incomplete", self._base + start, f"the stream ends after {len(buffer) - start} bytes")
                self._at = start + len(MAGIC)
                continue
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
        del self._buffer[:position]
        self._base += position
        self._at = 0

    def _examine(self, start: int) -> _Verdict:
        """Whether the parts of the packet at ``start`` agree."""
        buffer = self._buffer
        have = len(buffer) - start
        if have < HEADER_BYTES:
            if have >= _TOTAL_AT + _TOTAL_STRUCT.size:
                total = _TOTAL_STRUCT.unpack_from(buffer, start + _TOTAL_AT)[0]
                if not HEADER_BYTES <= total <= self._max_packet_bytes:
                    return self._bad_total(total)
            return _MORE
        header = Header._make(_HEADER_STRUCT.unpack_from(buffer, start)[1:])
        total, num_tlvs = header.total_bytes, header.num_tlvs
        if not HEADER_BYTES <= total <= self._max_packet_bytes:
            return self._bad_total(total)
        if num_tlvs > MAX_TLVS or HEADER_BYTES + _TLV_STRUCT.size * num_tlvs > total:
            return _Verdict(
                reason=f"header announces {num_tlvs} TLVs in {total} bytes, expected at most {MAX_TLVS} that fit",
                bad_count=True,
            )
        verdict = self._walk(start, header, HEADER_BYTES)
        if verdict.reason and total >= LAB_HEADER_BYTES:
            lab = self._walk(start, header, LAB_HEADER_BYTES)
            return verdict if lab.reason else lab
        return verdict

    def _bad_total(self, total: int) -> _Verdict:
        return _Verdict(
            reason=f"header announces {total} bytes, expected {HEADER_BYTES} to {self._max_packet_bytes}",
        )

    def _walk(self, start: int, header: Header, header_bytes: int) -> _Verdict:
        """Go from TLV to TLV; they must end less than one padding before the packet's announced end."""
        buffer, unpack = self._buffer, _TLV_STRUCT.unpack_from
        have, stop = len(buffer) - start, header.total_bytes
        at, tlvs = header_bytes, []
        for index in range(header.num_tlvs):
            first = at + 8
            if first > stop:
                return _Verdict(reason=f"TLV {index + 1} of {header.num_tlvs} begins behind the packet's {stop} bytes")
            if first > have:
                return _MORE
            kind, length = unpack(buffer, start + at)
            at = first + length
            if at > stop:
                return _Verdict(
                    reason=f"TLV {index + 1} of {header.num_tlvs} (type {kind}) announces {length} bytes, "
                    f"{stop - first} are left of the packet's {stop}"
                )
            tlvs.append(Tlv(kind, first, at))
        if stop - at >= ALIGNMENT_BYTES:
            return _Verdict(
                reason=f"header announces {stop} bytes, its {header.num_tlvs} TLVs end after {at} "
                f"(at most {ALIGNMENT_BYTES - 1} bytes of padding expected)"
            )
        if stop > have:
            return _MORE
        return _Verdict(start + stop, tuple(tlvs), header, header_bytes)

    def _rival(self, start: int, stop: int) -> tuple[int, bool]:
        """A packet that begins inside the one at ``start``, before ``stop``.

        Returns:
            Where it begins (-1: none does) and whether it is complete and agrees with itself; if not, it may yet.
        """
        buffer, open_rival, open_rivals = self._buffer, -1, 0
        at = max(self._rivals_from - self._base, start + len(MAGIC))
        while 0 <= (at := buffer.find(MAGIC, at, stop + len(MAGIC) - 1)) < stop:
            verdict = self._examine(at)
            if verdict.stop:
                return at, True
            if not verdict.reason:
                open_rival = at if open_rival < 0 else open_rival
                open_rivals += 1
                if open_rivals == _MAX_RIVALS:
                    break
            at += len(MAGIC)
        seen = max(start + len(MAGIC), min(stop, len(buffer) - len(MAGIC) + 1))
        self._rivals_from = self._base + (open_rival if open_rival >= 0 else seen)
        return open_rival, False

    def _refuse(self, start: int, verdict: _Verdict) -> None:
        if verdict.bad_count:
            self.counters.bad_counts += 1
        else:
            self.counters.bad_lengths += 1
        self._report("bad count" if verdict.bad_count else "bad length", self._base + start, verdict.reason)
        self._at = start + len(MAGIC)

    def _accept(self, start: int, verdict: _Verdict) -> Packet:
        header, stop = verdict.header, verdict.stop
        assert header is not None
        with memoryview(self._buffer) as view:
            data = view[start:stop].tobytes()
        problems = self._check(header, verdict.tlvs)
        packet = Packet(header, verdict.tlvs, data, self._base + start, verdict.header_bytes, problems)
        counters, numbers = self.counters, self._numbers
        counters.packets += 1
        numbers.push(header.frame_number, header.subframe)
        counters.frames_missing, counters.restarts = numbers.missing, numbers.restarts
        self._accounted = self._base + stop
        # If bytes were lost, the next magic word may have begun in what looks like this packet's end.
        self._at = stop - _prefix_at_end(self._buffer, stop)
        return packet

    def _check(self, header: Header, tlvs: tuple[Tlv, ...]) -> tuple[str, ...]:
        """Sentences about TLVs that cannot be what their types say."""
        problems: list[str] = []
        for kind, start, stop in tlvs:
            size = _RECORD_BYTES.get(kind)
            if size is None:
                self.counters.unknown_tlvs += 1
                self._note("unknown TLV", f"frame {header.frame_number}: TLV type {kind} is not of the standard demo")
                continue
            layout, length = TLVS[kind], stop - start
            if layout.records and length != size * layout.records:
                self._malformed(problems, header, f"{layout.name} has {length} bytes, expected {size * layout.records}")
            elif length % size:
                self._malformed(problems, header, f"{layout.name} has {length} bytes, expected a multiple of {size}")
            elif layout.per_object and (length != size * header.num_objects or header.num_objects > MAX_OBJECTS):
                self._malformed(
                    problems,
                    header,
                    f"{layout.name} has {length // size} entries, the header says {header.num_objects} "
                    f"(at most {MAX_OBJECTS})",
                )
        if len(tlvs) > 1 and len({tlv[0] for tlv in tlvs}) < len(tlvs):
            self._malformed(problems, header, "a TLV type comes twice; the first of them counts")
        return tuple(problems)

    def _malformed(self, problems: list[str], header: Header, what: str) -> None:
        self.counters.bad_counts += 1
        sentence = f"frame {header.frame_number}: {what}"
        problems.append(sentence + ".")
        self._note("bad TLV", sentence)

    def _report(self, kind: str, offset: int, what: str) -> None:
        self._note(kind, f"byte {offset}: {what}; searching on for the next packet")

    def _note(self, kind: str, what: str) -> None:
        count = self._kinds[kind] = self._kinds.get(kind, 0) + 1
        if count <= _MAX_SENTENCES_A_KIND and len(self._problems) < _MAX_SENTENCES:
            self._problems.append(what + ".")


def _prefix_at_end(buffer: bytearray, stop: int) -> int:
    """How many bytes before ``stop`` can be the beginning of a magic word, 0 to 7."""
    if stop == 0 or buffer[stop - 1] not in _PREFIX_ENDS:
        return 0
    for length in range(min(len(MAGIC) - 1, stop), 0, -1):
        if buffer[stop - length : stop] == MAGIC[:length]:
            return length
    return 0
