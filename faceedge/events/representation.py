"""What networks and people see of events: grids over time, last times, and what fades away.

Each is a stream that takes events as they come, in pieces of any size, and a function that takes all of them at once
and gives exactly the same. A *cell* is a rectangle of pixels; cells divide the sensor evenly. Channel 0 is darker,
channel 1 brighter. Times are int64 us and must not go back within a stream: what comes late counts as now.

Needs numba (extra ``events``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from faceedge.compiled import compiled
from faceedge.errors import ConfigurationError, InputError

POLARITIES = 2
LONGEST_SILENCE = 1000
"""So many empty grids are given for a pause, at most; a longer one starts the count of time anew."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """How pixels become cells.

    Attributes:
        width, height: of the sensor in pixels.
        columns, rows: of cells.

    Raises:
        ConfigurationError: no pixels, no cells, or more cells than pixels.
    """

    width: int
    height: int
    columns: int
    rows: int

    def __post_init__(self) -> None:
        if not (1 <= self.columns <= self.width and 1 <= self.rows <= self.height):
            raise ConfigurationError(
                f"a sensor of {self.width}x{self.height} pixels cannot have {self.columns}x{self.rows} cells; expected "
                "1 up to as many as pixels, each way."
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(polarity, row, column)"""
        return POLARITIES, self.rows, self.columns


