from __future__ import annotations

import math

import numpy as np
import pytest

from faceedge.errors import InputError
from faceedge.perception.authentication.sequential import TailFit, fit_tail, most_per_hour


def test_exponential_heights_are_fitted_and_extrapolated() -> None:
    heights = np.random.default_rng(0).exponential(2.0, 5000)
    fit = fit_tail(heights, hours=10.0)
    assert fit.count == 500
    assert fit.scale == pytest.approx(2.0, rel=0.1)
    assert fit.per_hour(12.0) == pytest.approx(500 * math.exp(-6.0), rel=0.5)
    assert fit.per_hour(fit.threshold(1.0)) == pytest.approx(1.0)


def test_a_tail_is_literal() -> None:
    assert TailFit(start=2.0, scale=3.0, count=10, hours=2.0).per_hour(2.0) == 5.0


def test_too_few_maxima_are_refused() -> None:
    with pytest.raises(InputError, match="expected more than 10 maxima in some time, got 10 in 1 h"):
        fit_tail(np.arange(10.0), 1.0)


@pytest.mark.parametrize(("alarms", "bound"), [(0, 2.996), (1, 4.744), (4, 9.154)])
def test_the_upper_limit_of_a_rate_is_the_exact_one(alarms: int, bound: float) -> None:
    assert most_per_hour(alarms, 1.0) == pytest.approx(bound, abs=1e-3)
    assert most_per_hour(alarms, 2.0) == pytest.approx(bound / 2, abs=1e-3)
