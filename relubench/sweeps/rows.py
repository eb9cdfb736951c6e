"""Trained runs as rows: what the compiled program recorded, in the columns of the result files."""

from __future__ import annotations

import numpy as np
import polars as pl

from relubench.sweeps import columns, folders, merging
from relubench.sweeps.columns import Column
from relubench.sweeps.engine import Trained

_DTYPES = {int: np.int64, float: np.float64, bool: np.bool_}


def part_frame(trained: Trained, with_units: bool) -> pl.DataFrame:
    """Return a part: a row a run with its setting and metrics, its probes, layers (and units) as lists."""
    runs = folders.run_rows(trained.grid)
    tables = {name: _table(columns.TABLES[name], trained) for name in ("probes", "layers")}
    if with_units:
        tables["units"] = _table(columns.UNITS, trained)
    if trained.layout.setting.probe.measures:
        tables["measures"] = _measure_rows(trained)
    nested = [_as_lists(name, table, len(runs)) for name, table in tables.items()]
    return pl.concat([runs, _table(columns.RUNS, trained), *nested], how="horizontal").sort("run_id")


def _table(table: tuple[Column, ...], trained: Trained) -> pl.DataFrame:
    """Return a table's rows: those of the first run, then those of the second, ..."""
    values = [column.value(trained) for column in table]
    runs = (len(trained.grid), *(1,) * (values[0].ndim - 1))
    shape = np.broadcast_shapes(runs, *(array.shape for array in values))
    return pl.DataFrame([_series(column, array, shape, trained) for column, array in zip(table, values, strict=True)])


def _series(column: Column, values: np.ndarray, shape: tuple[int, ...], trained: Trained) -> pl.Series:
    """Return a column of a table of this shape, flattened; null in its gaps, and where a float is NaN."""
    flat: np.ndarray = np.broadcast_to(values, shape).astype(_DTYPES[column.dtype]).ravel()
    null = np.isnan(flat) if column.dtype is float else np.zeros(len(flat), bool)
    for gap in column.gaps:
        where = gap.where(trained)
        null = null | np.broadcast_to(where.reshape(*where.shape, *(1,) * (len(shape) - where.ndim)), shape).ravel()
    return _masked(column.name, flat, null)


def _masked(name: str, values: np.ndarray, null: np.ndarray) -> pl.Series:
    return pl.select(pl.when(pl.Series(~null)).then(pl.Series(values)).alias(name)).to_series()


def _as_lists(name: str, table: pl.DataFrame, runs: int) -> pl.DataFrame:
    """Fold a table of equally many rows a run, run by run, into one list column."""
    column = merging.NESTED + name
    each = table.height // runs
    if each == 0:
        return pl.DataFrame({column: pl.Series([[]] * runs, dtype=pl.List(pl.Struct(table.schema)))})
    run = pl.Series("run", np.repeat(np.arange(runs), each))
    return (
        table.select(pl.struct(pl.all()).alias(column), run)
        .group_by("run", maintain_order=True)
        .agg(pl.col(column))
        .drop("run")
    )


def _measure_rows(trained: Trained) -> pl.DataFrame:
    """Rows in the order run, measure, layer, probe, item; `layer` and `item` are null where a measure has none."""
    tables = []
    for name, values in zip(trained.layout.setting.probe.measures, trained.state.records.measures, strict=True):
        if isinstance(values, tuple):
            tables += [_one_measure(trained, name, layer, array) for layer, array in enumerate(values, start=1)]
        else:
            tables.append(_one_measure(trained, name, None, values))
    return pl.concat(tables).sort("run", maintain_order=True).drop("run")


def _one_measure(trained: Trained, name: str, layer: int | None, values: np.ndarray) -> pl.DataFrame:
    """Rows of one array [runs, probes, ...]; its axes after the probes are flattened into items."""
    flat = values.astype(np.float64).reshape(*values.shape[:2], -1)
    items = np.arange(flat.shape[2]) if values.ndim > 2 else [None]
    run, probe, item = (place.ravel() for place in np.indices(flat.shape))
    null = columns.FROM_DIVERGENCE_ON.where(trained)[run, probe] | np.isnan(flat).ravel()
    return pl.DataFrame({"run": run, "step": trained.probes[probe].astype(np.int64)}).with_columns(
        measure=pl.lit(name),
        layer=pl.lit(layer, pl.Int64),
        item=pl.Series("item", items, pl.Int64)[item],
        value=_masked("value", flat.ravel(), null),
    )
