"""Whether an AEDAT4 file is built as it should be. A library that is given a damaged header may take the process down,
so the header and the chain of packets are looked at first; what is within packets is left to the library.

Layout: a line of magic; u32 size and a flatbuffer ``IOHE`` of that size; packets of i32 stream, i32 size and that many
bytes; and a table of them, where the header says. Source: docs.inivation.com, "AEDAT 4 file format".
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

from faceedge.errors import InputError

MAGIC = b"#!AER-DAT4.0\r\n"
LONGEST_HEADER = 1 << 20
IDENT = b"IOHE"

_COMPRESSIONS = range(5)
_NO_TABLE = -1
_FIELDS = 3
"""Of the header: compression i32, dataTablePosition i64, infoNode string."""
_DECLARATION = re.compile(r"<!(?!--)")


def check_layout(path: Path) -> None:
    """Raises:
    InputError: not AEDAT4, or damaged; the sentence says where.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            _check(file, size, path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def _check(file: IO[bytes], size: int, path: Path) -> None:
    if file.read(len(MAGIC)) != MAGIC:
        raise InputError(f"{path} does not begin as an AEDAT4 file does.")
    prefix = file.read(4)
    length = int.from_bytes(prefix, "little")
    body = file.read(length) if length <= LONGEST_HEADER else b""
    if len(prefix) < 4 or len(body) < length:
        raise InputError(f"{path} ends too early or is damaged: its header should have {length} bytes.")
    try:
        table_at, streams = _header(body)
    except (struct.error, ValueError, IndexError, ElementTree.ParseError) as error:
        raise InputError(f"{path} has a damaged header, which is no AEDAT4 header; copy the file again.") from error
    start = len(MAGIC) + 4 + length
    if table_at != _NO_TABLE and not start <= table_at <= size:
        raise InputError(f"{path} ends too early: its table should be at byte {table_at}, the file has {size}.")
    _check_packets(file, start, size if table_at == _NO_TABLE else table_at, streams, path)


def _header(body: bytes) -> tuple[int, set[int]]:
    """Place of the table and numbers of the streams."""
    if body[4:8] != IDENT:
        raise ValueError("no IOHE")
    table = _u32(body, 0)
    vtable = table - struct.unpack_from("<i", body, table)[0]
    entries = (struct.unpack_from("<H", body, vtable)[0] - 4) // 2
    if vtable < 0 or entries < 0:
        raise ValueError("no table of fields")
    places = [struct.unpack_from("<H", body, vtable + 4 + 2 * n)[0] if n < entries else 0 for n in range(_FIELDS)]
    compression = struct.unpack_from("<i", body, table + places[0])[0] if places[0] else 0
    table_at = struct.unpack_from("<q", body, table + places[1])[0] if places[1] else _NO_TABLE
    if compression not in _COMPRESSIONS or not places[2]:
        raise ValueError("an unknown compression, or no description")
    text_at = table + places[2]
    text_at += _u32(body, text_at)
    length = _u32(body, text_at)
    text = body[text_at + 4 : text_at + 4 + length]
    if len(text) < length:
        raise ValueError("the description ends too early")
    return int(table_at), _streams(text.decode("utf-8"))


def _u32(body: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", body, at)[0])


def _streams(text: str) -> set[int]:
    if _DECLARATION.search(text):  # entities would be the way to make a small file large
        raise ValueError("a declaration")
    root = ElementTree.fromstring(text)
    names = [node.get("name", "") for node in root.iterfind("./node[@name='outInfo']/node")]
    return {int(name) for name in names}


def _check_packets(file: IO[bytes], start: int, stop: int, streams: set[int], path: Path) -> None:
    at = start
    while at < stop:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            raise InputError(f"{path} ends too early: in the head of the packet at byte {at}.")
        stream, length = struct.unpack("<ii", head)
        if stream not in streams or length < 0:
            raise InputError(f"{path} is damaged at byte {at}: a packet of stream {stream} with {length} bytes.")
        at += 8 + length
        if at > stop:
            raise InputError(f"{path} ends too early: the packet before byte {at} goes beyond byte {stop}.")
