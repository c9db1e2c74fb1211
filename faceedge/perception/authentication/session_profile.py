"""What the looks of a session have in common: powers and interferometric phases over ranges, about the nearest one.

A single look is speckle. The mean over a second is not: how much power comes from which range behind the tip of the
nose, and from which direction there (the phase between two receivers), depends on who sits there and how. It changes
little while somebody sits, talks and looks around, and much when another one sits down, at the same distance as well.

How much it changes in either case is learnt from many people (`SessionModel.fit`): with covariance W about a session's
mean and covariance B of the difference of two people's means, the log likelihood ratio of another person over the same
one is that of two Gaussians (two-covariance model; S. Ioffe, ECCV 2006: probabilistic linear discriminant analysis).
In axes in which W is the identity and B diagonal it is a weighted sum of squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from faceedge.errors import ConfigurationError, InputError, ModelError
from faceedge.inference.registry import Model
from faceedge.radar.chirp import SPEED_OF_LIGHT_M_S, ChirpSettings
from faceedge.radar.windows import window

RANGES, BEFORE = 16, 2
"""Range steps that are looked at, and how many of them lie before the nearest part of the person. A step is what the
sampled bandwidth resolves: 2.9 cm with the full band, 46 cm altogether, face and trunk."""
NEAREST_M, FARTHEST_M, SEARCH_STEP_M = 0.14, 0.80, 0.005
"""Where the nearest part of a person is searched. Nearer is the leakage from transmitter to receiver."""
FRONT_DB = 12.0
"""The person begins where the power is at most this much below the strongest range."""
FLOOR_COUNTS2, FLOOR_SHARE = 0.1, 0.003
"""Added to powers before the logarithm, and, as a share of the whole power, before a division: ranges without a person
say nothing. A face gives some 1000 counts^2, noise 0.002."""
PHASE_DB = 6.0
"""Weight of a full correlation between two receivers, in dB of power."""
PAIRS = ((0, 1), (0, 2), (1, 2))
FEATURES = RANGES * (1 + 2 * len(PAIRS))
HEAD_RANGES = 6
"""Ranges that show the head; behind them lies the trunk, which does not turn when the head does."""
RIDGE_DB2, HEAD_RIDGE_DB2, UNKNOWN_DB2 = 4.0, 25.0, 0.3
"""Added to W: no figure is trusted better than that, and those of the head, which turns and speaks, far less. Added to
B: nobody knows in which ways yet other people differ."""

SAME_FREQUENCY = 1e-4
"""Relative: a device rounds the frequencies of a chirp file to the steps of its synthesiser."""


class Profiler:
    """Computes the second moments of looks over ranges.

    Args:
        chirp: what the radar transmits.

    Raises:
        ConfigurationError: a radar with fewer than three receivers.
    """

    def __init__(self, chirp: ChirpSettings) -> None:
        if len(chirp.rx_antennas) < 3:
            raise ConfigurationError(
                f"continuity needs three receivers, the chirp has {len(chirp.rx_antennas)}; use a chirp file such as "
                "bgt60_face_full_band."
            )
        self.step_m = SPEED_OF_LIGHT_M_S / 2 / chirp.sampled_bandwidth_hz
        self._chirp = chirp
        self._search_m = np.arange(NEAREST_M, FARTHEST_M, SEARCH_STEP_M)
        self._search = self._matrix(self._search_m)

    def _matrix(self, range_m: np.ndarray) -> np.ndarray:
        """(sample, 2 * range) float32: real and imaginary parts of a windowed Fourier sum at any ranges."""
        chirp = self._chirp
        weights = window("hann", chirp.samples_per_chirp)
        time_s = np.arange(chirp.samples_per_chirp) / chirp.sample_rate_hz
        beat_hz = chirp.slope_hz_per_s * 2 * range_m / SPEED_OF_LIGHT_M_S
        matrix = (2 / weights.sum()) * weights[:, np.newaxis] * np.exp(-2j * np.pi * np.outer(time_s, beat_hz))
        matrix -= matrix.mean(axis=0)
        return np.ascontiguousarray(matrix).view(np.float64).astype(np.float32)

    def front_m(self, looks: np.ndarray) -> float:
        """Range of the nearest part of the person.

        Args:
            looks: (n, rx, sample) float32, ADC counts.
        """
        parts = np.tensordot(np.asarray(looks, np.float32), self._search, 1)
        power = np.square(parts).reshape(-1, len(self._search_m), 2).sum(axis=(0, 2))
        return float(self._search_m[np.argmax(power >= power.max() * 10 ** (-FRONT_DB / 10))])

    def grid(self, front_m: float) -> np.ndarray:
        """For `moments`: Fourier sums at the ranges about ``front_m``."""
        return self._matrix(front_m + self.step_m * (np.arange(RANGES) - BEFORE))

    @staticmethod
    def moments(looks: np.ndarray, grid: np.ndarray) -> np.ndarray:
        """(n, `FEATURES`) float32: power over ranges, then real and imaginary parts of the products of receivers.

        Args:
            looks: (n, rx, sample) float32, ADC counts.
            grid: of the session.
        """
        spectrum = np.tensordot(np.asarray(looks[:, :3], np.float32), grid, 1).view(np.complex64)
        power = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)
        products = [spectrum[:, a] * spectrum[:, b].conj() for a, b in PAIRS]
        parts = [part for product in products for part in (product.real, product.imag)]
        return np.concatenate([power, *parts], axis=1)


def features(moments: np.ndarray) -> np.ndarray:
    """(n, `FEATURES`) dB of mean moments (n, `FEATURES`): log powers, then correlations of receivers as `PHASE_DB`."""
    power = moments[:, :RANGES]
    level = power + FLOOR_SHARE * power.sum(axis=1, keepdims=True)
    pairs = moments[:, RANGES:].reshape(len(moments), -1, RANGES) / level[:, np.newaxis]
    log = 10 * np.log10(power + FLOOR_COUNTS2)
    return np.concatenate([log, PHASE_DB * pairs.reshape(len(moments), -1)], axis=1)


@dataclass(frozen=True, slots=True)
class SessionModel:
    """How sessions vary, and how people differ.

    Attributes:
        axes: (`FEATURES`, k) float32: differences in dB to axes in which W is the identity and B diagonal.
        between: (k,) float64, the diagonal of B there, falling.
        chirp: start and end of the ramp in Hz, samples, receivers with which the looks were taken.
    """

    axes: np.ndarray
    between: np.ndarray
    chirp: tuple[float, float, int, int]

    @classmethod
    def fit(cls, within: np.ndarray, means: Sequence[np.ndarray], chirp: ChirpSettings) -> Self:
        """Learn from sessions of many people.

        Args:
            within: (n, `FEATURES`) differences of windows from the mean of their own session.
            means: (`FEATURES`,) each, of sessions of different people, each about its own front.
            chirp: of all.

        Raises:
            InputError: fewer sessions than features, so that B could not be known.
        """
        if min(len(means), len(within)) <= FEATURES:
            raise InputError(f"expected more than {FEATURES} windows and sessions, got {len(within)} and {len(means)}.")
        ridge = np.where(np.arange(FEATURES) % RANGES < HEAD_RANGES, HEAD_RIDGE_DB2, RIDGE_DB2)
        w = within.T @ within / len(within) + np.diag(ridge)
        b = 2 * np.cov(np.stack(means).T) + UNKNOWN_DB2 * np.eye(FEATURES)
        root = np.linalg.inv(np.linalg.cholesky(w))
        values, vectors = np.linalg.eigh(root @ b @ root.T)
        axes: np.ndarray = (root.T @ vectors)[:, ::-1]
        return cls(axes.astype(np.float32), values[::-1].copy(), _identity(chirp))

    @classmethod
    def load(cls, model: Model) -> Self:
        """Read what `save` wrote.

        Raises:
            ModelError: the file is something else.
        """
        try:
            with np.load(model.path, allow_pickle=False) as stored:
                axes, between, chirp = stored["axes"], stored["between"], stored["chirp"]
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"{model.path} is no model of sessions: {error}.") from error
        if axes.ndim != 2 or axes.shape != (FEATURES, len(between)) or chirp.shape != (4,):
            raise ModelError(
                f"{model.path} has axes {axes.shape} and {len(between)} variances, expected {FEATURES} features."
            )
        return cls(axes, between, (float(chirp[0]), float(chirp[1]), int(chirp[2]), int(chirp[3])))

    def save(self, path: Path) -> None:
        """Write a file without pickles."""
        np.savez(path, axes=self.axes, between=self.between, chirp=np.array(self.chirp))

    def check(self, chirp: ChirpSettings) -> None:
        """Raise ConfigurationError for a chirp of which nothing was learnt."""
        found = _identity(chirp)
        same = np.isclose(found[:2], self.chirp[:2], rtol=SAME_FREQUENCY, atol=0.0).all()
        if not same or found[2:] != self.chirp[2:]:
            start, end, samples, receivers = self.chirp
            raise ConfigurationError(
                f"continuity was learnt with {start / 1e9:g} to {end / 1e9:g} GHz, {samples} samples and {receivers} "
                f"receivers; the radar has {chirp.start_frequency_hz / 1e9:g} to {chirp.end_frequency_hz / 1e9:g} GHz, "
                f"{chirp.samples_per_chirp} and {len(chirp.rx_antennas)}; use the chirp file bgt60_face_full_band."
            )

    def llr(self, difference_db: np.ndarray, windows: float) -> float:
        """Log likelihood ratio, nats, of another person over the same one.

        Args:
            difference_db: (`FEATURES`,) of a window from the session's mean.
            windows: independent ones that the mean is of; few make it uncertain.
        """
        squares = np.square(difference_db @ self.axes, dtype=np.float64)
        noise = 1.0 + 1.0 / windows
        both = noise + self.between
        return float((squares @ (1 / noise - 1 / both) + np.log(noise / both).sum()) / 2)


def _identity(chirp: ChirpSettings) -> tuple[float, float, int, int]:
    return chirp.start_frequency_hz, chirp.end_frequency_hz, chirp.samples_per_chirp, len(chirp.rx_antennas)
