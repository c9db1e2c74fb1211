"""What one look tells of the person in front of the radar: whether there is one, how far, and seen from which side.

Somebody alive is never still for the radar: breath and pulse alone turn the phase of an echo by a good part of a
circle. So what counts is how much the range spectrum has changed since half a second ago, which furniture does not.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from faceedge.errors import InputError
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.range_doppler import range_axis, range_matrix

NEAREST_M, FARTHEST_M = 0.12, 0.75
"""Nearer is the leakage from transmitter to receiver, farther is the room."""
REFERENCE_M = 0.3
"""Levels are compared as if each echo came from here: they fall with the fourth power of the distance."""
PRESENT_DB = 6.0
"""Change over one ADC count at `REFERENCE_M` from which on somebody is there: a quarter of a face's, by 25 dB, and
more than 20 dB above noise with the shipped chirps."""
FRONT_DB = 22.0
"""The face is the first peak whose level is so little below the strongest's: the trunk behind it often reflects more,
and side lobes of a Hann window are 31 dB down."""
AGO_S = 0.5
SMOOTH_S = 0.7
"""Time constant of the levels by range. Of single looks, the echoes of a face cancel out now and then."""
FADE_S = 0.5
"""Somebody who was seen is there for so long, for the same reason."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One look, judged.

    Attributes:
        present: somebody is there.
        range_m: of the person's nearest part that reflects much, the face; NaN: nobody.
        level_db: of the change, over one ADC count at 30 cm; -inf while there is nothing to compare with.
        spectrum: (k,) complex64 of length 1: range bins of all receivers where a person can be. Its phase as a whole
            means nothing.
    """

    present: bool
    range_m: float
    level_db: float
    spectrum: np.ndarray


class Watch:
    """Judges the looks of one radar in the order in which they come.

    Args:
        chirp: what the radar transmits.
    """

    def __init__(self, chirp: ChirpSettings) -> None:
        axis = range_axis(chirp)
        self._bins = (axis >= NEAREST_M) & (axis <= FARTHEST_M)
        self._ranges_m = axis[self._bins]
        self._rise_db = 40 * np.log10(self._ranges_m / REFERENCE_M)
        self._matrix = range_matrix(chirp.cube_shape[2], "hann")
        self._shape = (chirp.cube_shape[0], chirp.cube_shape[2])
        self._step_m = chirp.range_resolution_m
        self._before: deque[tuple[int, np.ndarray]] = deque()
        self.reset()

    def reset(self) -> None:
        """Forget the looks so far."""
        self._before.clear()
        self._power: np.ndarray | None = None
        self._seen_ns: int | None = None
        self._last_ns = 0

    def push(self, look: np.ndarray, stamp_ns: int) -> Sight:
        """Judge the next look.

        Args:
            look: (rx, sample) float32, ADC counts.
            stamp_ns: time of its first chirp.

        Raises:
            InputError: a look of another shape.
        """
        if look.shape != self._shape:
            raise InputError(f"expected a look of {self._shape} receivers and samples, got {look.shape}.")
        bins = (look.astype(np.float32, copy=False) @ self._matrix).view(np.complex64)[:, self._bins]
        if stamp_ns < self._last_ns:  # the source has started over
            self.reset()
        while len(self._before) > 1 and stamp_ns - self._before[1][0] >= AGO_S * 1e9:
            self._before.popleft()
        level_db = self._change(bins, stamp_ns)
        if level_db >= PRESENT_DB:
            self._seen_ns = stamp_ns
        present = self._seen_ns is not None and 0 <= stamp_ns - self._seen_ns <= FADE_S * 1e9
        if not present:
            self._power = None
        range_m = math.nan if self._power is None else self._front_m(self._in_db(self._power))
        flat = bins.ravel()
        return Sight(present, range_m, level_db, flat / max(float(np.linalg.norm(flat)), 1e-6))

    def _change(self, bins: np.ndarray, stamp_ns: int) -> float:
        """Level of the change since half a second ago; -inf while there is nothing to compare with."""
        before, self._last_ns = self._last_ns, stamp_ns
        ago_ns, ago = self._before[0] if self._before else (stamp_ns, bins)
        self._before.append((stamp_ns, bins))
        if stamp_ns - ago_ns < AGO_S / 2 * 1e9:
            return -math.inf
        power: np.ndarray = np.mean(np.abs(bins - ago) ** 2, axis=0) / 2  # two noises, two positions
        if self._power is None:
            self._power = power
        else:
            self._power = self._power + (1 - math.exp(-(stamp_ns - before) / (SMOOTH_S * 1e9))) * (power - self._power)
        return float(self._in_db(power).max())

    def _in_db(self, power: np.ndarray) -> np.ndarray:
        levels: np.ndarray = 10 * np.log10(np.maximum(power, 1e-12)) + self._rise_db
        return levels

    def _front_m(self, levels: np.ndarray) -> float:
        """The first peak's range, between the bins by a parabola through its neighbours."""
        padded = np.concatenate(([-np.inf], levels, [-np.inf]))
        peaks = (levels >= padded[:-2]) & (levels > padded[2:]) & (levels >= levels.max() - FRONT_DB)
        at = int(np.argmax(peaks))
        if not 0 < at < len(levels) - 1:
            return float(self._ranges_m[at])
        below, here, above = levels[at - 1 : at + 2]
        bend = below - 2 * here + above
        shift = 0.5 * (below - above) / bend if bend < 0 else 0.0
        return float(self._ranges_m[at] + shift * self._step_m)
