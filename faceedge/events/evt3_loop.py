"""The decoder of EVT3 as a compiled loop, word by word, for machines with numba; `evt3_decode` says what it means."""

from __future__ import annotations

import numpy as np

from faceedge.compiled import compiled
from faceedge.events.evt3_clock import LARGEST_STEP, SMALL_STEP_BACK
from faceedge.events.evt3_words import (
    COORDINATE_MASK,
    KIND_SHIFT,
    LARGEST_SIDE,
    POLARITY_SHIFT,
    TIME_HIGHS,
    TIME_LOW_BITS,
    VALUE_MASK,
    Kind,
)

# Constants of a compiled loop are plain numbers.
ADDR_Y, ADDR_X, VECT_BASE_X = int(Kind.ADDR_Y), int(Kind.ADDR_X), int(Kind.VECT_BASE_X)
VECT_12, VECT_8 = int(Kind.VECT_12), int(Kind.VECT_8)
TIME_LOW, TIME_HIGH = int(Kind.TIME_LOW), int(Kind.TIME_HIGH)
EXT_TRIGGER, OTHERS = int(Kind.EXT_TRIGGER), int(Kind.OTHERS)
CONTINUED_4, CONTINUED_12 = int(Kind.CONTINUED_4), int(Kind.CONTINUED_12)

NONE = -1
STATE = (
    "known", "high", "suspect", "latest_us", "doubted", "jumps", "steps_back", "row", "base", "bright",
    "before_time", "before_row", "before_base", "outside", "unknown", "triggers", "others",
)  # fmt: skip
"""What the loop carries from one piece to the next, int64 each; `NONE` for what is not known."""
(
    KNOWN, HIGH, SUSPECT, LATEST, DOUBTED, JUMPS, STEPS_BACK, ROW, BASE, BRIGHT,
    BEFORE_TIME, BEFORE_ROW, BEFORE_BASE, OUTSIDE, UNKNOWN, TRIGGERS, OTHER,
) = range(len(STATE))  # fmt: skip


@compiled
def take_high(state: np.ndarray, value: int) -> None:
    """`Clock._take_high`"""
    high = state[HIGH]
    ahead = (value - high) & VALUE_MASK
    if ahead <= LARGEST_STEP or ahead >= TIME_HIGHS - SMALL_STEP_BACK:
        state[SUSPECT] = NONE
        if ahead == 0:
            return
        high += ahead if ahead <= LARGEST_STEP else ahead - TIME_HIGHS
        if high < 0:
            high += TIME_HIGHS
        state[HIGH] = high
        time_us = high << TIME_LOW_BITS
        if time_us < state[LATEST]:
            state[STEPS_BACK] += 1
        else:
            state[LATEST] = time_us
        return
    if state[SUSPECT] != NONE and (value - state[SUSPECT]) & VALUE_MASK <= LARGEST_STEP:
        high += ahead if ahead < TIME_HIGHS - LARGEST_STEP else ahead - TIME_HIGHS
        if high < 0:
            high += TIME_HIGHS
        state[HIGH], state[SUSPECT], state[LATEST] = high, NONE, high << TIME_LOW_BITS
        state[JUMPS] += 1
        return
    state[SUSPECT] = value
    state[DOUBTED] += 1


@compiled
def take_rare(state: np.ndarray, kind: int) -> None:
    """Count a word that is neither event nor time."""
    if kind == EXT_TRIGGER:
        state[TRIGGERS] += 1
    elif kind == OTHERS:
        state[OTHER] += 1
    elif kind not in (CONTINUED_4, CONTINUED_12):
        state[UNKNOWN] += 1


@compiled
def decode(
    words: np.ndarray, state: np.ndarray, width: int, height: int, t: np.ndarray, x: np.ndarray, y: np.ndarray,
    p: np.ndarray,
) -> int:  # fmt: skip
    """Events of ``words``, written into the four columns; how many.

    Args:
        words: (n,) uint16.
        state: (len(STATE),) int64; changed.
        width, height: of the sensor.
        t, x, y, p: at least 12 n long, as a word may hold 12 events.
    """
    count, place, total = 0, 0, len(words)
    while place < total and state[KNOWN] == 0:
        word = np.int64(words[place])
        kind = word >> KIND_SHIFT
        if kind == TIME_HIGH:
            value = word & VALUE_MASK
            state[KNOWN], state[HIGH], state[LATEST] = 1, value, value << TIME_LOW_BITS
            break
        if kind == 1 or kind > TIME_HIGH:
            take_rare(state, int(kind))
        state[BEFORE_TIME] += 1
        place += 1
    # What every event needs is kept out of memory.
    now, row, base, bright = state[LATEST], state[ROW], state[BASE], state[BRIGHT]
    seen_row = 0 <= row < height
    while place < total:
        word = np.int64(words[place])
        place += 1
        kind, value = word >> KIND_SHIFT, word & VALUE_MASK
        if kind == ADDR_X:
            column = value & COORDINATE_MASK
            if seen_row and column < width:
                t[count], x[count], y[count], p[count] = now, column, row, value >> POLARITY_SHIFT
                count += 1
            elif row == NONE:
                state[BEFORE_ROW] += 1
            else:
                state[OUTSIDE] += 1
        elif kind == ADDR_Y:
            row = value & COORDINATE_MASK
            seen_row = row < height
        elif kind == TIME_LOW:
            if state[SUSPECT] == NONE:
                time_us = (state[HIGH] << TIME_LOW_BITS) | value
                if time_us < now:
                    state[STEPS_BACK] += 1
                else:
                    now = time_us
        elif kind in (VECT_12, VECT_8):
            if base == NONE:
                state[BEFORE_BASE] += 1
                continue
            mask, step = (value, 12) if kind == VECT_12 else (value & 0xFF, 8)
            column = base
            base = min(column + step, LARGEST_SIDE)  # beyond the last column it says nothing more
            while mask:
                if mask & 1:
                    if seen_row and column < width:
                        t[count], x[count], y[count], p[count] = now, column, row, bright
                        count += 1
                    elif row == NONE:
                        state[BEFORE_ROW] += 1
                    else:
                        state[OUTSIDE] += 1
                mask >>= 1
                column += 1
        elif kind == VECT_BASE_X:
            base, bright = value & COORDINATE_MASK, value >> POLARITY_SHIFT
        elif kind == TIME_HIGH:
            state[LATEST] = now
            take_high(state, int(value))
            now = state[LATEST]
        else:
            take_rare(state, int(kind))
    state[LATEST], state[ROW], state[BASE], state[BRIGHT] = now, row, base, bright
    return count
