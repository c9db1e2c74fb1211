from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceedge.perception.verification import Spread, aupr, auroc, equal_error_rate, fnmr_at_fmr, fpr_at_tpr

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


def test_precision_over_recall_is_one_for_perfect_scores_and_one_half_for_equal_ones() -> None:
    assert aupr(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 1.0
    assert aupr(np.ones(7), np.ones(70)) == pytest.approx(0.5)


def test_precision_does_not_depend_on_how_many_impostors_there_are() -> None:
    genuine, impostor = np.array([1.0, 3.0, 5.0]), np.array([0.0, 2.0, 4.0])
    once = aupr(genuine, impostor)  # after 5, 3, 1: precision 1, 2/3, 3/5
    assert once == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)
    assert aupr(genuine, np.tile(impostor, 9)) == pytest.approx(once)


def test_the_equal_error_rate_is_where_both_errors_meet() -> None:
    assert equal_error_rate(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 0.0
    assert equal_error_rate(np.array([1.0, 3.0, 4.0, 5.0]), np.array([0.0, 0.5, 2.0, 2.5])) == 0.25
    assert equal_error_rate(np.array([0.0, 1.0]), np.array([2.0, 3.0])) == 1.0


def test_fnmr_at_one_percent_fmr_rejects_what_is_no_better_than_the_second_best_of_a_hundred_impostors() -> None:
    impostor = np.arange(100.0)  # 99 may pass, 98 may not
    assert fnmr_at_fmr(np.array([97.0, 98.0, 98.5, 100.0]), impostor) == 0.5


def test_with_few_impostors_none_may_pass() -> None:
    assert fnmr_at_fmr(np.array([1.0, 2.0, 3.0]), np.array([2.0, 0.0])) == pytest.approx(2 / 3)


@given(SCORES, SCORES)
def test_rates_stay_between_none_and_all(genuine: np.ndarray, impostor: np.ndarray) -> None:
    for measure in (aupr, equal_error_rate, fnmr_at_fmr):
        assert 0 <= measure(genuine, impostor) <= 1
