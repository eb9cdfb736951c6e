"""Trained runs as rows: what the compiled program recorded, in the columns of the result files."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from relubench.sweeps import folders
from relubench.sweeps.engine import Trained

_PROBE_NUMBERS = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")


def part_frame(trained: Trained, with_units: bool) -> pl.DataFrame:
    """Return a part: a row a run with its setting and metrics, its probes, layers (and units) as lists."""
    runs = folders.run_rows(trained.grid)
    metrics = _run_metrics(trained)
    tables = {"probes": _probe_rows(trained), "layers": _layer_rows(trained)}
    if with_units:
        tables["units"] = _unit_rows(trained)
    if trained.layout.setting.probe.measures:
        tables["measures"] = _measure_rows(trained)
    nested = [_as_lists(name, table, len(runs)) for name, table in tables.items()]
    return pl.concat([runs, metrics, *nested], how="horizontal").sort("run_id")


def _as_lists(name: str, table: pl.DataFrame, runs: int) -> pl.DataFrame:
    """Fold a table of equally many rows a run, run by run, into one list column."""
    column = folders.NESTED + name
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


def _valid(trained: Trained) -> np.ndarray:
    """Whether each probe [runs, probes] came before the run's first non-finite number."""
    diverged = trained.state.diverged_step[:, None]
    return (diverged < 0) | (trained.probes[None, :] < diverged)


def _masked(values: np.ndarray, valid: np.ndarray, dtype: Any = None) -> pl.Series:
    """Return the flattened values with null where they are not valid."""
    series = pl.Series(np.ascontiguousarray(values).ravel(), dtype=dtype)
    keep = pl.Series(np.ascontiguousarray(np.broadcast_to(valid, values.shape)).ravel())
    return pl.select(pl.when(keep).then(series)).to_series()


def _probe_rows(trained: Trained) -> pl.DataFrame:
    probes, valid = trained.state.probes, _valid(trained)
    columns = {"step": pl.Series(np.tile(trained.probes.astype(np.int64), len(trained.grid)))}
    for name in _PROBE_NUMBERS:
        columns[name] = _masked(getattr(probes, name).astype(np.float64), valid).fill_nan(None)
    return pl.DataFrame(columns)


def _layer_rows(trained: Trained) -> pl.DataFrame:
    """Rows in the order run, probe, layer."""
    counts, valid = trained.state.probes.layers, _valid(trained)[:, :, None]
    sizes = np.array([record.bias.shape[1] for record in trained.state.unit_records], np.int64)
    shape = counts.dead_train.shape
    steps = np.broadcast_to(trained.probes.astype(np.int64)[None, :, None], shape)
    layer = np.broadcast_to(np.arange(1, shape[2] + 1)[None, None, :], shape)
    columns = {
        "step": pl.Series(steps.ravel()),
        "layer": pl.Series(layer.astype(np.int64).ravel()),
        "units": pl.Series(np.broadcast_to(sizes, shape).ravel()),
    }
    for name, values in counts._asdict().items():
        known = valid
        if name == "linear_train":  # -1: not a piecewise-linear activation
            known = valid & (values >= 0)
        if name == "batch_dead":  # a mean a step; none came before the first probe
            known = valid & (steps > 0)
            columns[name] = _masked(values / np.maximum(np.diff(trained.probes, prepend=0), 1)[None, :, None], known)
        else:
            columns[name] = _masked(values.astype(np.int64), known)
    return pl.DataFrame(columns)


def _unit_rows(trained: Trained) -> pl.DataFrame:
    """Rows in the order run, layer, unit."""
    state, finite = trained.state, trained.state.diverged_step < 0
    sizes = [record.bias.shape[1] for record in state.unit_records]
    runs = len(trained.grid)
    layer = np.repeat(np.arange(1, len(sizes) + 1), sizes)
    unit = np.concatenate([np.arange(size) for size in sizes]) if sizes else np.array([], np.int64)
    fields: dict[str, np.ndarray] = {
        "last_active": _joined([c.last_active for c in state.counters], runs),
        "died_step": _joined([r.died_step for r in state.unit_records], runs),
        "revived_count": _joined([c.revived_count for c in state.counters], runs),
        "dead_train": _joined([r.dead_train for r in state.unit_records], runs),
        "margin": _joined([r.margin for r in state.unit_records], runs),
        "bias": _joined([r.bias for r in state.unit_records], runs),
        "weight_norm": _joined([r.weight_norm for r in state.unit_records], runs),
    }
    columns = {
        "layer": pl.Series(np.tile(layer, runs).astype(np.int64)),
        "unit": pl.Series(np.tile(unit, runs).astype(np.int64)),
    }
    for name, values in fields.items():
        kind = bool if name == "dead_train" else np.int64 if values.dtype.kind == "i" else np.float64
        known = np.broadcast_to(finite[:, None], values.shape)
        if name == "died_step":
            known = known & (values >= 0)
        columns[name] = _masked(values.astype(kind), known)
    return pl.DataFrame(columns)