def _cells(geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Row of cells of each row of pixels, column of each column."""
    return (
        np.arange(geometry.height) * geometry.rows // geometry.height,
        np.arange(geometry.width) * geometry.columns // geometry.width,
    )


@compiled
def _add_bilinear(
    t: np.ndarray, x: np.ndarray, y: np.ndarray, p: np.ndarray, origin: int, step: int, row_of: np.ndarray,
    column_of: np.ndarray, ring: np.ndarray, first: int,
) -> int:  # fmt: skip
    """Add events until one is beyond the ring; how many were added. ``ring``: (2, polarity, row, column) of the grids
    ``first`` and the next.
    """
    half, scale = step // 2, np.float32(1 / step)
    last_row, last_column = len(row_of), len(column_of)
    start = origin + first * step + half  # centre of the first grid
    for place in range(len(t)):
        late = t[place] - start
        if late >= step:
            return place
        if y[place] >= last_row or x[place] >= last_column:
            continue
        row, column, polarity = row_of[y[place]], column_of[x[place]], np.int64(p[place])
        weight = np.float32(late) * scale if late > 0 else np.float32(0)
        ring[0, polarity, row, column] += np.float32(1) - weight
        ring[1, polarity, row, column] += weight
    return len(t)


class VoxelStream:
    """Voxel grid with bilinear weights in time (A. Z. Zhu et al., CVPR 2019), one grid a step.

    An event counts for the two grids between whose centres it lies, more for the nearer one. So a grid is complete
    half a step after its end. Events before the first centre count for the first grid alone.

    Args:
        geometry: of sensor and cells.
        step_us: time from one grid to the next.
        start_us: where the first grid begins; None: at the first event.

    Attributes:
        outside: events outside the sensor, which were left out.
        late: events whose time lay before one that had come, counted as of that time.

    Raises:
        ConfigurationError: a step of less than 2 us.
    """

    def __init__(self, geometry: Geometry, step_us: int, start_us: int | None = None) -> None:
        if step_us < 2:
            raise ConfigurationError(f"a grid every {step_us} us is not possible; expected 2 us or more.")
        self.geometry, self.step_us = geometry, step_us
        self.outside = self.late = 0
        self._row_of, self._column_of = _cells(geometry)
        self.reset(start_us)

    def reset(self, start_us: int | None = None) -> None:
        """Forget the events, and begin at ``start_us`` (None: at the next event)."""
        self._ring = np.zeros((2, *self.geometry.shape), np.float32)
        self._origin, self._first, self._now = start_us, 0, -(1 << 62)

    @property
    def complete_us(self) -> int:
        """End of the last grid that was given; 0 before there was an event."""
        return 0 if self._origin is None else self._origin + (self._first + 1) * self.step_us

    def push(self, events: np.ndarray) -> Iterator[np.ndarray]:
        """The grids (polarity, row, column) float32 that these events complete; each is valid until the next.

        Args:
            events: (n,) of `EVENT_DTYPE`.
        """
        if not len(events):
            return
        t = self._forward(events["t"])
        if self._origin is None:
            self._origin = int(t[0])
        x, y, p = events["x"], events["y"], events["p"]
        self.outside += int(np.count_nonzero((x >= self.geometry.width) | (y >= self.geometry.height)))
        done = 0
        while True:
            done += _add_bilinear(
                t[done:], x[done:], y[done:], p[done:], self._origin, self.step_us, self._row_of, self._column_of,
                self._ring, self._first,
            )  # fmt: skip
            if done == len(t):
                return
            yield from self.advance(int(t[done]))

    def advance(self, now_us: int) -> Iterator[np.ndarray]:
        """The grids that are complete at this time, without further events."""
        if self._origin is None:
            return
        over = (now_us - self._origin - self.step_us // 2) // self.step_us - self._first
        if over > LONGEST_SILENCE:
            self._origin += (over - LONGEST_SILENCE) * self.step_us
            over = LONGEST_SILENCE
        for _ in range(over):
            yield self._ring[0]
            self._ring[0] = self._ring[1]
            self._ring[1] = 0
            self._first += 1

    def _forward(self, t: np.ndarray) -> np.ndarray:
        """Times that do not go back."""
        if int(t[0]) < self._now or bool((t[1:] < t[:-1]).any()):
            raw, t = t, np.maximum.accumulate(np.maximum(t, self._now))
            self.late += int(np.count_nonzero(raw < t))
        self._now = int(t[-1])
        return t


def voxel_grid(events: np.ndarray, geometry: Geometry, step_us: int, steps: int, start_us: int = 0) -> np.ndarray:
    """(steps, polarity, row, column) float32 of events (n,), as `VoxelStream` gives them.

    Args:
        events: from ``start_us`` on; later ones than ``steps`` need are left out.
        geometry, step_us, start_us: see `VoxelStream`.
        steps: how many grids.
    """
    stream, grids = VoxelStream(geometry, step_us, start_us), np.zeros((steps, *geometry.shape), np.float32)
    found = 0
    for source in (stream.push(events), stream.advance(start_us + (steps + 1) * step_us)):
        for grid in source:
            if found == steps:
                return grids
            grids[found] = grid
            found += 1
    return grids


@compiled
def _add_counts(
    x: np.ndarray, y: np.ndarray, p: np.ndarray, row_of: np.ndarray, column_of: np.ndarray, frame: np.ndarray
) -> None:
    """Count events by cell."""
    last_row, last_column = len(row_of), len(column_of)
    for place in range(len(x)):
        if y[place] < last_row and x[place] < last_column:
            frame[np.int64(p[place]), row_of[y[place]], column_of[x[place]]] += 1


class CountFrames:
    """Polarity frames of a fixed number of events each, so that a frame says as much whether much moves or little.

    Args:
        geometry: of sensor and cells.
        events: in each frame.
    """

    def __init__(self, geometry: Geometry, events: int) -> None:
        if events < 1:
            raise ConfigurationError(f"a frame of {events} events is not possible; expected 1 or more.")
        self.geometry, self._size = geometry, events
        self._cells = _cells(geometry)
        self._frame, self._count = np.zeros(geometry.shape, np.uint32), 0

    def push(self, events: np.ndarray) -> Iterator[np.ndarray]:
        """The frames (polarity, row, column) uint32, in events, that these complete; each is valid until the next."""
        while len(events):
            part, events = events[: self._size - self._count], events[self._size - self._count :]
            _add_counts(part["x"], part["y"], part["p"], *self._cells, self._frame)
            self._count += len(part)
            if self._count == self._size:
                yield self._frame
                self._frame[:], self._count = 0, 0


def count_frames(events: np.ndarray, geometry: Geometry, size: int) -> np.ndarray:
    """(frame, polarity, row, column) uint32: `CountFrames` of all events; those that fill no frame are left out."""
    frames = [frame.copy() for frame in CountFrames(geometry, size).push(events)]
    return np.stack(frames) if frames else np.zeros((0, *geometry.shape), np.uint32)


def time_frames(events: np.ndarray, geometry: Geometry, step_us: int, steps: int, start_us: int = 0) -> np.ndarray:
    """(steps, polarity, row, column) uint32: how many events each cell had in each step.

    Args:
        events: (n,) of `EVENT_DTYPE`, times ascending.
        geometry, step_us, steps: see `voxel_grid`; here a step's events are its own alone.
        start_us: where the first step begins.
    """
    borders = np.searchsorted(events["t"], start_us + np.arange(steps + 1) * step_us)
    frames = np.zeros((steps, *geometry.shape), np.uint32)
    for frame, first, last in zip(frames, borders[:-1], borders[1:], strict=True):
        part = events[first:last]
        _add_counts(part["x"], part["y"], part["p"], *_cells(geometry), frame)
    return frames


@compiled
def _note_last(
    t: np.ndarray, x: np.ndarray, y: np.ndarray, p: np.ndarray, row_of: np.ndarray, column_of: np.ndarray,
    last: np.ndarray,
) -> None:  # fmt: skip
    """Keep the latest time of each cell."""
    rows, columns = len(row_of), len(column_of)
    for place in range(len(t)):
        if y[place] < rows and x[place] < columns:
            polarity, row, column = np.int64(p[place]), row_of[y[place]], column_of[x[place]]
            last[polarity, row, column] = max(last[polarity, row, column], t[place])


class TimeSurface:
    """How long ago each cell had its last event: exp(-age / tau), 1 now and 0 never (X. Lagorce et al., HOTS, 2017).

    Args:
        geometry: of sensor and cells.
        tau_us: after which it is 0.37.
    """

    _NEVER = -(1 << 62)

    def __init__(self, geometry: Geometry, tau_us: float) -> None:
        if not tau_us > 0:
            raise ConfigurationError(f"a time constant of {tau_us} us is not possible; expected more than 0.")
        self.geometry, self.tau_us = geometry, tau_us
        self._cells = _cells(geometry)
        self._last = np.full(geometry.shape, self._NEVER, np.int64)

    def push(self, events: np.ndarray) -> None:
        """Take events (n,) of `EVENT_DTYPE`."""
        _note_last(events["t"], events["x"], events["y"], events["p"], *self._cells, self._last)

    def at(self, now_us: int) -> np.ndarray:
        """(polarity, row, column) float32.

        Raises:
            InputError: this is before an event that has come.
        """
        newest = int(self._last.max())
        if now_us < newest:
            raise InputError(f"a time surface at {now_us} us was asked for after an event at {newest} us.")
        seen = self._last != self._NEVER
        age = np.where(seen, now_us - np.where(seen, self._last, now_us), 0)
        return np.where(seen, np.exp(-age / self.tau_us), 0).astype(np.float32)


def time_surface(events: np.ndarray, geometry: Geometry, tau_us: float, now_us: int) -> np.ndarray:
    """`TimeSurface` of all events up to ``now_us``."""
    surface = TimeSurface(geometry, tau_us)
    surface.push(events[events["t"] <= now_us])
    return surface.at(now_us)


@compiled
def _decay(
    t: np.ndarray, x: np.ndarray, y: np.ndarray, p: np.ndarray, row_of: np.ndarray, column_of: np.ndarray,
    value: np.ndarray, since: np.ndarray, rate: float,
) -> None:  # fmt: skip
    """Let each cell fade to its event's time, then add the event."""
    rows, columns = len(row_of), len(column_of)
    for place in range(len(t)):
        if y[place] < rows and x[place] < columns:
            polarity, row, column = np.int64(p[place]), row_of[y[place]], column_of[x[place]]
            passed = t[place] - since[polarity, row, column]
            if passed > 0:
                value[polarity, row, column] *= math.exp(-passed * rate)
                since[polarity, row, column] = t[place]
            value[polarity, row, column] += 1


class DecayingCounts:
    """Events of each cell, which fade with a time constant: the trace of a leaky integrator.

    Args:
        geometry: of sensor and cells.
        tau_us: after which a count is 0.37 of itself.
    """

    def __init__(self, geometry: Geometry, tau_us: float) -> None:
        if not tau_us > 0:
            raise ConfigurationError(f"a time constant of {tau_us} us is not possible; expected more than 0.")
        self.geometry, self.tau_us = geometry, tau_us
        self._cells = _cells(geometry)
        self._value = np.zeros(geometry.shape)
        self._since = np.zeros(geometry.shape, np.int64)

    def push(self, events: np.ndarray) -> None:
        """Take events (n,) of `EVENT_DTYPE`."""
        t, x, y, p = (events[name] for name in ("t", "x", "y", "p"))
        _decay(t, x, y, p, *self._cells, self._value, self._since, 1 / self.tau_us)

    def at(self, now_us: int) -> np.ndarray:
        """(polarity, row, column) float32, in events.

        Raises:
            InputError: this is before an event that has come.
        """
        newest = int(self._since.max())
        if now_us < newest:
            raise InputError(f"fading counts at {now_us} us were asked for after an event at {newest} us.")
        return (self._value * np.exp((self._since - now_us) / self.tau_us)).astype(np.float32)


def decaying_counts(events: np.ndarray, geometry: Geometry, tau_us: float, now_us: int) -> np.ndarray:
    """`DecayingCounts` of all events up to ``now_us``."""
    counts = DecayingCounts(geometry, tau_us)
    counts.push(events[events["t"] <= now_us])
    return counts.at(now_us)
