"""What each remedy changes: differences to none at the high and at the best rate, and the highest usable rate."""

from __future__ import annotations

import itertools

import polars as pl

from relubench.experiments.derived import rows_of
from relubench.experiments.remedies.variants import FACTOR, HIGH_RATE, NONE, OPTIMIZER, RATE, REMEDIES, VARIANT, levels
from relubench.findings.claims import Tables, mean_of, paired, paired_at_best, paired_ratio
from relubench.findings.claims.measurements import Measurement

#: A rate is usable where the accuracy lies no further than this below the best over all rates without a remedy.
USABLE = 0.02


def highest_rate(tables: Tables) -> pl.DataFrame:
    """Return the metric: the highest usable rate of the runs that share a run's seed, optimiser and remedy.

    Where no rate is usable, it is the lowest: a remedy that ruins a network allows no rate.
    """
    pair = ("seed", OPTIMIZER)
    accuracy = pl.col("test_accuracy").fill_null(0.0)  # a diverged run is of no use
    plain = accuracy.filter(pl.col(FACTOR) == NONE).max().over(pair)
    usable = tables.runs.with_columns(usable=pl.when(accuracy >= plain - USABLE).then(RATE))
    highest = pl.col("usable").max().over(*pair, FACTOR)
    return usable.select("run_id", value=highest.fill_null(pl.col(RATE).min().over(pair)))


def at_high_rate(metric: str, optimizer: str, remedy: str) -> Measurement:
    """Measure the metric with a remedy less that without one, both at the optimiser's high rate."""
    both = {OPTIMIZER: optimizer, RATE: HIGH_RATE[optimizer]}
    return paired(metric, both | {FACTOR: NONE}, both | {FACTOR: remedy})


def at_best_rate(metric: str, optimizer: str, remedy: str) -> Measurement:
    """Measure the metric with a remedy less that without one, each at its own most accurate rate."""
    return paired_at_best(metric, *({OPTIMIZER: optimizer, FACTOR: name} for name in (NONE, remedy)))


def usable_rates(optimizer: str, remedy: str) -> Measurement:
    """Measure the highest usable rate with a remedy over that without one."""
    return paired_ratio(highest_rate, *({OPTIMIZER: optimizer, FACTOR: name} for name in (NONE, remedy)))


def _usable_rate(optimizer: str, remedy: str) -> Measurement:
    return mean_of(highest_rate, {OPTIMIZER: optimizer, FACTOR: remedy})


#: The further rows of curves.parquet: metric -> how it is measured for an optimiser and a remedy.
_ROWS = {
    "dead_at_high_rate": lambda *cell: at_high_rate("dead_train_fraction", *cell),
    "accuracy_at_high_rate": lambda *cell: at_high_rate("test_accuracy", *cell),
    "accuracy_at_best_rate": lambda *cell: at_best_rate("test_accuracy", *cell),
    "highest_rate": _usable_rate,
}


def remedy_rows(tables: Tables) -> pl.DataFrame:
    """Return a row for each of `_ROWS`, optimiser with a high rate and remedy of the runs."""
    optimizers = [name for name in HIGH_RATE if name in tables.runs[OPTIMIZER]]
    effects = (
        ((metric, optimizer, REMEDIES.get(remedy, remedy)), _ROWS[metric](optimizer, remedy)(tables))
        for metric, optimizer, remedy in itertools.product(_ROWS, optimizers, levels(tables.runs))
        if remedy != NONE or metric == "highest_rate"  # the others are differences to none
    )
    rows = rows_of(effects, {"metric": pl.String, OPTIMIZER: pl.String, VARIANT: pl.String})
    return rows.with_columns(layer=pl.lit(None, pl.Int64))


DERIVED = (remedy_rows,)
