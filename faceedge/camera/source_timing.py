"""The even pace at which a file is played."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pacer:
    """Lets a file behave as a live camera: frame k is due k periods after the first one, and is stamped so.

    A reader that is more than one period late has missed frames, exactly as with a camera; ``behind()`` says how many.

    Args:
        rate_hz: frames a second, > 0.
        now_ns, sleep, system_ns: clocks, replaceable in tests.
        epoch_ns: when frame 0 is due, on the clock ``system_ns``; 0: when somebody first waits.
    """

    def __init__(
        self,
        rate_hz: float,
        now_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
        system_ns: Callable[[], int] = time.time_ns,
        epoch_ns: int = 0,
    ) -> None:
        self._period_ns = 1e9 / rate_hz
        self._now_ns, self._sleep, self._system_ns = now_ns, sleep, system_ns
        self._start_ns: int | None = None
        self._start_system_ns = epoch_ns
        if epoch_ns:
            self._start_ns = now_ns() + epoch_ns - system_ns()
        self.index = 0

    def _offset_ns(self) -> int:
        return round(self.index * self._period_ns)

    def behind(self) -> int:
        """How many whole periods ago frame ``index`` was due (0 when it is on time or not started)."""
        if self._start_ns is None:
            return 0
        return max(0, int((self._now_ns() - self._start_ns - self._offset_ns()) / self._period_ns))

    def skip(self, frames: int) -> None:
        """Give up ``frames`` frames."""
        self.index += frames

    def wait(self, timeout_s: float) -> int | None:
        """Wait until frame ``index`` is due and go on to the next; its stamp (system ns), or None (too early)."""
        if self._start_ns is None:
            self._start_ns, self._start_system_ns = self._now_ns(), self._system_ns()
        remaining_s = (self._start_ns + self._offset_ns() - self._now_ns()) / 1e9
        if remaining_s > timeout_s:
            self._sleep(max(0.0, timeout_s))
            return None
        if remaining_s > 0:
            self._sleep(remaining_s)
        stamp_ns = self._start_system_ns + self._offset_ns()
        self.index += 1
        return stamp_ns
