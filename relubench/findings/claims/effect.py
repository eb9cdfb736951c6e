"""An effect: one measured statistic with its interval and its p-value against any bound.

`relubench.findings.stats` is imported where it is used: scipy.stats takes a second, and experiments are also read to be
listed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from relubench.findings import CONFIDENCE

if TYPE_CHECKING:
    from relubench.findings.stats import Bounds


class Effect(NamedTuple):
    """One measured statistic. Value and interval are NaN where they could not be had."""

    value: float
    low: float
    high: float
    n: int  # runs, pairs or networks behind it
    p: Callable[[float], float]  # the two-sided p-value of the statistic being a bound
    equal: bool = False  # all values are: then the ends judge, but are not shown
    left_out: int = 0  # runs or pairs without a finite number
    mostly_left_out: bool = False  # more of them than have one
    lost: tuple[int, int] = (0, 0)  # of which run a, and of which run b, has none
    if_lost: tuple[Effect, ...] = ()  # what it had been, had the lost ones had the lowest, or the highest, value seen
    remark: str = ""  # what was chosen on the way, for the reader
    at_chance: Effect | None = None  # of an accuracy: the same with diverged runs at chance


class Sample(NamedTuple):
    """A finite number of each run, and the split of the data that it was trained on (None: all on one)."""

    values: np.ndarray  # [runs]
    split: np.ndarray | None = None


def mean_effect(sample: Sample, bounds: Bounds | None = None, confidence: float = CONFIDENCE) -> Effect:
    """Return the mean of a sample with the interval and p-value of `stats.mean_interval`.

    Equal values of a metric with `bounds` are judged by `stats.constant_interval`.
    """
    from relubench.findings import stats

    values, split = sample
    p = partial(stats.mean_p, values, bounds=bounds, cluster=split)
    value = float(values.mean()) if len(values) else np.nan
    equal = len(values) > 0 and np.ptp(values) == 0
    if equal and bounds is not None and len(values) >= stats.FEWEST_RUNS:
        return Effect(value, *stats.constant_interval(value, len(values), bounds, confidence), len(values), p, equal)
    (low,), (high,) = stats.mean_interval([values], None if split is None else [split], confidence)
    return Effect(value, float(low), float(high), len(values), p, equal)


def share_effect(flags: np.ndarray, confidence: float = CONFIDENCE) -> Effect:
    """Return the share of `flags` [runs] that are true, with Clopper and Pearson's interval."""
    from relubench.findings import stats

    k, n = int(flags.sum()), len(flags)
    (low,), (high,) = stats.share_interval(np.array([k]), np.array([n]), confidence)
    return Effect(k / n if n else np.nan, float(low), float(high), n, partial(stats.share_p, k, n))


def range_effect(values: np.ndarray, confidence: float) -> Effect:
    """Return the mean of `values` [runs] with the range in which another run lies with this confidence.

    Of n runs, another one lies between the lowest and the highest with probability (n - 1) / (n + 1).
    """
    if not len(values):
        return mean_effect(Sample(values))
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2], method="weibull")
    return Effect(float(values.mean()), float(low), float(high), len(values), lambda bound: np.nan)


def total_effect(values: np.ndarray) -> Effect:
    """Return the sum of `values` [runs]: an exact count, which has no interval."""
    return Effect(float(values.sum()) if len(values) else np.nan, np.nan, np.nan, len(values), lambda bound: np.nan)


def ratio_effect(logarithm: Effect) -> Effect:
    """Return the effect whose natural logarithm is the given one: a ratio."""

    def p(bound: float) -> float:
        return 0.0 if bound <= 0 else logarithm.p(float(np.log(bound)))  # a ratio of positive numbers is positive

    value, low, high = (float(np.exp(number)) for number in logarithm[:3])
    return logarithm._replace(value=value, low=low, high=high, p=p, if_lost=tuple(map(ratio_effect, logarithm.if_lost)))
