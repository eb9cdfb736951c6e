"""Intervals over runs (95 %), their p-values, and survival. Runs are resampled, never units.

Units of one network are not independent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from relubench.findings import CONFIDENCE
from relubench.lazy import scipy_stats, special

RESAMPLES = 2_000
#: How p-values are made, stored beside them: those of one method alone are corrected together.
P_METHOD = "Hall (1992), Clopper & Pearson (1934)"
#: Below this number of runs a bootstrap says nothing, and the interval is null (NaN here).
FEWEST_RUNS = 5
#: From this number of runs on, Student's t takes the bootstrap's place: they agree, and BCa costs runs squared.
MANY_RUNS = 1_000
#: Resampled means that are held in memory at once, in numbers.
_BATCH_NUMBERS = 4_000_000

Bounds = tuple[float, float]


def share_interval(
    successes: np.ndarray, runs: np.ndarray, confidence: float = CONFIDENCE
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the interval of a share of runs (Clopper & Pearson 1934). NaN where there are no runs."""
    k, n = np.asarray(successes, float), np.asarray(runs, float)
    tail = (1 - confidence) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(k > 0, scipy_stats.beta.ppf(tail, k, n - k + 1), 0.0)
        high = np.where(k < n, scipy_stats.beta.ppf(1 - tail, k + 1, n - k), 1.0)
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def share_p(successes: int, runs: int, bound: float) -> float:
    """Return the two-sided p-value of a share being `bound`: below .05 where `share_interval` leaves it out."""
    share = min(max(bound, 0.0), 1.0)
    below = scipy_stats.binom.cdf(successes, runs, share)
    above = scipy_stats.binom.sf(successes - 1, runs, share)
    return float(min(1.0, 2 * min(below, above))) if runs else np.nan


