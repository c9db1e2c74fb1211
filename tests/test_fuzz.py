"""A short round of the fuzz target; `python tests/fuzz.py --seconds 600` is the long one."""

from __future__ import annotations

import fuzz
import pytest


@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_the_good_input_of_each_target_reaches_its_reader(target: str) -> None:
    read, good = fuzz.TARGETS[target]
    if target != "model head":
        assert read(good) is not None
    fuzz.one_input(target, good)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_mutated_input_ends_in_success_or_in_a_sentence(seed: int) -> None:
    assert fuzz.run(80, seed) == 80
