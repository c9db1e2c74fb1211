"""One probe against the templates of many people, each protected with its own key.

Each sum of `polyprotect` is linear in the key once the powers of the embedding are known: 7 powers at 7 places of each
window. All keys are therefore one matrix with 7 entries in a row, and protecting a probe with all of them is a product.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faceedge.errors import InputError
from faceedge.perception.templates.polyprotect import TERMS, Key, protected_size, windows


class Gallery:
    """Templates to compare with.

    Args:
        templates: (n, k) protected templates of embeddings of one length.
        keys: n, of the templates.

    Raises:
        InputError: as many templates as keys were expected.
    """

    def __init__(self, templates: np.ndarray, keys: Sequence[Key]) -> None:
        rows = np.asarray(templates, np.float32)
        if rows.ndim != 2 or len(rows) != len(keys) or not len(keys):
            raise InputError(f"{len(keys)} keys need as many templates, templates of the shape {rows.shape} came.")
        lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
        self._templates = (rows / np.maximum(lengths, np.finfo(np.float64).tiny)).astype(np.float32)
        self._keys = np.zeros((len(keys), TERMS * TERMS), np.float32)
        exponents = np.array([key.exponents for key in keys])
        places = (exponents - 1) * TERMS + np.arange(TERMS)
        np.put_along_axis(self._keys, places, np.array([key.coefficients for key in keys], np.float32), axis=1)
        self._protected = np.empty_like(self._templates)

    def scores(self, embedding: np.ndarray) -> np.ndarray:
        """(n,) float32: `similarity` to each template, the probe protected with that template's key.

        Args:
            embedding: (d,) of length 1.

        Raises:
            InputError: the embedding has another length than the enrolled ones had.
        """
        if embedding.ndim != 1 or protected_size(len(embedding)) != self._templates.shape[1]:
            raise InputError(
                f"templates of {self._templates.shape[1]} values cannot be compared with an embedding of the shape "
                f"{embedding.shape}."
            )
        values = windows(embedding)
        powers = values[None] ** np.arange(1, TERMS + 1)[:, None, None]  # (exponent, window, place)
        np.matmul(self._keys, powers.transpose(0, 2, 1).reshape(TERMS * TERMS, -1).astype(np.float32), self._protected)
        lengths = np.sqrt(np.einsum("ij,ij->i", self._protected, self._protected))
        products = np.einsum("ij,ij->i", self._protected, self._templates)
        return np.asarray(products / np.maximum(lengths, np.finfo(np.float32).tiny))