def mean_interval(
    samples: Sequence[np.ndarray], clusters: Sequence[np.ndarray] | None = None, confidence: float = CONFIDENCE
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of each sample's interval of the mean: BCa bootstrap (Efron 1987), 2,000 resamples.

    `samples` are arrays [runs] of finite numbers, not all of one length. Fewer than 5 runs, or equal values: NaN, for
    these say nothing of their spread; 1,000 or more: Student's t. The order of a sample does not matter.

    `clusters`, an array of whole numbers for each sample, name what its runs have in common, such as the split of the
    data. Where a sample has two or more, they are resampled, then the runs within them; the percentiles are widened as
    for a sample of as many (Hesterberg 2015, The American Statistician 69, section 3.3).

    The interval of a paired difference is that of the mean of the pairs' differences.
    """
    low, high = np.full(len(samples), np.nan), np.full(len(samples), np.nan)
    alike: dict[tuple[int, ...], list[int]] = {}
    ordered = []
    for place, sample in enumerate(samples):
        values, sizes = _ordered(np.asarray(sample, float), None if clusters is None else clusters[place])
        ordered.append(values)
        if len(values) >= FEWEST_RUNS and np.ptp(values) > 0:
            alike.setdefault(sizes, []).append(place)
    for sizes, rows in alike.items():
        values = np.array([ordered[row] for row in rows])
        low[rows], high[rows] = _interval(values, sizes, confidence)
    return low, high


def _ordered(values: np.ndarray, cluster: np.ndarray | None) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return a sample in an order that goes by its values alone, cluster by cluster, and the clusters' sizes."""
    if cluster is None:
        return np.sort(values), (len(values),)
    within = [np.sort(values[cluster == name]) for name in np.unique(cluster)]
    within.sort(key=lambda each: (len(each), *each))
    return np.concatenate([*within, np.empty(0)]), tuple(map(len, within))


def _interval(values: np.ndarray, sizes: tuple[int, ...], confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends for rows of `values` [samples, runs] that lie in clusters of these `sizes`, one after another."""
    if len(sizes) > 1:
        return _clustered(values, sizes, confidence)
    return (_student if values.shape[1] >= MANY_RUNS else _bca)(values, confidence)


def _clustered(values: np.ndarray, sizes: tuple[int, ...], confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Resample clusters, then the runs within each: every mean is a product with how often each run was drawn."""
    draw, count = np.random.default_rng(0), len(sizes)
    times = draw.multinomial(count, np.full(count, 1 / count), RESAMPLES)
    weights = np.concatenate(
        [draw.multinomial(times[:, place] * size, np.full(size, 1 / size)) for place, size in enumerate(sizes)], axis=1
    )
    means = values @ (weights / weights.sum(axis=1, keepdims=True)).T
    # The spread of so few resampled clusters is too small by sqrt((count - 1) / count), and the normal quantile too.
    quantile = scipy_stats.t.ppf((1 + confidence) / 2, count - 1) * np.sqrt(count / (count - 1))
    tail = scipy_stats.norm.sf(quantile)
    low, high = np.quantile(means, [tail, 1 - tail], axis=1)
    return low, high


def difference_interval(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the interval of second - first, of which each is (estimate, low, high).

    From their own intervals, which need not be symmetric, by the method of variance estimates recovery (Zou & Donner
    2008, Statistics in Medicine 27, 1693-1702). The two are independent samples; where they have draws in common that
    is wider than need be.
    """
    (a, low_a, high_a), (b, low_b, high_b) = first, second
    return b - a - np.hypot(b - low_b, high_a - a), b - a + np.hypot(high_b - b, a - low_a)


def constant_interval(value: float, runs: int, bounds: Bounds, confidence: float = CONFIDENCE) -> Bounds:
    """Return the ends within which the mean lies, where all of the `runs` have the same `value`.

    At most a share p of all runs, with p the Clopper-Pearson end of 0 in n, has another one, which is at worst at one
    of the metric's `bounds` (low, high): [v - p (v - low), v + p (high - v)]. It judges; it is no interval to be shown.
    """
    other = float(share_interval(np.zeros(1), np.array([runs]), confidence)[1][0])
    return value - other * (value - bounds[0]), value + other * (bounds[1] - value)


def _student(values: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    runs = values.shape[1]
    half = scipy_stats.t.ppf((1 + confidence) / 2, runs - 1) * values.std(axis=1, ddof=1) / np.sqrt(runs)
    return values.mean(axis=1) - half, values.mean(axis=1) + half


def _bca(values: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Bootstrap the mean of each row. All rows use the same draws: a row's interval is its own, in any table."""
    resampled = scipy_stats.bootstrap(
        (values,),
        np.mean,
        axis=-1,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=max(1, _BATCH_NUMBERS // values.size),
        confidence_level=confidence,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return resampled.low, resampled.high


def mean_p(values: np.ndarray, bound: float, bounds: Bounds | None = None, cluster: np.ndarray | None = None) -> float:
    """Return the two-sided p-value of the mean of `values` [runs] being `bound`.

    It is Student's, once Hall's transformation has taken the skewness out of t, and falls to 0 as the bound moves
    away. At the ends of `mean_interval` it is near .05 for 64 runs, and above it for few: BCa's interval is then too
    short. Where all values are equal, the p-value is that of `constant_interval`. It is 0 for a bound outside the
    metric's `bounds`, where no mean can lie, and NaN where there is no interval.

    With two `cluster`s [runs] or more it is that of a value a cluster: the mean plus what the cluster moves it by.
    """
    runs = len(values)
    if runs < FEWEST_RUNS or not np.isfinite(bound):
        return np.nan
    if bounds is not None and not bounds[0] <= bound <= bounds[1]:
        return 0.0
    if np.ptp(values) == 0:
        return np.nan if bounds is None else _constant_p(float(values[0]), runs, bound, bounds)
    if cluster is not None and np.ptp(cluster) > 0:
        names, member = np.unique(cluster, return_inverse=True)
        mean, count = values.mean(), len(names)
        values, runs = mean + count * np.bincount(member, values - mean) / runs, count
        if np.ptp(values) == 0:
            return float(bound == mean)
    return float(2 * special.stdtr(runs - 1, -abs(_unskewed_t(values, bound))))


def _constant_p(value: float, runs: int, bound: float, bounds: Bounds) -> float:
    """Return the p-value of the share of runs at the end of `bounds` that gives the mean `bound`: none was seen."""
    if bound == value:
        return 1.0
    worst = bounds[0] if bound < value else bounds[1]
    return min(1.0, 2 * (1 - (bound - value) / (worst - value)) ** runs)


def _unskewed_t(values: np.ndarray, bound: float) -> float:
    """Return sqrt(n) g(T), with g(T) = T + y T^2 / 3 + y^2 T^3 / 27 + y / (6 n), by Hall (1992, JRSS B 54, 221-228).

    T is the mean's distance from `bound` in standard deviations, y the skewness of the values. It corrects to the
    order that BCa does, but rises with T everywhere and without end.
    """
    runs, mean = len(values), values.mean()
    skewness = np.mean(((values - mean) / values.std()) ** 3)
    distance = (mean - bound) / values.std(ddof=1)
    bend = skewness * distance / 3
    return float(np.sqrt(runs) * (distance * (1 + bend + bend**2 / 3) + skewness / (6 * runs)))


def holm(p: np.ndarray) -> np.ndarray:
    """Return the p-values adjusted for the number of tests (Holm 1979); `p` is [tests] without NaN."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate(np.sort(p) * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def survival(
    durations: np.ndarray, observed: np.ndarray, runs: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (estimate, low, high) of the share of units whose event comes later than each time of `at` [times].

    `durations` [units] are the times of the event where it was `observed` [units], else how long the unit was
    followed without it; `runs` [units] names each unit's run. Kaplan & Meier (1958) over units; the interval is
    that between percentiles of 2,000 resamples of the runs, and NaN below 5 runs, or where no run has had an event, or
    every unit of all of them has. Beyond the longest duration the estimate keeps its last value. The order of the
    units, and what the runs are called, do not matter.
    """
    times = np.unique(durations[observed])
    names, run = np.unique(runs, return_inverse=True)
    events = _counts(run[observed], np.searchsorted(times, durations[observed]), (len(names), len(times)))
    # A unit followed to exactly t is still at risk at t.
    last = np.searchsorted(times, durations, side="right")
    followed = _counts(run, last, (len(names), len(times) + 1))
    at_risk = followed[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
    after = np.searchsorted(times, at, side="right")
    once = np.ones((1, len(names)))
    estimate = _kaplan_meier(once, events, at_risk)[0, after] if len(names) else np.full(len(at), np.nan)
    if len(names) < FEWEST_RUNS:
        return estimate, np.full(len(at), np.nan), np.full(len(at), np.nan)
    same_order = np.lexsort(np.concatenate([events, followed], axis=1).T)  # whatever the runs are called
    events, at_risk = events[same_order], at_risk[same_order]
    drawn = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
    curves = _kaplan_meier(drawn.astype(float), events, at_risk)[:, after]
    low, high = np.quantile(curves, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    constant = np.ptp(curves, axis=0) == 0
    low[constant] = high[constant] = np.nan
    return estimate, low, high


def _counts(row: np.ndarray, column: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    flat = np.bincount(row * shape[1] + column, minlength=shape[0] * shape[1])
    return flat.reshape(shape).astype(float)


def _kaplan_meier(weights: np.ndarray, events: np.ndarray, at_risk: np.ndarray) -> np.ndarray:
    """Return survival [resamples, 1 + times], first 1 before any event; `weights` [resamples, runs]."""
    dying, alive = weights @ events, weights @ at_risk
    stays = 1 - np.divide(dying, alive, out=np.zeros_like(dying), where=alive > 0)
    return np.concatenate([np.ones((len(weights), 1)), np.cumprod(stays, axis=1)], axis=1)
