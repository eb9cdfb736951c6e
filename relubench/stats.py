"""Intervals over runs (95 %), their p-values, and survival. Runs are resampled, never units.

Units of one network are not independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats as scipy_stats

CONFIDENCE = 0.95
RESAMPLES = 2_000
#: Resamples behind a p-value: Holm's correction over a hundred verdicts asks for finer ones than 2,000 can tell.
P_RESAMPLES = 20_000
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
    samples: Sequence[np.ndarray], bounds: Bounds | None = None, confidence: float = CONFIDENCE
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of each sample's interval of the mean: BCa bootstrap (Efron 1987), 2,000 resamples.

    `samples` are arrays [runs] of finite numbers, not all of one length. Fewer than 5 runs: NaN; 1,000 or more:
    Student's t. Where all values are equal a bootstrap would give a width of 0; then at most a share p of all
    runs, with p the Clopper-Pearson end of 0 in n, has another value, which is at worst at one of the metric's
    `bounds` (low, high): [v - p (v - low), v + p (high - v)], and NaN for a metric without bounds.

    The interval of a paired difference is that of the mean of the pairs' differences.
    """
    low, high = np.full(len(samples), np.nan), np.full(len(samples), np.nan)
    sizes = np.array([len(sample) for sample in samples])
    for size in np.unique(sizes[sizes >= FEWEST_RUNS]):
        rows = np.flatnonzero(sizes == size)
        values = np.array([samples[row] for row in rows.tolist()], float)
        low[rows], high[rows] = _equal_length_intervals(values, bounds, confidence)
    return low, high


def _equal_length_intervals(
    values: np.ndarray, bounds: Bounds | None, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.full(len(values), np.nan), np.full(len(values), np.nan)
    same = np.ptp(values, axis=1) == 0
    if bounds is not None and same.any():
        low[same], high[same] = _constant_interval(values[same, 0], values.shape[1], bounds, confidence)
    if not same.all():
        low[~same], high[~same] = (_student if values.shape[1] >= MANY_RUNS else _bca)(values[~same], confidence)
    return low, high


def _constant_interval(
    value: np.ndarray, runs: int, bounds: Bounds, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    other = share_interval(np.zeros(1), np.array([runs]), confidence)[1][0]
    return value - other * (value - bounds[0]), value + other * (bounds[1] - value)


def _student(values: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    runs = values.shape[1]
    half = scipy_stats.t.ppf((1 + confidence) / 2, runs - 1) * values.std(axis=1, ddof=1) / np.sqrt(runs)
    return values.mean(axis=1) - half, values.mean(axis=1) + half


def _bca(values: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    found = _bootstrap(values, RESAMPLES, "BCa", confidence).confidence_interval
    return found.low, found.high


def _bootstrap(values: np.ndarray, resamples: int, method: str, confidence: float = CONFIDENCE) -> Any:
    """Bootstrap the mean of each row. All rows use the same draws: a row's interval is its own, in any table."""
    return scipy_stats.bootstrap(
        (values,),
        np.mean,
        axis=-1,
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, _BATCH_NUMBERS // values.size),
        confidence_level=confidence,
        method=method,
        rng=np.random.default_rng(0),
    )


def mean_p(values: np.ndarray, bound: float, bounds: Bounds | None = None) -> float:
    """Return the two-sided p-value of the mean of `values` [runs] being `bound`.

    It is one minus the confidence of the widest interval of `mean_interval`'s kind that leaves the bound out, so
    below .05 (but for the draws) where the 95 % interval does. NaN where there is no interval.
    """
    runs = len(values)
    if runs < FEWEST_RUNS or not np.isfinite(bound):
        return np.nan
    if np.ptp(values) == 0:
        return _constant_p(float(values[0]), runs, bound, bounds)
    if runs >= MANY_RUNS:
        return float(scipy_stats.ttest_1samp(values, bound).pvalue)
    return _bca_p(values, bound)


def _constant_p(value: float, runs: int, bound: float, bounds: Bounds | None) -> float:
    if bounds is None:
        return np.nan
    if bound == value:
        return 1.0
    worst = bounds[0] if bound < value else bounds[1]
    if worst == value:  # the mean cannot lie there
        return 0.0
    other = min(1.0, (bound - value) / (worst - value))
    return min(1.0, 2 * (1 - other) ** runs)


def _bca_p(values: np.ndarray, bound: float) -> float:
    """Invert the BCa interval (Efron 1987), told no finer than the resamples can."""
    means = _bootstrap(values, P_RESAMPLES, "percentile").bootstrap_distribution
    centred = values - values.mean()
    acceleration = np.sum(centred**3) / (6 * np.sum(centred**2) ** 1.5)
    bias = scipy_stats.norm.ppf(_share_below(means, values.mean()))
    finest = 1 / (P_RESAMPLES + 1)
    place = scipy_stats.norm.ppf(np.clip(_share_below(means, bound), finest, 1 - finest)) - bias
    tail = scipy_stats.norm.cdf(-abs(place / (1 + acceleration * place) - bias))
    return float(2 * max(tail, finest))


def _share_below(means: np.ndarray, bound: float) -> float:
    return float(np.mean(means < bound) + np.mean(means <= bound)) / 2


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
    that between percentiles of 2,000 resamples of the runs, and NaN below 5 runs. Where no run has had an event,
    or every unit of all of them has, it is that of equal values (`mean_interval`). Beyond the longest duration the
    estimate keeps its last value.
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
    drawn = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
    curves = _kaplan_meier(drawn.astype(float), events, at_risk)[:, after]
    low, high = np.quantile(curves, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    constant = np.ptp(curves, axis=0) == 0
    low[constant], high[constant] = _constant_interval(estimate[constant], len(names), (0.0, 1.0), CONFIDENCE)
    return estimate, low, high


def _counts(row: np.ndarray, column: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    flat = np.bincount(row * shape[1] + column, minlength=shape[0] * shape[1])
    return flat.reshape(shape).astype(float)


def _kaplan_meier(weights: np.ndarray, events: np.ndarray, at_risk: np.ndarray) -> np.ndarray:
    """Return survival [resamples, 1 + times], first 1 before any event; `weights` [resamples, runs]."""
    dying, alive = weights @ events, weights @ at_risk
    stays = 1 - np.divide(dying, alive, out=np.zeros_like(dying), where=alive > 0)
    return np.concatenate([np.ones((len(weights), 1)), np.cumprod(stays, axis=1)], axis=1)
