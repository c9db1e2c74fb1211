"""An intermediate linear encoder-decoder (ILED) in closed form.

A linear encoder to ``rank`` numbers and a linear decoder that are trained to reproduce vectors with the least squared
error end in the span of the first principal components (P. Baldi and K. Hornik, "Neural networks and principal
component analysis: learning from examples without local minima", Neural Networks 1989). On features of a frozen
network the components can therefore be computed at once, in a second on a small computer and without a training
library. What they do not reproduce of a new vector tells how foreign it is; and so does how unusual the numbers between
encoder and decoder are. Both together are its deviance, minus twice the log likelihood of a Gaussian but for a constant
(M. E. Tipping and C. M. Bishop, "Probabilistic principal component analysis", J. R. Stat. Soc. B 1999).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceedge.errors import ConfigurationError, InputError

SMALLEST_VARIANCE = 1e-12


@dataclass(frozen=True, slots=True)
class LinearEncoderDecoder:
    """Reproduces vectors that resemble those that it was fitted to.

    Attributes:
        mean: (d,) float32.
        components: (rank, d) float32, rows of length 1 at right angles, the one of the largest variance first.
        variances: (rank,) float64 of the numbers between encoder and decoder.
        rest: variance in each direction that is not reproduced.
    """

    mean: np.ndarray
    components: np.ndarray
    variances: np.ndarray
    rest: float

    @classmethod
    def fit(cls, x: np.ndarray, rank: int) -> LinearEncoderDecoder:
        """Fit by principal components.

        Args:
            x: (n, d) vectors, two or more.
            rank: numbers between encoder and decoder, 1 or more; fewer where n or d leave no room for so many.

        Raises:
            InputError: too few vectors, or some are not finite.
            ConfigurationError: a rank below 1.
        """
        if rank < 1:
            raise ConfigurationError(f"expected a rank of 1 or more, got {rank}")
        if x.ndim != 2 or len(x) < 2 or not np.isfinite(x).all():
            raise InputError(f"expected two or more finite vectors as rows, got an array of shape {x.shape}")
        mean = x.mean(axis=0, dtype=np.float64)
        centred = x - mean
        n, d = x.shape
        rank = min(rank, n - 1, d)
        # The smaller of the two Gram matrices has the same eigenvalues.
        if d <= n:
            values, vectors = np.linalg.eigh(centred.T @ centred)
            components = vectors[:, : -rank - 1 : -1].T
        else:
            values, vectors = np.linalg.eigh(centred @ centred.T)
            length = np.sqrt(np.maximum(values[: -rank - 1 : -1], np.finfo(np.float64).tiny))
            components = (vectors[:, : -rank - 1 : -1] / length).T @ centred
            # A direction without any variance has no unit vector of its own.
            components[values[: -rank - 1 : -1] <= 1e-12 * max(values[-1], 1e-300)] = 0
        variances = np.maximum(values[: -rank - 1 : -1] / n, SMALLEST_VARIANCE)
        left = (max(float(values.sum()), 0.0) / n - float(variances.sum())) / max(1, d - rank)
        rest = max(left, SMALLEST_VARIANCE)
        return cls(mean.astype(np.float32), np.ascontiguousarray(components, np.float32), variances, rest)

    def residual(self, x: np.ndarray) -> np.ndarray:
        """What is not reproduced of one vector (d,) or of several (n, d), float32.

        Raises:
            InputError: the vectors have another length.
        """
        if x.shape[-1] != len(self.mean):
            raise InputError(f"expected vectors of {len(self.mean)} numbers, got an array of shape {x.shape}")
        centred: np.ndarray = np.asarray(x, np.float32) - self.mean
        centred -= (centred @ self.components.T) @ self.components
        return centred

    def error(self, x: np.ndarray) -> np.ndarray:
        """Mean squared error over the d numbers: of one vector (d,) a scalar array, of several (n, d) an (n,) array."""
        residual = self.residual(x)
        return np.asarray(np.einsum("...d,...d->...", residual, residual) / residual.shape[-1])

    def deviance(self, x: np.ndarray) -> np.ndarray:
        """Squared distance from the mean in units of the variance in each direction; about d for a typical vector.

        Args:
            x: one vector (d,) or several (n, d); the result is a scalar array or an (n,) array, float64.

        Raises:
            InputError: the vectors have another length.
        """
        residual = self.residual(x)
        encoded = (np.asarray(x, np.float32) - self.mean) @ self.components.T
        inside = np.einsum("...r,r->...", encoded.astype(np.float64) ** 2, 1 / self.variances)
        return np.asarray(inside + np.einsum("...d,...d->...", residual, residual, dtype=np.float64) / self.rest)
