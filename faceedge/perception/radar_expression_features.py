"""How a face and a head moved, by range, from the looks of a near-face radar.

The echo of a bin turns by 4 pi / wavelength radians for each metre its surface moves. Most of that is the head, which
sways: its common turn is taken out of every bin and given to the network as displacement and velocity of its own. What
is left in the bins is skin that moves against the head: a jaw that drops, cheeks that rise.
"""

from __future__ import annotations

import numpy as np

from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import LOOK_CHIRPS

SPEED_OF_LIGHT_M_S = 299_792_458.0
GRID_STEP_M = 0.015
GRID_M = np.arange(0.10, 0.85, GRID_STEP_M)
"""Ranges at which echoes are evaluated: twice as dense as 5.2 GHz resolve."""
BINS = 16
"""24 cm from the front of the face on: the face, and the trunk behind it."""
BINS_BEFORE = 2
FACE_BINS = 10
"""Of the bins, those whose common motion is taken for the head's."""
FACE_RANGE_M = (0.13, 0.60)
FRONT_DB = 14.0
"""The face begins where the power first is so little below the largest, compensated for range."""
REFERENCE_M = 0.3
SMALLEST_POWER = 1e-2
CHANNELS = 20
"""By bin: real and imaginary residual turn, change of log power and residual velocity of each of 3 receivers, angle of
2 pairs of them, power; by time: displacement, velocity, their disagreement, speed, and the way so far."""
LARGEST = 6.0


class EchoTransform:
    """From looks to echoes by range.

    Args:
        chirp: what the radar transmits.
    """

    def __init__(self, chirp: ChirpSettings) -> None:
        samples = chirp.samples_per_chirp
        weights = np.hanning(samples + 2)[1:-1]
        weights /= weights.sum()
        beat_hz = chirp.slope_hz_per_s * 2 * GRID_M / SPEED_OF_LIGHT_M_S
        phase = 2 * np.pi * beat_hz * np.arange(samples)[:, None] / chirp.sample_rate_hz
        matrix = 2 * weights[:, None] * np.exp(-1j * phase)
        self._matrix = (matrix - matrix.mean(axis=0)).astype(np.complex64)
        self.mm_per_rad = 1e3 * chirp.wavelength_m / (4 * np.pi)
        self.half_s = LOOK_CHIRPS // 2 * chirp.chirp_period_s

    def __call__(self, look: np.ndarray, drift: np.ndarray) -> np.ndarray:
        """(2, rx, range) complex64: echoes in the first and in the second half of a look (rx, sample) in ADC counts,
        where ``drift`` (rx, sample) is what changed between them.
        """
        return np.asarray(np.stack([look - drift / 2, look + drift / 2]) @ self._matrix, np.complex64)


def front_bin(power: np.ndarray) -> int:
    """Index into `GRID_M` at which the face begins, from mean power (range,)."""
    level = 10 * np.log10(power + 1e-3) + 40 * np.log10(GRID_M / REFERENCE_M)
    range_m = GRID_M
    inside = (range_m > FACE_RANGE_M[0]) & (range_m < FACE_RANGE_M[1])
    return int(np.flatnonzero(inside & (level > level[inside].max() - FRONT_DB))[0])


def motion_features(
    echoes: np.ndarray, period_s: float, half_s: float, mm_per_rad: float, margin: int = 0
) -> np.ndarray:  # fmt: skip
    """How face and head moved.

    Args:
        echoes: (time, 2, rx, range) complex64 from `EchoTransform`, 3 receivers, evenly spaced in time.
        period_s: between looks.
        half_s: between the two halves of a look.
        mm_per_rad: of displacement, by the turn of an echo.
        margin: so many bins more on either side, for training with the front of the face not quite where it is.

    Returns:
        (time, BINS + 2 * margin, CHANNELS) float32. Levels are relative to the mean over all of the time that came.
    """
    mean = echoes.mean(axis=1)
    begin = front_bin((np.abs(mean) ** 2).mean(axis=(0, 1))) - BINS_BEFORE - margin
    bins, face = BINS + 2 * margin, slice(margin, margin + FACE_BINS)
    begin = min(max(begin, 0), len(GRID_M) - bins)
    echoes, mean = echoes[..., begin : begin + bins], mean[..., begin : begin + bins]

    within = echoes[:, 1] * echoes[:, 0].conj()
    turn = np.angle(within[:, :, face].sum(axis=(1, 2)))
    velocity_mm_s = turn * mm_per_rad / half_s
    slip = np.angle(within * np.exp(-1j * turn)[:, None, None]) * mm_per_rad / half_s

    between = np.zeros_like(mean)
    between[1:] = mean[1:] * mean[:-1].conj()
    common = np.angle(between[:, :, face].sum(axis=(1, 2)))
    # The velocity tells how many whole turns went by between two looks.
    expected = np.zeros(len(mean))
    expected[1:] = (velocity_mm_s[1:] + velocity_mm_s[:-1]) / 2 * period_s / mm_per_rad
    common = common + 2 * np.pi * np.round((expected - common) / (2 * np.pi))
    step_mm = common * mm_per_rad

    power = np.abs(mean) ** 2
    residual = between * np.exp(-1j * common)[:, None, None] / (power.mean(axis=0) + SMALLEST_POWER)
    size = np.abs(residual)
    residual *= np.minimum(size, 2.0) / np.maximum(size, 1e-6)
    fading = np.zeros(power.shape)
    fading[1:] = np.diff(np.log(power + 0.1), axis=0)
    by_receiver = [residual.real - 0.8, residual.imag, fading, np.clip(slip / 20, -3, 3)]
    angles = [_change_of_angle(mean[:, 0] * mean[:, other].conj()) for other in (1, 2)]
    level = np.log(power.mean(axis=1) + 0.1)
    by_bin = np.concatenate([*by_receiver, np.stack([*angles, 0.3 * (level - level.mean())], axis=1)], axis=1)

    way = np.cumsum(step_mm)
    by_time = [step_mm, velocity_mm_s / 20, 0.3 * (common - expected), np.abs(step_mm), 0.2 * (way - way.mean())]
    columns = np.clip(np.stack(by_time, axis=1), -LARGEST, LARGEST)
    features = np.empty((len(mean), bins, CHANNELS), np.float32)
    features[..., : by_bin.shape[1]] = by_bin.swapaxes(1, 2)
    features[..., by_bin.shape[1] :] = columns[:, None]
    return features


def _change_of_angle(product: np.ndarray) -> np.ndarray:
    """Phase (time, range) of one receiver against another, relative to its mean, rad."""
    return np.asarray(np.clip(np.angle(product * product.mean(axis=0).conj()), -3, 3))
