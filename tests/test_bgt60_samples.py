"""FIFO words to samples and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceedge.errors import InputError
from faceedge.radar.bgt60_samples import LFSR_PERIOD, deinterleave, interleave, lfsr_words, next_lfsr_word, pack, unpack

pytestmark = pytest.mark.arrays


def test_two_samples_share_three_bytes() -> None:
    assert unpack(bytes.fromhex("ABCDEF")).tolist() == [0xABC, 0xDEF]
    assert pack(np.array([0xABC, 0xDEF], np.uint16)).hex() == "abcdef"


def test_the_first_test_words_are_those_of_the_datasheet() -> None:
    first = "001 800 400 200 100 880 440 220 110 888 444 A22 D11 688 344 1A2"
    assert [f"{word:03X}" for word in lfsr_words(16)] == first.split()
    assert pack(lfsr_words(12)).hex(" ", 3).upper() == "001800 400200 100880 440220 110888 444A22"


def test_test_words_repeat_after_their_period_and_never_before() -> None:
    words = lfsr_words(2 * LFSR_PERIOD + 5)
    assert len(np.unique(words[:LFSR_PERIOD])) == LFSR_PERIOD
    np.testing.assert_array_equal(words[LFSR_PERIOD:], words[: LFSR_PERIOD + 5])
    assert next_lfsr_word(int(words[LFSR_PERIOD - 1])) == 0x001


@given(st.binary(max_size=300).filter(lambda data: len(data) % 3 == 0))
def test_unpacking_agrees_with_the_datasheets_words_and_packing_undoes_it(data: bytes) -> None:
    samples = unpack(data)
    words = [int.from_bytes(data[at : at + 3], "big") for at in range(0, len(data), 3)]
    assert samples.tolist() == [sample for word in words for sample in (word >> 12, word & 0xFFF)]
    assert pack(samples) == data
    out = np.zeros(len(samples), np.uint16)
    assert unpack(memoryview(data), out) is out
    np.testing.assert_array_equal(out, samples)


@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 7))
def test_deinterleaving_puts_each_sample_where_the_adc_took_it(rx: int, chirps: int, samples: int) -> None:
    flat = np.arange(rx * chirps * samples, dtype=np.uint16)
    cube = deinterleave(flat, rx, chirps, samples)
    assert cube.shape == (rx, chirps, samples)
    assert cube.flags.c_contiguous
    for receiver in range(rx):
        assert cube[receiver, chirps - 1, samples - 1] == ((chirps - 1) * samples + samples - 1) * rx + receiver
    np.testing.assert_array_equal(interleave(cube), flat)
    assert not np.shares_memory(cube, flat)


def test_an_odd_last_sample_is_filled_up() -> None:
    assert pack(np.array([1, 2, 3], np.uint16)).hex() == "001002003fff"


def test_wrong_lengths_are_refused_with_both_numbers() -> None:
    with pytest.raises(InputError, match="multiple of 3 bytes, 4 came"):
        unpack(b"1234")
    with pytest.raises(InputError, match="expected 24 samples, 23 came"):
        deinterleave(np.zeros(23, np.uint16), 3, 2, 4)
