"""What a claim measures: means, shares, totals and paired differences over runs, as functions of the tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from relubench.errors import UserError
from relubench.findings import CONFIDENCE
from relubench.findings.claims.effect import (
    Effect,
    Sample,
    mean_effect,
    range_effect,
    ratio_effect,
    share_effect,
    total_effect,
)
from relubench.findings.claims.metrics import (
    SPLIT,
    SPLITS,
    Metric,
    Where,
    are_there,
    bounds_of,
    needs_of,
    of_runs,
    or_chance,
)
from relubench.sweeps.folders import Tables

if TYPE_CHECKING:
    from relubench.findings.stats import Bounds

#: Between what a share lies, and the difference of two shares.
SHARE, DIFFERENCE = (0.0, 1.0), (-1.0, 1.0)


class Measurement(NamedTuple):
    """What is measured, and on which runs."""

    effect: Callable[[Tables], Effect]
    sides: tuple[Where, ...]  # the runs, or those that are compared
    metrics: tuple[Metric, ...]
    best_of: str | None = None  # the key of whose values it takes the best one
    lacks: str = ""  # what is missing here that it takes beside the runs, in words

    @property
    def needs(self) -> frozenset[str]:
        """The measures that it reads, and `units` where it reads these."""
        return frozenset().union(*map(needs_of, self.metrics))

    def all_there(self, tables: Tables) -> bool:
        """Whether the grid of these runs has all that it is measured on."""
        return all(are_there(tables, side, self.best_of) for side in self.sides)

    def __call__(self, tables: Tables) -> Effect:
        """Measure."""
        return self.effect(tables)


def _of_one_side(metric: Metric, where: Where, effect_of: Callable[[pl.DataFrame], Effect]) -> Measurement:
    """Measure what `effect_of` makes of the chosen runs; those without a number are given the extremes seen."""

    def effect(tables: Tables) -> Effect:
        found = _with_lost(of_runs(tables, metric, where), effect_of)
        chance = or_chance(metric, tables)
        return found if chance is None else found._replace(at_chance=effect_of(of_runs(tables, chance, where)))

    return Measurement(effect, (where,), (metric,))


def _with_lost(rows: pl.DataFrame, effect_of: Callable[[pl.DataFrame], Effect]) -> Effect:
    lost, found = rows["value"].null_count(), effect_of(rows)
    if not 0 < lost < rows.height:
        return _left_out(found, lost, rows.height)
    ends = (rows["value"].min(), rows["value"].max())
    if_lost = tuple(effect_of(rows.with_columns(pl.col("value").fill_null(end))) for end in ends)
    return _left_out(found, lost, rows.height)._replace(if_lost=if_lost)


def _left_out(effect: Effect, number: int, of: int, lost: tuple[int, int] | None = None) -> Effect:
    """Return the effect with how many runs or pairs it leaves out; `lost`: by which run of a pair, else all by one."""
    return effect._replace(left_out=number, mostly_left_out=2 * number > of, lost=lost or (number, 0))


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

    Clopper and Pearson's interval; where several runs have the same seed, or splits of the data are several, that of a
    mean over seeds.
    """

    def share(rows: pl.DataFrame) -> Effect:
        finite = rows.drop_nulls("value")
        if finite["seed"].is_duplicated().any() or _split(finite) is not None:
            return mean_effect(_seed_means(finite), SHARE, confidence)
        return share_effect(finite["value"].to_numpy(), confidence)

    return _of_one_side(flag, where, share)


def range_of(metric: Metric, where: Where, *, confidence: float = CONFIDENCE) -> Measurement:
    """Measure the mean of `metric`, and instead of its interval the range of that share of the runs around it."""
    return _of_one_side(metric, where, lambda rows: range_effect(_seed_means(rows).values, confidence))


def total_of(metric: Metric, where: Where) -> Measurement:
    """Measure the sum of `metric` over the runs that have it: an exact count, for an exact test."""

    def effect(tables: Tables) -> Effect:
        rows = of_runs(tables, metric, where)
        lost = rows["value"].null_count()
        return _left_out(total_effect(rows["value"].drop_nulls().to_numpy()), lost, rows.height)

    return Measurement(effect, (where,), (metric,))