def _measure_rows(trained: Trained) -> pl.DataFrame:
    """Rows in the order run, measure, layer, probe, item; `layer` and `item` are null where a measure has none."""
    tables = []
    for name, found in zip(trained.layout.setting.probe.measures, trained.state.measures, strict=True):
        if isinstance(found, tuple):
            tables += [_one_measure(trained, name, layer, values) for layer, values in enumerate(found, start=1)]
        else:
            tables.append(_one_measure(trained, name, None, found))
    return pl.concat(tables).sort("run", maintain_order=True).drop("run")


def _one_measure(trained: Trained, name: str, layer: int | None, values: np.ndarray) -> pl.DataFrame:
    """Rows of one array [runs, probes, ...]; its axes after the probes are flattened into items."""
    flat = values.astype(np.float64).reshape(*values.shape[:2], -1)
    items = np.arange(flat.shape[2]) if values.ndim > 2 else [None]
    run, step, item = (
        np.broadcast_to(axis, flat.shape).ravel()
        for axis in (
            np.arange(flat.shape[0])[:, None, None],
            trained.probes[None, :, None],
            np.arange(flat.shape[2]),
        )
    )
    known = pl.Series("item", items, pl.Int64)
    return pl.DataFrame({"run": run, "step": step.astype(np.int64)}).with_columns(
        measure=pl.lit(name),
        layer=pl.lit(layer, pl.Int64),
        item=known[item],
        value=_masked(flat, _valid(trained)[:, :, None]).fill_nan(None),
    )


def _joined(layers: list[np.ndarray], runs: int) -> np.ndarray:
    return np.concatenate(layers, axis=1) if layers else np.zeros((runs, 0))


def _run_metrics(trained: Trained) -> pl.DataFrame:
    """The metric columns of runs.parquet; those of a diverged run are null."""
    state, probes, counts = trained.state, trained.state.probes, trained.state.probes.layers
    finite, runs = state.diverged_step < 0, len(trained.grid)
    total = sum(record.bias.shape[1] for record in state.unit_records)
    numbers = {
        "born_dead": counts.dead_train[:, 0].sum(1),
        "dead_train": counts.dead_train[:, -1].sum(1),
        "dead_test": counts.dead_test[:, -1].sum(1),
        "silent_train": counts.silent_train[:, -1].sum(1),
        "deaths": counts.deaths.sum((1, 2)),
        "revivals": counts.revivals.sum((1, 2)),
    }
    columns: dict[str, pl.Series] = {"units": pl.Series(np.full(runs, total, np.int64))}
    for name, values in numbers.items():
        if name != "silent_train":
            columns[name] = _masked(values.astype(np.int64), finite)
        if name not in ("deaths", "revivals"):
            share = values / total if total else np.zeros(runs)
            columns[f"{name}_fraction"] = _masked(share, finite & (total > 0))
    for name in _PROBE_NUMBERS:
        columns[name] = _masked(getattr(probes, name)[:, -1].astype(np.float64), finite).fill_nan(None)
    columns["steps"] = pl.Series(np.full(runs, trained.layout.setting.train.steps, np.int64))
    columns["diverged"] = pl.Series(~finite)
    columns["diverged_step"] = _masked(state.diverged_step.astype(np.int64), ~finite)
    columns["born_collapsed"] = _masked(probes.collapsed[:, 0], finite)
    columns["collapsed"] = _masked(probes.collapsed[:, -1], finite)
    columns["max_abs_param"] = pl.Series(probes.max_abs_param.max(1).astype(np.float64))
    return pl.DataFrame(columns)
