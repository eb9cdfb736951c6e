"""Intervals over runs (95 %). Runs are resampled, never units: units of one network are not independent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats as scipy_stats

CONFIDENCE = 0.95
RESAMPLES = 2_000
#: Below this number of runs a bootstrap says nothing, and the interval is null (NaN here).
FEWEST_RUNS = 5
#: Resampled means that are held in memory at once, in numbers.
_BATCH_NUMBERS = 4_000_000


def share_interval(successes: np.ndarray, runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the interval of a share of runs (Clopper & Pearson 1934). NaN where there are no runs."""
    k, n = np.asarray(successes, float), np.asarray(runs, float)
    tail = (1 - CONFIDENCE) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(k > 0, scipy_stats.beta.ppf(tail, k, n - k + 1), 0.0)
        high = np.where(k < n, scipy_stats.beta.ppf(1 - tail, k + 1, n - k), 1.0)
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def mean_interval(
    samples: Sequence[np.ndarray], bounds: tuple[float, float] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of each sample's interval of the mean: BCa bootstrap (Efron 1987), 2,000 resamples.

    `samples` are arrays [runs] of finite numbers, not all of one length. Fewer than 5 runs: NaN. Where all
    values are equal a bootstrap would give a width of 0; then at most a share p of all runs, with p the
    Clopper-Pearson end of 0 in n, has another value, which is at worst at one of the metric's `bounds` (low,
    high): [v - p (v - low), v + p (high - v)], and NaN for a metric without bounds.
    """
    low, high = np.full(len(samples), np.nan), np.full(len(samples), np.nan)
    sizes = np.array([len(sample) for sample in samples])
    for size in np.unique(sizes[sizes >= FEWEST_RUNS]):
        rows = np.flatnonzero(sizes == size)
        values = np.array([samples[row] for row in rows.tolist()], float)
        low[rows], high[rows] = _equal_length_intervals(values, bounds)
    return low, high


def _equal_length_intervals(values: np.ndarray, bounds: tuple[float, float] | None) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.full(len(values), np.nan), np.full(len(values), np.nan)
    same = np.ptp(values, axis=1) == 0
    if bounds is not None and same.any():
        value = values[same, 0]
        other = share_interval(np.zeros(1), np.array([values.shape[1]]))[1][0]
        low[same], high[same] = value - other * (value - bounds[0]), value + other * (bounds[1] - value)
    if not same.all():
        low[~same], high[~same] = _bca(values[~same])
    return low, high


def _bca(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bootstrap the mean of each row. All rows use the same draws: a row's interval is its own, in any table."""
    found = scipy_stats.bootstrap(
        (values,),
        np.mean,
        axis=-1,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=max(1, _BATCH_NUMBERS // values.size),
        confidence_level=CONFIDENCE,
        method="BCa",
        rng=np.random.default_rng(0),
    )
    return found.confidence_interval.low, found.confidence_interval.high
