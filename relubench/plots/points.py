"""Points with their intervals for categories side by side: rows of panels, one question a row."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib import figure as mpl_figure

from relubench.plots import canvas, style

#: Share of a category's room that its points take.
_ROOM = 0.7
#: Inches of a letter of a tick label.
_LETTER = 0.062


@canvas.house_style()
def points(
    rows: Mapping[str, pl.DataFrame],
    *,
    x: str,
    columns: str | None = None,
    lines: str | None = None,
    percent: bool | Collection[str] = True,
    log_y: bool | Collection[str] = False,
) -> mpl_figure.Figure:
    """Draw a row of panels for each frame (mean, ci_low, ci_high) under its label, the categories `x` side by side.

    A panel column for each value of `columns`; in each category a point for each value of `lines`, the bar is its
    interval. `percent` names the rows that are shares (by default all), `log_y` those with a logarithmic axis.
    """
    categories, column_values, line_values = (canvas.values(rows.values(), key) for key in (x, columns, lines))
    figure, axes = canvas.blank(len(rows), len(column_values), height=1.1 + 1.45 * len(rows))
    for row_axes, (label, frame) in zip(axes, rows.items(), strict=True):
        for axis, value in zip(row_axes, column_values, strict=True):
            _points(axis, canvas.where(frame, columns, value), x, categories, lines, line_values)
        row_axes[0].set_ylabel(label)
        shares, logarithmic = (canvas.chosen(which, label, rows) for which in (percent, log_y))
        canvas.ordinate(row_axes[0], frame, percent=shares, log=logarithmic)
    canvas.column_titles(axes, columns, column_values)
    _categories(axes, x, categories, figure.get_figwidth() - 0.6)
    canvas.legend(figure, axes[0, 0], lines)
    return figure


def _points(
    axis: Any, panel: pl.DataFrame, x: str, categories: Sequence[Any], lines: str | None, line_values: Sequence[Any]
) -> None:
    for place, (value, look) in enumerate(zip(line_values, canvas.looks(line_values), strict=True)):
        rows = canvas.where(panel, lines, value)
        shift = _ROOM * ((place + 0.5) / len(line_values) - 0.5)
        at = np.array([categories.index(cell) + shift for cell in rows[x].to_list()])
        interval = canvas.interval(rows)
        axis.vlines(at, interval.low, interval.high, color=look["color"], linewidth=1.2)
        axis.plot(at, interval.mean, label=style.name(value, lines or ""), **(look | {"linestyle": "none"}))


def _categories(axes: Any, x: str, categories: Sequence[Any], room: float) -> None:
    """Write the categories under the lowest panels, slanted where they would touch, with lines between them."""
    names = [style.name(category, x) for category in categories]
    slanted = max(map(len, names), default=0) * _LETTER > room / (axes.shape[1] * len(names))
    for axis in axes.flat:
        axis.set_xlim(-0.5, len(names) - 0.5)
        axis.grid(False, axis="x")
        axis.tick_params(axis="x", length=0)
        for edge in range(len(names) - 1):
            axis.axvline(edge + 0.5, color="#dddddd", linewidth=0.5)
    for axis in axes[-1]:
        rotation = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
        axis.set_xticks(range(len(names)), names, **rotation)
        axis.set_xlabel(style.name(x))
