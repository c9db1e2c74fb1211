"""Curves that every movement is a sum of: bumps, steps and sines, each twice differentiable, so that a radar's Doppler
and an event camera's edges are those of a body with mass.

A bump rises, stays and falls; a step goes from one value to the next and stays there; both on the minimum-jerk
polynomial 10 s^3 - 15 s^4 + 6 s^5, as goal-directed movements of people do (Flash and Hogan 1985,
DOI 10.1523/JNEUROSCI.05-07-01688.1985): speed and acceleration are zero at either end, and the peak speed is 1.875
times the mean. Nothing is sampled on a grid: a curve has an exact value at any time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from faceedge.compiled import compiled

BIN_S = 0.25
"""Bumps are found by the stretch of time that they touch."""


def minimum_jerk(fraction: np.ndarray | float) -> np.ndarray:
    """From 0 to 1 while ``fraction`` goes from 0 to 1; flat before and after."""
    s = np.clip(fraction, 0.0, 1.0)
    risen: np.ndarray = s * s * s * (10.0 + s * (6.0 * s - 15.0))
    return risen


class Bumps:
    """Collects rises and falls of channels, to be laid out once as tables.

    A time that does not matter costs nothing when a value is asked for: only the bumps of its bin are looked at.
    """

    def __init__(self) -> None:
        self._rows: list[tuple[float, float, float, float, float, float]] = []

    def add(self, channel: int, start_s: float, rise_s: float, stay_s: float, fall_s: float, gain: float) -> None:
        """``channel`` gets ``gain`` more from ``start_s + rise_s`` on, for ``stay_s``."""
        self._rows.append((channel, start_s, rise_s, stay_s, fall_s, gain))

    def extend(self, rows: Iterable[tuple[float, float, float, float, float, float]]) -> None:
        """Rows of (channel, start_s, rise_s, stay_s, fall_s, gain)."""
        self._rows.extend(rows)

    def tables(self, first_s: float, last_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Laid out for `evaluate`.

        Returns:
            begin: (bins + 1,) int64, where the rows of each `BIN_S` from ``first_s`` on begin.
            rows: (n, 6) float64, each bin's bumps one after another (a bump is there once for each bin it touches):
                channel, start, 1 / rise, end of the stay, 1 / fall, gain.
        """
        bins = math.ceil((last_s - first_s) / BIN_S) + 1
        table = np.array(self._rows, np.float64).reshape(-1, 6)
        channel, start, rise, stay, fall, gain = table.T
        ready = np.stack([channel, start, 1 / rise, start + rise + stay, 1 / fall, gain], axis=1)
        low = np.clip(np.floor((start - first_s) / BIN_S), 0, bins).astype(np.int64)
        high = np.clip(np.floor((start + rise + stay + fall - first_s) / BIN_S) + 1, 0, bins).astype(np.int64)
        copies = np.maximum(high - low, 0)
        bump = np.repeat(np.arange(len(table)), copies)
        place = np.arange(len(bump)) - np.repeat(np.cumsum(copies) - copies, copies) + np.repeat(low, copies)
        order = np.argsort(place, kind="stable")
        begin = np.searchsorted(place[order], np.arange(bins + 1))
        return begin.astype(np.int64), np.ascontiguousarray(ready[bump[order]])


def steps(start_s: np.ndarray, duration_s: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Laid out for `evaluate`: from ``values[k]`` to ``values[k + 1]`` between ``start_s[k]`` and ``duration_s[k]``
    later; no step begins before the one before it has ended.

    Args:
        start_s, duration_s: (k,) ascending, k at least 1.
        values: (k + 1, d)

    Returns:
        (k, 2 + 2 d) float64: start, 1 / duration, value before, value after.
    """
    columns = [start_s[:, np.newaxis], 1.0 / duration_s[:, np.newaxis], values[:-1], values[1:]]
    return np.ascontiguousarray(np.concatenate(columns, axis=1))


@compiled
def _rise(s: float) -> float:
    if s <= 0.0:
        return 0.0
    if s >= 1.0:
        return 1.0
    return s * s * s * (10.0 + s * (6.0 * s - 15.0))


@compiled
def evaluate(
    time_s: np.ndarray, first_s: float, begin: np.ndarray, bumps: np.ndarray, sines: np.ndarray, gaze: np.ndarray,
    posture: np.ndarray, gaze_channel: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Add up everything that is going on at each time.

    Args:
        time_s: (t,) float64, within the bins.
        first_s: where the first bin begins.
        begin, bumps: of `Bumps.tables`.
        sines: (n, 4) float64: channel, angular frequency, phase at time 0, amplitude.
        gaze: of `steps`, for two channels from ``gaze_channel`` on.
        posture: of `steps`, for six channels after those of the gaze (head, then pivot).
        out: (t, channels) float64, is added to.
    """
    for i in range(len(time_s)):
        t = time_s[i]
        row = out[i]
        place = int((t - first_s) * (1.0 / BIN_S))
        for j in range(begin[place], begin[place + 1]):
            bump = bumps[j]
            if t <= bump[1]:
                continue
            if t <= bump[3]:
                value = _rise((t - bump[1]) * bump[2])
            else:
                value = 1.0 - _rise((t - bump[3]) * bump[4])
            row[int(bump[0])] += bump[5] * value
        for j in range(len(sines)):
            sine = sines[j]
            row[int(sine[0])] += sine[3] * math.sin(sine[1] * t + sine[2])
        step = gaze[_last(gaze, t)]
        part = _rise((t - step[0]) * step[1])
        for j in range(2):
            row[gaze_channel + j] += step[2 + j] + part * (step[4 + j] - step[2 + j])
        step = posture[_last(posture, t)]
        part = _rise((t - step[0]) * step[1])
        for j in range(6):
            row[gaze_channel + 2 + j] += step[2 + j] + part * (step[8 + j] - step[2 + j])


@compiled
def _last(table: np.ndarray, t: float) -> int:
    """The last row that begins at or before ``t``, or the first one."""
    low = 0
    high = len(table)
    while high - low > 1:
        middle = (low + high) // 2
        if table[middle, 0] <= t:
            low = middle
        else:
            high = middle
    return low
