"""Motion JPEG in an AVI file, picture by picture: the JPEG bytes go in as they are, and a full disk is noticed.

Layout: Microsoft, *AVI RIFF File Reference*; one video stream, an index at the end. Every program that plays video
reads it. The index waits in a file beside it until ``close()``, so memory does not grow with the recording.
"""

from __future__ import annotations

import shutil
import struct
from pathlib import Path
from typing import IO

from faceedge.errors import InputError
from faceedge.simulation.sessions.closing import Unfinished

LARGEST_BYTES = 2**32 - 2**20
"""Sizes in the file have 32 bits; the index needs a little of it, too."""

_CHUNK = struct.Struct("<4sI")
_ENTRY = struct.Struct("<4sIII")
_KEY_FRAME = 0x10
_HAS_INDEX = 0x10
_MAIN = struct.Struct("<14I")
_STREAM = struct.Struct("<4s4sIHHIIIIIIIIHHHH")
_BITMAP = struct.Struct("<IiiHH4sIiiII")
_RATE_SCALE = 1000


class AviWriter(Unfinished):
    """Writes one file; a context manager.

    Args:
        path: of the file; one that is there is overwritten.
        size: width and height of the pictures.
        rate_hz: pictures a second.
    """

    def __init__(self, path: Path, size: tuple[int, int], rate_hz: float) -> None:
        self._path, self._size, self._rate_hz = path, size, rate_hz
        self._index_path = path.with_name(path.name + ".index")
        self._file: IO[bytes] = path.open("wb")
        self._index: IO[bytes] = self._index_path.open("w+b")
        self.pictures = 0
        self._largest = 0
        self._file.write(self._head(0, 0))
        self._data_start = self._file.tell() - 4  # offsets count from the word `movi`

    def append(self, jpeg: bytes) -> None:
        """Add one picture.

        Raises:
            InputError: the file would become larger than its format allows.
        """
        position = self._file.tell()
        if position + len(jpeg) + _ENTRY.size * (self.pictures + 1) > LARGEST_BYTES:
            raise InputError(
                f"{self._path.name} would be larger than the 4 GB that an AVI file may have after {self.pictures} "
                "pictures; record shorter sessions, a lower rate or smaller pictures."
            )
        self._file.write(_chunk(b"00dc", jpeg))
        self._index.write(_ENTRY.pack(b"00dc", _KEY_FRAME, position - self._data_start, len(jpeg)))
        self._largest = max(self._largest, len(jpeg))
        self.pictures += 1

    def close(self) -> None:
        """Write index and head; may be called twice."""
        if self._file.closed:
            return
        data_end = self._file.tell()
        self._file.write(_CHUNK.pack(b"idx1", _ENTRY.size * self.pictures))
        self._index.seek(0)
        shutil.copyfileobj(self._index, self._file)
        end = self._file.tell()
        self._file.seek(0)
        self._file.write(self._head(end - 8, data_end - self._data_start))
        self.abandon()

    def abandon(self) -> None:
        """Close the files as they are, after an error."""
        self._index.close()
        self._index_path.unlink(missing_ok=True)
        self._file.close()

    def _head(self, riff_bytes: int, data_bytes: int) -> bytes:
        width, height = self._size
        main = _MAIN.pack(
            round(1e6 / self._rate_hz), 0, 0, _HAS_INDEX, self.pictures, 0, 1, self._largest, width, height, 0, 0, 0, 0
        )
        rate = round(self._rate_hz * _RATE_SCALE)
        stream = _STREAM.pack(
            b"vids", b"MJPG", 0, 0, 0, 0, _RATE_SCALE, rate, 0, self.pictures, self._largest, 2**32 - 1, 0, 0, 0, width,
            height,
        )  # fmt: skip
        bitmap = _BITMAP.pack(_BITMAP.size, width, height, 1, 24, b"MJPG", 3 * width * height, 0, 0, 0, 0)
        streams = _list(b"strl", _chunk(b"strh", stream) + _chunk(b"strf", bitmap))
        header = _list(b"hdrl", _chunk(b"avih", main) + streams)
        return _CHUNK.pack(b"RIFF", riff_bytes) + b"AVI " + header + _CHUNK.pack(b"LIST", data_bytes) + b"movi"


def _chunk(name: bytes, data: bytes) -> bytes:
    return _CHUNK.pack(name, len(data)) + data + b"\0" * (len(data) % 2)


def _list(name: bytes, data: bytes) -> bytes:
    return _CHUNK.pack(b"LIST", len(data) + 4) + name + data
