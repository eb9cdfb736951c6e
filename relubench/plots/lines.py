"""Lines with their intervals over an axis of numbers: rows of panels, one question a row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import polars as pl
from matplotlib import figure as mpl_figure

from relubench.plots import canvas, looks, marks, style


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
    x_label: str = "",
    loose: Collection[Any] = (),
) -> mpl_figure.Figure:
    """Draw a row of panels for each frame (mean, ci_low, ci_high over `x`) under its label.

    A panel column for each value of `columns`, a line for each value of `lines`; the band is the interval, a hollow
    mark a median outside it. `percent` names the rows that are shares from 0 to 1 (by default all), `log_y` those with
    a logarithmic axis. `x_label` names the horizontal one where the name of `x` does not. The points of `loose` lines
    are not joined.
    """
    line_values = canvas.values(rows.values(), lines)

    def draw(axis: Any, panel: pl.DataFrame) -> None:
        for value, (name, line, look) in zip(line_values, looks.series(panel.sort(x), lines, line_values), strict=True):
            draw_one = marks.bars if value in loose else marks.line
            draw_one(axis, line[x].to_numpy(), canvas.interval(line), look, name)
            marks.medians(axis, line[x].to_numpy(), line, look)

    figure, axes = canvas.panel_rows(rows, columns, draw, height=1.0, percent=percent, log_y=log_y)
    for axis in axes[-1]:
        _abscissa(axis, rows, x, log_x, symlog_x)
    canvas.x_title(figure, axes, x_label or style.name(x))
    looks.key(figure, axes, lines, line_values)
    return figure


def _abscissa(axis: Any, rows: Mapping[str, pl.DataFrame], x: str, log: bool, symlog: bool) -> None:
    if symlog:
        axis.set_xscale("symlog", linthresh=1)
        axis.set_xlim(left=-0.1)
        return
    if log:
        axis.set_xscale("log")
    canvas.whole_ticks(axis, rows.values(), x)
