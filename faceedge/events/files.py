"""Files of events of every format, by what is in them: RAW (EVT2, EVT3), AEDAT4, DAT, ES, CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from faceedge.errors import InputError
from faceedge.events import aedat4, aedat4_layout
from faceedge.events.event import as_events, joined
from faceedge.events.faery_library import faery_module, reading
from faceedge.events.raw_file import MARK, RawReader, parse_header, read_header

_HEAD_BYTES = 1 << 16
_DAT = b"% Data file"
_ES = b"Event Stream"
_OLD_AEDAT = (b"#!AER-DAT1", b"#!AER-DAT2", b"#!AER-DAT3")
_COLUMNS = b"t,x,y"  # a CSV file's header, as faery writes it
_FAERY_TYPES = {"evt2": "evt", "dat": "dat", "es": "es", "csv": "csv"}
_UNKNOWN_SIZE = (65535, 65535)


@dataclass(frozen=True, slots=True)
class EventFile:
    """A whole file of events.

    Attributes:
        events: (n,) of `EVENT_DTYPE`.
        width, height: of the sensor; where the file does not say, at least what the events need.
        format: ``evt3``, ``evt2``, ``aedat4``, ``dat``, ``es`` or ``csv``.
        notes: what was odd, one sentence each.
    """

    events: np.ndarray
    width: int
    height: int
    format: str
    notes: tuple[str, ...] = ()


def file_format(path: Path | str) -> str:
    """Format of a file, from its first bytes.

    Raises:
        InputError: none that is known, or the file cannot be read.
    """
    path = Path(path).expanduser()
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    if not head:
        raise InputError(f"{path} is empty (0 bytes), expected a file of events.")
    if head.startswith(aedat4_layout.MAGIC):
        return "aedat4"
    if head.startswith(_OLD_AEDAT):
        version = head[9:12].decode("latin-1")
        raise InputError(f"{path} is AEDAT {version}; only AEDAT 4 is read. Convert it with DV or dv-processing.")
    if head.startswith(_DAT):
        return "dat"
    if head.startswith(MARK):
        return parse_header(head, str(path)).encoding
    if head.startswith(_ES):
        return "es"
    if head.lower().startswith(_COLUMNS):
        return "csv"
    raise InputError(f"{path} begins with {head[:16]!r}; expected a RAW, AEDAT4, DAT, ES or CSV file of events.")


def iterate_events(path: Path | str) -> Iterator[np.ndarray]:
    """Chunks of events in the order of the file, in constant memory.

    Raises:
        ConfigurationError: the format needs faery, which is not installed.
        InputError: see `file_format`, or the file is damaged.
    """
    yield from _open(Path(path).expanduser())[0]


def read_events(path: Path | str) -> EventFile:
    """All events of a file.

    Raises:
        ConfigurationError: the format needs faery, which is not installed.
        InputError: see `file_format`, or the file is damaged.
    """
    path = Path(path).expanduser()
    reader, kind, width, height = _open(path)
    events = joined(list(reader))
    if not width:
        width, height = int(events["x"].max(initial=0)) + 1, int(events["y"].max(initial=0)) + 1
    back = int(np.count_nonzero(np.diff(events["t"]) < 0))
    return EventFile(events, width, height, kind, _notes(reader, back))


@dataclass(frozen=True, slots=True)
class EventSummary:
    """What is in a file of events.

    Attributes:
        count, brighter: events, and those of them whose pixel became brighter.
        first_us, last_us: time of the first and the last event; 0 where there is none.
        width, height, format, notes: as of an `EventFile`.
    """

    count: int
    brighter: int
    first_us: int
    last_us: int
    width: int
    height: int
    format: str
    notes: tuple[str, ...] = ()


def summarise_events(path: Path | str) -> EventSummary:
    """What is in a file, read once in constant memory.

    Raises:
        ConfigurationError: the format needs faery, which is not installed.
        InputError: see `file_format`, or the file is damaged.
    """
    reader, kind, width, height = _open(Path(path).expanduser())
    count = brighter = back = first_us = last_us = right = bottom = 0
    for events in reader:
        if not len(events):
            continue
        times = events["t"]
        if count:
            back += int(times[0] < last_us)
        else:
            first_us = int(times[0])
        back += int(np.count_nonzero(np.diff(times) < 0))
        count, brighter, last_us = count + len(events), brighter + int(events["p"].sum()), int(times[-1])
        right, bottom = max(right, int(events["x"].max()) + 1), max(bottom, int(events["y"].max()) + 1)
    size = (width, height) if width else (right, bottom)
    return EventSummary(count, brighter, first_us, last_us, *size, kind, _notes(reader, back))


def _notes(reader: object, back: int) -> tuple[str, ...]:
    """What was odd about a file that has been read, in which time went back so often."""
    notes = []
    if isinstance(reader, RawReader):
        counters, clock = reader.counters, reader.decoder.clock
        for count, what in (
            (counters.before_time, "words came before the first time and were passed over"),
            (counters.before_row, "events came before the first row and were passed over"),
            (counters.before_base, "masks came without a base and were passed over"),
            (counters.outside, "events lay outside the sensor and were passed over"),
            (counters.unknown, "words are of no known kind"),
            (clock.doubted, "times did not continue the ones before"),
            (reader.decoder.pending, "byte is left at the end: the file is truncated"),
        ):
            if count:
                notes.append(f"{count} {what}.")
    if back:
        notes.append(f"time goes back {back} times.")
    return tuple(notes)


def _open(path: Path) -> tuple[Any, str, int, int]:
    """What to iterate, the format, and the size: 0 where it is unknown."""
    kind = file_format(path)
    if kind == "evt3":
        raw = RawReader(path)
        return raw, kind, raw.header.width, raw.header.height
    if kind == "aedat4":
        packets = aedat4.Aedat4Reader(path)
        return packets, kind, packets.width, packets.height
    if kind == "evt21":
        raise InputError(f"{path} holds EVT2.1, which nothing here decodes; convert it to EVT3 with Metavision.")
    others = _Faery(path, kind)
    return others, kind, others.width, others.height


class _Faery:
    """A file of a format that faery decodes."""

    def __init__(self, path: Path, kind: str) -> None:
        self._path = path
        faery = faery_module("", f"reading {kind.upper()}")
        options: dict[str, Any] = {"file_type": _FAERY_TYPES[kind], "time_range_cache": None}
        if kind == "evt2":
            options["version_fallback"] = "evt2"
            header = read_header(path)
            if header.width:
                options["dimensions_fallback"] = (header.width, header.height)
        elif kind != "es":
            options["dimensions_fallback"] = _UNKNOWN_SIZE
        with reading(path):
            self._stream = faery.file_decoder.Decoder(path, **options)
            size: tuple[int, int] = self._stream.dimensions()
        self.width, self.height = (0, 0) if size == _UNKNOWN_SIZE else size

    def __iter__(self) -> Iterator[np.ndarray]:
        with reading(self._path):
            for packet in self._stream:
                yield as_events(packet)
