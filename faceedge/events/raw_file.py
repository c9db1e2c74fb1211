"""RAW files of event cameras: a header of text lines, then the words as they came from the sensor.

Header lines are ``% key value``; ``% end`` is the last one in newer files. Read here: every file's header, and the
events of EVT3. What is written can be cut off anywhere behind the header and still be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import numpy as np

from faceedge.errors import ConfigurationError, DeviceError, InputError
from faceedge.events.evt3 import LARGEST_SIDE, WRAP_US, Counters, Decoder, EncoderState, encode

MARK = b"% "
END = b"% end\n"
LONGEST_HEADER = 1 << 16
CHUNK_BYTES = 1 << 20

_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")
_VERSIONS = {"2": "evt2", "2.0": "evt2", "2.1": "evt21", "3": "evt3", "3.0": "evt3"}
_FORMATS = {"EVT2": "evt2", "EVT21": "evt21", "EVT3": "evt3"}
_SIZES_OF_GENERATIONS = {"4": (1280, 720), "3": (640, 480)}
"""Sensors of files that do not say their size, by the digit after "gen" in ``plugin_name``."""


@dataclass(frozen=True, slots=True)
class RawHeader:
    """What a RAW file says of itself.

    Attributes:
        fields: all keys with their values.
        encoding: ``evt2``, ``evt21`` or ``evt3``.
        width, height: of the sensor; 0 where the file does not say.
        start_us: added to all times: the key ``t0``, as faery writes it.
        bytes: of the header.
    """

    fields: Mapping[str, str]
    encoding: str
    width: int
    height: int
    start_us: int
    bytes: int


def parse_header(data: bytes, name: str = "the file") -> RawHeader:
    """Header of a RAW file from its first bytes (64 KiB are always enough).

    Raises:
        InputError: no header of a RAW file, no encoding that is known, or a size that no sensor has.
    """
    fields: dict[str, str] = {}
    at = 0
    while data.startswith(MARK, at):
        stop = data.find(b"\n", at)
        if stop < 0 or stop > LONGEST_HEADER:
            raise InputError(f"{name} begins as a RAW file, but its header does not end within {LONGEST_HEADER} bytes.")
        line, at = data[at : stop + 1], stop + 1
        if line == END:
            break
        key, _, value = line[len(MARK) :].decode("latin-1").strip().partition(" ")
        fields[key] = value.strip()
    if not at:
        raise InputError(f"{name} does not begin with lines '% key value'; it is no RAW file of an event camera.")
    width, height = _size(fields, name)
    start = fields.get("t0", "0")
    if not start.isascii() or not start.isdigit() or len(start) > 18:
        raise InputError(f"{name} says t0 {start[:40]!r}, expected a number of us.")
    return RawHeader(fields, _encoding(fields, name), width, height, int(start), at)


def _options(fields: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    kind, *options = fields.get("format", "").split(";")
    return kind, dict(option.partition("=")[::2] for option in options)


def _encoding(fields: Mapping[str, str], name: str) -> str:
    kind, options = _options(fields)
    found = _FORMATS.get(kind) or _VERSIONS.get(fields.get("evt", ""))
    if (kind and kind not in _FORMATS) or not found:
        said = kind or fields.get("evt", "nothing")
        raise InputError(f"{name} holds the encoding {said[:40]!r}; known are EVT2, EVT2.1 and EVT3.")
    if options.get("endianness", "little") != "little":
        raise InputError(f"{name} has its words in the order {options['endianness'][:40]!r}; only little is known.")
    return found


def _size(fields: Mapping[str, str], name: str) -> tuple[int, int]:
    _, options = _options(fields)
    text = f"{options.get('width', '')}x{options.get('height', '')}"
    if text == "x":
        text = fields.get("geometry", "")
    if not text:
        generation = re.search(r"gen(\d)", fields.get("plugin_name", ""))
        return _SIZES_OF_GENERATIONS.get(generation[1], (0, 0)) if generation else (0, 0)
    match = _SIZE.fullmatch(text)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if not (1 <= width <= LARGEST_SIDE and 1 <= height <= LARGEST_SIDE):
        raise InputError(f"{name} says its sensor has {text[:40]!r} pixels; expected at most {LARGEST_SIDE} a side.")
    return width, height


class RawWriter:
    """Writes a RAW file of EVT3 while events come; a context manager.

    Args:
        path: of a file that does not exist.
        width, height: of the sensor.
        facts: more header lines, such as ``sensor_name``.
        start_us: a time before the first event. Where it is beyond the 24 bits of EVT3, the header holds what is.

    Attributes:
        events: written so far.

    Raises:
        ConfigurationError: the file exists or cannot be made, or a fact is not a line of ASCII.
    """

    def __init__(
        self, path: Path | str, width: int, height: int, *, facts: Mapping[str, str] | None = None, start_us: int = 0
    ) -> None:
        self.path = Path(path).expanduser()
        self._width, self._height = width, height
        self._offset_us = max(0, start_us // WRAP_US * WRAP_US)
        self._state = EncoderState()
        self.events = 0
        header = _header_text(width, height, facts or {}, self._offset_us)
        try:
            self._file: IO[bytes] = self.path.open("xb", buffering=0)
            self._file.write(header)
        except FileExistsError as error:
            raise ConfigurationError(f"the file {self.path} exists already; give another name or remove it.") from error
        except OSError as error:
            raise ConfigurationError(f"the file {self.path} cannot be made: {error.strerror}.") from error

    def append(self, events: np.ndarray) -> None:
        """Add events, not earlier than those before.

        Raises:
            InputError: they do not fit (see `evt3.encode`); nothing was written.
            DeviceError: the disk is full or gone; what was written stays readable.
        """
        if not len(events):
            return
        if self._offset_us:
            events = events.copy()
            events["t"] -= self._offset_us
        data = encode(events, state=self._state, width=self._width, height=self._height)
        try:
            if self._file.write(data) != len(data):
                raise OSError(28, "no space left on device")
        except OSError as error:
            raise DeviceError(
                f"{self.path} cannot be continued after {self.events} events: {error.strerror}."
            ) from error
        self.events += len(events)

    def close(self) -> None:
        """Finish; may be called twice."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _header_text(width: int, height: int, facts: Mapping[str, str], offset_us: int) -> bytes:
    if not (1 <= width <= LARGEST_SIDE and 1 <= height <= LARGEST_SIDE):
        raise ConfigurationError(f"a RAW file of EVT3 has 1 to {LARGEST_SIDE} pixels a side, not {width}x{height}.")
    fields = {
        "evt": "3.0",
        "format": f"EVT3;height={height};width={width}",
        "geometry": f"{width}x{height}",
        **({"t0": str(offset_us)} if offset_us else {}),
        **facts,
    }
    lines = []
    for key, value in sorted(fields.items()):
        if not (key.isascii() and value.isascii() and key.isprintable() and value.isprintable()) or " " in key:
            raise ConfigurationError(f"a RAW file's header cannot hold {key[:40]!r}: {value[:40]!r}; use plain ASCII.")
        lines.append(f"% {key} {value}\n".encode())
    return b"".join(lines) + END


