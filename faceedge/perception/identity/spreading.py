"""Spreads the few numbers of a radar's embedding evenly over many, as protection by PolyProtect needs it.

A protected template holds about every fifth value of an embedding, because the others are raised to powers in which
they vanish (docs/templates.md). Embeddings of photographs have 512 values and can spare four of five; those of a radar
have fewer, the first of which say most. An isometry that everybody knows makes them 512: angles between embeddings stay
what they are, and a hundred of the new values say nearly what all of the old ones said. It hides nothing.
"""

from __future__ import annotations

import functools
import hashlib

import numpy as np

from faceedge.errors import InputError

SIZE = 512
"""Values of the embeddings for which PolyProtect was published (V. Krivokuća Hahn and S. Marcel, 2022)."""
_NAME = b"faceedge spread"


def spread(embedding: np.ndarray) -> np.ndarray:
    """(..., `SIZE`) float32 of the same length and with the same angles.

    Args:
        embedding: (..., d), d of `SIZE` at most.

    Raises:
        InputError: it has more values than `SIZE`.
    """
    if embedding.shape[-1] > SIZE:
        raise InputError(f"an embedding of at most {SIZE} values can be spread, one of {embedding.shape[-1]} came.")
    return np.asarray(embedding @ isometry(embedding.shape[-1]), np.float32)


@functools.cache
def isometry(size: int) -> np.ndarray:
    """(size, `SIZE`) float64 with orthonormal rows: random signs from SHAKE-128, made orthogonal.

    The signs come from a hash and not from a library's generator: templates must stay comparable under every version.
    """
    stream = hashlib.shake_128(_NAME + size.to_bytes(2, "big")).digest(size * SIZE // 8)
    signs = 2.0 * np.unpackbits(np.frombuffer(stream, np.uint8)).reshape(size, SIZE) - 1
    columns, triangle = np.linalg.qr(signs.T)
    # The decomposition leaves the direction of each column open.
    return np.ascontiguousarray((columns * np.sign(np.diag(triangle))).T)
