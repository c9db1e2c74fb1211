"""What is in a radar recording or chirp file: counts, losses with reasons, rates, and the chirp's physics."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from faceedge.errors import InputError
from faceedge.radar.chirp import ChirpSettings, summary
from faceedge.radar.gaps import sequences
from faceedge.radar.iwr6843_layout import LAB_HEADER_BYTES, MAGIC, POINTS, TLVS, Packet
from faceedge.radar.iwr6843_packets import PacketStream
from faceedge.radar.recording_folder import HIGHEST_COUNT, Recording, open_recording

_BLOCK_FRAMES = 64
"""Frames that are looked at together: their values must fit into memory, a recording need not."""
_PIECE_BYTES = 1 << 20
_SNIFFED_BYTES = 1 << 18
_MORE = re.compile(r"(\d+) (more of this kind.*)")
_CPU_HZ, _CPU_WRAP = 200_000_000, 1 << 32
"""Counter of the IWR6843 that each packet's header carries; it wraps every 21.5 s."""


@dataclass(frozen=True, slots=True)
class Frames:
    """How many frames there are, how many are missing by the sensor's numbers or stamps, how many are damaged."""

    whole: int
    lost: int = 0
    broken: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """A reason for frames that are lost or broken, and how often it occurred."""

    what: str
    count: int


@dataclass(slots=True)
class Report:
    """What an inspection found; ``dataclasses.asdict`` of it is the JSON output, whose keys stay as they are.

    Attributes:
        kind: ``vendor_recording``, ``ti_stream``, ``chirp_file``, ``bag``, ``events``, ``session`` or ``data_set``.
        format: in words.
        duration_s: from the first frame to the last, with the last frame's own period; None: unknown.
        rate_hz: frames a second over that time.
        chirp: ``settings`` and ``physics`` with units in the keys; None: unknown.
        details: what only this kind has.
        topics: of a bag, one dict each.
        notes: what is odd, one sentence each.
    """

    kind: str
    format: str
    path: str
    bytes: int
    duration_s: float | None = None
    rate_hz: float | None = None
    frames: Frames | None = None
    problems: list[Problem] = field(default_factory=list)
    chirp: dict[str, dict[str, Any]] | None = None
    details: dict[str, Any] = field(default_factory=dict)
    topics: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def describe_chirp(chirp: ChirpSettings) -> dict[str, dict[str, Any]]:
    """The settings of a chirp, and what follows from them."""
    settings = asdict(chirp)
    return {"settings": settings, "physics": {k: v for k, v in summary(chirp).items() if k not in settings}}


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def intervals_ms(stamps_ns: np.ndarray) -> dict[str, float] | None:
    """Median, 99th percentile and longest time between neighbours of (n,) int64 ns; None for fewer than two."""
    if len(stamps_ns) < 2:
        return None
    steps = np.diff(stamps_ns) / 1e6
    p50, p99 = np.percentile(steps, (50, 99))
    return {"p50": round(float(p50), 3), "p99": round(float(p99), 3), "longest": round(float(steps.max()), 3)}


def lost_between(stamps_ns: np.ndarray, period_s: float) -> tuple[int, list[Problem]]:
    """Frames that are missing between (n,) int64 ns stamps at a known period, and where."""
    if len(stamps_ns) < 2:
        return 0, []
    steps = np.diff(sequences(stamps_ns, period_s))
    gaps = np.flatnonzero(steps > 1)
    problems = [
        Problem(
            f"after frame {gap}: {(stamps_ns[gap + 1] - stamps_ns[gap]) / 1e6:.1f} ms without a frame, expected "
            f"{1e3 * period_s:.1f} ms",
            int(steps[gap]) - 1,
        )
        for gap in gaps.tolist()
    ]
    return int((steps - 1).sum()), problems


