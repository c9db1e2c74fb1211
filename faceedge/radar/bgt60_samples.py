"""Samples of the BGT60TR13C: 12 bits each, two in a FIFO word of three bytes, receivers interleaved."""

from __future__ import annotations

import itertools

import numpy as np

from faceedge.errors import InputError

WORD_BYTES = 3
SAMPLES_PER_WORD = 2
LFSR_PERIOD = 4095


def unpack(data: bytes | memoryview, out: np.ndarray | None = None) -> np.ndarray:
    """FIFO words as samples: bits 23 to 12 of a word are the earlier one (datasheet, FIFO).

    Args:
        data: words of 3 bytes, most significant first.
        out: (2 * words,) uint16 to write into; a new array without it.

    Returns:
        (2 * words,) uint16, 0 to 4095.

    Raises:
        InputError: not a whole number of words.
    """
    if len(data) % WORD_BYTES:
        raise InputError(f"FIFO data: expected a multiple of {WORD_BYTES} bytes, {len(data)} came; dropped.")
    octets = np.frombuffer(data, np.uint8).reshape(-1, WORD_BYTES)
    if out is None:
        out = np.empty(len(octets) * SAMPLES_PER_WORD, np.uint16)
    first, second = out[0::2], out[1::2]
    np.left_shift(octets[:, 0], 4, out=first, dtype=np.uint16)
    first |= octets[:, 1] >> 4
    np.left_shift(octets[:, 1] & 0x0F, 8, out=second, dtype=np.uint16)
    second |= octets[:, 2]
    return out


def pack(samples: np.ndarray) -> bytes:
    """Samples as FIFO words, the inverse of `unpack`; of an odd number, the last word is filled up with 0xFFF.

    Args:
        samples: integers, 0 to 4095, in FIFO order.
    """
    flat = np.asarray(samples, np.uint16).ravel()
    if len(flat) % SAMPLES_PER_WORD:
        flat = np.append(flat, np.uint16(0xFFF))
    octets = np.empty((len(flat) // SAMPLES_PER_WORD, WORD_BYTES), np.uint8)
    first, second = flat[0::2], flat[1::2]
    octets[:, 0] = first >> 4
    octets[:, 1] = (first & 0x0F) << 4 | second >> 8
    octets[:, 2] = second & 0xFF
    return octets.tobytes()


def deinterleave(samples: np.ndarray, receivers: int, chirps: int, samples_per_chirp: int) -> np.ndarray:
    """The samples of one frame in FIFO order (chirp, sample, rx) as a cube of its own.

    Args:
        samples: (chirps * samples_per_chirp * receivers,) uint16.

    Returns:
        (receivers, chirps, samples_per_chirp) uint16, contiguous.

    Raises:
        InputError: another number of samples.
    """
    expected = receivers * chirps * samples_per_chirp
    if samples.size != expected:
        raise InputError(f"frame: expected {expected} samples, {samples.size} came; dropped.")
    return samples.reshape(chirps, samples_per_chirp, receivers).transpose(2, 0, 1).copy()  # C order; never a view


def interleave(cube: np.ndarray) -> np.ndarray:
    """A cube (rx, chirp, sample) in FIFO order: (rx * chirp * sample,), the inverse of `deinterleave`."""
    return np.ascontiguousarray(cube.transpose(1, 2, 0)).ravel()


def next_lfsr_word(word: int) -> int:
    """The test word that ADC channel 1 gives after ``word`` (datasheet, FIFO test mode)."""
    return word >> 1 | (word << 11 ^ word << 10 ^ word << 9 ^ word << 3) & 0x800


def lfsr_words(count: int) -> np.ndarray:
    """The first ``count`` samples of ADC channel 1 after a FIFO reset with SFCTL.LFSR_EN: (count,) uint16."""
    steps = range(min(count, LFSR_PERIOD) - 1)
    words = itertools.accumulate(steps, lambda word, _: next_lfsr_word(word), initial=1)
    return np.resize(np.fromiter(words, np.uint16), count)
