"""The points that the page draws, column by column: those of the summary with each run's values, and of each curve."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import polars as pl

from relubench.experiments.base import Frames
from relubench.findings.summary import WHOLE
from relubench.plots import style
from relubench.report.page.dimensions import NUMBERS, Dimension, dimensions
from relubench.sweeps import columns
from relubench.sweeps.columns import METRICS, SHARE

#: The page has a run's share in steps of one in so many.
STEPS = 1000
#: Summaries that show nothing which another one does not show with the diverged runs beside it.
_LEFT_OUT = "_or_chance"
#: Of the curves that every run records the titles, and those that are shares of units or of examples.
_TITLES = {column.name: column.title for column in (*columns.LAYERS, *columns.PROBES)}
_SHARES = {column.name for column in columns.LAYERS} | {
    column.name for column in columns.PROBES if column.bounds == SHARE
}

#: Points that differ in the same directions, with the numbers at each: what becomes JSON.
Table = dict[str, Any]


def tables(frames: Frames, values: pl.DataFrame | None, without: Collection[str] = ()) -> list[Table]:
    """Return an experiment's tables: how its runs end, then each curve but those named in `without`.

    `values` is values.parquet, None where the folder has none.
    """
    return [_ends(frames, values), *_curves(frames, without)]


def _ends(frames: Frames, values: pl.DataFrame | None) -> Table:
    """Return the summary: a metric's numbers, and its runs' values, stand in the order of the points."""
    by_metric = {name: rows for (name,), rows in frames.summary.group_by("metric", maintain_order=True)}
    points = next(iter(by_metric.values()))
    keys = [name for name in points.columns if name not in NUMBERS]
    runs = values  # without keys there is one point
    if values is not None and keys:
        runs = points.select(keys).join(values, keys, "left", nulls_equal=True, maintain_order="left")
    return {
        "group": "at the end",
        "dimensions": _columns(dimensions(points, frames.factors), points),
        "lost": {name: points[f"n_{name}"].to_list() for name in ("diverged", "collapsed")},
        "seeds": None if runs is None else runs["seed"].to_list(),
        "metrics": {
            name: _numbers(METRICS[name].title, METRICS[name].bounds == SHARE, rows) | _runs(name, runs)
            for name, rows in by_metric.items()
            if name in METRICS and not name.endswith(_LEFT_OUT)
        },
    }


def _runs(metric: str, runs: pl.DataFrame | None) -> dict[str, Any]:
    """Return each run's value of a metric that is a number of a run, in `STEPS`; nothing where there are none."""
    if runs is None or metric not in runs.columns or METRICS[metric].fold != "mean":
        return {}
    steps = pl.element().cast(pl.Float64) * (STEPS / WHOLE)
    return {"runs": runs[metric].list.eval(steps.round().cast(pl.Int64)).to_list()}


def _curves(frames: Frames, without: Collection[str]) -> Iterator[Table]:
    if "mean" not in frames.curves.columns:  # an experiment without curves
        return
    for (name,), rows in frames.curves.group_by("metric", maintain_order=True):
        rows = rows.filter(pl.col("mean").is_not_null())
        if name in without or rows.is_empty():
            continue
        title = _TITLES.get(name) or style.name(name)
        over_time = "step" in rows.columns and rows["step"].n_unique() > 1
        yield {
            "group": "during training" if over_time else "further measures",
            "dimensions": _columns(dimensions(rows, frames.factors), rows),
            "metrics": {name: _numbers(title, name in _SHARES, rows)},
        }


def _columns(directions: Sequence[Dimension], points: pl.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            "key": each.key, "title": each.title, "numeric": each.is_numeric, "values": each.values,
            "titles": each.titles, "at": each.places(points),
        }
        for each in directions
    ]  # fmt: skip


def _numbers(title: str, share: bool, rows: pl.DataFrame) -> dict[str, Any]:
    named = {"mean": "mean", "low": "ci_low", "high": "ci_high", "n": "n"}
    return {"title": title, "share": share, **{name: rows[column].to_list() for name, column in named.items()}}
