"""What the sections of all benchmarks share: a row of figures, percentiles, and a core of one's own.

A section is a module ``<program>_<name>`` beside this one with ``section(args) -> list[Row]``. ``args`` has the options
of its program; each has ``core``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        name: what was measured.
        value: the figure.
        unit: of the figure: ms, frames/s, %, MB/s, x, ...
        goal: what it must reach, in words such as ``<= 1.5``; empty: nothing to reach.
        met: whether it does; None: nothing to reach.
        note: what else there is to know.
    """

    name: str
    value: float
    unit: str
    goal: str = ""
    met: bool | None = None
    note: str = ""


def at_most(name: str, value: float, unit: str, limit: float, note: str = "") -> Row:
    """A figure that must not be above ``limit``."""
    return Row(name, value, unit, f"<= {limit:g}", value <= limit, note)


def at_least(name: str, value: float, unit: str, limit: float, note: str = "") -> Row:
    """A figure that must not be below ``limit``."""
    return Row(name, value, unit, f">= {limit:g}", value >= limit, note)


def percentiles_ms(times_s: Sequence[float]) -> tuple[float, float]:
    """p50 and p99 in ms."""
    p50, p99 = np.percentile(np.asarray(times_s) * 1e3, (50, 99))
    return float(p50), float(p99)


def timed(function: Callable[[], object], runs: int) -> tuple[float, float]:
    """p50 and p99 in ms of a call, after some calls to warm up."""
    times = []
    for _ in range(min(10, runs)):
        function()
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return percentiles_ms(times)


@contextmanager
def one_core(core: int) -> Iterator[None]:
    """Run the body on one core, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core if core in before else min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