class RawReader:
    """Reads the events of a RAW file of EVT3, a chunk at a time.

    Iterate for decoded events from the beginning; or use it as a context manager and ``read`` the words as they are.

    Args:
        path: of the file.

    Attributes:
        header: of the file; a size that it does not say is that of the largest sensor that EVT3 knows.
        decoder: its counters say what was odd.

    Raises:
        InputError: no RAW file, not EVT3, or it cannot be read.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).expanduser()
        self.header = read_header(self.path)
        if self.header.encoding != "evt3":
            raise InputError(f"{self.path} holds {self.header.encoding}, expected evt3.")
        self.width = self.header.width or LARGEST_SIDE
        self.height = self.header.height or LARGEST_SIDE
        self.decoder = Decoder(self.width, self.height)

        self._file: IO[bytes] | None = None

    @property
    def counters(self) -> Counters:
        """What came so far."""
        return self.decoder.counters

    def __iter__(self) -> Iterator[np.ndarray]:
        """Chunks of events in order, from the beginning of the file."""
        self.decoder = Decoder(self.width, self.height)
        with self:
            while data := self.read(CHUNK_BYTES):
                events = self.decoder.feed(data)
                events["t"] += self.header.start_us
                yield events

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes of words, fewer at the end; times in them begin at ``header.start_us``."""
        if self._file is None:
            raise InputError(f"{self.path} was read before it was opened.")
        try:
            return self._file.read(size)
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror}.") from error

    def close(self) -> None:
        """Give the file back; may be called twice."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        self.close()
        try:
            self._file = self.path.open("rb")
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror}.") from error
        self._file.seek(self.header.bytes)
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def read_header(path: Path | str) -> RawHeader:
    """Header of a RAW file.

    Raises:
        InputError: see `parse_header`, or the file cannot be read.
    """
    path = Path(path).expanduser()
    try:
        with path.open("rb") as file:
            return parse_header(file.read(LONGEST_HEADER), str(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