def inspect_vendor_folder(path: Path) -> Report:
    """A recording folder of a BGT60TR13C: every sample of every frame is looked at.

    Raises:
        InputError: it cannot be read.
    """
    recording = open_recording(path)
    chirp = recording.chirp
    low, high, mean, saturated, broken, flat = _look_at_values(recording)
    lost, problems = lost_between(recording.stamps_ns, chirp.frame_period_s) if recording.stamped else (0, [])
    if broken:
        what = f"values above {HIGHEST_COUNT}, which 12 bits cannot have (first in frame {broken[0]})"
        problems.append(Problem(what, len(broken)))
    if flat:
        problems.append(Problem(f"all samples are equal (first in frame {flat[0]})", len(flat)))
    count = len(recording.cubes)
    damaged = len(set(broken) | set(flat))
    duration_s = float(recording.stamps_ns[-1] - recording.stamps_ns[0]) / 1e9 + chirp.frame_period_s
    details: dict[str, Any] = {
        "shape": {
            "frame": count,
            "rx": chirp.cube_shape[0],
            "chirp": chirp.cube_shape[1],
            "sample": chirp.cube_shape[2],
        },
        "type": str(recording.cubes.dtype),
        "counts": {"lowest": low, "highest": high, "mean": round(mean, 1)},
        "saturated_samples": saturated,
        "interval_ms": intervals_ms(recording.stamps_ns) if recording.stamped else None,
        "temperature_c": _temperature(recording.temperature_c),
        "device": recording.meta,
    }
    return Report(
        "vendor_recording",
        "recording folder of a BGT60TR13C",
        str(recording.folder),
        size_of(recording.folder),
        duration_s,
        round(count / duration_s, 3),
        Frames(count - damaged, lost, damaged),
        problems,
        describe_chirp(chirp),
        details,
        notes=list(recording.notes),
    )


def _look_at_values(recording: Recording) -> tuple[int, int, float, int, list[int], list[int]]:
    """Lowest, highest and mean count, samples at either end of the ADC, frames beyond 12 bits, frames of one value."""
    low, high, total, saturated = HIGHEST_COUNT, 0, 0, 0
    broken: list[int] = []
    flat: list[int] = []
    for first in range(0, len(recording.cubes), _BLOCK_FRAMES):
        block = np.asarray(recording.cubes[first : first + _BLOCK_FRAMES])
        lows, highs = block.min(axis=(1, 2, 3)), block.max(axis=(1, 2, 3))
        broken += (first + np.flatnonzero(highs > HIGHEST_COUNT)).tolist()
        flat += (first + np.flatnonzero(lows == highs)).tolist()
        low, high = min(low, int(lows.min())), max(high, int(highs.max()))
        total += int(block.sum(dtype=np.uint64))
        saturated += int(np.count_nonzero((block == 0) | (block == HIGHEST_COUNT)))
    return low, high, total / recording.cubes.size, saturated, broken, flat


def _temperature(values: np.ndarray) -> dict[str, float | int] | None:
    if not len(values):
        return None
    return {
        "readings": len(values),
        "lowest": round(float(values.min()), 2),
        "highest": round(float(values.max()), 2),
    }


def inspect_chirp_file(path: Path) -> Report:
    """A chirp file in the format of Infineon or TI.

    Raises:
        ConfigurationError: it is none, or no radar can transmit it.
    """
    from faceedge.radar.chirp_files import load_chirp_file

    file = load_chirp_file(path)
    names = {"infineon": "chirp file of a BGT60TR13C (Infineon's JSON)", "ti": "chirp file of an IWR6843 (TI's cfg)"}
    details = {"commands": len(file.commands)} if file.commands else {}
    chirp = describe_chirp(file.chirp)
    return Report("chirp_file", names[file.kind], str(path), size_of(path), chirp=chirp, details=details)


def is_ti_stream(path: Path) -> bool:
    """Whether a file has the magic word of TI's packets near its beginning."""
    with path.open("rb") as file:
        return MAGIC in file.read(_SNIFFED_BYTES)


