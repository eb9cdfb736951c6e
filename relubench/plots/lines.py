"""Lines with their intervals over an axis of numbers: rows of panels, one question a row."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import polars as pl
from matplotlib import figure as mpl_figure

from relubench.plots import canvas, style


@canvas.house_style()
def line_panels(
    rows: Mapping[str, pl.DataFrame],
    *,
    x: str,
    columns: str | None = None,
    lines: str | None = None,
    log_x: bool = False,
    symlog_x: bool = False,
    percent: bool | Collection[str] = True,
    log_y: bool | Collection[str] = False,
) -> mpl_figure.Figure:
    """Draw a row of panels for each frame (mean, ci_low, ci_high over `x`) under its label.

    A panel column for each value of `columns`, a line for each value of `lines`; the band is the interval.
    `percent` names the rows that are shares from 0 to 1 (by default all), `log_y` those with a logarithmic axis.
    """
    column_values = canvas.values(rows.values(), columns)
    line_values = canvas.values(rows.values(), lines)
    figure, axes = canvas.blank(len(rows), len(column_values), height=1.0 + 1.45 * len(rows))
    for row_axes, (label, frame) in zip(axes, rows.items(), strict=True):
        for axis, value in zip(row_axes, column_values, strict=True):
            _lines(axis, canvas.where(frame, columns, value), x, lines, line_values)
        row_axes[0].set_ylabel(label)
        shares, logarithmic = (canvas.chosen(which, label, rows) for which in (percent, log_y))
        canvas.ordinate(row_axes[0], frame, percent=shares, log=logarithmic)
    canvas.column_titles(axes, columns, column_values)
    for axis in axes[-1]:
        axis.set_xlabel(style.name(x))
        _abscissa(axis, rows, x, log_x, symlog_x)
    canvas.legend(figure, axes[0, 0], lines)
    return figure


def _lines(axis: Any, panel: pl.DataFrame, x: str, lines: str | None, line_values: Sequence[Any]) -> None:
    for value, look in zip(line_values, canvas.looks(line_values), strict=True):
        rows = canvas.where(panel, lines, value).sort(x)
        at, points = rows[x].to_numpy(), canvas.interval(rows)
        axis.plot(at, points.mean, label=style.name(value, lines or ""), **look)
        canvas.band(axis, at, points, look)


def _abscissa(axis: Any, rows: Mapping[str, pl.DataFrame], x: str, log: bool, symlog: bool) -> None:
    if symlog:
        axis.set_xscale("symlog", linthresh=1)
        axis.set_xlim(left=-0.1)
        return
    if log:
        axis.set_xscale("log")
    canvas.whole_ticks(axis, rows.values(), x)