def mean_ratio(metric: Metric, where_a: Where, where_b: Where) -> Measurement:
    """Measure the mean of `metric`, a number >= 0, of the runs b over that of the runs a, over pairs that have both.

    Its interval is that of the mean of its pseudo-values: see `pooled`.
    """

    def effect(tables: Tables) -> Effect:
        pairs = _pairs(tables, metric, where_a, where_b, "seed")
        both = pairs.drop_nulls(["a", "b"]).rename({"b": "part", "a": "whole"})
        lost = (pairs["a"].null_count(), pairs["b"].null_count())
        found = _clipped(mean_effect(_pseudo_values(both)), (0.0, np.inf))
        return _left_out(found, pairs.height - both.height, pairs.height, lost)

    return Measurement(effect, (where_a, where_b), (metric,))


def pooled(part: Metric, whole: Metric, where: Where, *, bounds: Bounds = SHARE) -> Measurement:
    """Measure the sum of `part` over the runs per sum of `whole`: a share of all units, say, and no mean of shares.

    Its interval is that of the mean of its pseudo-values (the infinitesimal jackknife, Jaeckel 1972): the ratio plus
    what each run changes it by. So runs are resampled, and one in which `whole` is 0 says nothing. `bounds` are the
    least and the greatest ratio that a run can have; where both are finite, lost runs are given the one or the other,
    else they are counted alone.
    """
    least, most = bounds
    finite = bool(np.isfinite(bounds).all())

    def ratio(counts: pl.DataFrame) -> Effect:
        found = mean_effect(_pseudo_values(counts), bounds if finite else None)
        return _clipped(found, bounds)

    def effect(tables: Tables) -> Effect:
        counts = _counts(tables, part, whole, where)
        outside = counts.filter((pl.col("part") > most * pl.col("whole")) | (pl.col("part") < least * pl.col("whole")))
        if outside.height:
            part_of, whole_of = outside.select("part", "whole").row(0)
            raise UserError(f"pooled: a run has {part_of:g} of {whole_of:g}, and bounds={bounds} do not allow that")
        lost = counts["part"].null_count()
        found = _left_out(ratio(counts), lost, counts.height)
        if bounds == SHARE:  # "3 of 8"
            found = found._replace(remark=_of(counts))
        if not (lost and found.n and finite):
            return found
        return found._replace(if_lost=tuple(ratio(_filled(counts, end)) for end in bounds))

    return Measurement(effect, (where,), (part, whole))


def _clipped(effect: Effect, bounds: Bounds) -> Effect:
    """Return the effect with ends where it can lie: pseudo-values go beyond what a ratio of counts can be."""
    low, high = np.clip((effect.low, effect.high), *bounds).tolist()
    return effect._replace(low=low, high=high)


def pooled_difference(part: Metric, whole: Metric, where_a: Where, where_b: Where) -> Measurement:
    """Measure `pooled` of the runs b less that of the runs a, over the seeds that both have."""

    def effect(tables: Tables) -> Effect:
        a, b = (_counts(tables, part, whole, where) for where in (where_a, where_b))
        a, b = a.join(b, on="seed", how="semi"), b.join(a, on="seed", how="semi")
        kept = [side.filter(a["part"].is_not_null() & b["part"].is_not_null()) for side in (a, b)]
        lost = (a["part"].null_count(), b["part"].null_count())
        found = _left_out(_difference(*kept), a.height - kept[0].height, a.height, lost)
        found = found._replace(remark=f"{_of(kept[1])} against {_of(kept[0])}")
        if lost == (0, 0) or not found.n:
            return found
        ends = ((1.0, 0.0), (0.0, 1.0))
        return found._replace(if_lost=tuple(_difference(_filled(a, of_a), _filled(b, of_b)) for of_a, of_b in ends))

    return Measurement(effect, (where_a, where_b), (part, whole))


def _difference(a: pl.DataFrame, b: pl.DataFrame) -> Effect:
    of_a, of_b = _pseudo_values(a), _pseudo_values(b)
    if not (len(of_a.values) and len(of_b.values)):
        return mean_effect(Sample(np.empty(0)))
    return _clipped(mean_effect(Sample(of_b.values - of_a.values, of_b.split), DIFFERENCE), DIFFERENCE)


