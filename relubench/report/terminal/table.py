"""The table that a run ends with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table

from relubench.findings.words import number, percent, percent_interval
from relubench.report.terminal.cliff import around_cliff
from relubench.report.terminal.points import RATE, Names, grid_points
from relubench.report.terminal.sentences import LOSSES, finding, left_out
from relubench.sweeps.factors import Factor

#: Of deeper networks some layers are shown, from the first to the last.
MOST_LAYERS = 4
_TITLES = {
    "test_accuracy": "test\nacc., %", "test_loss": "test\nloss", "diverged": "di-\nverged",
    "collapsed": "col-\nlapsed",
}  # fmt: skip


def print_table(
    summary: pl.DataFrame, layers: pl.DataFrame, keys: Sequence[str], console: Console, factors: Sequence[Factor] = ()
) -> None:
    """Print the grid points around the cliff, what else there is in a line, and the finding in a sentence.

    `summary` and `layers` are those of `relubench.findings.summary`; `keys` name a grid point; `factors` have the
    titles of levels.
    """
    keys = sorted(keys, key=RATE.__eq__)  # the rate last
    points, names = grid_points(summary, layers, keys), Names(factors)
    varied = [key for key in keys if points[key].n_unique() > 1]
    shown = around_cliff(points, keys)
    _say(console, _heading(points, [key for key in keys if key not in varied], names))
    console.print(_table(shown, varied, names))
    _say(console, left_out(points, shown, keys))
    _say(console, finding(points, keys, names))


def _say(console: Console, line: str) -> None:
    if line:
        console.print(line, markup=False)


def _heading(points: pl.DataFrame, fixed: Sequence[str], names: Names) -> str:
    numbers = points["runs"].unique().sort()
    runs = "-".join(f"{n:,}" for n in dict.fromkeys([numbers[0], numbers[-1]]))
    same = f"{names.point(points.row(0, named=True), fixed)}; " if fixed else ""
    intervals = ", with 95 % intervals" if points["dead_low"].null_count() < points.height else ""
    return f"{same}{runs} run{'' if runs == '1' else 's'} a row; % of units dead at the end{intervals}"


def _table(shown: pl.DataFrame, keys: Sequence[str], names: Names) -> Table:
    """Return the table of these points, without keys that do not vary and losses that no run has had."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for key in keys:
        table.add_column(names.head(key).replace(" ", "\n"), no_wrap=True)
    layers = _layers(shown["layers"].list.len().max() or 0)  # type: ignore[arg-type]
    result = "test_accuracy" if shown["test_accuracy"].null_count() < shown.height else "test_loss"
    lost = [kind for kind in LOSSES if shown[kind].sum()]
    of_layers = (f"layer\n{layer}" for layer in layers)
    for title in ("dead units, %", *of_layers, *(_TITLES[name] for name in (result, *lost))):
        table.add_column(title, justify="right", no_wrap=True)
    before: list[str] = []
    for point in shown.iter_rows(named=True):
        named = [names.value(key, point[key]) for key in keys]
        if before and named[0] != before[0] and len(named) > 1:
            table.add_section()
        table.add_row(*_blanked(named, before), *_cells(point, layers, result, lost))
        before = named
    return table


def _layers(number: int) -> list[int]:
    """Return the layers to show of so many, from 1."""
    return sorted({round(layer) for layer in np.linspace(1, number, min(number, MOST_LAYERS))})


def _cells(point: dict[str, Any], layers: Iterable[int], result: str, lost: Iterable[str]) -> list[str]:
    held = point["layers"] or []
    shares = [held[layer - 1] if layer <= len(held) else None for layer in layers]
    write = percent if result == "test_accuracy" else number
    return [
        "-" if point["dead"] is None else percent_interval(point["dead"], point["dead_low"], point["dead_high"], ""),
        *("-" if share is None else percent(share) for share in shares),
        "-" if point[result] is None else write(point[result]),
        *(f"{point[kind]}/{point['runs']}" for kind in lost),
    ]


def _blanked(names: list[str], before: list[str]) -> list[str]:
    """Leave out what the row above says already."""
    same = 0
    while same < len(names) - 1 and names[: same + 1] == before[: same + 1]:
        same += 1
    return [""] * same + names[same:]
