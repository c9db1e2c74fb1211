"""Hands blocks of FIFO words from the thread that reads a transport to the one that makes frames of them."""

from __future__ import annotations

import threading
from collections import deque

from faceedge.errors import DeviceError
from faceedge.radar.bgt60_transport import Block

CAPACITY = 256
"""Blocks of at most 24 kB: some seconds of frames, and a bound on memory when nobody takes them."""


class BlockQueue:
    """Bounded: when full, the oldest block goes, which the sequence numbers show.

    Attributes:
        changed: notified at each change; may guard further state of the owner.
        dropped: blocks that went.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.changed = threading.Condition()
        self.dropped = 0
        self._capacity = capacity
        self._blocks: deque[Block] = deque()
        self._error: DeviceError | None = None

    def put(self, block: Block) -> None:
        """Add a block; the caller holds ``changed``."""
        if len(self._blocks) >= self._capacity:
            self._blocks.popleft()
            self.dropped += 1
        self._blocks.append(block)
        self.changed.notify_all()

    def fail(self, error: DeviceError) -> None:
        """No block will come any more; ``get`` and ``check`` raise this once the queue is empty."""
        with self.changed:
            self._error = self._error or error
            self.changed.notify_all()

    def check(self) -> None:
        """Raise what ``fail`` was called with, as a new error each time."""
        if self._error is not None:
            raise DeviceError(str(self._error)) from self._error

    @property
    def failed(self) -> bool:
        """Whether ``check`` raises."""
        return self._error is not None

    def get(self, timeout_s: float) -> Block | None:
        """The oldest block, or None when none came in time."""
        with self.changed:
            self.changed.wait_for(lambda: self._blocks or self._error, max(0.0, timeout_s))
            if self._blocks:
                return self._blocks.popleft()
        self.check()
        return None

    def clear(self, *, forget_error: bool = False) -> None:
        """Forget all blocks."""
        with self.changed:
            self._blocks.clear()
            if forget_error:
                self._error = None
