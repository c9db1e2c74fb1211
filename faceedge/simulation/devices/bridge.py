"""The microcontroller between a BGT60TR13C and USB, on a pseudo-terminal.

Written from docs/radar_bridge.md, independently of the driver and of the microcontroller's program.
"""

from __future__ import annotations

import math
import struct
import threading
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from faceedge.simulation.devices.bgt60 import FIFO_WORDS, Bgt60Chip
from faceedge.simulation.devices.bgt60_frames import WORD_BYTES
from faceedge.simulation.devices.clock import PunctualClock, RealClock
from faceedge.simulation.devices.faults import Faults
from faceedge.simulation.devices.pty import PtyPort

MAGIC = b"\xfa\xce"
HEADER = struct.Struct("<2sBBHHQ")  # magic, type, status, sequence, payload length, device time in us
CHECKSUM = struct.Struct("<I")
MAX_PAYLOAD = 24_576
VERSION = 1
NAME = "emulated BGT60TR13C bridge"
QUEUE_BYTES = 128 * 1024
"""What the microcontroller's memory can hold of frames that the host did not read yet."""

HELLO, RESET, TRANSFER, START, STOP, TIME = range(0x01, 0x07)
REPLY, ERROR, BLOCK, LOST = 0x80, 0x7F, 0x90, 0x91
UNKNOWN_TYPE, BAD_LENGTH, BUSY, NO_RADAR = 1, 2, 3, 4
LENGTHS = {HELLO: (1, 1), RESET: (0, 0), TRANSFER: (4, 4096), START: (2, 2), STOP: (0, 0), TIME: (0, 0)}
"""Request -> smallest and largest length of its payload."""

_READ_FIFO = bytes((0xFF, 0xC0, 0x00, 0x00))
_READ_CHIP_ID = bytes((0x04, 0x00, 0x00, 0x00))
_NO_MISO = 0xF0  # upper half of the status byte when the radar drives it
_FOREVER_NS = 1 << 62
_MOST_AT_ONCE = 8  # things that are done before the host is heard again
_IDLE_S = 0.2  # how long the bridge sleeps at most
_ROOM_S = 0.02  # how long a patient bridge waits for room before it listens to the host again
_LATE_S = 0.005  # from then on this computer was too slow, not the device
_GIVE_UP_S = 0.1  # a request that is not complete after so long was cut off


@dataclass(frozen=True, slots=True)
class _Request:
    kind: int
    sequence: int
    payload: bytes


