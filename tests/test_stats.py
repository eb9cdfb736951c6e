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


@pytest.mark.parametrize("size", [999, 1_000])
def test_many_runs_have_students_interval_and_the_bootstraps_is_the_same_to_two_digits(size):
    values = np.random.default_rng(1).gamma(4.0, size=size)
    low, high = stats.mean_interval([values])
    theirs = scipy_stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    tolerance = 1e-12 if size >= 1_000 else 0.01
    assert (low[0], high[0]) == pytest.approx((theirs.low, theirs.high), rel=tolerance)


@given(st.integers(1, 60), st.floats(0.01, 0.99), st.data())
def test_a_shares_p_value_is_below_five_percent_where_the_interval_leaves_the_bound_out(n, bound, data):
    k = data.draw(st.integers(0, n))
    low, high = (float(end[0]) for end in stats.share_interval(np.array([k]), np.array([n])))
    if min(abs(bound - low), abs(bound - high)) > 1e-9:
        assert (stats.share_p(k, n, bound) < 0.05) == (not low <= bound <= high)


@pytest.mark.parametrize("values", [np.zeros(64), np.ones(10), np.full(30, 0.25), np.linspace(0, 1, 1_200) ** 2])
def test_a_means_p_value_is_five_percent_at_the_ends_of_its_interval(values):
    low, high = (float(end[0]) for end in stats.mean_interval([values], bounds=(0.0, 1.0)))
    for end in {low, high} - {0.0, 1.0}:
        assert stats.mean_p(values, end, bounds=(0.0, 1.0)) == pytest.approx(0.05)
    assert stats.mean_p(values, float(values.mean()), bounds=(0.0, 1.0)) == pytest.approx(1.0)


@pytest.mark.parametrize("size", [8, 40, 300])
def test_a_bootstrapped_means_p_value_inverts_its_interval(size, monkeypatch):
    monkeypatch.setattr(stats, "RESAMPLES", stats.P_RESAMPLES)  # both from the same draws
    values = np.random.default_rng(size).gamma(1.0, size=size)
    low, high = (float(end[0]) for end in stats.mean_interval([values]))
    assert [stats.mean_p(values, end) for end in (low, high)] == pytest.approx([0.05, 0.05], abs=2e-3)
    assert stats.mean_p(values, low - 0.01) < 0.05 < stats.mean_p(values, low + 0.01)


def test_a_bootstrapped_means_p_value_is_near_students_for_normal_values():
    values = np.random.default_rng(0).normal(0.0, 1.0, 200)
    for bound in (-0.2, 0.0, 0.1):
        assert stats.mean_p(values, bound) == pytest.approx(scipy_stats.ttest_1samp(values, bound).pvalue, abs=0.01)
    assert stats.mean_p(values, 9.0) == pytest.approx(1e-4, rel=1e-3)  # no finer than the resamples can tell


def test_five_percent_of_the_p_values_of_the_true_mean_are_below_five_percent(monkeypatch):
    monkeypatch.setattr(stats, "P_RESAMPLES", 1_000)
    draw = np.random.default_rng(0)
    p = [stats.mean_p(sample, 2.0) for sample in draw.gamma(2.0, size=(300, 50))]
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.1


def test_a_mean_without_an_interval_has_no_p_value():
    assert np.isnan(stats.mean_p(np.arange(4.0), 1.0))
    assert np.isnan(stats.mean_p(np.ones(8), 0.5))
    assert np.isnan(stats.mean_p(np.arange(8.0), np.nan))
    assert np.isnan(stats.share_p(0, 0, 0.5))


def test_equal_values_cannot_have_a_mean_outside_the_bounds():
    assert stats.mean_p(np.zeros(9), -0.1, bounds=(0.0, 1.0)) == 0.0
    assert stats.mean_p(np.full(9, 0.5), -0.1, bounds=(0.0, 1.0)) == 0.0


def test_holms_example():
    # Four tests: .005·4, .01·3, .03·2, and .04 which may not be less than the one before.
    np.testing.assert_allclose(stats.holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    assert stats.holm(np.array([])).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_what_stepping_down_rejects(p):
    adjusted = stats.holm(np.array(p))
    rejected = set()
    for place, test in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if p[test] * (len(p) - place) > 0.05:
            break
        rejected.add(test)
    assert set(np.flatnonzero(adjusted <= 0.05).tolist()) == rejected


def lives(draw, units, runs):
    """Random durations on a coarse clock, so that ties are common."""
    durations = draw.integers(1, 9, units)
    return durations, draw.random(units) < 0.6, draw.integers(0, runs, units)


@pytest.mark.parametrize("seed", range(5))
def test_survival_is_scipys_kaplan_meier_estimate(seed):
    durations, observed, runs = lives(np.random.default_rng(seed), 200, 12)
    at = np.array([0.0, 0.5, 1.0, 3.0, 4.5, 8.0, 20.0])
    estimate, low, high = stats.survival(durations, observed, runs, at)
    theirs = scipy_stats.ecdf(scipy_stats.CensoredData(uncensored=durations[observed], right=durations[~observed]))
    np.testing.assert_allclose(estimate, theirs.sf.evaluate(at), rtol=1e-12)
    assert ((low <= estimate + 1e-12) & (estimate <= high + 1e-12)).all()


def test_survivals_interval_is_that_of_a_loop_over_resampled_runs():
    durations, observed, runs = lives(np.random.default_rng(7), 60, 8)
    at = np.array([2.0, 5.0])
    _, low, high = stats.survival(durations, observed, runs, at)
    drawn = np.random.default_rng(0).multinomial(8, np.full(8, 1 / 8), 2_000)
    curves = []
    for weights in drawn[:, runs]:  # a unit as often as its run
        alive, curve = 1.0, []
        for time in range(1, 9):
            at_risk = weights[durations >= time].sum()
            dying = weights[(durations == time) & observed].sum()
            alive *= 1 - dying / at_risk if at_risk else 1.0
            curve.append(alive)
        curves.append([curve[1], curve[4]])
    expected = np.quantile(curves, [0.025, 0.975], axis=0)
    np.testing.assert_allclose([low, high], expected, rtol=1e-12)


def test_units_that_all_stay_have_the_interval_of_a_share_of_none():
    durations, runs = np.full(40, 9.0), np.repeat(np.arange(8), 5)
    estimate, low, high = stats.survival(durations, np.zeros(40, bool), runs, np.array([5.0]))
    assert (estimate[0], high[0]) == (1.0, 1.0)
    assert low[0] == pytest.approx(0.025 ** (1 / 8))  # 8 runs, not 40 units


def test_units_of_few_runs_have_a_curve_without_an_interval_and_no_units_none():
    estimate, low, high = stats.survival(np.arange(1, 9), np.ones(8, bool), np.arange(8) % 4, np.array([4.0]))
    assert estimate[0] == 0.5
    assert np.isnan([low[0], high[0]]).all()
    nothing = stats.survival(np.array([]), np.array([], bool), np.array([], int), np.array([4.0]))
    assert np.isnan(nothing).all()
