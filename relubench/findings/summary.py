"""Runs folded over seeds: each grid point's mean and interval, its runs' values, and the points of the curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from relubench.config import SETTING_KEYS
from relubench.findings import stats
from relubench.findings.claims.metrics import SPLIT, hangs_on_split, measures_of, with_split
from relubench.sweeps.columns import METRICS, SHARE, Metric
from relubench.sweeps.folders import Tables

_POINT = "_point"  # the number of a grid point, in the order of its keys' values


#: The keys that make a grid point, each with its values in their order.
Axes = Mapping[str, Sequence[Any]]
#: In values.parquet a share of 1, and of a grid point the most runs.
WHOLE, MOST_RUNS = 2**16 - 1, 256


def summarize(runs: pl.DataFrame, axes: Axes) -> pl.DataFrame:
    """Return summary.parquet: a row a grid point (the values of the keys of `axes`) and metric."""
    points, numbered = _numbered(runs, axes)
    tables = [
        _mean_rows(numbered.with_columns(metric.value.alias(name)), name, [])
        if metric.fold == "mean"
        else _share_rows(numbered, name, metric.value)
        for name, metric in _metrics_of(runs)
    ]
    losses = numbered.group_by(_POINT).agg(
        n_diverged=pl.col("diverged").sum().cast(pl.Int64), n_collapsed=pl.col("collapsed").sum().cast(pl.Int64)
    )
    table = pl.concat(tables).join(losses, on=_POINT)
    table = table.sort(_POINT, pl.col("metric").cast(pl.Enum(list(METRICS))))
    columns = ("metric", "mean", "ci_low", "ci_high", "median", "n", "n_diverged", "n_collapsed")
    return points.join(table, on=_POINT, maintain_order="right").select(*axes, *columns)


def _metrics_of(runs: pl.DataFrame) -> list[tuple[str, Metric]]:
    """Return the metrics whose columns the runs have: those of an older folder lack some."""
    return [
        (name, metric) for name, metric in METRICS.items() if set(metric.value.meta.root_names()) <= set(runs.columns)
    ]


def values(runs: pl.DataFrame, axes: Axes) -> pl.DataFrame:
    """Return values.parquet: a row a grid point, with its runs' seeds, and of each metric from 0 to 1 their values.

    Runs stand in the order of their seeds, of more than `MOST_RUNS` the first; a value is in steps of 1 / `WHOLE`, and
    null where the run has none.
    """
    points, numbered = _numbered(runs, axes)
    shares = {
        name: (metric.value.cast(pl.Float64) * WHOLE).round().cast(pl.UInt16)
        for name, metric in _metrics_of(runs)
        if metric.bounds == SHARE
    }
    listed = numbered.sort("seed", maintain_order=True).group_by(_POINT).agg("seed", **shares)
    listed = listed.with_columns(pl.col("seed", *shares).list.head(MOST_RUNS))
    return points.join(listed, on=_POINT, maintain_order="left").select(*axes, "seed", *shares)


def curves(tables: Tables, axes: Axes, metrics: Sequence[str]) -> pl.DataFrame:
    """Return curves.parquet: a row a grid point, metric, step, layer (null: the whole network) and item of a measure.

    `metrics` are columns of `probes`, counts of units of `layers`, which become fractions, or names of measures.
    A run enters up to its divergence: what was known before does not hang on what came after.
    """
    points, numbered = _numbered(tables.runs, axes)
    place = numbered.select("run_id", _POINT, SPLIT)
    folded = []
    for name in metrics:
        rows = place.join(_curve_values(tables, name), on="run_id", maintain_order="left")
        folded.append(_mean_rows(rows.rename({"value": name}), name, ["step", "layer", "item"]))
    if not folded:
        return pl.DataFrame(schema={"metric": pl.String, "layer": pl.Int64})  # what is asked of any curve
    table = pl.concat(folded).sort(_POINT, "metric", "layer", "step", "item", nulls_last=False)
    columns = ("metric", "layer", "step", "item", "mean", "ci_low", "ci_high", "n")
    return points.join(table, on=_POINT, maintain_order="right").select(*axes, *columns)


def dead_by_layer(tables: Tables, axes: Axes) -> pl.DataFrame:
    """Return a row a grid point: the keys of `axes`, and `layers`, the mean share of dead units of each at the end.

    A list in the order of the layers, over the runs that did not diverge; null where all did.
    """
    points, numbered = _numbered(tables.runs, axes)
    last = tables.layers.filter(pl.col("step") == pl.col("step").max().over("run_id"))
    share = (pl.col("dead_train") / pl.col("units")).mean()
    shares = numbered.select("run_id", _POINT).join(last, on="run_id").group_by(_POINT, "layer").agg(share=share)
    lists = shares.sort("layer").group_by(_POINT).agg(layers="share")
    return points.join(lists, on=_POINT, how="left", maintain_order="left").select(*axes, "layers")


def _curve_values(tables: Tables, name: str) -> pl.DataFrame:
    """Return run_id, step, layer, item, value of one curve's metric."""
    none = pl.lit(None, pl.Int64)
    if name in tables.probes.columns:
        return tables.probes.select("run_id", "step", layer=none, item=none, value=pl.col(name))
    if name in tables.layers.columns:
        counts = tables.layers.select("run_id", "step", "layer", "units", count=pl.col(name))
        known = pl.col("count").null_count() == 0  # a sum of nulls would be 0
        whole = counts.group_by("run_id", "step").agg(pl.col("units").sum(), pl.when(known).then(pl.col("count").sum()))
        whole = whole.with_columns(layer=none).select(counts.columns)
        share = pl.col("count") / pl.col("units")
        return pl.concat([whole, counts]).select("run_id", "step", "layer", item=none, value=share)
    return measures_of(tables, [name]).select("run_id", "step", "layer", "item", "value")


