"""A comparison on the terminal, and as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table

from relubench.findings.words import number
from relubench.plots import canvas, style
from relubench.plots.figure import Figure
from relubench.plots.forest import forest
from relubench.report.compare.comparison import Comparison
from relubench.report.compare.numbers import SameRuns
from relubench.report.compare.settings import Difference
from relubench.sweeps.columns import METRICS

#: The name of the table, which holds all grid points.
FILE = "compare.parquet"
#: Of each metric so many grid points are shown.
MOST_POINTS = 12
#: The metrics that are drawn, as shares in per cent.
_DRAWN = ("dead_train_fraction", "test_accuracy")
#: The columns that make a cell: a number with its interval.
_CELLS = (
    ("mean_a", "ci_low_a", "ci_high_a"), ("mean_b", "ci_low_b", "ci_high_b"), ("difference", "ci_low", "ci_high")
)  # fmt: skip
_UNPAIRED = (
    "no pairs: the settings do not share their draws (other shapes, data or batches), or a folder holds no runs; the "
    "interval is then that of two independent samples"
)


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print what differs, how far the runs in both agree, and the metrics that are not the same everywhere."""
    for letter, path in zip("AB", comparison.paths, strict=True):
        console.print(f"{letter}: {path}", soft_wrap=True, markup=False)
    _print_differences("settings that differ", comparison.settings, console)
    _print_differences("computed with", comparison.computed, console)
    console.print(_same_runs(comparison.same_runs))
    points = comparison.table["metric"].eq(comparison.table["metric"][0]).sum()
    others = "".join(f", {n:,} in {letter} alone" for letter, n in zip("AB", comparison.only, strict=True) if n)
    console.print(f"{points:,} grid point{'s' if points > 1 else ''} in both{others}\n")
    same = _same_everywhere(comparison.table)
    rows = comparison.table.filter(~pl.col("metric").is_in(same))
    if rows.height:
        _print_metrics(comparison, rows, console)
    if points > MOST_POINTS and rows.height:
        console.print(f"{points - MOST_POINTS:,} more grid points of each metric: out=FOLDER writes all into {FILE}")
    if same:
        console.print(f"the same mean in both at every grid point: {', '.join(same)}")


def _print_differences(title: str, differences: Sequence[Difference], console: Console) -> None:
    if not differences:
        console.print(f"{title}: nothing differs")
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in (title, "A", "B"):
        table.add_column(column, overflow="fold")
    for row in differences:
        table.add_row(*map(_plain, row))
    console.print(table)


def _plain(text: str) -> str:
    """Return a text in which brackets are brackets, not rich's markup."""
    return text.replace("[", r"\[")


def _same_runs(same: SameRuns | None) -> str:
    if same is None:
        return "runs cannot be compared one by one: a folder has no runs.parquet"
    if not same.runs:
        return "no run is in both"
    runs = f"{same.runs:,} run{'s are' if same.runs > 1 else ' is'} in both"
    if same.differing.is_empty():
        return f"{runs}, equal bit for bit"
    differences = [
        f"{name} in {count:,}" + ("" if largest is None else f" by up to {number(largest)}")
        for name, count, largest in same.differing.iter_rows()
    ]
    return f"{runs}, and they differ: {', '.join(differences)}"


def _same_everywhere(table: pl.DataFrame) -> list[str]:
    same = pl.col("mean_a").eq_missing(pl.col("mean_b")).all() & pl.col("difference").fill_null(0.0).eq(0.0).all()
    return table.group_by("metric", maintain_order=True).agg(same=same).filter("same")["metric"].to_list()


def _first_points(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.int_range(pl.len()).over("metric") < MOST_POINTS)


def _print_metrics(comparison: Comparison, rows: pl.DataFrame, console: Console) -> None:
    paired = rows["paired"].any()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for key in ("metric", *comparison.keys):
        table.add_column(style.name(key).replace(" ", "\n"), no_wrap=True)
    for title in ("A", "B", r"B − A \[95 %]", *(["pairs"] if paired else [])):
        table.add_column(title, justify="right", no_wrap=True)
    before = None
    for row in _first_points(rows).iter_rows(named=True):
        metric, percent = row["metric"], METRICS[row["metric"]].bounds is not None
        if before not in (None, metric):
            table.add_section()
        head = "" if metric == before else METRICS[metric].title + (", %" if percent else "")
        cells = [_interval([row[name] for name in names], percent) for names in _CELLS]
        names = (_name(comparison, key, row[key]) for key in comparison.keys)
        table.add_row(*map(_plain, (head, *names, *cells)), *([_pairs(row)] if paired else []))
        before = metric
    console.print(table)
    if not rows["paired"].all():
        console.print(_UNPAIRED)


def _pairs(row: dict[str, Any]) -> str:
    """Return the number of pairs, and of those besides that lack the run of A or of B."""
    if not row["paired"]:
        return "-"
    lost = f" (lost {row['lost_a']}, {row['lost_b']})" if row["lost_a"] or row["lost_b"] else ""
    return f"{row['n_pairs']:,}{lost}"


def _name(comparison: Comparison, key: str, value: Any) -> str:
    return comparison.titles[key][value] if key in comparison.titles else style.name(value, key)


def _interval(numbers: Sequence[float | None], percent: bool) -> str:
    middle, low, high = (np.nan if value is None else value for value in numbers)
    return "-" if np.isnan(middle) else f"{canvas.short(middle, percent)} {canvas.span(low, high, percent)}".rstrip()


def figure(comparison: Comparison) -> Figure | None:
    """Return the differences in dead units and accuracy as a forest; None where they are the same everywhere."""
    rows = comparison.table.filter(
        pl.col("metric").is_in(_DRAWN), ~pl.col("metric").is_in(_same_everywhere(comparison.table))
    )
    if rows.is_empty():
        return None
    rows = _first_points(rows)
    runs = pl.when("paired").then("n_pairs").otherwise(pl.col("n_a") + pl.col("n_b"))
    titles = pl.col("metric").replace_strict({name: METRICS[name].title for name in _DRAWN})
    rows = rows.with_columns(mean=pl.col("difference"), n=runs, title=titles)
    rows = rows.with_columns(pl.Series("point", [_point(comparison, row) for row in rows.iter_rows(named=True)]))
    counted = "pairs" if rows["paired"].all() else "runs"
    drawn = forest(rows, label="point", groups="title", x_label="difference, B − A", counted=counted)
    kinds = {True: "paired by seed, over the pairs in which neither run diverged",
             False: "of two independent samples, where settings do not share their draws"}  # fmt: skip
    how = "; ".join(words for paired, words in kinds.items() if paired in rows["paired"])
    a, b = comparison.paths
    return Figure("compare", drawn, f"{b} (B) less {a} (A): differences of means {how}, with 95 % intervals.")


def _point(comparison: Comparison, row: dict[str, Any]) -> str:
    titled = (
        comparison.titles[key][row[key]] if key in comparison.titles else style.title(row[key], key)
        for key in comparison.keys
    )
    return ", ".join(titled) or "all runs"
