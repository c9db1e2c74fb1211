"""PolyProtect, its galleries, and what can be made of protected templates."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import template_people as people
from hypothesis import given
from hypothesis import strategies as st

from faceedge.errors import InputError
from faceedge.perception.templates.gallery import Gallery
from faceedge.perception.templates.inversion import Prior, invert
from faceedge.perception.templates.polyprotect import Key, draw_key, protect, protected_size, similarity
from faceedge.perception.templates.unlinkability import linkability

NUMBERS = [value for value in range(-100, 101) if value]
KEYS = st.builds(
    lambda c, e: Key(tuple(c), tuple(e)),
    st.lists(st.sampled_from(NUMBERS), min_size=7, max_size=7, unique=True),
    st.permutations(range(1, 8)),
)


def test_each_value_is_the_sum_of_seven_weighed_powers_and_neighbours_share_two() -> None:
    key = Key((1, 2, 3, 4, 5, 6, 7), (1, 2, 3, 4, 5, 6, 7))
    vector = np.full(16, 0.25)  # of length 1
    first = sum(c * 0.25**c for c in range(1, 8))
    last = sum(c * 0.25**c for c in range(1, 7))  # one place is filled up with zero
    assert protect(vector, key) == pytest.approx([first, first, last])


@pytest.mark.parametrize(("size", "expected"), [(512, 102), (128, 26), (64, 13), (7, 1), (8, 2)])
def test_templates_have_the_published_lengths(size: int, expected: int) -> None:
    assert protected_size(size) == expected
    assert protect(people.embedding(size=size), people.KEY).shape == (expected,)


@given(KEYS, st.integers(7, 140), st.integers(0, 99))
def test_protection_follows_its_definition(key: Key, size: int, seed: int) -> None:
    vector = people.embedding(seed, size)
    filled = [*vector, *[0.0] * 7]
    by_hand = [
        sum(c * filled[5 * j + i] ** e for i, (c, e) in enumerate(zip(key.coefficients, key.exponents, strict=True)))
        for j in range(protected_size(size))
    ]
    assert protect(vector, key) == pytest.approx(by_hand, rel=1e-5, abs=1e-6)
    assert protect(np.stack([vector, -vector]), key)[0] == pytest.approx(by_hand, rel=1e-5, abs=1e-6)


@given(KEYS)
def test_a_key_survives_its_bytes_and_is_never_shown(key: Key) -> None:
    assert Key.from_bytes(key.to_bytes()) == key
    assert repr(key) == "Key(not shown)"


@given(st.binary(max_size=20))
def test_bytes_are_a_key_that_gives_them_back_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(InputError):
        assert Key.from_bytes(data).to_bytes() == data


@pytest.mark.parametrize(
    ("coefficients", "exponents"),
    [
        ((1, 2, 3, 4, 5, 6, 6), range(1, 8)),
        ((0, 2, 3, 4, 5, 6, 7), range(1, 8)),
        ((101, 2, 3, 4, 5, 6, 7), range(1, 8)),
        ((1, 2, 3, 4, 5, 6), range(1, 8)),
        ((1, 2, 3, 4, 5, 6, 7), (1, 1, 2, 3, 4, 5, 6)),
        ((1, 2, 3, 4, 5, 6, 7), range(7)),
    ],
)
def test_a_key_has_distinct_coefficients_and_permuted_exponents(
    coefficients: Sequence[int], exponents: Sequence[int]
) -> None:
    with pytest.raises(InputError, match="a key's"):
        Key(tuple(coefficients), tuple(exponents))


def test_drawn_keys_differ_and_avoid_exponents_that_are_taken_while_there_are_others() -> None:
    assert len({draw_key() for _ in range(50)}) == 50
    every = set(itertools.permutations(range(1, 8)))
    free = {each for each in every if each[0] == 7}
    assert draw_key(every - free).exponents in free
    assert draw_key(every).exponents in every


@pytest.mark.parametrize(
    "vector", [np.zeros(128), np.full(128, 0.1), np.full(128, np.nan), np.zeros((2, 2, 9)), np.ones(1)]
)
def test_only_embeddings_of_length_one_are_protected(vector: np.ndarray) -> None:
    with pytest.raises(InputError, match="an embedding must be"):
        protect(vector, people.KEY)


def test_similarity_is_the_cosine_and_refuses_other_lengths() -> None:
    assert similarity(np.array([1.0, 0.0]), np.array([1.0, 1.0])) == pytest.approx(0.70710678)
    assert similarity(np.array([[2.0, 0.0], [0.0, -1.0]]), np.array([0.0, 3.0])) == pytest.approx([0.0, -1.0])
    assert similarity(np.zeros(3), np.ones(3)) == 0.0
    with pytest.raises(InputError, match="3 and 4 values"):
        similarity(np.zeros(3), np.zeros(4))


def test_a_gallery_gives_each_template_the_score_that_it_has_alone() -> None:
    vectors = [people.embedding(seed) for seed in range(20)]
    keys = [draw_key() for _ in vectors]
    rows = np.stack([protect(vector, key) for vector, key in zip(vectors, keys, strict=True)])
    probe = vectors[3] + 0.3 * people.embedding(99)
    probe /= np.linalg.norm(probe)
    alone = [float(similarity(protect(probe, key), row)) for key, row in zip(keys, rows, strict=True)]
    assert Gallery(rows, keys).scores(probe) == pytest.approx(alone, abs=1e-5)
    assert int(np.argmax(alone)) == 3
    with pytest.raises(InputError, match="20 keys need as many"):
        Gallery(rows[:5], keys)
    with pytest.raises(InputError, match="26 values"):
        Gallery(rows, keys).scores(people.embedding(size=64))


def test_scores_that_never_overlap_link_entirely_and_equal_ones_not_at_all() -> None:
    scores = np.random.default_rng(0).normal(size=1000)
    assert linkability(scores + 100, scores).system == 1.0
    assert linkability(scores, scores).system == 0.0
    assert linkability(np.ones(50), np.ones(50)).system == 0.0


def test_linkability_of_two_shifted_uniforms_is_their_part_that_does_not_overlap() -> None:
    even = np.linspace(0, 1, 10000, endpoint=False)
    assert linkability(even + 0.25, even).system == pytest.approx(0.25, abs=0.01)


def test_chance_says_what_the_estimate_gives_where_there_is_nothing_to_tell() -> None:
    rng = np.random.default_rng(1)
    found = linkability(rng.normal(size=200), rng.normal(size=200))
    assert 0.02 < found.chance < 0.3
    assert found.system < 2 * found.chance


def test_embeddings_with_fewer_free_directions_than_a_template_has_values_are_found_by_whoever_has_the_key() -> None:
    rng = np.random.default_rng(2)
    basis = np.linalg.qr(rng.standard_normal((128, 128)))[0][:12]
    known = rng.standard_normal((400, 12)) @ basis
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    found = invert([protect(known[0], people.KEY)], [people.KEY], Prior.of(known[1:]), 4, rng)
    assert found.embedding @ known[0] > 0.95


def test_one_template_of_a_full_embedding_does_not_give_it_back_and_many_copies_do() -> None:
    rng = np.random.default_rng(3)
    truth, prior = people.embedding(5), Prior.ignorant(128)
    keys = [
        Key(tuple(rng.choice(NUMBERS, 7, replace=False).tolist()), tuple((rng.permutation(7) + 1).tolist()))
        for _ in range(12)
    ]
    copies = [protect(truth, key) for key in keys]
    assert invert(copies[:1], keys[:1], prior, 3, rng).embedding @ truth < 0.7
    assert invert(copies, keys, prior, 3, rng).embedding @ truth > 0.75