class _RequestError(Exception):
    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class BridgeEmulator:
    """The bridge with its radar, as a context manager; ``port`` is where the host finds it.

    Losing the cable takes its power: it starts anew at the next plug, and so does the chip.

    Args:
        chip: on whose clock the bridge works as well. A real clock is made punctual: a microcontroller reads the FIFO
            in time whatever this computer is busy with.
        faults: of the line and of the bridge.
        pace_bytes_per_s: what USB carries towards the host in a device second; None: any amount.
        patient: wait for a slow host instead of dropping blocks. On a stepped clock time then stands still, so that
            nothing is lost however fast it runs.
        link: path of the port; None: in a temporary folder.

    Attributes:
        counters: requests, refused requests, blocks sent and dropped, words, bytes that were no request, requests with
            a wrong checksum, checksums spoiled on purpose, boots.
    """

    def __init__(
        self,
        chip: Bgt60Chip,
        *,
        faults: Faults | None = None,
        pace_bytes_per_s: float | None = 1_000_000,
        patient: bool = False,
        link: Path | None = None,
    ) -> None:
        self.chip = chip
        if isinstance(chip.clock, RealClock):
            chip.clock = PunctualClock(chip.clock)
        self.faults = faults or Faults()
        self.patient = patient
        speed = chip.clock.speed
        pace = pace_bytes_per_s * speed if pace_bytes_per_s and math.isfinite(speed) else None
        self.serial = PtyPort(bytes_per_s=pace, capacity=QUEUE_BYTES, link=link, faults=self.faults)
        names = "requests refused blocks dropped words skipped_bytes bad_checksums spoiled_checksums boots"
        self.counters = dict.fromkeys(names.split(), 0)
        self._spoil = np.random.default_rng((self.faults.seed, 0xC2C))
        self._clock_rate = 1 + self.faults.clock_drift_ppm * 1e-6
        self._thread: threading.Thread | None = None
        self._stop = False
        self._overflow_done = False
        self._boot()

    @property
    def port(self) -> str:
        """Path at which the host opens the bridge."""
        return self.serial.path

    def open(self) -> None:
        """Plug it in."""
        if self._thread is None:
            self.serial.open()
            self._stop = False
            self._boot()
            self._thread = threading.Thread(target=self._serve, name="emulated radar bridge", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Take it away; may be called twice."""
        self._stop = True
        if self._thread is not None:
            self.serial.wake()
            self._thread.join()
            self._thread = None
        self.serial.close()

    def unplug(self) -> None:
        """Pull the cable."""
        self.serial.unplug()

    def replug(self) -> None:
        """Plug the cable in again."""
        self.serial.replug()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # The microcontroller's main loop

    def _boot(self) -> None:
        self.counters["boots"] += 1
        self._boot_ns = self.chip.clock.now_ns()
        self._buffer = bytearray()
        self._heard_s = time.monotonic()
        self._words = 0  # of a block; 0: not streaming
        self._sequence = 0
        self._dropped = 0  # since the last LOST
        self._host_reads = True
        self.chip.reset()

    def _serve(self) -> None:
        plugs = self.serial.plugs
        while not self._stop:
            if self.serial.plugs != plugs and self.serial.plugged:
                plugs = self.serial.plugs
                self._boot()
            elif not self.serial.plugged:
                self._words = 0
            data = self.serial.read(self._time_to_wait())
            self._catch_up()
            for request in self._parse(data):
                self._answer(request)

    def _next_event_ns(self) -> int | None:
        if not self._words:
            return None
        if not self._too_late():
            return self.chip.irq_rise_ns()
        overflow_ns = self.chip.overflow_ns()
        return None if overflow_ns is None else overflow_ns + 1

    def _time_to_wait(self) -> float:
        event = self._next_event_ns()
        return _IDLE_S if event is None else min(_IDLE_S, self.chip.clock.host_seconds_until(event))

    def _catch_up(self) -> None:
        """Do what is due, each thing at its own time, however late this thread is."""
        clock = self.chip.clock
        stepped = math.isinf(clock.speed)  # everything is due at once, so there would be no end
        for _ in range(1 if stepped else _MOST_AT_ONCE):
            event = self._next_event_ns()
            if event is None or clock.host_seconds_until(event) > 0.0:
                if not stepped:
                    clock.reach(_FOREVER_NS if event is None else event)
                return
            clock.reach(event)
            if self._stop or not self._stream():
                return

    def _device_us(self, time_ns: int) -> int:
        return max(0, round((time_ns - self._boot_ns) * self._clock_rate) // 1000)

    # Requests

    def _parse(self, data: bytes) -> list[_Request]:
        """Requests that are complete; whatever is none of them is skipped and counted."""
        now = time.monotonic()
        if data:
            self._heard_s = now
        elif self._buffer and now - self._heard_s > _GIVE_UP_S:
            self._skip(1)
        self._buffer += data
        found = []
        while len(self._buffer) >= HEADER.size:
            start = self._buffer.find(MAGIC)
            if start:
                # Without a magic only its first byte can be the begin of one.
                self._skip(start if start > 0 else len(self._buffer) - self._buffer.endswith(MAGIC[:1]))
                continue
            _, kind, _, sequence, length, _ = HEADER.unpack_from(self._buffer)
            end = HEADER.size + length
            if length > MAX_PAYLOAD:
                self._skip(1)
                continue
            if len(self._buffer) < end + CHECKSUM.size:
                break
            if CHECKSUM.unpack_from(self._buffer, end)[0] != zlib.crc32(self._buffer[:end]):
                self.counters["bad_checksums"] += 1
                self._skip(1)
                continue
            found.append(_Request(kind, sequence, bytes(self._buffer[HEADER.size : end])))
            del self._buffer[: end + CHECKSUM.size]
        return found

    def _skip(self, count: int) -> None:
        del self._buffer[:count]
        self.counters["skipped_bytes"] += count

    def _answer(self, request: _Request) -> None:
        self.counters["requests"] += 1
        try:
            payload = self._do(request)
        except _RequestError as refusal:
            self.counters["refused"] += 1
            self._send(ERROR, refusal.code, request.sequence, str(refusal).encode())
        else:
            self._send(request.kind | REPLY, 0, request.sequence, payload)

    def _do(self, request: _Request) -> bytes:
        kind, payload = request.kind, request.payload
        if kind not in LENGTHS:
            raise _RequestError(UNKNOWN_TYPE, f"unknown request {kind:02X}")
        least, most = LENGTHS[kind]
        if not least <= len(payload) <= most:
            raise _RequestError(BAD_LENGTH, f"request {kind:02X} carries {least} to {most} bytes, got {len(payload)}")
        if self._words and kind in (RESET, START):
            raise _RequestError(BUSY, f"request {kind:02X} has to wait until streaming stops")
        if kind == HELLO:
            return struct.pack("<BH", VERSION, MAX_PAYLOAD) + NAME.encode()
        if kind == TRANSFER:
            return self.chip.transfer(payload)
        if kind == RESET:
            self.chip.reset()
            if self.chip.transfer(_READ_CHIP_ID)[0] & _NO_MISO != _NO_MISO:
                raise _RequestError(NO_RADAR, "the radar does not answer after its reset")
        elif kind == START:
            self._start(int.from_bytes(payload, "little"))
        elif kind == STOP:
            self._words = 0
        return b""

    def _start(self, words: int) -> None:
        if not 1 <= words <= min(FIFO_WORDS, MAX_PAYLOAD // WORD_BYTES):
            raise _RequestError(BAD_LENGTH, f"a block has 1 to {MAX_PAYLOAD // WORD_BYTES} words, got {words}")
        self._words, self._sequence, self._dropped = words, 0, 0

    # Blocks

    def _too_late(self) -> bool:
        """The bridge is late on purpose, until the chip's FIFO has run over."""
        after = self.faults.fifo_overflow_after_blocks
        if not after or self._overflow_done or self.counters["blocks"] < after:
            return False
        self._overflow_done = self.chip.overflowed
        return not self._overflow_done

    def _behind(self) -> bool:
        clock = self.chip.clock
        return isinstance(clock, PunctualClock) and clock.behind_s > _LATE_S

    def _stream(self) -> bool:
        """Read one block if the interrupt line is high; False: a patient bridge has to wait for room first."""
        if self._too_late():
            return True
        rise, now = self.chip.irq_rise_ns(), self.chip.clock.now_ns()
        if rise is None or rise > now:
            return True
        size = HEADER.size + self._words * WORD_BYTES + CHECKSUM.size
        if self.patient and self.serial.plugged and not self.serial.wait_for_room(size, _ROOM_S):
            return False
        if self._host_reads and self._behind():  # blocks that should have gone one by one wait here for each other
            self._host_reads = self.serial.wait_for_room(2 * size, _ROOM_S)
        answer = self.chip.transfer(_READ_FIFO + bytes(self._words * WORD_BYTES))
        self.counters["words"] += self._words
        if self._dropped and self._send(LOST, 0, 0, struct.pack("<I", self._dropped), room_for=size):
            self._dropped = 0
        if not self._dropped and self._send(BLOCK, answer[0], self._sequence, answer[4:], time_ns=rise):
            self.counters["blocks"] += 1
            self._host_reads = True
        else:
            self._dropped += 1
            self.counters["dropped"] += 1
        self._sequence = (self._sequence + 1) & 0xFFFF
        return True

    def _send(
        self, kind: int, status: int, sequence: int, payload: bytes, *, time_ns: int | None = None, room_for: int = 0
    ) -> bool:
        """Queue one frame; blocks and news of losses only if there is room, ``room_for`` further bytes included."""
        time_us = self._device_us(self.chip.clock.now_ns() if time_ns is None else time_ns)
        frame = HEADER.pack(MAGIC, kind, status, sequence, len(payload), time_us) + payload
        checksum = zlib.crc32(frame)
        if self.faults.crc_error_rate and self._spoil.random() < self.faults.crc_error_rate:
            checksum ^= 1 << int(self._spoil.integers(32))
            self.counters["spoiled_checksums"] += 1
        if self.serial.queued + len(frame) + room_for > QUEUE_BYTES and kind in (BLOCK, LOST):
            return False
        return self.serial.write(frame + CHECKSUM.pack(checksum), force=True)
