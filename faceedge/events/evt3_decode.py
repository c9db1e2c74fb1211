"""EVT3 bytes to events, as they come: in pieces of any size, from any point of a stream.

Where numba is installed (extra ``events``) a compiled loop does the work, ten times as fast; both give the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.events.event import EVENT_DTYPE, joined, no_events
from faceedge.events.evt3_clock import Clock
from faceedge.events.evt3_words import (
    COORDINATE_MASK,
    KIND_SHIFT,
    LARGEST_SIDE,
    POLARITY_SHIFT,
    UNKNOWN,
    VALUE_MASK,
    Kind,
)

_PIECE_WORDS = 1 << 14
"""Words that are decoded at once: what is computed on the way stays in the cache, and memory is bounded."""


def _bits_of_masks() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each mask of 12 bits: how many are set, where its list begins, and all lists of set bits end to end."""
    bits = np.arange(1 << 12)[:, np.newaxis] >> np.arange(12) & 1
    counts = bits.sum(axis=1)
    return counts, np.cumsum(counts) - counts, np.nonzero(bits)[1]


_COUNTS, _FIRST, _PLACES = _bits_of_masks()


def compiled_loop() -> ModuleType | None:
    """`evt3_loop`; None where nothing can compile it."""
    try:
        from faceedge.events import evt3_loop
    except ConfigurationError:
        return None
    return evt3_loop


@dataclass(slots=True)
class Counters:
    """What a decoder saw.

    Attributes:
        words: all of them.
        events: that were given.
        before_time: words that were passed over until the first TIME_HIGH.
        before_row: events without a row, because the stream was joined in the middle; not given.
        before_base: masks without a VECT_BASE_X; not given.
        outside: events outside the sensor; not given.
        unknown: words of no known kind.
        triggers, others: words EXT_TRIGGER and OTHERS.
    """

    words: int = 0
    events: int = 0
    before_time: int = 0
    before_row: int = 0
    before_base: int = 0
    outside: int = 0
    unknown: int = 0
    triggers: int = 0
    others: int = 0


