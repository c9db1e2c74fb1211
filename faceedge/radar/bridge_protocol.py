"""Framing of the serial bridge: what goes over USB between the host and the microcontroller beside a BGT60TR13C.

docs/radar_bridge.md describes it byte by byte. Everything is little-endian.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from faceedge.errors import InputError

VERSION = 1
MAGIC = b"\xfa\xce"
HEADER = struct.Struct("<2sBBHHQ")
"""Magic, type, status, sequence, payload length, device time in us."""
CHECKSUM = struct.Struct("<I")
MAX_PAYLOAD = 24576
MAX_FRAME = HEADER.size + MAX_PAYLOAD + CHECKSUM.size

_LENGTH_AT = 6


class Kind(IntEnum):
    """Types of messages; those from 0x81 on, and 0x7F, come from the device."""

    HELLO = 0x01
    RESET = 0x02
    TRANSFER = 0x03
    START = 0x04
    STOP = 0x05
    TIME = 0x06
    ERROR = 0x7F
    REPLY = 0x80
    BLOCK = 0x90
    LOST = 0x91


class Fault(IntEnum):
    """Codes of an ERROR."""

    UNKNOWN_TYPE = 1
    BAD_LENGTH = 2
    BUSY_STREAMING = 3
    RADAR_SILENT = 4


HELLO = struct.Struct("<BH")
"""Payload of a HELLO's reply before the name: protocol version, largest payload."""
START = struct.Struct("<H")
"""Payload of START: FIFO words a block."""
LOST = struct.Struct("<I")
"""Payload of LOST: blocks that were dropped."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, either way.

    Attributes:
        kind: a ``Kind``, a request's ``Kind`` plus ``Kind.REPLY``, or a type that is not known here.
        payload: its bytes.
        status: GSR0 in a BLOCK, a ``Fault`` in an ERROR.
        sequence: chosen by the host and echoed in the reply; of BLOCKs, counts from 0 since START, modulo 65536.
        time_us: the device's clock; 0 in requests.
    """

    kind: int
    payload: bytes = b""
    status: int = 0
    sequence: int = 0
    time_us: int = 0


def encode(kind: int, payload: bytes = b"", *, status: int = 0, sequence: int = 0, time_us: int = 0) -> bytes:
    """One message as bytes.

    Raises:
        InputError: a payload that is too long.
    """
    if len(payload) > MAX_PAYLOAD:
        raise InputError(f"bridge message {kind:#04x}: expected at most {MAX_PAYLOAD} bytes, got {len(payload)}.")
    body = HEADER.pack(MAGIC, kind, status, sequence & 0xFFFF, len(payload), time_us) + payload
    return body + CHECKSUM.pack(zlib.crc32(body))


class Decoder:
    """Messages in a stream of bytes that may begin anywhere and be damaged.

    A frame whose length or checksum is wrong costs its magic only: the search goes on behind it, so that a good frame
    within a damaged one is found. At most one frame is kept in memory.

    Attributes:
        crc_errors: frames with a wrong checksum. bad_lengths: headers that announce more than is allowed.
        skipped: bytes that belong to no message.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.crc_errors = 0
        self.bad_lengths = 0
        self.skipped = 0

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not complete."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Message]:
        """The messages that ``data`` completes."""
        buffer = self._buffer
        buffer += data
        messages: list[Message] = []
        start = 0
        while True:
            at = buffer.find(MAGIC, start)
            if at < 0:  # the first byte of a magic may be the last one here
                at = len(buffer) - (buffer[-1:] == MAGIC[:1])
                self.skipped += max(at - start, 0)
                start = max(at, start)
                break
            self.skipped += at - start
            start = at
            if len(buffer) - at < HEADER.size:
                break
            (length,) = struct.unpack_from("<H", buffer, at + _LENGTH_AT)
            if length > MAX_PAYLOAD:
                self.bad_lengths += 1
                start += self._skip_magic()
                continue
            end = at + HEADER.size + length
            if len(buffer) < end + CHECKSUM.size:
                break
            message = self._message(at, end)
            start = end + CHECKSUM.size if message else at + self._skip_magic()
            if message:
                messages.append(message)
        del buffer[:start]
        return messages

    def give_up(self) -> list[Message]:
        """The rest of the pending frame will not come: search behind its magic."""
        if not self._buffer:
            return []
        rest = bytes(self._buffer[1:])
        self._buffer.clear()
        self.skipped += 1
        return self.feed(rest)

    def clear(self) -> None:
        """Forget what is pending."""
        self.skipped += len(self._buffer)
        self._buffer.clear()

    def _skip_magic(self) -> int:
        self.skipped += len(MAGIC)
        return len(MAGIC)

    def _message(self, at: int, end: int) -> Message | None:
        """The frame from ``at`` to the checksum at ``end``; None if that is wrong."""
        with memoryview(self._buffer) as view:
            (checksum,) = CHECKSUM.unpack_from(view, end)
            if zlib.crc32(view[at:end]) != checksum:
                self.crc_errors += 1
                return None
            _, kind, status, sequence, _, time_us = HEADER.unpack_from(view, at)
            return Message(kind, bytes(view[at + HEADER.size : end]), status, sequence, time_us)
