"""The table that a run ends with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table

from relubench.plots import style
from relubench.sweeps.factors import Factor

#: A longer table is cut here; the whole of it is in summary.parquet.
MOST_ROWS = 100
_METRICS = ("dead_train_fraction", "test_accuracy", "diverged", "collapsed")


def print_table(summary: pl.DataFrame, keys: Sequence[str], console: Console, factors: Sequence[Factor] = ()) -> None:
    """Print dead share with its interval, accuracy, diverged and collapsed runs of each grid point.

    `factors` have the titles of levels.
    """
    titles = {factor.column: {level.name: level.title for level in factor.levels} for factor in factors}
    heads = {factor.column: factor.title for factor in factors}
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for key in keys:
        table.add_column(heads.get(key, style.name(key)).replace(" ", "\n"), no_wrap=True)
    for title in ("dead units, %\n[95 % interval]", "test\naccuracy", "diverged", "collapsed"):
        table.add_column(title, justify="right", no_wrap=True)
    points = _points(summary, keys)
    before: list[str] = []
    for point in points[:MOST_ROWS]:
        pairs = zip(keys, point[: len(keys)], strict=True)
        names = [titles[key][value] if key in titles else style.name(value, key) for key, value in pairs]
        if before and names[0] != before[0]:
            table.add_section()
        table.add_row(*_blanked(names, before), *map(_cell, point[len(keys) :], _METRICS))
        before = names
    console.print(table)
    if len(points) > MOST_ROWS:
        console.print(f"{len(points) - MOST_ROWS:,} more grid points are in summary.parquet")


def _points(summary: pl.DataFrame, keys: Sequence[str]) -> list[tuple[Any, ...]]:
    cell = pl.struct("mean", "ci_low", "ci_high", "n", "n_diverged", "n_collapsed")
    rows = summary.with_columns(cell=cell).filter(pl.col("metric").is_in(_METRICS))
    each = [pl.col("cell").filter(pl.col("metric") == metric).first().alias(metric) for metric in _METRICS]
    return rows.group_by(list(keys) or [pl.lit(0)], maintain_order=True).agg(each).select(*keys, *_METRICS).rows()


def _blanked(names: list[str], before: list[str]) -> list[str]:
    """Leave out what the row above says already."""
    same = 0
    while same < len(names) - 1 and names[: same + 1] == before[: same + 1]:
        same += 1
    return [""] * same + names[same:]


def _cell(value: dict[str, Any], metric: str) -> str:
    if metric in ("diverged", "collapsed"):
        return f"{value[f'n_{metric}']}/{value['n']}"
    if value["mean"] is None:
        return "-"
    if metric == "test_accuracy":
        return f"{value['mean']:.1%}"
    if value["ci_low"] is None:
        return f"{100 * value['mean']:.1f}"
    mean, low, high = (100 * value[name] for name in ("mean", "ci_low", "ci_high"))
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]"
