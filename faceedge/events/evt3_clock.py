"""The time in a stream of EVT3 words: 24 bits that wrap, may go wrong, and come in two halves."""

from __future__ import annotations

import numpy as np

from faceedge.events.evt3_words import TIME_HIGHS, TIME_LOW_BITS, VALUE_MASK, Kind

LARGEST_STEP = 1024
"""TIME_HIGH that grows by up to so much (4.2 s) is time that passed, across the wrap as well."""
SMALL_STEP_BACK = 10
"""TIME_HIGH that falls by up to so much (41 ms) is disorder within the sensor: time stands still meanwhile. Prophesee's
sensors do that now and then; the ROS codecs allow for as much."""


class Clock:
    """Follows TIME_HIGH and TIME_LOW.

    A TIME_HIGH that neither continues nor steps back a little is doubted: time stands still until the next one. If that
    continues the old time, the doubted word was wrong (a bit error); if it continues the doubted one, the stream has
    jumped there (words are missing), backwards only if that is at most 4.2 s. A doubted one that nothing continues
    gives way to the next.

    Attributes:
        known: a TIME_HIGH has come.
        latest_us: the time now.
        wraps: of the 24 bits.
        doubted: TIME_HIGH words that did not fit.
        jumps: of them, those that were followed.
        steps_back: time words that lay before the latest time, which was kept.
    """

    def __init__(self) -> None:
        self.known = False
        self.latest_us = 0
        self.doubted = self.jumps = self.steps_back = 0
        self._high = 0  # with the wraps: TIME_HIGH is its low 12 bits
        self._suspect: int | None = None

    @property
    def wraps(self) -> int:
        """See the class."""
        return self._high >> TIME_LOW_BITS

    def start(self, high: int) -> None:
        """The first TIME_HIGH of a stream."""
        self.known, self._high = True, high
        self.latest_us = high << TIME_LOW_BITS

    def follow(self, kinds: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places of the words that set the time, and the times that they set (int64 us, ascending but for jumps).

        Args:
            kinds, values: (n,) uint16 of consecutive words.
        """
        is_high = kinds == Kind.TIME_HIGH
        at = np.flatnonzero(is_high | (kinds == Kind.TIME_LOW))
        if not len(at):
            return at, np.empty(0, np.int64)
        high, value = is_high[at], values[at].astype(np.int64)
        if self._suspect is None:
            quick = self._follow_at_once(high, value)
            if quick is not None:
                return at, quick
        return at, self._follow_one_by_one(high, value)

    def _follow_at_once(self, high: np.ndarray, value: np.ndarray) -> np.ndarray | None:
        """Times as long as every TIME_HIGH continues the one before; None: one does not."""
        highs = value[high]
        steps = np.diff(highs, prepend=self._high) & VALUE_MASK
        if len(steps) and int(steps.max()) > LARGEST_STEP:
            return None
        counted = np.concatenate([[self._high], self._high + np.cumsum(steps)])
        last = np.cumsum(high)
        times = counted[last] << TIME_LOW_BITS
        # A repeated TIME_HIGH changes nothing; what it would set lies before the latest time and is raised to it.
        times |= np.where(high, 0, value)
        repeated = np.zeros(len(high), bool)
        repeated[high] = steps == 0
        self._high = int(counted[-1])
        return self._ascending(times, repeated)

    def _ascending(self, times: np.ndarray, repeated: np.ndarray) -> np.ndarray:
        raw = times
        times = np.maximum.accumulate(np.maximum(times, self.latest_us))
        self.steps_back += int(np.count_nonzero((raw < times) & ~repeated))
        self.latest_us = int(times[-1])
        return times

    def _follow_one_by_one(self, high: np.ndarray, value: np.ndarray) -> np.ndarray:
        times = np.empty(len(high), np.int64)
        for index, (is_high, number) in enumerate(zip(high.tolist(), value.tolist(), strict=True)):
            if is_high:
                self._take_high(number)
            elif self._suspect is None:
                self._reach((self._high << TIME_LOW_BITS) | number)
            times[index] = self.latest_us
        return times

    def _reach(self, time_us: int) -> None:
        if time_us < self.latest_us:
            self.steps_back += 1
        else:
            self.latest_us = time_us

    def _take_high(self, high: int) -> None:
        ahead = (high - self._high) & VALUE_MASK
        if ahead <= LARGEST_STEP or ahead >= TIME_HIGHS - SMALL_STEP_BACK:
            self._suspect = None
            if ahead:
                self._high += ahead if ahead <= LARGEST_STEP else ahead - TIME_HIGHS
                self._not_before_zero()
                self._reach(self._high << TIME_LOW_BITS)
            return
        if self._suspect is not None and (high - self._suspect) & VALUE_MASK <= LARGEST_STEP:
            self._high += ahead if ahead < TIME_HIGHS - LARGEST_STEP else ahead - TIME_HIGHS
            self._not_before_zero()
            self._suspect = None
            self.jumps += 1
            self.latest_us = self._high << TIME_LOW_BITS
            return
        self._suspect = high
        self.doubted += 1

    def _not_before_zero(self) -> None:
        if self._high < 0:
            self._high += TIME_HIGHS
