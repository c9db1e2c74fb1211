"""EVT3 word by word, written for reading: what the decoder must agree with."""

from __future__ import annotations

import numpy as np

from faceedge.events.evt3 import EVENT_DTYPE

LARGEST_STEP, SMALL_STEP_BACK = 1024, 10


def decode(data: bytes, width: int = 2048, height: int = 2048) -> np.ndarray:
    """All events of a stream."""
    events: list[tuple[int, int, int, bool]] = []
    high = low_time = latest = 0
    known = False
    suspect: int | None = None
    row: int | None = None
    base: int | None = None
    bright = False

    def emit(column: int, on: bool) -> None:
        if row is not None and column < width and row < height:
            events.append((latest, column, row, on))

    for number in np.frombuffer(data[: len(data) & ~1], "<u2").tolist():
        kind, value = number >> 12, number & 0xFFF
        if not known and kind != 0x8:
            continue
        if kind == 0x0:
            row = value & 0x7FF
        elif kind == 0x2:
            emit(value & 0x7FF, value >= 0x800)
        elif kind == 0x3:
            base, bright = value & 0x7FF, value >= 0x800
        elif kind in (0x4, 0x5) and base is not None:
            bits = 12 if kind == 0x4 else 8
            for bit in range(bits):
                if value >> bit & 1:
                    emit(base + bit, bright)
            base += bits
        elif kind == 0x6 and suspect is None:
            low_time = high * 4096 + value
            latest = max(latest, low_time)
        elif kind == 0x8:
            if not known:
                known, high = True, value
                latest = high * 4096
                continue
            ahead = (value - high) % 4096
            if ahead <= LARGEST_STEP or ahead >= 4096 - SMALL_STEP_BACK:
                suspect = None
                if ahead:
                    high += ahead if ahead <= LARGEST_STEP else ahead - 4096
                    high = high + 4096 if high < 0 else high
                    latest = max(latest, high * 4096)
            elif suspect is not None and (value - suspect) % 4096 <= LARGEST_STEP:
                high += ahead if ahead < 4096 - LARGEST_STEP else ahead - 4096
                high = high + 4096 if high < 0 else high
                suspect, latest = None, high * 4096
            else:
                suspect = value
    return np.array(events, EVENT_DTYPE)
