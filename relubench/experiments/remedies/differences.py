"""What each remedy changes: differences to none at the high and at the best rate, and the highest usable rate."""

from __future__ import annotations

import itertools
from typing import Any

import polars as pl

from relubench.experiments.remedies.variants import HIGH_RATE, NONE, OPTIMIZER, RATE, REMEDIES, VARIANT, with_names
from relubench.findings.claims import Effect, Tables, mean_of, paired, paired_at_best, paired_ratio
from relubench.findings.claims.measurements import Measurement

#: A rate is usable where the accuracy lies no further than this below the best over all rates without a remedy.
USABLE = 0.02


def highest_rate(tables: Tables) -> pl.DataFrame:
    """Return the metric: the highest usable rate of the runs that share a run's seed, optimiser and remedy.

    Where no rate is usable, it is the lowest: a remedy that ruins a network allows no rate.
    """
    pair = ("seed", OPTIMIZER)
    accuracy = pl.col("test_accuracy").fill_null(0.0)  # a diverged run is of no use
    plain = accuracy.filter(pl.col(VARIANT) == NONE).max().over(pair)
    usable = tables.runs.with_columns(usable=pl.when(accuracy >= plain - USABLE).then(RATE))
    highest = pl.col("usable").max().over(*pair, VARIANT)
    return usable.select("run_id", value=highest.fill_null(pl.col(RATE).min().over(pair)))


def _named(measure: Measurement) -> Measurement:
    """Let a measurement choose runs by the name of their remedy."""

    def effect(tables: Tables) -> Effect:
        return measure(tables._replace(runs=with_names(tables.runs)))

    return effect


def at_high_rate(metric: str, optimizer: str, remedy: str) -> Measurement:
    """Measure the metric with a remedy less that without one, both at the optimiser's high rate."""
    both = {OPTIMIZER: optimizer, RATE: HIGH_RATE[optimizer]}
    return _named(paired(metric, both | {VARIANT: NONE}, both | {VARIANT: remedy}))


def at_best_rate(metric: str, optimizer: str, remedy: str) -> Measurement:
    """Measure the metric with a remedy less that without one, each at its own most accurate rate."""
    return _named(paired_at_best(metric, *({OPTIMIZER: optimizer, VARIANT: name} for name in (NONE, remedy))))


def usable_rates(optimizer: str, remedy: str) -> Measurement:
    """Measure the highest usable rate with a remedy over that without one."""
    return _named(paired_ratio(highest_rate, *({OPTIMIZER: optimizer, VARIANT: name} for name in (NONE, remedy))))


def _usable_rate(optimizer: str, remedy: str) -> Measurement:
    return _named(mean_of(highest_rate, {OPTIMIZER: optimizer, VARIANT: remedy}))


#: The further rows of curves.parquet: metric -> how it is measured for an optimiser and a remedy.
DERIVED = {
    "dead_at_high_rate": lambda *cell: at_high_rate("dead_train_fraction", *cell),
    "accuracy_at_high_rate": lambda *cell: at_high_rate("test_accuracy", *cell),
    "accuracy_at_best_rate": lambda *cell: at_best_rate("test_accuracy", *cell),
    "highest_rate": _usable_rate,
}
_ORDER = {OPTIMIZER: HIGH_RATE, VARIANT: (NONE, *REMEDIES)}
_SCHEMA: dict[str, Any] = {
    "metric": pl.String,
    OPTIMIZER: pl.String,
    VARIANT: pl.String,
    "mean": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "n": pl.Int64,
}


def remedy_rows(tables: Tables) -> pl.DataFrame:
    """Return a row for each of `DERIVED`, optimiser with a high rate and remedy of the runs."""
    runs = with_names(tables.runs)
    optimizers, remedies = ([name for name in all_ if name in runs[key]] for key, all_ in _ORDER.items())
    rows = []
    for metric, measure in DERIVED.items():
        for optimizer, remedy in itertools.product(optimizers, remedies):
            if remedy != NONE or metric == "highest_rate":  # the others are differences to none
                effect = measure(optimizer, remedy)(tables)
                rows.append((metric, optimizer, remedy, effect.value, effect.low, effect.high, effect.n))
    return pl.DataFrame(rows, _SCHEMA, orient="row").with_columns(
        pl.col("mean", "ci_low", "ci_high").fill_nan(None), layer=pl.lit(None, pl.Int64)
    )
