"""Figures of a classifier: intervals, confusion, calibration, abstention."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceedge.perception.metrics import Interval, calibration_error, classification


def test_the_wilson_interval_of_eight_in_ten_is_the_textbook_one() -> None:
    interval = Interval.of(8, 10)
    assert (interval.low, interval.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_share_and_stays_within_zero_and_one(case: tuple[int, int]) -> None:
    interval = Interval.of(*case)
    assert -1e-12 <= interval.low <= interval.value + 1e-12
    assert interval.value - 1e-12 <= interval.high <= 1 + 1e-12


def test_confusion_recall_and_f1_of_a_small_case_are_the_hand_computed_ones() -> None:
    labels = np.array([0, 0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6], [0.6, 0.4]])
    figures = classification(probabilities, labels, ("a", "b"), threshold=0.65)
    assert figures.confusion.tolist() == [[2, 1], [1, 1]]
    assert figures.accuracy.value == pytest.approx(3 / 5)
    assert figures.majority == pytest.approx(3 / 5)
    assert figures.recall.tolist() == pytest.approx([2 / 3, 1 / 2])
    assert figures.macro_f1 == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert (figures.coverage.value, figures.selective_accuracy.value) == pytest.approx((3 / 5, 2 / 3))


def test_a_class_without_examples_has_no_recall_and_does_not_count_in_macro_f1() -> None:
    figures = classification(np.array([[0.9, 0.1, 0.0]]), np.array([0]), ("a", "b", "c"))
    assert np.isnan(figures.recall[1])
    assert figures.macro_f1 == 1.0
    assert json.loads(json.dumps(figures.as_dict()))["recall"]["b"] is None


def test_calibration_error_is_zero_for_honest_and_large_for_boastful_confidence() -> None:
    correct = np.array([True, True, True, False])
    assert calibration_error(np.full(4, 0.75), correct) == pytest.approx(0.0)
    assert calibration_error(np.full(4, 1.0), correct) == pytest.approx(0.25)
