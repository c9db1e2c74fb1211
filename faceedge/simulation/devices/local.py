"""An emulated BGT60TR13C in this very process: the driver's transport without a cable."""

from __future__ import annotations

from faceedge.errors import DeviceError
from faceedge.radar.bgt60_transport import MAX_TRANSACTION_BYTES, Block
from faceedge.simulation.devices.bgt60 import Bgt60Chip
from faceedge.simulation.devices.bgt60_frames import WORD_BYTES

_READ_FIFO = bytes((0xFF, 0xC0, 0x00, 0x00))
_WORDS_PER_BURST = (MAX_TRANSACTION_BYTES - len(_READ_FIFO)) // WORD_BYTES


class LocalTransport:
    """Transport (see ``radar.bgt60_transport``) to an emulated chip, with the transaction limit of a Raspberry Pi.

    Block times are those of the chip's clock, which at speed 1 is CLOCK_MONOTONIC.
    """

    def __init__(self, chip: Bgt60Chip) -> None:
        self.chip = chip
        self.description = "emulated BGT60TR13C"
        self.counters: dict[str, int] = {}
        self._words = 0
        self._sequence = 0
        self._open = False

    def open(self) -> None:
        """Connect."""
        self._open = True

    def close(self) -> None:
        """Disconnect; the chip goes on with what it was doing, as a real one does."""
        self._open = False
        self._words = 0

    def reset(self) -> None:
        """Pulse the reset pin."""
        self._check_open()
        self.chip.reset()

    def transfer(self, data: bytes) -> bytes:
        """One transaction."""
        self._check_open()
        if len(data) > MAX_TRANSACTION_BYTES:
            raise DeviceError(f"one transaction takes at most {MAX_TRANSACTION_BYTES} bytes, got {len(data)}.")
        return self.chip.transfer(data)

    def start_stream(self, words: int) -> None:
        """Read ``words`` words at each rise of the interrupt line."""
        self._check_open()
        self._words, self._sequence = words, 0

    def read_block(self, timeout_s: float) -> Block | None:
        """The next block, or None when none came in time."""
        self._check_open()
        if not self._words:
            return None
        time_ns = self.chip.wait_irq(timeout_s)
        if time_ns is None:
            return None
        data, status = bytearray(), 0
        while (left := self._words - len(data) // WORD_BYTES) > 0:
            size = min(left, _WORDS_PER_BURST) * WORD_BYTES
            answer = self.chip.transfer(_READ_FIFO + bytes(size))
            status |= answer[0]
            data += answer[len(_READ_FIFO) :]
        block = Block(bytes(data), status, self._sequence, time_ns)
        self._sequence += 1
        return block

    def stop_stream(self) -> None:
        """Leave the interrupt line alone."""
        self._words = 0

    def _check_open(self) -> None:
        if not self._open:
            raise DeviceError("the emulated BGT60TR13C is not open; call open() first.")
