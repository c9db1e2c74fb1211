from __future__ import annotations

import math

import numpy as np
import pytest

from faceedge.errors import ConfigurationError, InputError
from faceedge.perception.authentication.sequential import Cusum, TailFit, excursions, fit_tail, most_per_hour


def test_the_sum_starts_over_below_nothing_and_tells_when_it_is_enough() -> None:
    cusum = Cusum(3.0)
    assert [cusum.push(x) for x in (-5.0, 1.0, 1.5, -0.5, 1.0)] == [False, False, False, False, True]
    assert cusum.sum == 3.0
    cusum.reset()
    assert cusum.sum == 0.0


def test_evidence_that_is_no_number_is_enough() -> None:
    assert Cusum(1e6).push(math.nan)


@pytest.mark.parametrize("threshold", [0.0, -1.0, math.nan])
def test_a_threshold_that_is_not_positive_is_refused(threshold: float) -> None:
    with pytest.raises(ConfigurationError, match="expected a positive number"):
        Cusum(threshold)


def test_excursions_are_the_heights_between_returns_to_nothing() -> None:
    assert excursions([1, 2, -1, -3, -1, 5, -5, 0.5]).tolist() == [3, 5, 0.5]
    assert excursions([-1.0, -2.0]).tolist() == []


def test_gaussian_evidence_has_at_least_as_long_between_alarms_as_theory_says() -> None:
    # Log likelihood ratio of a mean of 1 over one of 0, under 0: at least exp(h) increments between alarms.
    increments = np.random.default_rng(0).standard_normal(200_000) - 0.5
    alarms = int((excursions(increments) >= 4.0).sum())
    assert 0 < alarms <= 200_000 / math.exp(4.0)


def test_exponential_heights_are_fitted_and_extrapolated() -> None:
    heights = np.random.default_rng(0).exponential(2.0, 5000)
    fit = fit_tail(heights, hours=10.0)
    assert fit.count == 500
    assert fit.scale == pytest.approx(2.0, rel=0.1)
    assert fit.per_hour(12.0) == pytest.approx(500 * math.exp(-6.0), rel=0.5)
    assert fit.per_hour(fit.threshold(1.0)) == pytest.approx(1.0)


def test_a_tail_is_literal() -> None:
    assert TailFit(start=2.0, scale=3.0, count=10, hours=2.0).per_hour(2.0) == 5.0


def test_too_few_excursions_are_refused() -> None:
    with pytest.raises(InputError, match="expected more than 10 excursions in some time, got 10 in 1 h"):
        fit_tail(np.arange(10.0), 1.0)


@pytest.mark.parametrize(("alarms", "bound"), [(0, 2.996), (1, 4.744), (4, 9.154)])
def test_the_upper_limit_of_a_rate_is_the_exact_one(alarms: int, bound: float) -> None:
    assert most_per_hour(alarms, 1.0) == pytest.approx(bound, abs=1e-3)
    assert most_per_hour(alarms, 2.0) == pytest.approx(bound / 2, abs=1e-3)
