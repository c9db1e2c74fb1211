"""What is taken out of a stream of events before anybody sees it: a region, pixels that never rest, what is too much.

Each event is let through or not by what came before it alone, so it does not matter how a stream is cut into pieces.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from faceedge.errors import ConfigurationError

SLOT_US = 1000
"""The limit on the rate holds in each of these."""
WINDOW_US = 1_000_000
"""Pixels are judged by each of these, and left out in the next."""
ALONE = 5.0
"""A pixel is hot if it has so many times the events of its neighbours: an edge that moves, or a lamp that flickers, is
wider than one pixel.
"""
LONGEST_BACK = 2
"""Periods. Times that go back by less belong to the period that has begun; by more, the stream has started anew."""


@dataclass(frozen=True, slots=True)
class FilterSettings:
    """Attributes:
    x, y, width, height: region of interest, pixels; a width or height of 0 reaches to the edge of the sensor.
    hot_pixel_hz: a pixel with as many events a second, and far more than its neighbours, is hot; 0: none is.
    limit_hz: events a second at most; 0: no limit.
    """

    x: int = 0
    y: int = 0
    width: int = 0
    height: int = 0
    hot_pixel_hz: float = 0.0
    limit_hz: float = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether everything passes."""
        return not any((self.x, self.y, self.width, self.height, self.hot_pixel_hz, self.limit_hz))


@dataclass(slots=True)
class FilterCounters:
    """Attributes:
    outside: events out of the region of interest.
    hot: events of hot pixels.
    above_limit: events that were too many.
    hot_pixels: how many pixels are left out now.
    """

    outside: int = 0
    hot: int = 0
    above_limit: int = 0
    hot_pixels: int = 0


class _Periods:
    """Cuts events into runs of one period each, also across calls."""

    def __init__(self, period_us: int) -> None:
        self._period_us = period_us
        self._current: int | None = None

    def cut(self, times_us: np.ndarray) -> Iterator[tuple[slice, bool]]:
        """Runs of ``times_us``, at least one long, and whether each begins a period."""
        if not len(times_us):
            return
        found = times_us // self._period_us
        before = int(found[0]) if self._current is None else self._current
        if found[0] < before - LONGEST_BACK:
            before = int(found[0])
        reached = np.maximum.accumulate(np.maximum(found, before))
        edges = np.flatnonzero(np.diff(reached)) + 1
        starts = [0, *edges.tolist()]
        for start, stop in zip(starts, [*starts[1:], len(found)], strict=True):
            yield slice(start, stop), start > 0 or int(reached[0]) != self._current
        self._current = int(reached[-1])


class EventFilter:
    """Lets events through or not: ``events = keep(events)`` again and again.

    Args:
        width, height: of the sensor, pixels.
        settings: what is taken out, in the order of its attributes.

    Attributes:
        counters: what was taken out so far.

    Raises:
        ConfigurationError: the region of interest is not on the sensor.
    """

    def __init__(self, width: int, height: int, settings: FilterSettings) -> None:
        self.counters, self._settings = FilterCounters(), settings
        right = settings.x + settings.width if settings.width else width
        bottom = settings.y + settings.height if settings.height else height
        if not (0 <= settings.x < right <= width and 0 <= settings.y < bottom <= height):
            raise ConfigurationError(
                f"the region of interest, columns {settings.x} to {right - 1} and rows {settings.y} to {bottom - 1}, "
                f"does not lie on the sensor of {width}x{height} pixels; give a smaller one, or 0 for all of it."
            )
        self._columns, self._rows = (settings.x, right), (settings.y, bottom)
        self._is_region = (right - settings.x, bottom - settings.y) != (width, height)
        self._size = (height, width)
        self._slots, self._windows = _Periods(SLOT_US), _Periods(WINDOW_US)
        self._counts = np.zeros(width * height, np.int64)
        self._hot = np.zeros(width * height, bool)
        self._neighbours = _around(np.ones(self._size, np.int64))
        self._most = max(1, int(settings.limit_hz * SLOT_US / 1e6))
        self._rank, self._step = 0, 1

    def keep(self, events: np.ndarray) -> np.ndarray:
        """Those of (n,) ``events`` of `EVENT_DTYPE` that pass, in their order."""
        for is_on, part in (
            (self._is_region, self._within_region),
            (self._settings.hot_pixel_hz > 0, self._not_hot),
            (self._settings.limit_hz > 0, self._within_limit),
        ):
            if is_on and len(events):
                events = part(events)
        return events

    def _within_region(self, events: np.ndarray) -> np.ndarray:
        inside = (events["x"] >= self._columns[0]) & (events["x"] < self._columns[1])
        inside &= (events["y"] >= self._rows[0]) & (events["y"] < self._rows[1])
        self.counters.outside += len(events) - int(np.count_nonzero(inside))
        return events[inside]

    def _not_hot(self, events: np.ndarray) -> np.ndarray:
        pixels = events["y"].astype(np.int64) * self._size[1] + events["x"]
        passes = np.empty(len(events), bool)
        for run, begins in self._windows.cut(events["t"]):
            if begins:
                self._judge()
            passes[run] = ~self._hot[pixels[run]]
            self._counts += np.bincount(pixels[run], minlength=len(self._counts))
        self.counters.hot += len(events) - int(np.count_nonzero(passes))
        return events[passes]

    def _judge(self) -> None:
        """Find the hot pixels of the window that is over, and begin another."""
        counts = self._counts.reshape(self._size)
        least = self._settings.hot_pixel_hz * WINDOW_US / 1e6
        self._hot = ((counts >= least) & (counts > ALONE * _around(counts) / self._neighbours)).ravel()
        self.counters.hot_pixels = int(np.count_nonzero(self._hot))
        self._counts[:] = 0

    def _within_limit(self, events: np.ndarray) -> np.ndarray:
        """Every so many-th event of a slot, as the slot before asks for, so that what is left is spread over the slot
        and the picture; and never more than the limit.
        """
        passes = np.empty(len(events), bool)
        for run, begins in self._slots.cut(events["t"]):
            if begins:
                self._step, self._rank = max(1, -(-self._rank // self._most)), 0
            ranks = self._rank + np.arange(run.stop - run.start)
            passes[run] = (ranks % self._step == 0) & (ranks < self._step * self._most)
            self._rank += len(ranks)
        self.counters.above_limit += len(events) - int(np.count_nonzero(passes))
        return events[passes]


def _around(counts: np.ndarray) -> np.ndarray:
    """(row, column) sums of the up to eight neighbours."""
    rows, columns = counts.shape
    padded, total = np.pad(counts, 1), -counts
    for down in range(3):
        for right in range(3):
            total = total + padded[down : down + rows, right : right + columns]
    return np.asarray(total)
