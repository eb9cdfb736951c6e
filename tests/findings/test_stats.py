"""Intervals against direct definitions."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from relubench.findings import stats


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
        assert stats.mean_interval([sample[::-1]]) == alone
        theirs = scipy_stats.bootstrap(
            (np.sort(sample),), np.mean, n_resamples=2_000, method="BCa", rng=np.random.default_rng(0), vectorized=True
        ).confidence_interval
        assert (low[place], high[place]) == pytest.approx((theirs.low, theirs.high), rel=1e-12)


def test_ninety_five_percent_of_the_intervals_hold_the_mean():
    draw = np.random.default_rng(0)
    low, high = stats.mean_interval(list(draw.normal(1.0, 1.0, (1_000, 100))))
    assert 0.92 < np.mean((low <= 1.0) & (high >= 1.0)) < 0.97


def test_a_differences_interval_from_wilsons_is_newcombes_hybrid_score():
    """Newcombe 1998 (Statistics in Medicine 17, 873-890), table II, method 10: 56/70 - 48/80 and 9/10 - 3/10."""
    for first, second, ends in [((48, 80), (56, 70), (0.0524, 0.3339)), ((3, 10), (9, 10), (0.1705, 0.8090))]:
        sides = []
        for k, n in (first, second):
            found = scipy_stats.binomtest(k, n).proportion_ci(method="wilson")
            sides.append([np.array([number]) for number in (k / n, found.low, found.high)])
        np.testing.assert_allclose(np.ravel(stats.difference_interval(*sides)), ends, atol=5e-5)


@pytest.mark.parametrize("size", [0, 1, 4])
def test_fewer_than_five_runs_have_no_interval(size):
    low, high = stats.mean_interval([np.arange(float(size))])
    assert np.isnan([low[0], high[0]]).all()


def test_equal_values_have_no_interval_to_be_shown_and_are_judged_by_that_of_a_share_of_none():
    low, high = stats.mean_interval([np.zeros(64), np.ones(64), np.full(64, 0.25)])
    assert np.isnan([low, high]).all()
    p = 1 - 0.025 ** (1 / 64)
    for value in (0.0, 0.25, 1.0):
        ends = stats.constant_interval(value, 64, (0.0, 1.0))
        assert ends == pytest.approx((value - p * value, value + p * (1 - value)))


def clustered(draw, clusters, each, between, within, samples):
    """Draw samples in which the runs of a cluster have something in common: [samples, runs], and their clusters."""
    values = draw.normal(0, between, (samples, clusters, 1)) + draw.normal(0, within, (samples, clusters, each))
    return values.reshape(samples, -1), np.repeat(np.arange(clusters), each)


#: What varies between the splits of the data, and within them.
SPREADS = {"between": (1.0, 0.3), "both": (0.5, 1.0), "within": (0.0, 1.0)}


@pytest.mark.parametrize("spread", SPREADS)
def test_where_runs_share_splits_of_the_data_the_interval_holds_the_mean_as_often_as_it_says(spread):
    values, cluster = clustered(np.random.default_rng(5), 8, 8, *SPREADS[spread], samples=1_000)
    low, high = stats.mean_interval(list(values), [cluster] * len(values))
    held = np.mean((low <= 0) & (high >= 0))
    assert 0.93 < held <= 1.0
    if spread == "between":  # runs alone would be far too sure of themselves
        assert held < 0.975
        low, high = stats.mean_interval(list(values))
        assert np.mean((low <= 0) & (high >= 0)) < 0.7
    p = np.array([stats.mean_p(each, 0.0, cluster=cluster) for each in values])
    assert 0.02 < np.mean(p < 0.05) < 0.08


def test_an_interval_over_splits_is_that_of_a_loop_that_resamples_them_and_then_their_runs():
    values, cluster = clustered(np.random.default_rng(6), 5, 7, 1.0, 1.0, samples=1)
    low, high = stats.mean_interval(list(values), [cluster])
    draw, means = np.random.default_rng(1), []
    for _ in range(4_000):
        runs = [values[0][cluster == name] for name in draw.integers(0, 5, 5)]
        means.append(np.mean([draw.choice(of, len(of)) for of in runs]))
    tail = scipy_stats.norm.sf(scipy_stats.t.ppf(0.975, 4) * math.sqrt(5 / 4))
    theirs = np.quantile(means, [tail, 1 - tail])
    assert (low[0], high[0]) == pytest.approx(theirs, abs=0.25 * np.std(means))


def test_neither_the_names_of_splits_nor_the_order_of_runs_matter_and_one_split_is_none():
    values, cluster = clustered(np.random.default_rng(7), 4, 5, 1.0, 1.0, samples=1)
    given = stats.mean_interval([values[0]], [cluster])
    turned = stats.mean_interval([values[0][::-1]], [9 - cluster[::-1]])
    np.testing.assert_allclose(given, turned, rtol=1e-12)
    np.testing.assert_array_equal(
        stats.mean_interval([values[0]], [np.zeros(20, int)]), stats.mean_interval([values[0]])
    )
    assert stats.mean_p(values[0], 0.3, cluster=np.zeros(20, int)) == stats.mean_p(values[0], 0.3)


def test_unequal_splits_and_far_bounds_have_p_values_without_a_floor():
    draw = np.random.default_rng(8)
    values, cluster = draw.exponential(1.0, 30), draw.integers(0, 6, 30)
    p = [stats.mean_p(values, bound, cluster=cluster) for bound in (2.5, 25.0, 250.0)]
    assert p[0] > p[1] > p[2] > 0
    assert p[2] < 1e-3 * p[0]


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


@pytest.mark.parametrize("values", [np.zeros(64), np.ones(10), np.full(30, 0.25)])
def test_equal_values_have_a_p_value_of_five_percent_at_the_ends_that_they_are_judged_by(values):
    for end in {*stats.constant_interval(values[0], len(values), (0.0, 1.0))} - {0.0, 1.0}:
        assert stats.mean_p(values, end, bounds=(0.0, 1.0)) == pytest.approx(0.05)
    assert stats.mean_p(values, values[0], bounds=(0.0, 1.0)) == 1


def dead_shares(draw, size):
    """Shares of 64 units, most of them 0."""
    return draw.binomial(64, draw.beta(0.2, 4.0, size)) / 64


#: A way to draw samples, and the mean that they have.
DRAWN = {
    "normal": (lambda draw, size: draw.normal(1.0, 1.0, size), 1.0),
    "skewed": (lambda draw, size: draw.exponential(1.0, size), 1.0),
    "very skewed": (lambda draw, size: draw.lognormal(0.0, 1.0, size), math.exp(0.5)),
    "bounded": (lambda draw, size: draw.beta(5.0, 0.5, size), 10 / 11),
    "mostly 0": (dead_shares, 0.2 / 4.2),
    "tied": (lambda draw, size: draw.choice([0.0, 0.5, 1.0], size, p=[0.7, 0.2, 0.1]), 0.2),
}


def sample(name, size):
    return DRAWN[name][0](np.random.default_rng(size), size)


#: What is drawn, the size of a sample, and how often at most, in per cent, p is below .05 while the sample's mean is
#: too low, and too high. At best it is 2.5 each; a few skewed values do not tell how skewed they are. Student's t
#: alone, or the normal distribution in its place, goes beyond.
LEVELS = [
    ("normal", 5, 4, 4), ("normal", 64, 4, 4), ("skewed", 6, 9, 2), ("skewed", 64, 4, 4), ("very skewed", 8, 12, 2),
    ("very skewed", 64, 5, 4), ("bounded", 8, 2, 7), ("bounded", 64, 4, 4), ("mostly 0", 8, 10, 2),
    ("mostly 0", 64, 4, 4), ("tied", 8, 1, 1), ("tied", 64, 4, 4),
]  # fmt: skip


@pytest.mark.parametrize(("name", "size", "low", "high"), LEVELS)
def test_the_true_mean_is_rejected_about_as_often_as_the_level_says(name, size, low, high):
    draw, mean = DRAWN[name]
    samples = draw(np.random.default_rng(size), (2_000, size))
    p = np.array([1.0 if np.ptp(values) == 0 else stats.mean_p(values, mean) for values in samples])
    below = samples.mean(axis=1) < mean
    rejected = 100 * np.array([np.mean((p < 0.05) & side) for side in (below, ~below)])
    assert (rejected < [low, high]).all()
    if size == 64:
        assert rejected.sum() > 2.5  # nor is it never rejected


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("size", [5, 6, 64])
def test_a_means_p_value_has_no_floor(name, size):
    values = sample(name, size)
    away = np.array([2.5, 25.0, 250.0]) * max(values.mean(), np.ptp(values))
    for bounds in (values.mean() + away, values.mean() - away):
        p = [stats.mean_p(values, bound) for bound in bounds]
        assert p[0] > p[1] > p[2] or p[1] == p[2] == 0, p
        assert p[2] < 1e-3 * p[0]


@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.25, 1.0, 7.0]), min_size=5, max_size=40).filter(lambda v: len(set(v)) > 1),
    st.lists(st.floats(-300, 300), min_size=3, max_size=12),
)
def test_a_means_p_value_rises_to_one_near_the_mean_and_falls_on_both_sides(values, bounds):
    values = np.array(values)
    p = np.array([stats.mean_p(values, bound) for bound in sorted([*bounds, values.mean()])])
    peak = p.argmax()
    assert (np.diff(p[: peak + 1]) >= -1e-12).all()
    assert (np.diff(p[peak:]) <= 1e-12).all()
    assert p[peak] > 0.8


@given(st.lists(st.floats(-9, 9), min_size=5, max_size=40), st.floats(-20, 20), st.floats(0.1, 10), st.floats(-9, 9))
def test_a_means_p_value_goes_with_the_values_when_they_are_mirrored_shifted_or_scaled(values, bound, scale, shift):
    values = np.array(values)
    assume(np.ptp(values) > 0.1)
    p = stats.mean_p(values, bound)
    assert stats.mean_p(-values, -bound) == pytest.approx(p, rel=1e-6)
    assert stats.mean_p(scale * values + shift, scale * bound + shift) == pytest.approx(p, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("size", [5, 64, 1_200])
def test_a_symmetric_samples_p_value_is_students(size):
    values = np.concatenate([half := sample("skewed", size), -half])
    for bound in (-0.2, 0.0, 0.5, 3.0):
        assert stats.mean_p(values, bound) == pytest.approx(scipy_stats.ttest_1samp(values, bound).pvalue, rel=1e-9)


@pytest.mark.parametrize("name", ["skewed", "bounded", "mostly 0", "tied"])
def test_a_skewed_samples_p_value_is_students_of_halls_cubic(name):
    values = sample(name, 20)
    y = scipy_stats.skew(values)
    for bound in (-0.1, 0.3, 1.5):
        t = scipy_stats.ttest_1samp(values, bound).statistic / math.sqrt(20)
        cubic = ((1 + y * t / 3) ** 3 - 1) / y + y / 120  # the same, written as what it is the cube of
        expected = 2 * scipy_stats.t.sf(abs(math.sqrt(20) * cubic), 19)
        assert stats.mean_p(values, bound) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize(("size", "apart"), [(64, 0.025), (999, 0.01), (1_000, 0.01)])
def test_a_means_p_value_is_near_five_percent_at_the_ends_of_its_interval(name, size, apart):
    draw = np.random.default_rng(size)
    samples = [DRAWN[name][0](draw, size) for _ in range(12)]
    ends = zip(*stats.mean_interval(samples), strict=True)
    p = [stats.mean_p(values, end) for values, both in zip(samples, ends, strict=True) for end in both]
    assert np.median(p) == pytest.approx(0.05, abs=apart)


@pytest.mark.parametrize("values", [np.zeros(9), np.full(9, 0.5), np.linspace(0, 1, 9)])
def test_a_mean_cannot_lie_outside_the_metrics_bounds(values):
    assert [stats.mean_p(values, bound, bounds=(0.0, 1.0)) for bound in (-0.1, 1.1, 1e9)] == [0, 0, 0]
    within = [stats.mean_p(values, bound, bounds=(0.0, 1.0)) for bound in (0.6, 0.8, 0.95)]
    assert within[0] > within[1] > within[2] > 0


def test_a_mean_without_an_interval_has_no_p_value():
    assert np.isnan(stats.mean_p(np.arange(4.0), 1.0))
    assert np.isnan(stats.mean_p(np.ones(8), 0.5))
    assert np.isnan(stats.mean_p(np.arange(8.0), np.nan))
    assert np.isnan(stats.share_p(0, 0, 0.5))


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
    told = ~np.isnan(low)
    assert told.tolist() == [time >= durations[observed].min() for time in at]
    assert ((low <= estimate + 1e-12) & (estimate <= high + 1e-12))[told].all()


def test_survivals_interval_is_that_of_a_loop_over_resampled_runs():
    durations, observed, names = lives(np.random.default_rng(7), 60, 8)
    at = np.array([2.0, 5.0])
    _, low, high = stats.survival(durations, observed, names, at)
    ends = {
        name: [((durations == time) & observed & (names == name)).sum() for time in np.unique(durations[observed])]
        for name in range(8)
    }
    followed = {name: [((durations == time) & (names == name)).sum() for time in range(9)] for name in range(8)}
    runs = np.argsort(sorted(range(8), key=lambda name: (followed[name][::-1], ends[name][::-1])))[names]
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
    _, *renamed = stats.survival(durations[::-1], observed[::-1], 100 - names[::-1], at)
    np.testing.assert_array_equal(renamed, [low, high])


def test_units_that_all_stay_have_a_curve_without_an_interval():
    durations, runs = np.full(40, 9.0), np.repeat(np.arange(8), 5)
    estimate, low, high = stats.survival(durations, np.zeros(40, bool), runs, np.array([5.0]))
    assert estimate[0] == 1.0
    assert np.isnan([low[0], high[0]]).all()


def test_units_of_few_runs_have_a_curve_without_an_interval_and_no_units_none():
    estimate, low, high = stats.survival(np.arange(1, 9), np.ones(8, bool), np.arange(8) % 4, np.array([4.0]))
    assert estimate[0] == 0.5
    assert np.isnan([low[0], high[0]]).all()
    nothing = stats.survival(np.array([]), np.array([], bool), np.array([], int), np.array([4.0]))
    assert np.isnan(nothing).all()