class Decoder:
    """Decodes one stream. How the stream is cut makes no difference.

    Everything before the first TIME_HIGH is passed over, as the manufacturer's decoder does, and events are given only
    once their row is known. Times never decrease but where the stream jumps back (see `Clock`).

    Args:
        width, height: of the sensor.
        compiled: by the compiled loop; None: where there is one.

    Attributes:
        counters: what came so far.
        clock: of the stream.
        pending: bytes that wait for the other half of their word: 0 or 1.
    """

    def __init__(self, width: int = LARGEST_SIDE, height: int = LARGEST_SIDE, *, compiled: bool | None = None) -> None:
        if not (1 <= width <= LARGEST_SIDE and 1 <= height <= LARGEST_SIDE):
            raise ConfigurationError(
                f"EVT3 has columns and rows 0 to {COORDINATE_MASK}; a sensor of {width}x{height} pixels does not fit."
            )
        self._width, self._height = width, height
        self.counters = Counters()
        self.clock = Clock()
        self._half = b""
        self._row: int | None = None
        self._base: int | None = None
        self._bright = False
        loop = None if compiled is False else compiled_loop()
        if compiled and loop is None:
            raise ConfigurationError("the compiled decoder needs numba; `pip install 'faceedge[events]'` brings it.")
        self._loop = None if loop is None else _Loop(loop, self)

    @property
    def pending(self) -> int:
        """See the class."""
        return len(self._half)

    def feed(self, data: bytes | bytearray | memoryview) -> np.ndarray:
        """(n,) of `EVENT_DTYPE`: the events in ``data``."""
        whole = self._half + bytes(data) if self._half else data
        even = len(whole) & ~1
        self._half = bytes(whole[even:])
        words = np.frombuffer(whole, "<u2", even // 2)
        decode = self._decode if self._loop is None else self._loop
        pieces = [decode(words[at : at + _PIECE_WORDS]) for at in range(0, len(words), _PIECE_WORDS)]
        events = joined(pieces)
        self.counters.words += len(words)
        self.counters.events += len(events)
        return events

    def _decode(self, words: np.ndarray) -> np.ndarray:
        kinds = words >> KIND_SHIFT
        self._count(kinds)
        if not self.clock.known:
            highs = np.flatnonzero(kinds == Kind.TIME_HIGH)
            start = int(highs[0]) if len(highs) else len(words)
            self.counters.before_time += start
            if start == len(words):
                return no_events()
            words, kinds = words[start:], kinds[start:]
            self.clock.start(int(words[0]) & VALUE_MASK)
        values = words & VALUE_MASK
        now_us = self.clock.latest_us
        time_at, times = self.clock.follow(kinds, values)

        is_mask = (kinds == Kind.VECT_12) | (kinds == Kind.VECT_8)
        at = np.flatnonzero(is_mask | (kinds == Kind.ADDR_X))
        column = (values[at] & COORDINATE_MASK).astype(np.int64)
        bright = words[at] >> POLARITY_SHIFT & 1 != 0
        if is_mask.any():
            at, column, bright = self._spread(kinds, values, at, column, bright)
        elif (bases := np.flatnonzero(kinds == Kind.VECT_BASE_X)).size:
            self._set_base(int(values[bases[-1]]))
        return self._gather(kinds, values, at, column, bright, _filled(time_at, times, now_us, len(words)))

    def _count(self, kinds: np.ndarray) -> None:
        rare = kinds[(kinds > Kind.TIME_HIGH) | (kinds == UNKNOWN[0])]
        if not len(rare):
            return
        counts = np.bincount(rare, minlength=16)
        self.counters.unknown += int(counts[list(UNKNOWN)].sum())
        self.counters.triggers += int(counts[Kind.EXT_TRIGGER])
        self.counters.others += int(counts[Kind.OTHERS])

    def _gather(
        self, kinds: np.ndarray, values: np.ndarray, at: np.ndarray, column: np.ndarray, bright: np.ndarray,
        times: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """Events whose words are at ``at``, with the rows and times that hold there."""
        rows_at = np.flatnonzero(kinds == Kind.ADDR_Y)
        rows = values[rows_at] & COORDINATE_MASK
        row = _filled(rows_at, rows, self._row or 0, len(kinds))[at]
        good = (column < self._width) & (row < self._height)
        if self._row is None:
            without = at < (rows_at[0] if len(rows_at) else len(kinds))
            self.counters.before_row += int(np.count_nonzero(without))
            self.counters.outside += int(np.count_nonzero(~good & ~without))
            good &= ~without
        elif not good.all():
            self.counters.outside += int(np.count_nonzero(~good))
        if len(rows_at):
            self._row = int(rows[-1])
        if not good.all():
            at, column, row, bright = at[good], column[good], row[good], bright[good]
        events = np.empty(len(at), EVENT_DTYPE)
        events["t"], events["x"], events["y"], events["p"] = times[at], column, row, bright
        return events

    def _set_base(self, value: int) -> None:
        self._base, self._bright = value & COORDINATE_MASK, bool(value >> POLARITY_SHIFT & 1)

    def _spread(
        self, kinds: np.ndarray, values: np.ndarray, at: np.ndarray, column: np.ndarray, bright: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Masks among the words at ``at`` turned into events: word, column and polarity of each event."""
        mask = np.ones(len(at), np.int64)  # a single event is a mask of its own pixel
        kind = kinds[at]
        is_mask = kind != Kind.ADDR_X
        mask[is_mask] = np.where(kind[is_mask] == Kind.VECT_8, values[at[is_mask]] & 0xFF, values[at[is_mask]])
        column[is_mask], bright[is_mask], based = self._bases(kinds, values)
        unbased = np.count_nonzero(~based)
        if unbased:
            self.counters.before_base += int(unbased)
            mask[np.flatnonzero(is_mask)[~based]] = 0
        counts = _COUNTS[mask]
        total = int(counts.sum())
        # An event's place among all events minus that among its word's, plus where its mask's list of bits begins.
        lists = _FIRST[mask] - (np.cumsum(counts) - counts)
        places = _PLACES[np.arange(total) + np.repeat(lists, counts)]
        return np.repeat(at, counts), np.repeat(column, counts) + places, np.repeat(bright, counts)

    def _bases(self, kinds: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Column, polarity, and whether a base is known, of each mask."""
        at = np.flatnonzero((kinds >= Kind.VECT_BASE_X) & (kinds <= Kind.VECT_8))
        kind, value = kinds[at], values[at].astype(np.int64)
        is_base = kind == Kind.VECT_BASE_X
        step = np.where(is_base, 0, np.where(kind == Kind.VECT_12, 12, 8))
        moved = np.cumsum(step) - step
        number = np.cumsum(is_base)  # 0: the base that was set in an earlier piece
        columns = np.concatenate([[self._base or 0], value[is_base] & COORDINATE_MASK])
        brights = np.concatenate([[self._bright], value[is_base] >> POLARITY_SHIFT & 1 != 0])
        starts = np.concatenate([[0], moved[is_base]])
        column, bright = columns[number] + moved - starts[number], brights[number]
        based = (number > 0) | (self._base is not None)
        if len(at) and based[-1]:
            # Beyond the last column a base says nothing more, and must not grow with the stream.
            self._base, self._bright = min(int(column[-1] + step[-1]), LARGEST_SIDE), bool(bright[-1])
        return column[~is_base], bright[~is_base], based[~is_base]


class _Loop:
    """The compiled loop, its state, and room for the events of a piece."""

    def __init__(self, loop: ModuleType, decoder: Decoder) -> None:
        self._module, self._decoder = loop, decoder
        self._state = np.zeros(len(loop.STATE), np.int64)
        self._state[[loop.SUSPECT, loop.ROW, loop.BASE]] = loop.NONE
        self._room = np.empty(12 * _PIECE_WORDS, EVENT_DTYPE)
        self._columns = tuple(self._room[name] for name in ("t", "x", "y", "p"))
        self(np.empty(0, "<u2"))  # compiles, if that was never done on this machine

    def __call__(self, words: np.ndarray) -> np.ndarray:
        decoder = self._decoder
        count = self._module.decode(words, self._state, decoder._width, decoder._height, *self._columns)
        state = dict(zip(self._module.STATE, self._state.tolist(), strict=True))
        clock, counters = decoder.clock, decoder.counters
        clock.set(
            known=bool(state["known"]),
            high=state["high"],
            suspect=None if state["suspect"] == self._module.NONE else state["suspect"],
            latest_us=state["latest_us"],
        )
        for name in ("doubted", "jumps", "steps_back"):
            setattr(clock, name, state[name])
        for name in ("before_time", "before_row", "before_base", "outside", "unknown", "triggers", "others"):
            setattr(counters, name, state[name])
        return joined([self._room[:count], no_events()])


def _filled(at: np.ndarray, values: np.ndarray, before: int, length: int) -> np.ndarray:
    """(length,): at each place the last of ``values`` that stands there or before, ``before`` ahead of the first."""
    known = np.concatenate([np.array([before], values.dtype), values])
    return np.repeat(known, np.diff(at, prepend=0, append=length))
