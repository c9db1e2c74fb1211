"""The host's side of the serial bridge: a BGT60TR13C behind a microcontroller on USB."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from typing import TYPE_CHECKING

from faceedge.errors import DeviceError
from faceedge.radar import bridge_protocol as protocol
from faceedge.radar.bgt60_transport import Block
from faceedge.radar.block_queue import BlockQueue
from faceedge.radar.bridge_protocol import Kind, Message
from faceedge.radar.device_clock import DeviceClock
from faceedge.radar.serial_port import lost, open_port

if TYPE_CHECKING:
    import serial

BAUD = 1_000_000
"""USB CDC ignores it; a bridge on a real UART would need it."""
WHAT = "radar bridge"
REPLY_TIMEOUT_S = 0.4
TRIES = 3
"""A request whose reply is lost is sent so often. All requests may be carried out twice without harm."""
CLOCK_READINGS = 5
CLOCK_PERIOD_S = 0.5
"""While blocks flow, the device's clock is read so often: a reply carries the moment at which it was sent."""
_READ_BYTES = 1 << 16
_SILENCE_S = 0.25  # a frame that is not continued after this will not be
_SETTLE_S = 0.05
_TEXT_SHOWN = 40


class BridgeTransport:
    """See `Transport`. A thread reads the port, so that a busy consumer does not make the microcontroller wait.

    Args:
        port: path of the port, best the stable one below /dev/serial/by-id.
    """

    def __init__(self, port: str) -> None:
        self.path = port
        self.description = f"{WHAT} {port}"
        self.counters = dict.fromkeys(
            ("crc_errors", "bytes_skipped", "replies_lost", "blocks_lost", "blocks_lost_by_bridge", "blocks_not_taken"),
            0,
        )
        self._port: serial.Serial | None = None
        self._thread: threading.Thread | None = None
        self._wake = (-1, -1)
        self._queue = BlockQueue()
        self._decoder = protocol.Decoder()
        self._clock = DeviceClock()
        self._reply: Message | None = None
        self._awaited = -1
        self._sequence = 0
        self._streaming = False
        self._block_sequence = -1
        self._clock_asked_s = 0.0
        self._begun = b""

    # Order of calls

    def open(self) -> None:
        """See `Transport.open`."""
        self.close()
        self._queue.clear(forget_error=True)
        self._decoder = protocol.Decoder()
        self._clock.clear()
        self._begun = b""
        self._port = open_port(self.path, BAUD, what=WHAT)
        try:
            self._port.reset_input_buffer()
            self._wake = os.pipe()
            self._thread = threading.Thread(target=self._read_on, name=f"reader of {self.path}", daemon=True)
            self._thread.start()
            self._greet()
            for _ in range(CLOCK_READINGS):
                self._request(Kind.TIME)
        except BaseException:
            self.close()
            raise

    def _greet(self) -> None:
        """Stop what a crashed host may have left running, and make sure that it is a bridge that answers."""
        with contextlib.suppress(DeviceError):
            self._request(Kind.STOP)
        time.sleep(_SETTLE_S)
        self._queue.check()
        self._queue.clear()
        try:
            reply = self._request(Kind.HELLO, bytes([protocol.VERSION]))
        except DeviceError as error:
            self._queue.check()
            raise DeviceError(self._silence()) from error
        if len(reply.payload) < protocol.HELLO.size:
            raise DeviceError(f"{self.description} greets with {len(reply.payload)} bytes; update its main.py.")
        version, _ = protocol.HELLO.unpack_from(reply.payload)
        if version != protocol.VERSION:
            raise DeviceError(
                f"{self.description} speaks version {version} of the bridge's protocol, expected {protocol.VERSION}; "
                "copy firmware_configs/bridge/main.py of this release onto it."
            )
        name = reply.payload[protocol.HELLO.size :].decode("utf-8", "replace")
        self.description = f"{name} ({self.path})"

    def _silence(self) -> str:
        remedy = "is firmware_configs/bridge/main.py on it, and is this the right port?"
        if not self._begun:
            return f"{WHAT} {self.path} gives no answer; {remedy}"
        text = self._begun[:_TEXT_SHOWN].decode("ascii", "backslashreplace")
        return f"{WHAT} {self.path} answers with {text!r} and no message of a bridge; {remedy}"

    def close(self) -> None:
        """See `Transport.close`."""
        if self._streaming:  # the reply is not worth waiting for: the next `open` stops it again
            with contextlib.suppress(DeviceError):
                self._send(Kind.STOP)
        self._streaming = False
        if self._thread is not None:
            os.write(self._wake[1], b"\0")
            self._thread.join()
            self._thread = None
        for descriptor in self._wake:
            if descriptor >= 0:
                os.close(descriptor)
        self._wake = (-1, -1)
        if self._port is not None:
            with contextlib.suppress(OSError):
                self._port.close()
            self._port = None

    def reset(self) -> None:
        """See `Transport.reset`."""
        self._request(Kind.RESET)

    def transfer(self, data: bytes) -> bytes:
        """See `Transport.transfer`."""
        return self._request(Kind.TRANSFER, data, length=len(data)).payload

    def start_stream(self, words: int) -> None:
        """See `Transport.start_stream`."""
        with self._queue.changed:
            self._block_sequence = -1
        self._queue.clear()
        self._request(Kind.START, protocol.START.pack(words), accept=protocol.Fault.BUSY_STREAMING)
        self._streaming = True

    def stop_stream(self) -> None:
        """See `Transport.stop_stream`."""
        self._streaming = False
        self._request(Kind.STOP)
        self._queue.clear()

    def read_block(self, timeout_s: float) -> Block | None:
        """See `Transport.read_block`."""
        now_s = time.monotonic()
        if now_s - self._clock_asked_s > CLOCK_PERIOD_S and self._port is not None and not self._queue.failed:
            self._clock_asked_s = now_s
            self._send(Kind.TIME)  # its reply is used when it comes
        return self._queue.get(timeout_s)

    # Requests

    def _send(self, kind: Kind, payload: bytes = b"") -> int:
        """Send a request; its sequence number. The reply, if it comes before the next one, is kept for ``_ask``."""
        self._queue.check()
        if self._port is None:
            raise DeviceError(f"{self.description} is not open.")
        with self._queue.changed:
            self._sequence = (self._sequence + 1) & 0xFFFF
            self._awaited, self._reply = self._sequence, None
        try:
            self._port.write(protocol.encode(kind, payload, sequence=self._sequence))
        except OSError as error:
            self._queue.fail(lost(WHAT, self.path, error))
            self._queue.check()
        return self._sequence

    def _request(self, kind: Kind, payload: bytes = b"", *, length: int | None = None, accept: int = 0) -> Message:
        """Send a request until a reply comes.

        Args:
            length: of the reply's payload; another one counts as lost.
            accept: a ``Fault`` that is as good as success in a second try, because the first one had it.
        """
        for attempt in range(TRIES):
            reply = self._ask(kind, payload)
            if reply is None or (length is not None and reply.kind != Kind.ERROR and len(reply.payload) != length):
                self.counters["replies_lost"] += 1
                continue
            if reply.kind == Kind.ERROR and not (attempt and reply.status == accept):
                text = reply.payload.decode("utf-8", "replace").rstrip(".")
                raise DeviceError(f"{self.description} refuses {kind.name}: {text or f'code {reply.status}'}.")
            return reply
        raise DeviceError(
            f"{self.description} does not answer {kind.name} ({TRIES} tries of {REPLY_TIMEOUT_S:g} s); "
            "unplug it and plug it in again."
        )

    def _ask(self, kind: Kind, payload: bytes) -> Message | None:
        sequence = self._send(kind, payload)
        with self._queue.changed:
            self._queue.changed.wait_for(lambda: self._reply is not None or self._queue.failed, REPLY_TIMEOUT_S)
            reply, self._reply, self._awaited = self._reply, None, -1
        self._queue.check()
        return reply if reply is not None and reply.sequence == sequence else None

    # The reading thread

    def _read_on(self) -> None:
        assert self._port is not None
        port, wake = self._port.fileno(), self._wake[0]
        while True:
            try:
                ready, _, _ = select.select([port, wake], [], [], _SILENCE_S)
                if wake in ready:
                    return
                data = os.read(port, _READ_BYTES) if ready else b""
            except OSError as error:
                self._queue.fail(lost(WHAT, self.path, error))
                return
            if ready and not data:
                self._queue.fail(lost(WHAT, self.path, OSError("end of file")))
                return
            arrived_ns = time.monotonic_ns()
            if len(self._begun) < _TEXT_SHOWN:
                self._begun += data[:_TEXT_SHOWN]
            messages = self._decoder.feed(data) if data else self._decoder.give_up()
            if messages:
                with self._queue.changed:
                    for message in messages:
                        self._take(message, arrived_ns)
            self.counters["crc_errors"] = self._decoder.crc_errors + self._decoder.bad_lengths
            self.counters["bytes_skipped"] = self._decoder.skipped
            self.counters["blocks_not_taken"] = self._queue.dropped

    def _take(self, message: Message, arrived_ns: int) -> None:
        if message.time_us:
            self._clock.add(message.time_us * 1000, arrived_ns)
        if message.kind == Kind.BLOCK:
            self._take_block(message, arrived_ns)
        elif message.kind == Kind.LOST and len(message.payload) == protocol.LOST.size:
            self.counters["blocks_lost_by_bridge"] += protocol.LOST.unpack(message.payload)[0]
        elif message.sequence == self._awaited and (message.kind == Kind.ERROR or message.kind & Kind.REPLY):
            self._reply = message
            self._queue.changed.notify_all()

    def _take_block(self, message: Message, arrived_ns: int) -> None:
        ahead = (message.sequence - self._block_sequence) & 0xFFFF
        if not 0 < ahead < 0x8000:  # of a stream that was stopped
            return
        self._block_sequence += ahead
        self.counters["blocks_lost"] += ahead - 1
        time_ns = min(self._clock.to_host_ns(message.time_us * 1000), arrived_ns) if message.time_us else arrived_ns
        self._queue.put(Block(message.payload, message.status, self._block_sequence, time_ns))
