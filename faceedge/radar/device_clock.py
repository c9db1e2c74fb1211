"""Maps the clock of a device behind a serial port to this host's, though every message is late by some unknown time."""

from __future__ import annotations

from collections import deque

MAX_DRIFT_PPM = 100.0
"""Two crystals of 50 ppm each."""

WINDOW_S = 10.0
_IMPLAUSIBLE_S = 0.02


class CycleCounter:
    """A counter of 32 bits made long, though it wraps and though messages are missing.

    Args:
        rate_hz: counts a second.
    """

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self._last: tuple[int, float] | None = None

    def unwrap(self, count: int, host_s: float) -> int:
        """The count nearest to what the host's time since the last call suggests; silence of any length is no trouble."""
        if self._last is None:
            self._last = (count, host_s)
            return count
        total, at_s = self._last
        expected = total + (host_s - at_s) * self.rate_hz
        result = count + (round((expected - count) / 2**32) << 32)
        self._last = (result, host_s)
        return result


class DeviceClock:
    """Lower envelope of (host time of arrival - device time): what the fastest of the last messages took.

    Two clocks drift apart by no more than ``MAX_DRIFT_PPM``, so an old minimum still says something about now: it may
    have risen by that much a second. Minima older than ``WINDOW_S`` are forgotten, whatever the clocks do. A single
    message that claims to have come before it was sent has a damaged time and does not move the envelope.
    """

    def __init__(self, max_drift_ppm: float = MAX_DRIFT_PPM, window_s: float = WINDOW_S) -> None:
        self._drift = max_drift_ppm * 1e-6
        self._window_s = window_s
        self._minima: deque[tuple[float, float]] = deque()  # host time, offset less the drift until then; ascending
        self._doubted: float | None = None

    def offset_s(self, device_s: float, host_s: float) -> float:
        """Take one message; the offset to add to device times around it.

        Args:
            device_s: of the message, on the device's clock.
            host_s: when it arrived, on the host's; not before that of the call before.
        """
        minima = self._minima
        offset = host_s - device_s
        if minima:
            believed = minima[0][1] + self._drift * host_s
            if offset < believed - _IMPLAUSIBLE_S:
                if self._doubted is None:
                    self._doubted = offset
                    return believed
                offset = max(offset, self._doubted)
        self._doubted = None
        level = offset - self._drift * host_s
        while minima and minima[-1][1] >= level:
            minima.pop()
        minima.append((host_s, level))
        while minima[0][0] < host_s - self._window_s:
            minima.popleft()
        return minima[0][1] + self._drift * host_s
