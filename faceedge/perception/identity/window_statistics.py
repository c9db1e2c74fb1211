"""What a window of looks says of a face once speckle is averaged out: numbers that no single look has.

Curves over range are taken first, then read at fixed distances behind the place where the face begins. They need no
phase that a millimetre of another pose would change: powers, their fluctuation over the looks, the coherence between
receivers (its phase is the direction that the echo comes from, its size how spread that is), between one moment and a
later one (how fast a part moves), and between neighbouring ranges (how alike they move).
"""

from __future__ import annotations

import numpy as np

from faceedge.errors import InputError
from faceedge.perception.identity.range_profile import RANGES_M

OFFSETS_M = np.arange(-0.04, 0.30, 0.0125)
"""Behind the beginning of the face."""
PAIRS = ((0, 1), (0, 2), (1, 2))
DIRECTIONS = ((0, 2), (1, 2))
LAG_S = 0.1
LAGS = (1, 3, 10)
"""In steps of `LAG_S`."""
NEIGHBOURS = (1, 2, 3, 4, 6, 10)
"""In steps of range."""
ONE_RESOLUTION = 3
FEWEST_LOOKS = 20
CURVES = 31
FEATURES = CURVES * len(OFFSETS_M)
_FLOOR = 1.0  # counts squared: below the noise of a mean power
_SMALL = 1e-3


def window_curves(profiles: np.ndarray, lag: int = 1) -> np.ndarray:
    """(`CURVES`, range) float32 of a window.

    Args:
        profiles: (look, 3 rx, range) complex, of `RangeProfiles`.
        lag: looks in `LAG_S`.

    Raises:
        InputError: too few looks, or another shape.
    """
    if profiles.ndim != 3 or profiles.shape[1:] != (3, len(RANGES_M)):
        raise InputError(f"profiles must be (look, 3 rx, {len(RANGES_M)} ranges), {profiles.shape} came.")
    if len(profiles) < FEWEST_LOOKS * lag:
        raise InputError(f"a window needs at least {FEWEST_LOOKS * lag} looks, {len(profiles)} came.")
    by_look = np.square(np.abs(profiles))
    by_rx = by_look.mean(axis=0) + _FLOOR
    power = by_look.mean(axis=1)
    mean = power.mean(axis=0) + _FLOOR
    curves = [
        *_of_power(power, mean, lag),
        *_of_receivers(profiles, by_rx),
        *_of_time(profiles, mean, lag),
        *_of_ranges(profiles, mean, by_rx),
    ]
    return np.stack(curves).astype(np.float32)


def read(curves: np.ndarray, start_m: float) -> np.ndarray:
    """(`FEATURES`,) float32: curves (curve, range) at `OFFSETS_M` behind ``start_m``, linear between steps."""
    step_m = RANGES_M[1] - RANGES_M[0]
    place = np.clip((start_m + OFFSETS_M - RANGES_M[0]) / step_m, 0, len(RANGES_M) - 1.001)
    index = place.astype(int)
    part = (place - index).astype(np.float32)
    return np.asarray(curves[:, index] * (1 - part) + curves[:, index + 1] * part, np.float32).ravel()


def _of_power(power: np.ndarray, mean: np.ndarray, lag: int) -> list[np.ndarray]:
    log = np.log10(power + _FLOOR)
    change = np.abs(log[lag:] - log[:-lag]).mean(axis=0)
    return [
        np.log10(mean),
        power.std(axis=0) / mean,
        log.mean(axis=0) - np.log10(mean),
        log.std(axis=0),
        np.log10(change + _SMALL),
    ]


def _of_receivers(profiles: np.ndarray, by_rx: np.ndarray) -> list[np.ndarray]:
    out = []
    for first, second in PAIRS:
        cross = (profiles[:, first] * profiles[:, second].conj()).mean(axis=0)
        coherence = cross / np.sqrt(by_rx[first] * by_rx[second])
        out += [coherence.real, coherence.imag]
    for first, second in DIRECTIONS:
        cross = profiles[:, first] * profiles[:, second].conj()
        unit = cross / (np.abs(cross) + _SMALL)
        middle = unit.mean(axis=0)
        wander = np.abs(np.angle(unit * middle.conj())).std(axis=0)
        out += [np.abs(middle), np.log10(wander + _SMALL)]
    return out


def _of_time(profiles: np.ndarray, mean: np.ndarray, lag: int) -> list[np.ndarray]:
    out = []
    for steps in LAGS:
        later = (profiles[steps * lag :] * profiles[: -steps * lag].conj()).sum(axis=1)
        out.append(np.abs(later.mean(axis=0)) / (3 * mean))
    turn = np.angle((profiles[lag:] * profiles[:-lag].conj()).sum(axis=1))
    out.append(np.log10(np.abs(turn).mean(axis=0) + 1e-4))
    turn -= np.median(turn, axis=0)
    out.append(np.log10(np.abs(turn[lag:] - turn[:-lag]).mean(axis=0) + 1e-4))
    return out


def _of_ranges(profiles: np.ndarray, mean: np.ndarray, by_rx: np.ndarray) -> list[np.ndarray]:
    out = []
    for steps in NEIGHBOURS:
        cross = (profiles[..., steps:] * profiles[..., :-steps].conj()).mean(axis=0)
        both = cross.sum(axis=0) / (3 * np.sqrt(mean[steps:] * mean[:-steps]))
        out.append(_padded(np.abs(both), steps))
        if steps == ONE_RESOLUTION:
            out += [_padded(both.real, steps), _padded(both.imag, steps)]
            alone = np.abs(cross) / np.sqrt(by_rx[:, steps:] * by_rx[:, :-steps])
            out += [_padded(one, steps) for one in alone]
    return out


def _padded(values: np.ndarray, count: int) -> np.ndarray:
    return np.concatenate([values, np.zeros(count, values.dtype)])
