"""Frames that are missing by the stamps of their neighbours, where nothing numbers them: recordings and topics."""

from __future__ import annotations

import numpy as np

GAP_PERIODS = 1.5
"""Two frames whose stamps are further apart than this have lost others between them; USB delays stay well below."""


def missing_frames(before_ns: int, stamp_ns: int, period_s: float) -> int:
    """How many frames are missing between two that came one after the other; 0 where stamps go back."""
    periods = (stamp_ns - before_ns) / (period_s * 1e9)
    return round(periods) - 1 if periods > GAP_PERIODS else 0


def sequences(stamps_ns: np.ndarray, period_s: float) -> np.ndarray:
    """Number of each frame since the first, (frame,) int64: a gap in the stamps leaves numbers out.

    Args:
        stamps_ns: (frame,) int64.
        period_s: of the frames.
    """
    periods = np.diff(stamps_ns) / (period_s * 1e9)
    steps = np.where(periods > GAP_PERIODS, np.rint(periods), 1).astype(np.int64)
    return np.concatenate(([0], np.cumsum(steps)))
