"""What each remedy changes: differences to none at the high and at the best rate, usable rates, and profiles."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl

from relubench.experiments.cases import BY, RATE, WORLD, rate_by_rule
from relubench.experiments.derived import mean_over_runs, rows_of
from relubench.experiments.remedies.variants import FACTOR, NAME, NONE, levels
from relubench.findings.claims import Tables, paired, paired_at_best, paired_ratio
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.metrics import Where, reading

#: A rate is usable where the accuracy lies no further than this below the best over all rates without a remedy, or
#: where targets are real-valued, the test loss is at most so many times the least one.
USABLE, USABLE_LOSS = 0.02, 1.5
#: Accuracies at which a performance profile is drawn.
_ACCURACIES = np.linspace(0.0, 1.0, 51)
_OR_CHANCE = "test_accuracy_or_chance"


@reading(pl.col("test_accuracy"))
def highest_rate(tables: Tables) -> pl.DataFrame:
    """Return the metric: the highest usable rate of the runs that share a run's seed, setting and remedy.

    Where no rate is usable it lies below all that were tried, the lowest of which is taken: at most that.
    """
    pair = ("seed", *(name for name in (WORLD, BY) if name in tables.runs.columns))
    accuracy, loss, plain = pl.col(_OR_CHANCE), pl.col("test_loss"), pl.col(FACTOR) == NONE
    is_accurate = accuracy >= accuracy.filter(plain).max().over(pair) - USABLE
    is_usable = pl.coalesce(is_accurate, loss <= USABLE_LOSS * loss.filter(plain).min().over(pair))
    usable = tables.runs.with_columns(usable=pl.when(is_usable).then(RATE))
    highest = pl.coalesce(pl.col("usable").max(), pl.col(RATE).min())
    return usable.select("run_id", "usable", value=highest.over(*pair, FACTOR))


def at_high_rate(metric: str, runs: Where) -> Measurement:
    """Measure the metric with a remedy less that without one, both at the setting's high rate."""
    both = {**runs, RATE: rate_by_rule(NAME, runs, "high")}
    return paired(metric, both | {FACTOR: NONE}, both)


def at_best_rate(metric: str, runs: Where) -> Measurement:
    """Measure the metric with a remedy less that without one, each at its own most accurate rate."""
    return paired_at_best(metric, {**runs, FACTOR: NONE}, runs)


def loss_at_best_rate(runs: Where) -> Measurement:
    """Measure log10 of the test loss with a remedy less that without one, each at its own rate of the least."""
    loss = pl.col("test_loss").log10()
    return paired_at_best(loss, {**runs, FACTOR: NONE}, runs, choose=loss, higher_is_better=False)


def usable_rates(runs: Where) -> Measurement:
    """Measure the highest usable rate with a remedy over that without one."""
    return paired_ratio(highest_rate, {**runs, FACTOR: NONE}, runs)


#: The differences to none in curves.parquet: metric -> how it is measured for a setting and remedy.
_ROWS = {
    "dead_at_high_rate": lambda runs: at_high_rate("dead_train_fraction", runs),
    "accuracy_at_high_rate": lambda runs: at_high_rate(_OR_CHANCE, runs),
    "accuracy_at_best_rate": lambda runs: at_best_rate(_OR_CHANCE, runs),
    "loss_at_best_rate": loss_at_best_rate,
}
_KEYS = {"metric": pl.String, WORLD: pl.String, BY: pl.String, FACTOR: pl.String}


def remedy_rows(tables: Tables) -> pl.DataFrame:
    """Return a row for each of `_ROWS`, setting and remedy of the runs but none."""
    if not {WORLD, BY} <= set(tables.runs.columns):  # a key that is set for all has taken their place
        return pl.DataFrame(schema=_KEYS)
    cells = tables.runs.select(WORLD, BY).unique(maintain_order=True).rows()
    effects = []
    for (world, optimizer), metric in itertools.product(cells, _ROWS):
        there = tables.runs.filter(pl.col(WORLD) == world, pl.col(BY) == optimizer)
        for remedy in levels(there):
            if remedy != NONE:
                runs = {WORLD: world, BY: optimizer, FACTOR: remedy}
                effects.append(((metric, world, optimizer, remedy), _ROWS[metric](runs)(tables)))
    return rows_of(effects, _KEYS).with_columns(layer=pl.lit(None, pl.Int64))


def usable(tables: Tables) -> pl.DataFrame:
    """Return the highest usable rate of each setting and remedy: its geometric mean over seeds, with an interval.

    A seed without a usable rate counts with the lowest that was tried. `censored` is 1 where half of the seeds or more
    can use the highest rate tried, -1 where half or more can use none: there the mean is a bound.
    """
    cell = [name for name in (WORLD, BY, FACTOR) if name in tables.runs.columns]
    rates = tables.runs.join(highest_rate(tables), on="run_id").with_columns(
        none=pl.col("usable").is_null().all().over(*cell, "seed"), highest=pl.col(RATE).max().over(cell)
    )
    seeds = rates.unique([*cell, "seed"], maintain_order=True)
    rows = mean_over_runs(seeds.select(*cell, value=pl.col("value").log()), cell, "highest_rate")
    censored = seeds.group_by(cell, maintain_order=True).agg(
        censored=(pl.col("value") == pl.col("highest")).mean().ge(0.5).cast(pl.Int64)
        - pl.col("none").mean().ge(0.5).cast(pl.Int64)
    )
    rows = rows.with_columns(pl.col("mean", "ci_low", "ci_high").exp(), layer=pl.lit(None, pl.Int64))
    return rows.join(censored, on=cell, maintain_order="left")


def profiles(tables: Tables) -> pl.DataFrame:
    """Return performance profiles: the share of a remedy's runs, over all rates, above each accuracy.

    Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice", section 4.2.
    """
    cell = [name for name in (WORLD, BY, FACTOR) if name in tables.runs.columns]
    of_seed = tables.runs.group_by(*cell, "seed", maintain_order=True).agg(pl.col(_OR_CHANCE).drop_nulls())
    above = [(values.to_numpy()[:, None] > _ACCURACIES).mean(0) for values in of_seed[_OR_CHANCE]]
    rows = of_seed.select(
        *cell, accuracy=pl.lit(_ACCURACIES.tolist()), value=pl.Series(above, dtype=pl.List(pl.Float64))
    ).explode("accuracy", "value")
    return mean_over_runs(rows, (*cell, "accuracy"), "profile").with_columns(layer=pl.lit(None, pl.Int64))


DERIVED = (remedy_rows, usable, profiles)
