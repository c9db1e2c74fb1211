"""How fast the echoes of a person change from one tenth of a second to the next, and whether they jump.

Who sits and speaks changes the powers at a few ranges; who is pushed off a seat, walks or gets up changes those at all
ranges, and goes on for half a second and more (`Movement.sustained_db`). And a person who is replaced at once changes
them in a single instant, before and after which little happens (`Movement.step`). Nobody changes places without
either.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from faceedge.perception.authentication.session_profile import FLOOR_COUNTS2

LAG_S = 0.1
"""Means over so long are compared with the next such mean."""
SUSTAINED_S = 0.7
NEIGHBOURS = (-6, -5, -4, -3, -2, 2, 3, 4, 5, 6)
"""In lags, about an instant: what happens there is usual."""
USUAL_WEIGHT = 1.5
MOST_STEP_DB, MOST_CHANGE_DB = 8.0, 10.0
"""A single change counts no more than that for what is sustained."""


class Movement:
    """Watches the powers over ranges.

    Args:
        rate_hz: of the looks.
        keep_s: for how long steps are remembered.

    Attributes:
        lag: looks that are averaged.
    """

    def __init__(self, rate_hz: float, keep_s: float) -> None:
        self.lag = max(1, round(LAG_S * rate_hz))
        self._rate_hz = rate_hz
        span = NEIGHBOURS[-1] - NEIGHBOURS[0]
        self._powers: deque[np.ndarray] = deque(maxlen=self.lag)
        self._levels: deque[np.ndarray] = deque(maxlen=self.lag + 1)
        self._changes: deque[float] = deque(maxlen=max(span * self.lag + 1, round(SUSTAINED_S * rate_hz)))
        self._steps: deque[float] = deque(maxlen=round(keep_s * rate_hz) + 1)

    def clear(self) -> None:
        """Forget everything."""
        for kept in (self._powers, self._levels, self._changes, self._steps):
            kept.clear()

    def push(self, power: np.ndarray) -> None:
        """Add the powers (range,) of a look, counts^2."""
        self._powers.append(power)
        if len(self._powers) < self.lag:
            return
        self._levels.append(10 * np.log10(np.mean(self._powers, axis=0) + FLOOR_COUNTS2))
        if len(self._levels) <= self.lag:
            return
        self._changes.append(float(np.abs(self._levels[-1] - self._levels[0]).mean()))
        self._steps.append(self._last_step())

    def _last_step(self) -> float:
        middle = len(self._changes) - 1 - NEIGHBOURS[-1] * self.lag
        if middle + NEIGHBOURS[0] * self.lag < 0:
            return 0.0
        about = np.array([self._changes[middle + offset * self.lag] for offset in NEIGHBOURS])
        return float(self._changes[middle] - USUAL_WEIGHT * about.mean() - about.std())

    @property
    def sustained_db(self) -> float:
        """Mean change of the last `SUSTAINED_S`; 0 until there was as much."""
        count = round(SUSTAINED_S * self._rate_hz)
        if len(self._changes) < count:
            return 0.0
        return float(np.minimum(list(self._changes)[-count:], MOST_CHANGE_DB).mean())

    def step_db(self, ago_s: float, about_s: float) -> float:
        """The highest step, 0 to `MOST_STEP_DB`, that began about so long ago, as far as it is known already."""
        # The newest step lies so many looks back: the looks after it had to be seen first.
        newest = (NEIGHBOURS[-1] + 1) * self.lag - 1
        last = max(0, round((ago_s - about_s) * self._rate_hz) - newest)
        first = round((ago_s + about_s) * self._rate_hz) - newest
        steps = list(self._steps)[::-1][last : first + 1]
        return float(np.clip(max(steps, default=0.0), 0.0, MOST_STEP_DB))
