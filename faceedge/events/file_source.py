"""A RAW file of an event camera that behaves as a live one: batches at the moments at which they happened."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceedge.errors import InputError
from faceedge.events.event import no_events
from faceedge.events.evt3 import Decoder
from faceedge.events.raw_file import RawReader

PIECE_BYTES = 1 << 16
"""So much of the file is decoded at once."""
US_NS = 1000


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events of a stretch of time.

    Attributes:
        stamp_ns: of the first one, on the system clock.
        events: (n,) of `EVENT_DTYPE`, at least one; times in us since the stream began.
        sequence: counts the batches.
    """

    stamp_ns: int
    events: np.ndarray
    sequence: int


class EventFileSource:
    """Plays a file at its own pace: ``open()``, then ``read()`` again and again, ``close()``.

    A batch is there when its stretch of time is over, as with a camera.

    Args:
        path: of the RAW file (EVT3).
        batch_us: how long the stretches are.
        loop_s: the file begins anew every so many seconds; what it holds beyond that is left out. 0: it plays once.
        epoch_ns: when its time 0 is, ns of the system clock; a moment in the past begins further on. 0: its first event
            is at ``open()``, whatever its time is.
        system_ns, sleep: clocks, replaceable in tests.

    Attributes, valid from ``open()`` on:
        width, height: of the sensor in pixels.
        description: the file in a few words.
        finished: the file is at its end; ``read()`` only returns None from here on.
    """

    def __init__(
        self,
        path: Path,
        *,
        batch_us: int = 10_000,
        loop_s: float = 0.0,
        epoch_ns: int = 0,
        system_ns: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path, self.epoch_ns = path, epoch_ns
        self.description, self.finished = f"event file {path.name}", False
        self.width = self.height = 0
        self._batch_us, self._loop_us = batch_us, round(loop_s * 1e6)
        self._system_ns, self._sleep = system_ns, sleep
        self._batches: Iterator[tuple[int, np.ndarray]] | None = None
        self._next: tuple[int, np.ndarray] | None = None
        self._sequence = 0

    def open(self) -> None:
        """Open the file and go to where it should be now.

        Raises:
            InputError: there is none, or it is not EVT3.
        """
        with self._reader() as reader:
            self.width, self.height = reader.width, reader.height
        now_ns = self._system_ns()
        self._start_ns = self.epoch_ns or now_ns
        passed_us = max(0, (now_ns - self._start_ns) // US_NS)
        self._batches = self._play(passed_us)
        self._next, self.finished = None, False

    def read(self, timeout_s: float = 1.0) -> EventBatch | None:
        """The next batch with events, or None when its time has not come within ``timeout_s``.

        Raises:
            InputError: read before it was opened, or the file went away.
        """
        if self._batches is None:
            raise InputError(f"the event source {self.path} was read before it was opened.")
        deadline_ns = self._system_ns() + round(timeout_s * 1e9)
        while not self.finished:
            if self._next is None:
                self._next = next(self._batches, None)
                if self._next is None:
                    self.finished = True
                    break
            end_us, events = self._next
            due_ns = self._start_ns + end_us * US_NS
            wait_ns = min(due_ns, deadline_ns) - self._system_ns()
            if wait_ns > 0:
                self._sleep(wait_ns / 1e9)
            if due_ns > deadline_ns:
                return None
            self._next = None
            if len(events):
                self._sequence += 1
                return EventBatch(self._start_ns + int(events["t"][0]) * US_NS, events, self._sequence - 1)
        return None

    def close(self) -> None:
        """Give the file back; may be called twice."""
        self._batches = None

    def _reader(self) -> RawReader:
        return RawReader(self.path)

    def _play(self, passed_us: int) -> Iterator[tuple[int, np.ndarray]]:
        """End of each stretch of time and its events, from ``passed_us`` on."""
        first_round = passed_us // self._loop_us if self._loop_us else 0
        base_us = first_round * self._loop_us
        while True:
            for end_us, events in self._stretches():
                if base_us + end_us <= passed_us:
                    continue
                if base_us:
                    events = events.copy()
                    events["t"] += base_us
                yield base_us + end_us, events
            if not self._loop_us:
                return
            base_us += self._loop_us

    def _stretches(self) -> Iterator[tuple[int, np.ndarray]]:
        """The file once: end of each stretch, events in it."""
        kept, end_us = no_events(), self._batch_us
        first_us: int | None = 0 if self.epoch_ns else None
        with self._reader() as reader:
            decoder = Decoder(reader.width, reader.height)
            while data := reader.read(PIECE_BYTES):
                events = decoder.feed(data)
                events["t"] += reader.header.start_us
                if first_us is None and len(events):
                    first_us = int(events["t"][0])
                events["t"] -= first_us or 0
                kept = np.concatenate([kept, events])
                while len(kept) and int(kept["t"][-1]) >= end_us:
                    cut = int(np.searchsorted(kept["t"], end_us))
                    if self._loop_us and end_us >= self._loop_us:
                        yield self._loop_us, kept[: int(np.searchsorted(kept["t"], self._loop_us))]
                        return
                    yield end_us, kept[:cut]
                    kept, end_us = kept[cut:], end_us + self._batch_us
        yield (min(end_us, self._loop_us) if self._loop_us else end_us), kept