def inspect_ti_stream(path: Path) -> Report:
    """A recorded data port of an IWR6843: every packet's parts must agree.

    Raises:
        InputError: it cannot be read, or no packet in it is whole.
    """
    stream = PacketStream()
    tally = _Tally()
    problems: list[str] = []
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                tally.add(stream.feed(piece))
                problems += stream.take_problems()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    tally.add(stream.finish())
    problems += stream.take_problems()
    counters = stream.counters
    if not tally.packets:
        raise InputError(
            f"{path} has the magic word of TI's packets, but none of {counters.bad_lengths + counters.bad_counts} "
            f"packets is whole; the first: {problems[0] if problems else 'it is cut off'}"
        )
    broken = counters.bad_lengths + counters.bad_counts + counters.cut_short
    listed = [_problem_of(sentence) for sentence in problems]
    if counters.frames_missing:
        listed.insert(0, Problem("frames that the frame numbers leave out", counters.frames_missing))
    report = Report("ti_stream", "stream of an IWR6843", str(path), size_of(path), problems=listed)
    report.frames = Frames(tally.packets, counters.frames_missing, broken)
    report.duration_s, report.rate_hz = tally.duration_s(), tally.rate_hz()
    if tally.odd_packets == tally.packets:
        report.notes.append("Every packet has TLVs that the standard demo does not send: the stream is another demo's.")
    report.details = {**tally.details(), "bytes_skipped": counters.bytes_skipped, "restarts": counters.restarts}
    return report


def _problem_of(sentence: str) -> Problem:
    """A sentence of ``PacketStream.take_problems`` with the number of problems that it stands for."""
    more = _MORE.match(sentence)
    return Problem(more[2], int(more[1])) if more else Problem(sentence, 1)


class _Tally:
    """Counts what packets hold."""

    def __init__(self) -> None:
        self.packets = self.odd_packets = 0
        self._headers: Counter[int] = Counter()
        self._platforms: Counter[tuple[int, int]] = Counter()
        self._tlvs: Counter[tuple[int, int]] = Counter()
        self._numbers: list[int] = []
        self._points: list[int] = []
        self._cycles: list[int] = []

    def add(self, packets: list[Packet]) -> None:
        """Count some more."""
        self.packets += len(packets)
        for packet in packets:
            header = packet.header
            self.odd_packets += bool(packet.problems)
            self._headers[packet.header_bytes] += 1
            self._platforms[header.version, header.platform] += 1
            self._numbers.append(header.frame_number)
            self._cycles.append(header.time_cpu_cycles)
            points = packet.records(POINTS)
            self._points.append(0 if points is None else len(points))
            for tlv in packet.tlvs:
                self._tlvs[tlv.type, tlv.stop - tlv.start] += 1

    def _elapsed_s(self) -> float:
        """By the device's clock, from the first packet to the last."""
        steps = np.mod(np.diff(np.array(self._cycles, np.int64)), _CPU_WRAP)
        return float(steps.sum()) / _CPU_HZ

    def duration_s(self) -> float | None:
        """With one more period for the last packet; None: unknown."""
        elapsed_s = self._elapsed_s()
        return round(elapsed_s * self.packets / (self.packets - 1), 3) if elapsed_s and self.packets > 1 else None

    def rate_hz(self) -> float | None:
        """Packets a second; None: unknown."""
        elapsed_s = self._elapsed_s()
        return round((self.packets - 1) / elapsed_s, 3) if elapsed_s and self.packets > 1 else None

    def details(self) -> dict[str, Any]:
        """Numbers of the headers, and TLVs by type with their sizes."""
        (version, platform), _ = self._platforms.most_common(1)[0]
        tlvs = []
        for kind in sorted({kind for kind, _ in self._tlvs}):
            sizes = {size: count for (other, size), count in self._tlvs.items() if other == kind}
            name = TLVS[kind].name if kind in TLVS else "unknown"
            tlvs.append(
                {
                    "type": kind,
                    "name": name,
                    "packets": sum(sizes.values()),
                    "smallest_bytes": min(sizes),
                    "largest_bytes": max(sizes),
                }
            )
        return {
            "header_bytes": self._headers.most_common(1)[0][0],
            "lab_header": self._headers[LAB_HEADER_BYTES] > 0,
            "sdk": ".".join(str(version >> shift & 0xFF) for shift in (24, 16, 8, 0)),
            "platform": f"0x{platform:X}",
            "packets_with_odd_tlvs": self.odd_packets,
            "frame_numbers": {"first": self._numbers[0], "last": self._numbers[-1]},
            "points_per_frame": {
                "fewest": min(self._points),
                "mean": round(sum(self._points) / self.packets, 2),
                "most": max(self._points),
            },
            "tlvs": tlvs,
        }
