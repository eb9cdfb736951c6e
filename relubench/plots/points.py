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
    categories, line_values = (canvas.values(rows.values(), key) for key in (x, lines))

    def draw(axis: Any, panel: pl.DataFrame) -> None:
        for place, (name, line, look) in enumerate(canvas.series(panel, lines, line_values)):
            shift = _ROOM * ((place + 0.5) / len(line_values) - 0.5)
            at = np.array([categories.index(cell) + shift for cell in line[x].to_list()])
            interval = canvas.interval(line)
            axis.vlines(at, interval.low, interval.high, color=look["color"], linewidth=1.2)
            axis.plot(at, interval.mean, label=name, **(look | {"linestyle": "none"}))

    figure, axes = canvas.panel_rows(rows, columns, draw, height=1.1, percent=percent, log_y=log_y)
    _categories(axes, x, categories, figure.get_figwidth() - 0.6)
    canvas.legend(figure, axes[0, 0], lines)
    return figure


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
