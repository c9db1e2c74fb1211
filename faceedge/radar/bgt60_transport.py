"""What lies between the BGT60TR13C's driver and its pins: SPI transactions, the reset line, the FIFO's interrupt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

MAX_TRANSACTION_BYTES = 4096
"""The largest transaction that every transport can do under one chip select: spidev's default buffer."""


@dataclass(frozen=True, slots=True)
class Block:
    """What one rise of the interrupt line made available.

    Attributes:
        data: FIFO words, 3 bytes each, in FIFO order, without commands and status bytes.
        status: GSR0 of the bursts that read it, or-ed.
        sequence: counts blocks since the stream started, so that a gap is a loss.
        time_ns: when the interrupt line rose, ns on CLOCK_MONOTONIC of this host (mapped there by the transport).
    """

    data: bytes
    status: int
    sequence: int
    time_ns: int


class Transport(Protocol):
    """The way to one chip.

    Order of calls: ``open``, ``reset``, ``transfer`` ..., ``start_stream``, ``read_block`` ..., ``stop_stream``,
    ``close``. A ``transfer`` while streaming happens between two blocks. All methods raise DeviceError when the way to
    the chip is absent or lost; the sentence names the port and a remedy.
    """

    description: str
    counters: dict[str, int]

    def open(self) -> None: ...

    def close(self) -> None:
        """Give everything back; may be called twice, and after a failed ``open``."""

    def reset(self) -> None:
        """Pulse the reset pin and wait until the chip answers."""

    def transfer(self, data: bytes) -> bytes:
        """One full-duplex SPI transaction under one chip select; as many bytes come back as went out."""

    def start_stream(self, words: int) -> None:
        """From now on read ``words`` FIFO words at each rise of the interrupt line."""

    def read_block(self, timeout_s: float) -> Block | None:
        """The next block, or None when none came in time."""

    def stop_stream(self) -> None: ...
