"""The last seconds of a session, and its last part compared with what came before."""

from __future__ import annotations

from collections import deque

import numpy as np

from faceedge.perception.authentication.session_profile import FEATURES, LEAST_DB2, LENGTHS_S, Compared, features

HOPS_PER_S = 4
"""About so often a second the parts are compared; a part is a whole number of hops."""
REFERENCE_S, LEAST_REFERENCE_S = 6.0, 2.0
"""The reference is this long at most and at least."""
WINDOW_HOPS = 2
"""Windows whose variance tells how much somebody fidgets."""


class History:
    """Means of moments over hops of a quarter of a second.

    Args:
        rate_hz: of the looks.

    Attributes:
        hop: looks in one.
        hop_s: how long one is.
    """

    def __init__(self, rate_hz: float) -> None:
        self.hop = max(1, int(rate_hz // HOPS_PER_S))
        self.hop_s = self.hop / rate_hz
        self._lengths = [max(1, round(length_s / self.hop_s)) for length_s in LENGTHS_S]
        self._least = max(WINDOW_HOPS + 1, round(LEAST_REFERENCE_S / self.hop_s))
        self._most = round(REFERENCE_S / self.hop_s)
        kept = self._most + max(self._lengths)
        self._means: deque[np.ndarray] = deque(maxlen=kept)
        self._windows: deque[np.ndarray] = deque(maxlen=kept)
        self._sum = np.zeros(FEATURES)
        self._count = 0

    def clear(self) -> None:
        """Forget everything."""
        self._means.clear()
        self._windows.clear()
        self._sum[:] = 0.0
        self._count = 0

    def push(self, moments: np.ndarray) -> bool:
        """Add the moments (`FEATURES`,) of a look; whether a hop is complete."""
        self._sum += moments
        self._count += 1
        if self._count < self.hop:
            return False
        self._means.append(self._sum / self.hop)
        last = np.mean(list(self._means)[-WINDOW_HOPS:], axis=0)
        self._windows.append(features(last[np.newaxis])[0])
        self._sum[:] = 0.0
        self._count = 0
        return True

    def compare(self, length: int) -> Compared | None:
        """The last part against the reference before it; None: there is too little of that yet.

        Args:
            length: index into `LENGTHS_S`.
        """
        last = self._lengths[length]
        first = max(0, len(self._means) - last - self._most)
        end = len(self._means) - last
        if end - first < self._least:
            return None
        means = np.stack(self._means)
        both = features(np.stack([means[end:].mean(axis=0), means[first:end].mean(axis=0)]))
        # The first window that lies within the reference ends one hop after the reference begins.
        windows = np.stack(list(self._windows)[first + WINDOW_HOPS - 1 : end])
        return Compared(both[0] - both[1], np.log(windows.var(axis=0) + LEAST_DB2))
