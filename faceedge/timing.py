"""Latency of the stages of a pipeline, kept in preallocated rings so that measuring costs nothing per frame."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np


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
