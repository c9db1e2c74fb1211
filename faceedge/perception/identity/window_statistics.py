"""What a window of looks says of a face once speckle is averaged out: numbers that no single look has.

From the leading edge on, by range: mean power, its contrast over the looks (standard deviation over mean), and the
coherence between receivers, whose phase is the direction that the echo comes from and whose size tells how spread it
is; last, where the edge is.
"""

from __future__ import annotations

import numpy as np

from faceedge.errors import InputError
from faceedge.perception.identity.range_profile import RANGES_M, STEP_M, from_edge, leading_edge_m

OFFSETS_M = np.arange(-4, 30) * STEP_M
"""Behind the leading edge."""
PAIRS = ((0, 1), (0, 2), (1, 2))
FEWEST_LOOKS = 20
_FLOOR = 1.0  # counts squared: below the noise of a mean power
FEATURES = (2 + 2 * len(PAIRS)) * len(OFFSETS_M) + 1


def window_statistics(profiles: np.ndarray) -> np.ndarray:
    """(`FEATURES`,) float32 of a window.

    Args:
        profiles: (look, 3 rx, range) complex, of `RangeProfiles`.

    Raises:
        InputError: fewer than `FEWEST_LOOKS` looks, or another shape.
    """
    if profiles.ndim != 3 or profiles.shape[1:] != (3, len(RANGES_M)):
        raise InputError(f"profiles must be (look, 3 rx, {len(RANGES_M)} ranges), {profiles.shape} came.")
    if len(profiles) < FEWEST_LOOKS:
        raise InputError(f"a window needs at least {FEWEST_LOOKS} looks, {len(profiles)} came.")
    power = np.square(np.abs(profiles)).mean(axis=1)
    mean, spread = power.mean(axis=0), power.std(axis=0)
    edge_m = leading_edge_m(mean)
    by_rx = np.square(np.abs(profiles)).mean(axis=0) + _FLOOR
    parts = [np.log10(from_edge(mean, edge_m, OFFSETS_M) + _FLOOR)]
    parts.append(from_edge(spread, edge_m, OFFSETS_M) / (from_edge(mean, edge_m, OFFSETS_M) + _FLOOR))
    for first, second in PAIRS:
        cross = (profiles[:, first] * profiles[:, second].conj()).mean(axis=0)
        coherence = from_edge(cross / np.sqrt(by_rx[first] * by_rx[second]), edge_m, OFFSETS_M)
        parts += [coherence.real, coherence.imag]
    return np.concatenate([*parts, [edge_m]]).astype(np.float32)
