"""An intermediate linear encoder-decoder (ILED) in closed form.

A linear encoder to ``rank`` numbers and a linear decoder that are trained to reproduce vectors with the least squared
error end in the span of the first principal components (P. Baldi and K. Hornik, "Neural networks and principal
component analysis: learning from examples without local minima", Neural Networks 1989). On features of a frozen
network the components can therefore be computed at once, in a second on a small computer and without a training
library. What they do not reproduce of a new vector tells how foreign it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceedge.errors import ConfigurationError, InputError


@dataclass(frozen=True, slots=True)
class LinearEncoderDecoder:
    """Reproduces vectors that resemble those that it was fitted to.

    Attributes:
        mean: (d,) float32.
        components: (rank, d) float32, rows of length 1 at right angles, the one of the largest variance first.
    """

    mean: np.ndarray
    components: np.ndarray

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
            _, vectors = np.linalg.eigh(centred.T @ centred)
            components = vectors[:, : -rank - 1 : -1].T
        else:
            values, vectors = np.linalg.eigh(centred @ centred.T)
            length = np.sqrt(np.maximum(values[: -rank - 1 : -1], np.finfo(np.float64).tiny))
            components = (vectors[:, : -rank - 1 : -1] / length).T @ centred
            # A direction without any variance has no unit vector of its own.
            components[values[: -rank - 1 : -1] <= 1e-12 * max(values[-1], 1e-300)] = 0
        return cls(mean.astype(np.float32), np.ascontiguousarray(components, np.float32))

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
