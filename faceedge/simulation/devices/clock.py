"""Clocks of emulated devices: real time, faster or slower, or moved by hand, so that a test need not wait."""

from __future__ import annotations

import math
import threading
import time
from typing import Protocol

from faceedge.errors import ConfigurationError

NS_PER_S = 1_000_000_000


class Clock(Protocol):
    """The time by which a device works, in ns. It never goes backwards.

    Whoever waits for a moment asks ``host_seconds_until`` how long that takes here, waits that long on whatever may
    wake it earlier, and calls ``reach`` if nothing did.
    """

    @property
    def speed(self) -> float:
        """Device seconds in a second; infinite when nobody waits."""

    def now_ns(self) -> int: ...

    def host_seconds_until(self, moment_ns: int) -> float:
        """Seconds on this computer until the clock shows ``moment_ns``; 0 when it does already."""

    def reach(self, moment_ns: int) -> None:
        """Nothing else happened before ``moment_ns``: a stepped clock jumps there."""


class RealClock:
    """Time that flows by itself.

    Args:
        speed: device seconds in a second. At 1 the clock shows CLOCK_MONOTONIC itself, and starts there otherwise.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if not 0.0 < speed < 1e6:
            raise ConfigurationError(f"a clock's speed is the number of device seconds in a second, got {speed!r}.")
        self._speed = speed
        self._start_ns = time.monotonic_ns()

    @property
    def speed(self) -> float:
        """Device seconds in a second."""
        return self._speed

    def now_ns(self) -> int:
        """Time on this clock in ns."""
        now = time.monotonic_ns()
        if self._speed == 1.0:
            return now
        return self._start_ns + round((now - self._start_ns) * self._speed)

    def host_seconds_until(self, moment_ns: int) -> float:
        """Seconds on this computer until the clock shows ``moment_ns``."""
        return max(0.0, (moment_ns - self.now_ns()) / self._speed / NS_PER_S)

    def reach(self, moment_ns: int) -> None:
        """Real time comes by itself."""


class SteppedClock:
    """Time that stands still until somebody moves it, or until somebody waits, who is then at once at the end of it.

    A device on this clock makes its next data exactly when it is asked for them, so ten minutes of device time last as
    long as the computing takes, and the same calls give the same times on every run.
    """

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns
        self._lock = threading.Lock()

    @property
    def speed(self) -> float:
        """Infinite: nobody waits on this clock."""
        return math.inf

    def now_ns(self) -> int:
        """Time on this clock in ns."""
        return self._now_ns

    def host_seconds_until(self, moment_ns: int) -> float:
        """Always 0."""
        return 0.0

    def reach(self, moment_ns: int) -> None:
        """Jump to ``moment_ns``, unless it is past."""
        with self._lock:
            self._now_ns = max(self._now_ns, moment_ns)

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        with self._lock:
            self._now_ns += round(seconds * NS_PER_S)


class PunctualClock:
    """A real clock that waits for its device: time goes on only when the device has done what was due until then.

    A thread of an emulator that gets the processor too late thus does everything at the time at which the device would
    have done it. ``reach`` must be called by that thread alone.

    Args:
        clock: the time to follow.
    """

    def __init__(self, clock: RealClock) -> None:
        self._clock = clock
        self._now_ns = clock.now_ns()

    @property
    def speed(self) -> float:
        """Device seconds in a second."""
        return self._clock.speed

    def now_ns(self) -> int:
        """Time until which the device has done everything, in ns."""
        return self._now_ns

    def host_seconds_until(self, moment_ns: int) -> float:
        """Seconds on this computer until the followed clock shows ``moment_ns``."""
        return self._clock.host_seconds_until(moment_ns)

    def reach(self, moment_ns: int) -> None:
        """Go on to ``moment_ns``, but not beyond the followed clock."""
        self._now_ns = max(self._now_ns, min(moment_ns, self._clock.now_ns()))

    @property
    def behind_s(self) -> float:
        """Device seconds by which the device is late."""
        return (self._clock.now_ns() - self._now_ns) / NS_PER_S