def _numbered(runs: pl.DataFrame, axes: Axes) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (the grid points with their numbers, the runs with the number of their point)."""
    runs = with_split(runs)
    if not axes:
        point = pl.DataFrame({_POINT: pl.Series([0], dtype=pl.UInt32)})
        return point, runs.with_columns(pl.lit(0, pl.UInt32).alias(_POINT))
    places = [{value: place for place, value in enumerate(values)} for values in axes.values()]

    def place(row: tuple[Any, ...]) -> list[int]:
        values = (tuple(value) if isinstance(value, list) else value for value in row)
        return [of_key[value] for of_key, value in zip(places, values, strict=True)]

    lacking = [key for key in axes if key not in runs.columns]  # of an older folder
    runs = runs.with_columns(pl.lit(SETTING_KEYS[key].default).alias(key) for key in lacking)
    held = runs.select(list(axes)).unique()
    points = pl.DataFrame(sorted(held.rows(), key=place), held.schema, orient="row").with_row_index(_POINT)
    return points, runs.join(points, on=list(axes), nulls_equal=True, maintain_order="left")


def _mean_rows(rows: pl.DataFrame, name: str, by: Sequence[str]) -> pl.DataFrame:
    """Fold the column `name` over runs: a row a grid point and value of `by`."""
    there = pl.col(name).is_not_null()
    folded = rows.group_by(_POINT, *by, maintain_order=True).agg(
        pl.col(name).filter(there).cast(pl.Float64), pl.col(SPLIT).filter(there)
    )
    samples, splits = ([cell.to_numpy() for cell in folded[column]] for column in (name, SPLIT))
    low, high = stats.mean_interval(samples, splits if hangs_on_split(name) else None)
    values = pl.col(name)
    return folded.with_columns(
        metric=pl.lit(name),
        mean=values.list.mean(),
        ci_low=pl.Series(low).fill_nan(None),
        ci_high=pl.Series(high).fill_nan(None),
        median=values.list.median(),
        n=values.list.len().cast(pl.Int64),
    ).drop(name, SPLIT)


def _share_rows(runs: pl.DataFrame, name: str, flag: pl.Expr) -> pl.DataFrame:
    folded = runs.group_by(_POINT, maintain_order=True).agg(
        _k=flag.sum().cast(pl.Int64), n=flag.count().cast(pl.Int64), median=flag.cast(pl.Float64).median()
    )
    low, high = stats.share_interval(folded["_k"].to_numpy(), folded["n"].to_numpy())
    return folded.select(
        _POINT,
        metric=pl.lit(name),
        mean=pl.when(pl.col("n") > 0).then(pl.col("_k") / pl.col("n")),
        ci_low=pl.Series(np.asarray(low)).fill_nan(None),
        ci_high=pl.Series(np.asarray(high)).fill_nan(None),
        median="median",
        n="n",
    )
