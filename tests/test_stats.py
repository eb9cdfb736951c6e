"""Intervals against direct definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from relubench import stats


def tail(k, n, p, upper):
    terms = range(k, n + 1) if upper else range(k + 1)
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in terms)


@given(st.integers(1, 60), st.data())
def test_a_shares_ends_leave_two_and_a_half_percent_beyond_each(n, data):
    k = data.draw(st.integers(0, n))
    low, high = (float(end[0]) for end in stats.share_interval(np.array([k]), np.array([n])))
    assert low == 0 if k == 0 else tail(k, n, low, upper=True) == pytest.approx(0.025, rel=1e-6)
    assert high == 1 if k == n else tail(k, n, high, upper=False) == pytest.approx(0.025, rel=1e-6)


def test_none_of_64_is_not_none():
    assert stats.share_interval(np.array([0]), np.array([64]))[1][0] == pytest.approx(0.056, abs=5e-4)


def test_a_share_of_no_runs_has_no_interval():
    assert np.isnan(stats.share_interval(np.array([0]), np.array([0]))).all()


def test_a_mean_has_the_interval_of_scipys_bca_bootstrap_whatever_table_it_stands_in():
    draw = np.random.default_rng(3)
    samples = [draw.gamma(2.0, size=size) for size in (12, 7, 12, 30)]
    low, high = stats.mean_interval(samples)
    for place, sample in enumerate(samples):
        alone = stats.mean_interval([sample])
        assert (low[place], high[place]) == pytest.approx((alone[0][0], alone[1][0]), rel=1e-12)
        theirs = scipy_stats.bootstrap(
            (sample,), np.mean, n_resamples=2_000, method="BCa", rng=np.random.default_rng(0), vectorized=True
        ).confidence_interval
        assert (low[place], high[place]) == pytest.approx((theirs.low, theirs.high), rel=1e-12)


def test_ninety_five_percent_of_the_intervals_hold_the_mean():
    draw = np.random.default_rng(0)
    low, high = stats.mean_interval(list(draw.normal(1.0, 1.0, (1_000, 100))))
    assert 0.92 < np.mean((low <= 1.0) & (high >= 1.0)) < 0.97


@pytest.mark.parametrize("size", [0, 1, 4])
def test_fewer_than_five_runs_have_no_interval(size):
    low, high = stats.mean_interval([np.arange(float(size))])
    assert np.isnan([low[0], high[0]]).all()


def test_equal_values_have_the_interval_of_a_share_of_none():
    low, high = stats.mean_interval([np.zeros(64), np.ones(64), np.full(64, 0.25)], bounds=(0.0, 1.0))
    p = 1 - 0.025 ** (1 / 64)
    np.testing.assert_allclose(low, [0, 1 - p, 0.25 - 0.25 * p])
    np.testing.assert_allclose(high, [p, 1, 0.25 + 0.75 * p])
