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

    def set(self, *, known: bool, high: int, suspect: int | None, latest_us: int) -> None:
        """Stand where another reader of the same stream stands."""
        self.known, self._high, self._suspect, self.latest_us = known, high, suspect, latest_us

    def start(self, high: int) -> None:
        """The first TIME_HIGH of a stream."""
        self.known, self._high = True, high
        self.latest_us = high << TIME_LOW_BITS

    def follow(self, kinds: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places of the words that set the time, and the times that they set (int64 us, ascending but for jumps).

        Args:
            kinds, values: (n,) uint16 of consecutive words.
        """
        is_low = kinds == Kind.TIME_LOW
        high_at = np.flatnonzero(kinds == Kind.TIME_HIGH)
        if self._suspect is None:
            highs = values[high_at].astype(np.int64)
            steps = np.diff(highs, prepend=self._high & VALUE_MASK) & VALUE_MASK
            moved = np.flatnonzero(steps)  # sensors repeat TIME_HIGH again and again; only a new one says something
            if not len(moved) or int(steps[moved].max()) <= LARGEST_STEP:
                return self._follow_at_once(is_low, values, high_at[moved], steps[moved])
        is_low[high_at] = True
        at = np.flatnonzero(is_low)
        return at, self._follow_one_by_one(kinds[at] == Kind.TIME_HIGH, values[at])

    def _follow_at_once(
        self, is_low: np.ndarray, values: np.ndarray, high_at: np.ndarray, steps: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """`follow` where every TIME_HIGH continues the one before, with those that differ from it."""
        is_low[high_at] = True
        at = np.flatnonzero(is_low)
        if not len(at):
            return at, np.empty(0, np.int64)
        counted = np.cumsum(np.concatenate([[self._high], steps]))
        places = np.searchsorted(at, high_at)
        times = values[at].astype(np.int64)
        times[places] = 0
        times |= np.repeat(counted << TIME_LOW_BITS, np.diff(places, prepend=0, append=len(at)))
        self._high = int(counted[-1])
        if int(times[0]) < self.latest_us or bool((times[1:] < times[:-1]).any()):
            raw = times
            times = np.maximum.accumulate(np.maximum(times, self.latest_us))
            self.steps_back += int(np.count_nonzero(raw < times))
        self.latest_us = int(times[-1])
        return at, times

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
