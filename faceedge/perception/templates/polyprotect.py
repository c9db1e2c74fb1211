"""PolyProtect: an embedding becomes sums of a few of its own powers, weighed by numbers drawn for one person.

V. Krivokuća Hahn and S. Marcel, "Towards Protecting Face Embeddings in Mobile Face Verification Scenarios", IEEE
Transactions on Biometrics, Behavior, and Identity Science 2022 (arXiv:2110.00434):

    p_j = sum over i of  c_i * v_(j (m - o) + i) ^ e_i      i = 0 .. m - 1

``v`` is the embedding, filled up with zeros; ``m`` values make one, and the next begins ``m - o`` further on. The
exponents ``e`` are a permutation of 1 .. m, the coefficients ``c`` distinct integers other than 0. With m = 7 no
formula finds v from p, and with o = 2 there are fewer equations than unknowns. docs/templates.md tells what that is
worth and what it is not.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from faceedge.errors import InputError

TERMS = 7
"""Called m: from 5 on a polynomial has no closed form for its roots."""
OVERLAP = 2
"""Called o: values that two neighbouring sums share. More is more accurate, and invertible from 5 on."""
LARGEST_COEFFICIENT = 100
LENGTH_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Key:
    """What makes one person's template differ from that of the same face under another key.

    About 65 bits are drawn for it. It is stored apart from the template all the same: who has both can try to invert.

    Attributes:
        coefficients: (m,) distinct integers from -100 to 100, none of them 0.
        exponents: (m,) a permutation of 1 to m.

    Raises:
        InputError: it is not of that form.
    """

    coefficients: tuple[int, ...]
    exponents: tuple[int, ...]

    def __post_init__(self) -> None:
        if sorted(self.exponents) != list(range(1, TERMS + 1)):
            raise InputError(f"a key's exponents must be 1 to {TERMS} in some order, got {list(self.exponents)}.")
        distinct = len(set(self.coefficients)) == len(self.coefficients) == TERMS
        if not distinct or not all(0 < abs(value) <= LARGEST_COEFFICIENT for value in self.coefficients):
            raise InputError(
                f"a key's coefficients must be {TERMS} different integers from -{LARGEST_COEFFICIENT} to "
                f"{LARGEST_COEFFICIENT} other than 0, got {list(self.coefficients)}."
            )

    def __repr__(self) -> str:
        return "Key(not shown)"  # a log or a traceback is no place for it

    def to_bytes(self) -> bytes:
        """(2 m,) bytes: coefficients as signed bytes, then exponents."""
        return np.array([*self.coefficients, *self.exponents], np.int8).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Key:
        """The key of `to_bytes`; InputError if the bytes are none."""
        if len(data) != 2 * TERMS:
            raise InputError(f"a key has {2 * TERMS} bytes, got {len(data)}.")
        values = np.frombuffer(data, np.int8).tolist()
        return cls(tuple(values[:TERMS]), tuple(values[TERMS:]))


def draw_key(taken: Collection[tuple[int, ...]] = ()) -> Key:
    """A key from the operating system's random numbers.

    Args:
        taken: exponents of other people; theirs are avoided as long as there are others (m! = 5040 in all), so that
            templates under different keys resemble each other less.
    """
    source = secrets.SystemRandom()
    choices = [value for value in range(-LARGEST_COEFFICIENT, LARGEST_COEFFICIENT + 1) if value]
    coefficients = tuple(source.sample(choices, TERMS))
    exponents = _shuffled(source)
    tries = 0
    while exponents in taken and tries < 1000:
        exponents, tries = _shuffled(source), tries + 1
    return Key(coefficients, exponents)


def protected_size(size: int) -> int:
    """Length of the protected template of an embedding with ``size`` values: 102 of 512."""
    return max(1, -(-(size - OVERLAP) // (TERMS - OVERLAP)))


def windows(embedding: np.ndarray) -> np.ndarray:
    """The values that make each sum.

    Args:
        embedding: (d,) or (n, d) of any real type.

    Returns:
        (k, m) or (n, k, m) float64.
    """
    values = np.asarray(embedding, np.float64)
    count, step = protected_size(values.shape[-1]), TERMS - OVERLAP
    filled = np.zeros((*values.shape[:-1], (count - 1) * step + TERMS))
    filled[..., : values.shape[-1]] = values
    return np.lib.stride_tricks.sliding_window_view(filled, TERMS, axis=-1)[..., ::step, :]


def protect(embedding: np.ndarray, key: Key) -> np.ndarray:
    """The protected template of one embedding, or of several under the same key.

    Args:
        embedding: (d,) or (n, d), each of length 1.

    Returns:
        (k,) or (n, k) float32 with k = `protected_size(d)`.

    Raises:
        InputError: not finite, or not of length 1.
    """
    values = np.asarray(embedding, np.float64)
    if values.ndim not in (1, 2) or values.shape[-1] < TERMS:
        raise InputError(f"an embedding must be a vector of at least {TERMS} values, got the shape {values.shape}.")
    lengths = np.linalg.norm(values, axis=-1)
    if not np.all(np.abs(lengths - 1) < LENGTH_TOLERANCE):  # NaN is within no tolerance
        raise InputError("an embedding must be finite and of length 1; divide it by its length first.")
    powers = windows(values) ** np.array(key.exponents)
    protected: np.ndarray = (powers @ np.array(key.coefficients, np.float64)).astype(np.float32)
    return protected


def similarity(protected: np.ndarray, template: np.ndarray) -> np.ndarray | float:
    """Cosine of protected templates under the same key, -1 to 1; larger is more alike.

    Args:
        protected: (k,) or (n, k), of the probe.
        template: (k,) of the enrolled person, or (n, k) of the same people.

    Returns:
        One number for two vectors, else (n,) float64.

    Raises:
        InputError: they have different lengths.
    """
    a, b = np.asarray(protected, np.float64), np.asarray(template, np.float64)
    if a.shape[-1] != b.shape[-1]:
        raise InputError(
            f"protected templates of {a.shape[-1]} and {b.shape[-1]} values cannot be compared; enrol again with the "
            "embedder in use."
        )
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    cosine = np.sum(a * b, axis=-1) / np.maximum(lengths, np.finfo(np.float64).tiny)
    return float(cosine) if cosine.ndim == 0 else np.asarray(cosine)


def _shuffled(source: secrets.SystemRandom) -> tuple[int, ...]:
    return tuple(source.sample(range(1, TERMS + 1), TERMS))
