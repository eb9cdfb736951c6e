"""Rows of curves.parquet that an experiment computes from its runs (`Experiment.derived`)."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def mean_over_runs(values: pl.DataFrame, by: Sequence[str], metric: str) -> pl.DataFrame:
    """Return rows of curves.parquet: for each of `by`, the mean of `value` (a row a run, a share) with its interval.

    A value that is null or NaN is left out. The rows keep the order of `values`.
    """
    from relubench.findings import stats

    finite = values.filter(pl.col("value").fill_nan(None).is_not_null())
    folded = finite.group_by(*by, maintain_order=True).agg("value")
    low, high = stats.mean_interval([cell.to_numpy() for cell in folded["value"]], (0.0, 1.0))
    return folded.select(
        *by, metric=pl.lit(metric), mean=pl.col("value").list.mean(), ci_low=pl.Series(low).fill_nan(None),
        ci_high=pl.Series(high).fill_nan(None), n=pl.col("value").list.len().cast(pl.Int64),
    )  # fmt: skip