def _filled(counts: pl.DataFrame, share: float) -> pl.DataFrame:
    """Return the counts with lost runs given a usual whole, and this share of it."""
    usual = pl.col("whole").mean()
    return counts.with_columns(
        part=pl.col("part").fill_null(share * usual),
        whole=pl.when(pl.col("part").is_null()).then(usual).otherwise("whole"),
    )


def _counts(tables: Tables, part: Metric, whole: Metric, where: Where) -> pl.DataFrame:
    """Return a row a seed: the sums of `part` and `whole` over its runs, null where one of them has neither."""
    sides = [of_runs(tables, metric, where) for metric in (part, whole)]
    rows = sides[0].rename({"value": "part"}).with_columns(whole=sides[1]["value"])
    rows = rows.with_columns(part=pl.when(pl.col("whole").is_not_null()).then("part"))
    there = pl.col("part").is_not_null().all()
    sums = (pl.when(there).then(pl.col(name).sum()).alias(name) for name in ("part", "whole"))
    splits = [SPLIT] if SPLIT in rows.columns else []
    return rows.group_by("seed", *splits, maintain_order=True).agg(*sums)


def _pseudo_values(counts: pl.DataFrame) -> Sample:
    """Return the ratio of the sums plus each seed's influence on it; none where the whole is 0."""
    counts = counts.drop_nulls("part")
    part, whole = (counts[name].to_numpy() for name in ("part", "whole"))
    if not whole.sum():
        return Sample(np.empty(0))
    ratio = part.sum() / whole.sum()
    return Sample(ratio + (part - ratio * whole) / whole.mean(), _split(counts))


def _of(counts: pl.DataFrame) -> str:
    part, whole = (counts[name].sum() for name in ("part", "whole"))
    return f"{part:,.0f} of {whole:,.0f}"


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
        ends = difference_bounds(metric, bounds)
        found = _paired_effect(_pairs(tables, metric, where_a, where_b, by, metric_a), ends, confidence)
        chance = or_chance(metric, tables)
        if chance is None or metric_a is not None:
            return found
        return found._replace(at_chance=_paired_effect(_pairs(tables, chance, where_a, where_b, by), ends, confidence))

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
    choose: Metric = "test_accuracy_or_chance",
    key: str = "optimizer.learning_rate",
    higher_is_better: bool = True,
    bounds: Bounds | None = None,
) -> Measurement:
    """Measure `mean_of` at the best value of `key`: each half of the seeds at that which is best on the other half.

    The best value has the best mean of `choose`; a run without that number counts as the worst that the metric can
    be, or, for a metric without bounds, as the worst seen. The remark tells where the halves are measured at different
    values, and where the best is the last of the grid: *censored*, since the best of all may lie beyond it.
    """

    def effect(tables: Tables) -> Effect:
        halves, remark = _at_best(tables, [where], choose, key, higher_is_better)
        ends = bounds_of(metric, bounds)

        def of(measured: Metric) -> Effect:
            rows = pl.concat(of_runs(tables, measured, at_best) for (at_best,) in halves)
            return _with_lost(rows, lambda rows: mean_effect(_seed_means(rows), ends))

        chance = or_chance(metric, tables)
        return of(metric)._replace(remark=remark, at_chance=None if chance is None else of(chance))

    return Measurement(effect, (where,), (metric, choose), key)


def paired_at_best(
    metric: Metric,
    where_a: Where,
    where_b: Where,
    *,
    choose: Metric = "test_accuracy_or_chance",
    key: str = "optimizer.learning_rate",
    higher_is_better: bool = True,
    bounds: Bounds | None = None,
) -> Measurement:
    """Measure `paired` with each side at its own best value of `key`, chosen as `mean_at_best` does."""

    def effect(tables: Tables) -> Effect:
        halves, remark = _at_best(tables, [where_a, where_b], choose, key, higher_is_better)
        ends = difference_bounds(metric, bounds)

        def of(measured: Metric) -> Effect:
            return _paired_effect(pl.concat(_pairs(tables, measured, a, b, "seed") for a, b in halves), ends)

        chance = or_chance(metric, tables)
        return of(metric)._replace(remark=remark, at_chance=None if chance is None else of(chance))

    return Measurement(effect, (where_a, where_b), (metric, choose), key)


def difference_bounds(metric: Metric, bounds: Bounds | None = None) -> Bounds | None:
    """Return the bounds of the difference of two runs in a metric; `bounds` are those of one run, if not known."""
    ends = bounds_of(metric, bounds)
    return None if ends is None else (ends[0] - ends[1], ends[1] - ends[0])


