"""What the looks of a session have in common: powers and interferometric phases over ranges, about the nearest one.

A single look is speckle. The mean over a second is not: how much power comes from which range behind the tip of the
nose, and from which direction there (the phase between two receivers), depends on who sits there and how. It changes
little while somebody sits, talks and looks around, and much when another one sits down, at the same distance as well.

How much it changes in either case is learnt from many people (`SessionModel.fit`). The difference of two parts of a
session is first divided by what is to be expected of a person who fidgets as much as this one did in the earlier part.
With covariance W of such differences within a session and B of those between two people, the log likelihood ratio of
another person over the same one is that of two Gaussians (two-covariance model; S. Ioffe, ECCV 2006: probabilistic
linear discriminant analysis). In axes in which W is the identity and B diagonal it is a weighted sum of squares.
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
RIDGE, HEAD_RIDGE, UNKNOWN = 20.0, 30.0, 0.1
"""Added to W, in units of the variance that is expected: no axis is trusted better than that, and those of the head,
which turns and speaks, less. Added to B: nobody knows in which ways yet other people differ."""
LENGTHS_S = (0.5, 1.0, 2.0, 3.0)
"""How long somebody else may have been sitting there."""
LEAST_DB2 = 0.1
"""Added to variances before the logarithm."""
FIT_STEPS = 12
PAIRS_DRAWN, PAIRS_SEED = 6000, 0
"""Of sessions of different people, for B."""

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
class Compared:
    """The last part of a session against what came before it, its reference.

    Attributes:
        difference_db: (..., `FEATURES`) of the two.
        log_variance: (..., `FEATURES`) of half-second windows within the reference, log dB^2.
    """

    difference_db: np.ndarray
    log_variance: np.ndarray


@dataclass(frozen=True, slots=True)
class SessionModel:
    """How sessions vary, and how people differ.

    Attributes:
        level, slope: (`LENGTHS_S`, `FEATURES`) float32: log of the variance, dB^2, that a feature's difference has
            is level + slope * log variance of the feature within the reference. Restless people are thus compared
            less strictly than quiet ones.
        axes: (`FEATURES`, k) float32: differences over their standard deviations to axes in which W is the identity
            and B diagonal.
        between: (k,) float64, the diagonal of B there, falling.
        chirp: start and end of the ramp in Hz, samples, receivers with which the looks were taken.
    """

    level: np.ndarray
    slope: np.ndarray
    axes: np.ndarray
    between: np.ndarray
    chirp: tuple[float, float, int, int]

    @classmethod
    def fit(
        cls, within: Sequence[Compared], means: np.ndarray, log_variances: np.ndarray, chirp: ChirpSettings
    ) -> Self:
        """Learn from sessions of many people.

        Args:
            within: for each of `LENGTHS_S`, comparisons within sessions, (n, `FEATURES`) each.
            means: (session, `FEATURES`) dB, each about its own front.
            log_variances: (session, `FEATURES`) of the same sessions.
            chirp: of all.

        Raises:
            InputError: fewer sessions than features, so that B could not be known.
        """
        fewest = min(len(means), *(len(part.difference_db) for part in within))
        if fewest <= FEATURES:
            raise InputError(f"expected more than {FEATURES} comparisons and sessions, got {fewest}.")
        drawn = np.random.default_rng(PAIRS_SEED).integers(0, len(means), (PAIRS_DRAWN, 2))
        drawn = drawn[drawn[:, 0] != drawn[:, 1]]
        others = means[drawn[:, 1]] - means[drawn[:, 0]]
        levels, slopes = [], []
        w, b = np.zeros((FEATURES, FEATURES)), np.zeros((FEATURES, FEATURES))
        for part in within:
            level, slope = fit_variance(part)
            own = part.difference_db * np.exp(-(level + slope * part.log_variance) / 2)
            other = others * np.exp(-(level + slope * log_variances[drawn[:, 0]]) / 2)
            w += own.T @ own / len(own) / len(within)
            b += other.T @ other / len(other) / len(within)
            levels.append(level)
            slopes.append(slope)
        ridge = np.where(np.arange(FEATURES) % RANGES < HEAD_RANGES, HEAD_RIDGE, RIDGE)
        root = np.linalg.inv(np.linalg.cholesky(w + np.diag(ridge)))
        values, vectors = np.linalg.eigh(root @ (b + UNKNOWN * np.eye(FEATURES)) @ root.T)
        axes: np.ndarray = (root.T @ vectors)[:, ::-1]
        return cls(
            np.stack(levels).astype(np.float32),
            np.stack(slopes).astype(np.float32),
            axes.astype(np.float32),
            values[::-1].copy(),
            _identity(chirp),
        )

    @classmethod
    def load(cls, model: Model) -> Self:
        """Read what `save` wrote.

        Raises:
            ModelError: the file is something else.
        """
        try:
            with np.load(model.path, allow_pickle=False) as stored:
                level, slope, axes, between, chirp = (
                    stored[name] for name in ("level", "slope", "axes", "between", "chirp")
                )
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"{model.path} is no model of sessions: {error}.") from error
        if axes.ndim != 2 or axes.shape != (FEATURES, len(between)) or chirp.shape != (4,):
            raise ModelError(
                f"{model.path} has axes {axes.shape} and {len(between)} variances, expected {FEATURES} features."
            )
        if level.shape != (len(LENGTHS_S), FEATURES) or slope.shape != level.shape:
            raise ModelError(f"{model.path} has variances of {level.shape} for {len(LENGTHS_S)} lengths.")
        return cls(level, slope, axes, between, (float(chirp[0]), float(chirp[1]), int(chirp[2]), int(chirp[3])))

    def save(self, path: Path) -> None:
        """Write a file without pickles."""
        np.savez(
            path,
            level=self.level,
            slope=self.slope,
            axes=self.axes,
            between=self.between,
            chirp=np.array(self.chirp),
        )

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

    def llr(self, compared: Compared, length: int) -> float:
        """Log likelihood ratio, nats, of another person over the same one.

        Args:
            compared: (`FEATURES`,) each.
            length: index into `LENGTHS_S` of what was compared.
        """
        scale = np.exp(-(self.level[length] + self.slope[length] * compared.log_variance) / 2)
        squares = np.square((compared.difference_db * scale) @ self.axes, dtype=np.float64)
        return float((squares @ (self.between / (1 + self.between)) - np.log1p(self.between).sum()) / 2)


def fit_variance(compared: Compared) -> tuple[np.ndarray, np.ndarray]:
    """Level and slope (`FEATURES`,) of the log variance of differences: a regression with gamma errors for each."""
    squares = compared.difference_db**2 + LEAST_DB2
    middle = compared.log_variance.mean(axis=0)
    off = compared.log_variance - middle
    level, slope = np.log(squares.mean(axis=0)), np.zeros(FEATURES)
    spread = np.square(off).mean(axis=0) + 1e-9
    for _ in range(FIT_STEPS):
        excess = squares / np.exp(level + slope * off) - 1
        level = level + excess.mean(axis=0)
        slope = np.clip(slope + (excess * off).mean(axis=0) / spread, 0.0, 1.0)
    return level - slope * middle, slope


def _identity(chirp: ChirpSettings) -> tuple[float, float, int, int]:
    return chirp.start_frequency_hz, chirp.end_frequency_hz, chirp.samples_per_chirp, len(chirp.rx_antennas)
