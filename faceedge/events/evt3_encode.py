"""Events to EVT3 bytes: any number of them at once, each batch decodable without those before it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from faceedge.errors import InputError
from faceedge.events.event import check_events
from faceedge.events.evt3_words import (
    KIND_SHIFT,
    LARGEST_SIDE,
    POLARITY_SHIFT,
    TIME_HIGHS,
    TIME_LOW_BITS,
    VALUE_MASK,
    Kind,
)

LARGEST_STEP = 1024
"""TIME_HIGH grows by at most so much from word to word (4.2 s), which every decoder takes for time that passes."""
LONGEST_PAUSE_US = 86_400_000_000
"""Between two events, one day: its passing costs 6 words for each 16.78 s."""

_GROUP = 32
"""Pixels that one VECT_BASE_X and its masks of 12, 12 and 8 cover."""
_MASKS = ((Kind.VECT_12, 0, 12), (Kind.VECT_12, 12, 12), (Kind.VECT_8, 24, 8))


@dataclass(slots=True)
class EncoderState:
    """What an encoder remembers of what it wrote.

    Attributes:
        last_us: time of the last event; None: nothing was written.
    """

    last_us: int | None = None


def encode(
    events: np.ndarray, *, state: EncoderState | None = None, width: int = LARGEST_SIDE, height: int = LARGEST_SIDE
) -> bytes:
    """EVT3 bytes of events in order of time.

    They begin with TIME_HIGH, TIME_LOW and ADDR_Y, so a decoder may join with any batch. Events of the same time, row
    and polarity with ascending columns become vectors where that takes fewer words. Decoding gives the same events in
    the same order.

    Args:
        events: (n,) of `EVENT_DTYPE`, times ascending, in us. The bytes hold the low 24 bits of them.
        state: of this stream: pauses since the batch before are written as passing time. It is updated.
        width, height: of the sensor.

    Raises:
        InputError: times go back, a pixel outside the sensor, or a pause of more than a day.
    """
    events = check_events(events, width, height)
    if not len(events):
        return b""
    state = state if state is not None else EncoderState()
    t = events["t"]
    first_us = int(t[0])
    if state.last_us is not None and first_us < state.last_us:
        raise InputError(
            f"events continue at {first_us} us after {state.last_us} us; write them in order of time, or begin a new "
            "stream."
        )
    high = t >> TIME_LOW_BITS
    before = high[0] if state.last_us is None else state.last_us >> TIME_LOW_BITS
    if max(first_us - (state.last_us or first_us), int(np.diff(t).max(initial=0))) > LONGEST_PAUSE_US:
        raise InputError("there is more than a day between two events of this stream; begin a new stream after it.")
    steps = np.diff(high, prepend=before)
    state.last_us = int(t[-1])
    wrapped = (high // TIME_HIGHS != (high - steps) // TIME_HIGHS) & (steps > 1)
    pauses = wrapped | (steps > LARGEST_STEP)  # in these, TIME_HIGH passes the values that a decoder needs to see
    edges = [0, *(int(cut) for cut in np.flatnonzero(pauses) if cut), len(events)]
    parts = []
    for begin, end in pairwise(edges):
        if pauses[begin]:
            parts.append(_passing(int(high[begin] - steps[begin]), int(high[begin])))
        parts.append(_words(events[begin:end]))
    return b"".join(part.astype("<u2", copy=False).tobytes() for part in parts)


def _passing(before: int, now: int) -> np.ndarray:
    """Words TIME_HIGH strictly between two: in steps, and both sides of each wrap, where some decoders look."""
    highs = np.arange(before + LARGEST_STEP, now, LARGEST_STEP)
    wraps = np.arange(before // TIME_HIGHS + 1, now // TIME_HIGHS + 1) * TIME_HIGHS
    highs = np.unique(np.concatenate([highs, wraps - 1, wraps]))
    return _word(Kind.TIME_HIGH, highs[(highs > before) & (highs < now)] % TIME_HIGHS)


def _word(kind: int, value: np.ndarray) -> np.ndarray:
    return (value | kind << KIND_SHIFT).astype(np.uint16)


def _words(events: np.ndarray) -> np.ndarray:
    """(n,) uint16. What each event or group of events needs is laid out one behind the other, then filled in."""
    t, x, y, p = events["t"], events["x"].astype(np.int64), events["y"], events["p"]
    starts = _group_starts(t, x, y, p)
    sizes = np.diff(starts, append=len(events))
    base = x[starts]
    bits = np.add.reduceat(np.int64(1) << (x - np.repeat(base, sizes)), starts)
    masks = 1 + (bits >= 1 << 12) + (bits >= 1 << 24)
    vector = 1 + masks < sizes
    starts, vector, base, bits, masks = _split_singles(starts, sizes, vector, base, bits, masks, x)

    now, row = t[starts], y[starts]
    changed = np.diff(now, prepend=now[0] - 1) != 0
    new_high = np.diff(now >> TIME_LOW_BITS, prepend=-1) != 0
    new_row = np.diff(row.astype(np.int64), prepend=-1) != 0
    lengths = new_high + changed.astype(np.int64) + new_row + np.where(vector, 1 + masks, 1)
    at = np.cumsum(lengths) - lengths
    words = np.empty(int(at[-1] + lengths[-1]), np.uint16)
    for needed, kind, value in (
        (new_high, Kind.TIME_HIGH, now >> TIME_LOW_BITS & VALUE_MASK),
        (changed, Kind.TIME_LOW, now & VALUE_MASK),
        (new_row, Kind.ADDR_Y, row),
    ):
        words[at[needed]] = _word(kind, value[needed])
        at = at + needed
    kinds = np.where(vector, Kind.VECT_BASE_X, Kind.ADDR_X) << KIND_SHIFT
    words[at] = kinds | base | p[starts].astype(np.int64) << POLARITY_SHIFT
    for number, (kind, shift, width) in enumerate(_MASKS):
        has = np.flatnonzero(vector & (masks > number))
        words[at[has] + 1 + number] = _word(kind, bits[has] >> shift & (1 << width) - 1)
    return words


def _group_starts(t: np.ndarray, x: np.ndarray, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """First event of each group: same time, row and polarity, ascending columns within 32 pixels of the run's first."""
    follows = (t[1:] == t[:-1]) & (y[1:] == y[:-1]) & (p[1:] == p[:-1]) & (x[1:] > x[:-1])
    run_starts = np.flatnonzero(np.concatenate([[True], ~follows]))
    run_sizes = np.diff(run_starts, append=len(x))
    window = (x - np.repeat(x[run_starts], run_sizes)) // _GROUP
    return np.flatnonzero(np.concatenate([[True], ~follows | (window[1:] != window[:-1])]))


def _split_singles(
    starts: np.ndarray, sizes: np.ndarray, vector: np.ndarray, base: np.ndarray, bits: np.ndarray, masks: np.ndarray,
    x: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Groups that are not worth a vector, taken apart into single events."""
    if bool(np.all(vector | (sizes == 1))):
        return starts, vector, base, bits, masks
    counts = np.where(vector, 1, sizes)
    group = np.repeat(np.arange(len(starts)), counts)
    first = np.cumsum(counts) - counts
    starts = starts[group] + np.arange(len(group)) - first[group]
    return starts, vector[group], x[starts], bits[group], masks[group]
