"""Sensor time to system time; latency of the stages of a pipeline, in preallocated rings so that it costs nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

MAX_AGE_NS = 10_000_000_000
"""A frame that claims to be older than this (or to come from the future) has no usable time stamp."""

_TRIES = 3
_CALM_NS = 20_000


def to_system_ns(sensor_ns: int, clock_id: int) -> int:
    """Moment ``sensor_ns`` of a kernel clock as ns on the system clock (the ROS clock without simulated time).

    The frame's age is measured on its own clock and subtracted from the system time of the same moment, so steps of
    the system clock (NTP) never accumulate. The two clocks are read between two reads of the first; if the process was
    interrupted in between, once more. A time stamp that cannot be (age negative or above ``MAX_AGE_NS``) gives now.

    Args:
        sensor_ns: ns on the clock ``clock_id``.
        clock_id: ``time.CLOCK_MONOTONIC`` (V4L2, radars) or ``time.CLOCK_BOOTTIME`` (libcamera's SensorTimestamp).
    """
    for _ in range(_TRIES):
        before = time.clock_gettime_ns(clock_id)
        system = time.time_ns()
        after = time.clock_gettime_ns(clock_id)
        if after - before < _CALM_NS:
            break
    age = before - sensor_ns
    return system - age if -_CALM_NS <= age <= MAX_AGE_NS else system


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency percentiles of one stage over its last samples, in milliseconds."""

    p50_ms: float
    p99_ms: float
    count: int


class StageTimer:
    """Rings of the last ``capacity`` durations of each named stage.

    >>> timer = StageTimer()
    >>> with timer.stage("detect"):
    ...     pass
    >>> timer.summary()["detect"].count
    1
    """

    def __init__(self, capacity: int = 512) -> None:
        self._capacity = capacity
        self._rings: dict[str, np.ndarray] = {}
        self._counts: dict[str, int] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the body of a ``with`` block as one sample of stage ``name``."""
        start = time.perf_counter_ns()
        try:
            yield
        finally:
            self.add(name, time.perf_counter_ns() - start)

    def add(self, name: str, duration_ns: int) -> None:
        """Add one duration to stage ``name``."""
        ring = self._rings.get(name)
        if ring is None:
            ring = self._rings[name] = np.zeros(self._capacity, np.int64)
            self._counts[name] = 0
        ring[self._counts[name] % self._capacity] = duration_ns
        self._counts[name] += 1

    def summary(self) -> dict[str, Latency]:
        """Percentiles of every stage that has samples, in the order in which the stages first ran."""
        result = {}
        for name, ring in list(self._rings.items()):
            filled = min(self._counts[name], self._capacity)
            p50, p99 = np.percentile(ring[:filled], (50, 99)) / 1e6
            result[name] = Latency(float(p50), float(p99), self._counts[name])
        return result

    def clear(self) -> None:
        """Forget all samples."""
        self._rings.clear()
        self._counts.clear()
