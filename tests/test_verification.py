from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceedge.perception.verification import Spread, auroc, fpr_at_tpr

SCORES = st.lists(st.integers(-5, 5), min_size=1, max_size=30).map(lambda values: np.array(values, float))


def test_scores_that_never_overlap_give_one_and_scores_the_wrong_way_round_give_none() -> None:
    assert auroc(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 1.0
    assert auroc(np.array([1.0, 2.0]), np.array([3.0, 4.0])) == 0.0


def test_equal_scores_are_worth_a_coin() -> None:
    assert auroc(np.ones(7), np.ones(3)) == 0.5


@given(SCORES, SCORES)
def test_the_area_is_the_share_of_pairs_in_order(genuine: np.ndarray, impostor: np.ndarray) -> None:
    pairs = np.sign(genuine[:, None] - impostor[None, :])
    assert auroc(genuine, impostor) == pytest.approx(np.mean((pairs + 1) / 2))


def test_fpr95_counts_impostors_above_the_threshold_that_accepts_95_percent() -> None:
    genuine = np.arange(100.0)  # the threshold is 5: 95 of 100 are at or above it
    assert fpr_at_tpr(genuine, np.array([4.0, 5.0, 6.0, -1.0])) == 0.5


def test_the_interval_over_people_holds_the_mean_and_shrinks_to_it_when_all_are_alike() -> None:
    spread = Spread.of([0.5, 0.6, 0.7, 0.9])
    assert spread.mean == pytest.approx(0.675)
    assert spread.low < 0.675 < spread.high
    assert spread.people == 4
    alike = Spread.of([0.8] * 5)
    assert (alike.low, alike.high) == pytest.approx((0.8, 0.8))