def _seed_means(rows: pl.DataFrame) -> Sample:
    """Return the mean value of each seed that has one, in the order of the seeds."""
    splits = [SPLIT] if SPLIT in rows.columns else []
    means = rows.drop_nulls("value").group_by("seed", *splits, maintain_order=True).agg(pl.col("value").mean())
    return Sample(means["value"].to_numpy(), _split(means))


def _split(rows: pl.DataFrame) -> np.ndarray | None:
    """Return which split of the data each row's seed takes; None where all take the same, or that does not matter."""
    return rows[SPLIT].to_numpy() if SPLIT in rows.columns and rows[SPLIT].n_unique() > 1 else None


def _pairs(
    tables: Tables,
    metric: Metric,
    where_a: Where,
    where_b: Where,
    by: str | Sequence[str],
    metric_a: Metric | None = None,
) -> pl.DataFrame:
    """Return a row a pair: the keys of `by` (and the seed), and `a` and `b`, null where lost."""
    metrics = (metric if metric_a is None else metric_a, metric)
    sides = [of_runs(tables, of, where) for of, where in zip(metrics, (where_a, where_b), strict=True)]
    splits = [SPLIT] if all(SPLIT in side.columns for side in sides) else []
    keys = list(dict.fromkeys(["seed", *splits, *([by] if isinstance(by, str) else by)]))
    whole = pl.when(pl.col("value").is_not_null().all()).then(pl.col("value").mean())
    a, b = (side.group_by(keys).agg(whole.alias(name)) for name, side in zip("ab", sides, strict=True))
    return a.join(b, on=keys, nulls_equal=True).sort(keys)


def _paired_effect(pairs: pl.DataFrame, bounds: Bounds | None, confidence: float = CONFIDENCE) -> Effect:
    lost = (pairs["a"].null_count(), pairs["b"].null_count())
    left_out = pairs.filter(pl.any_horizontal(pl.col("a", "b").is_null())).height
    measured = _left_out(mean_effect(_differences(pairs), bounds, confidence), left_out, pairs.height, lost)
    seen = pl.concat([pairs["a"], pairs["b"]]).drop_nulls()
    if lost == (0, 0) or seen.is_empty():
        return measured
    low, high = seen.min(), seen.max()
    at_ends = (_differences(_given(pairs, *ends)) for ends in ((high, low), (low, high)))
    return measured._replace(if_lost=tuple(mean_effect(differences, bounds, confidence) for differences in at_ends))


def _differences(pairs: pl.DataFrame) -> Sample:
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

    The best value is chosen on the seeds of the other half; every other one of those that share a split of the data
    makes a half.
    """
    one, other = _halves({seed for side in sides for seed in of_runs(tables, "seed", side)["seed"].to_list()}, tables)
    halves: list[list[Where]] = []
    best: list[list[_Best]] = []
    for chosen_on, measured_on in ((one, other), (other, one)):
        best.append([_best(tables, {**side, "seed": chosen_on}, choose, key, higher_is_better) for side in sides])
        pairs = zip(sides, best[-1], strict=True)
        halves.append([{**side, key: chosen.value, "seed": measured_on} for side, chosen in pairs])
    words = [_rates(of_side) for of_side in zip(*best, strict=True)]
    return halves, f"best {key.rpartition('.')[2].replace('_', ' ')} {' against '.join(reversed(words))}"


def _halves(seeds: Collection[int], tables: Tables) -> tuple[list[int], list[int]]:
    splits = max([1, *tables.runs[SPLITS].drop_nulls().unique()]) if SPLITS in tables.runs.columns else 1
    of_split: dict[int, list[int]] = {}
    for seed in sorted(seeds):
        of_split.setdefault(seed % splits, []).append(seed)
    one, other = ([seed for alike in of_split.values() for seed in alike[half::2]] for half in (0, 1))
    return one, other


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
    several = list(dict.fromkeys(_number(rate.value) for rate in best))
    pooled = " (halves of the seeds at different ones)" if len(several) > 1 else ""
    return (
        " and ".join(several)
        + pooled
        + (" (censored: the grid ends there)" if any(rate.at_edge for rate in best) else "")
    )


def _number(value: object) -> str:
    return "none" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
