"""What a claim measures: means, shares, totals and paired differences over runs, as functions of the tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from relubench.findings import CONFIDENCE
from relubench.findings.claims.effect import (
    Effect,
    mean_effect,
    range_effect,
    ratio_effect,
    share_effect,
    total_effect,
)
from relubench.findings.claims.metrics import Metric, Where, bounds_of, needs_of, of_runs
from relubench.sweeps.folders import Tables

if TYPE_CHECKING:
    from relubench.findings.stats import Bounds


class Measurement(NamedTuple):
    """What is measured, and on which runs."""

    effect: Callable[[Tables], Effect]
    sides: tuple[Where, ...]  # the runs, or those that are compared
    metrics: tuple[Metric, ...]
    best_of: str | None = None  # the key of whose values it takes the best one

    @property
    def needs(self) -> frozenset[str]:
        """The measures that it reads, and `units` where it reads these."""
        return frozenset().union(*map(needs_of, self.metrics))

    def __call__(self, tables: Tables) -> Effect:
        """Measure."""
        return self.effect(tables)


def _of_one_side(metric: Metric, where: Where, effect_of: Callable[[pl.DataFrame], Effect]) -> Measurement:
    """Measure what `effect_of` makes of the chosen runs; those without a number count as lost."""

    def effect(tables: Tables) -> Effect:
        rows = of_runs(tables, metric, where)
        return effect_of(rows)._replace(lost=(rows["value"].null_count(), 0))

    return Measurement(effect, (where,), (metric,))


def mean_of(
    metric: Metric, where: Where, *, bounds: Bounds | None = None, confidence: float = CONFIDENCE
) -> Measurement:
    """Measure the mean of `metric` over the runs that have it: those that did not diverge.

    Where several runs have the same seed, their mean counts as one: they share weights and batches. `bounds` are
    the least and the greatest value that the metric can have, known for the metrics of summary.parquet.
    """
    ends = bounds_of(metric, bounds)
    return _of_one_side(metric, where, lambda rows: mean_effect(_seed_means(rows), ends, confidence))


def share_of(flag: Metric, where: Where, *, confidence: float = CONFIDENCE) -> Measurement:
    """Measure the share of the runs for which `flag` is true, among those that have it.

    Clopper and Pearson's interval; where several runs have the same seed, that of a mean over seeds.
    """

    def share(rows: pl.DataFrame) -> Effect:
        finite = rows.drop_nulls("value")
        if finite["seed"].is_duplicated().any():
            return mean_effect(_seed_means(finite), (0.0, 1.0), confidence)
        return share_effect(finite["value"].to_numpy(), confidence)

    return _of_one_side(flag, where, share)


def range_of(metric: Metric, where: Where, *, confidence: float = CONFIDENCE) -> Measurement:
    """Measure the mean of `metric`, and instead of its interval the range of that share of the runs around it."""
    return _of_one_side(metric, where, lambda rows: range_effect(_seed_means(rows), confidence))


def total_of(metric: Metric, where: Where) -> Measurement:
    """Measure the sum of `metric` over the runs that have it: an exact count, for an exact test."""
    return _of_one_side(metric, where, lambda rows: total_effect(rows["value"].drop_nulls().to_numpy()))


def paired(
    metric: Metric,
    where_a: Where,
    where_b: Where,
    *,
    metric_a: Metric | None = None,
    by: str | Sequence[str] = "seed",
    bounds: Bounds | None = None,
    confidence: float = CONFIDENCE,
) -> Measurement:
    """Measure the mean of `metric` of run b less that (or `metric_a`) of run a, over the pairs in which both have it.

    A pair is the runs of a and of b that agree in `by`, columns of runs; where these are several on one side, their
    mean, and lost if one of them is. Where `by` names more than the seed, the pairs of a seed count as one.
    """

    def effect(tables: Tables) -> Effect:
        pairs = _pairs(tables, metric, where_a, where_b, by, metric_a)
        return _paired_effect(pairs, difference_bounds(metric, bounds), confidence)

    return Measurement(effect, (where_a, where_b), (metric,) if metric_a is None else (metric, metric_a))


def paired_ratio(metric: Metric, where_a: Where, where_b: Where, *, by: str | Sequence[str] = "seed") -> Measurement:
    """Measure the geometric mean of `metric` of run b over that of run a, over the pairs in which both are positive."""

    def effect(tables: Tables) -> Effect:
        pairs = _pairs(tables, metric, where_a, where_b, by)
        positive = [pl.when(pl.col(side) > 0).then(pl.col(side).log()) for side in ("a", "b")]
        return ratio_effect(_paired_effect(pairs.with_columns(positive), None))

    return Measurement(effect, (where_a, where_b), (metric,))


def mean_at_best(
    metric: Metric,
    where: Where,
    *,
    choose: Metric = "test_accuracy",
    key: str = "optimizer.learning_rate",
    higher_is_better: bool = True,
    bounds: Bounds | None = None,
) -> Measurement:
    """Measure `mean_of` at the best value of `key`: each half of the seeds at that which is best on the other half.

    The best value has the best mean of `choose`; a run without that number counts as the worst that the metric can
    be (an accuracy of 0), or, for a metric without bounds, as the worst seen.
    """

    def effect(tables: Tables) -> Effect:
        halves, remark = _at_best(tables, [where], choose, key, higher_is_better)
        rows = pl.concat(of_runs(tables, metric, at_best) for (at_best,) in halves)
        measured = mean_effect(_seed_means(rows), bounds_of(metric, bounds))
        return measured._replace(lost=(rows["value"].null_count(), 0), remark=remark)

    return Measurement(effect, (where,), (metric, choose), key)


def paired_at_best(
    metric: Metric,
    where_a: Where,
    where_b: Where,
    *,
    choose: Metric = "test_accuracy",
    key: str = "optimizer.learning_rate",
    higher_is_better: bool = True,
    bounds: Bounds | None = None,
) -> Measurement:
    """Measure `paired` with each side at its own best value of `key`, chosen as `mean_at_best` does."""

    def effect(tables: Tables) -> Effect:
        halves, remark = _at_best(tables, [where_a, where_b], choose, key, higher_is_better)
        pairs = pl.concat(_pairs(tables, metric, a, b, "seed") for a, b in halves)
        return _paired_effect(pairs, difference_bounds(metric, bounds))._replace(remark=remark)

    return Measurement(effect, (where_a, where_b), (metric, choose), key)


def difference_bounds(metric: Metric, bounds: Bounds | None = None) -> Bounds | None:
    """Return the bounds of the difference of two runs in a metric; `bounds` are those of one run, if not known."""
    ends = bounds_of(metric, bounds)
    return None if ends is None else (ends[0] - ends[1], ends[1] - ends[0])


def _seed_means(rows: pl.DataFrame) -> np.ndarray:
    """Return the mean value of each seed that has one, in the order of the seeds."""
    means = rows.drop_nulls("value").group_by("seed", maintain_order=True).agg(pl.col("value").mean())
    return means["value"].to_numpy()


def _pairs(
    tables: Tables,
    metric: Metric,
    where_a: Where,
    where_b: Where,
    by: str | Sequence[str],
    metric_a: Metric | None = None,
) -> pl.DataFrame:
    """Return a row a pair: the keys of `by` (and the seed), and `a` and `b`, null where lost."""
    keys = list(dict.fromkeys(["seed", *([by] if isinstance(by, str) else by)]))
    whole = pl.when(pl.col("value").is_not_null().all()).then(pl.col("value").mean())
    sides = [
        of_runs(tables, of, where).group_by(keys).agg(whole.alias(name))
        for name, of, where in (("a", metric if metric_a is None else metric_a, where_a), ("b", metric, where_b))
    ]
    return sides[0].join(sides[1], on=keys, nulls_equal=True).sort(keys)


def _paired_effect(pairs: pl.DataFrame, bounds: Bounds | None, confidence: float = CONFIDENCE) -> Effect:
    lost = (pairs["a"].null_count(), pairs["b"].null_count())
    measured = mean_effect(_differences(pairs), bounds, confidence)._replace(lost=lost)
    seen = pl.concat([pairs["a"], pairs["b"]]).drop_nulls()
    if lost == (0, 0) or seen.is_empty():
        return measured
    low, high = seen.min(), seen.max()
    at_ends = (_differences(_given(pairs, *ends)) for ends in ((high, low), (low, high)))
    return measured._replace(if_lost=tuple(mean_effect(differences, bounds, confidence) for differences in at_ends))


def _differences(pairs: pl.DataFrame) -> np.ndarray:
    return _seed_means(pairs.with_columns(value=pl.col("b") - pl.col("a")))


def _given(pairs: pl.DataFrame, a: object, b: object) -> pl.DataFrame:
    """Return the pairs with lost runs replaced; a pair lost on both sides shows no difference."""
    both = pl.col("a").is_null() & pl.col("b").is_null()
    return pairs.with_columns(
        a=pl.when(both).then(0.0).otherwise(pl.col("a").fill_null(a)),
        b=pl.when(both).then(0.0).otherwise(pl.col("b").fill_null(b)),
    )


class _Best(NamedTuple):
    value: object  # None where no run has a number to choose by
    at_edge: bool  # whether the grid ends there: beyond it may be better ones


def _at_best(
    tables: Tables, sides: Sequence[Where], choose: Metric, key: str, higher_is_better: bool
) -> tuple[list[list[Where]], str]:
    """Return (for each half of the seeds the runs of each side at its best value of `key`, these values in words).

    The best value is chosen on the seeds of the other half; every other seed makes a half.
    """
    seeds = sorted({seed for side in sides for seed in of_runs(tables, "seed", side)["seed"].to_list()})
    halves: list[list[Where]] = []
    best: list[list[_Best]] = []
    for chosen_on, measured_on in ((seeds[::2], seeds[1::2]), (seeds[1::2], seeds[::2])):
        best.append([_best(tables, {**side, "seed": chosen_on}, choose, key, higher_is_better) for side in sides])
        pairs = zip(sides, best[-1], strict=True)
        halves.append([{**side, key: chosen.value, "seed": measured_on} for side, chosen in pairs])
    words = [_rates(of_side) for of_side in zip(*best, strict=True)]
    return halves, f"best {key.rpartition('.')[2].replace('_', ' ')} {' against '.join(reversed(words))}"


def _best(tables: Tables, where: Where, choose: Metric, key: str, higher_is_better: bool) -> _Best:
    """Return the best value of `key`, the first of equals."""
    rows = of_runs(tables, choose, where)
    seen = rows["value"].drop_nulls()
    if seen.is_empty():
        return _Best(None, False)
    low, high = bounds_of(choose, None) or (seen.min(), seen.max())
    worst = low if higher_is_better else high
    means = rows.group_by(key).agg(pl.col("value").fill_null(worst).mean()).sort(key)
    place = (means["value"].arg_max() if higher_is_better else means["value"].arg_min()) or 0
    return _Best(means[key].to_list()[place], means.height > 1 and place in (0, means.height - 1))


def _rates(best: Sequence[_Best]) -> str:
    """Return best values in words."""
    edge = " (at an end of the grid)" if any(rate.at_edge for rate in best) else ""
    return " and ".join(dict.fromkeys(_number(rate.value) for rate in best)) + edge


def _number(value: object) -> str:
    return "none" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
