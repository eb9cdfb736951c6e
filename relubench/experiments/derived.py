"""Rows of curves.parquet that an experiment computes from its runs (`Experiment.derived`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from relubench.findings.claims import Effect

_NUMBERS = {"mean": pl.Float64, "ci_low": pl.Float64, "ci_high": pl.Float64, "n": pl.Int64}


def rows_of(effects: Iterable[tuple[Any, Effect]], keys: Mapping[str, Any]) -> pl.DataFrame:
    """Return rows of curves.parquet: pairs of the values of `keys`, columns with their types, and what they have."""
    rows = [(*values, effect.value, effect.low, effect.high, effect.n) for values, effect in effects]
    table = pl.DataFrame(rows, {**keys, **_NUMBERS}, orient="row")
    return table.with_columns(pl.col("mean", "ci_low", "ci_high").fill_nan(None))


def mean_over_runs(values: pl.DataFrame, by: Sequence[str], metric: str) -> pl.DataFrame:
    """Return rows of curves.parquet: for each of `by`, the mean of `value` (a row a run, a share) with its interval.

    A value that is null or NaN is left out. The rows keep the order of `values`.
    """
    from relubench.findings import stats

    finite = values.filter(pl.col("value").fill_nan(None).is_not_null())
    folded = finite.group_by(*by, maintain_order=True).agg("value")
    low, high = stats.mean_interval([cell.to_numpy() for cell in folded["value"]])
    return folded.select(
        *by, metric=pl.lit(metric), mean=pl.col("value").list.mean(), ci_low=pl.Series(low).fill_nan(None),
        ci_high=pl.Series(high).fill_nan(None), n=pl.col("value").list.len().cast(pl.Int64),
    )  # fmt: skip
