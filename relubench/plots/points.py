"""Points with their intervals for categories side by side: rows of panels, one question a row."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib import figure as mpl_figure

from relubench.plots import canvas, looks, marks, style

#: Share of a category's room that its points take.
_ROOM = 0.7
#: Inches of a letter of a tick label, and the degrees by which long ones are slanted.
_LETTER, _ANGLE = 0.062, 40


@canvas.house_style()
def points(
    rows: Mapping[str, pl.DataFrame],
    *,
    x: str,
    columns: str | None = None,
    lines: str | None = None,
    percent: bool | Collection[str] = True,
    log_y: bool | Collection[str] = False,
    x_label: str = "",
    apart: str | None = None,
) -> mpl_figure.Figure:
    """Draw a row of panels for each frame (mean, ci_low, ci_high) under its label, the categories `x` side by side.

    A panel column for each value of `columns`; in each category a point for each value of `lines`, the bar is its
    interval, a hollow mark a median outside it, an arrow says that the number is a bound (column `censored`).
    `percent` names the rows that are shares (by default all), `log_y` those with a logarithmic axis. `x_label` names
    the horizontal one where the name of `x` does not. Categories with another value of `apart` stand apart.
    """
    categories, line_values = (canvas.values(rows.values(), key) for key in (x, lines))

    def draw(axis: Any, panel: pl.DataFrame) -> None:
        for place, (name, line, look) in enumerate(looks.series(panel, lines, line_values)):
            shift = _ROOM * ((place + 0.5) / len(line_values) - 0.5)
            at = np.array([categories.index(cell) + shift for cell in line[x].to_list()])
            marks.bars(axis, at, canvas.interval(line), look, name)
            marks.medians(axis, at, line, look)
            _arrows(axis, at, line, look)

    names = [style.name(category, x) for category in categories]
    panels = len(canvas.values(rows.values(), columns))
    slant = _slant(names, canvas.width(panels) / panels)
    figure, axes = canvas.panel_rows(rows, columns, draw, height=0.9 + slant, percent=percent, log_y=log_y)
    _categories(axes, names, slanted=slant > 0)
    if apart is not None:
        kinds = pl.concat([frame.select(x, apart) for frame in rows.values()])
        _set_apart(axes, [canvas.where(kinds, x, category)[apart][0] for category in categories])
    canvas.x_title(figure, axes, x_label or style.name(x))
    looks.key(figure, axes, lines, line_values)
    return figure


def _set_apart(axes: Any, kinds: Sequence[Any]) -> None:
    """Draw a dark line where a category is of another kind than the one before."""
    for place, pair in enumerate(itertools.pairwise(kinds)):
        if pair[0] != pair[1]:
            for axis in axes.flat:
                axis.axvline(place + 0.5, color="#777777", linewidth=0.8)


def _arrows(axis: Any, at: np.ndarray, line: pl.DataFrame, look: dict[str, Any]) -> None:
    """Draw an arrow up (1) or down (-1) from the points that are bounds, by the column `censored`."""
    if "censored" not in line.columns:
        return
    for x, y, side in zip(at, line["mean"], line["censored"], strict=True):
        if side:
            arrow = {"arrowstyle": "<-", "color": look["color"], "shrinkA": 0, "shrinkB": 2}
            axis.annotate("", (x, y), (0, 14 * side), textcoords="offset points", arrowprops=arrow)


def _slant(names: Sequence[str], room: float) -> float:
    """Return the inches that slanted names take below a panel of so many inches; 0: they stand side by side."""
    longest = max(map(len, names), default=0) * _LETTER
    return math.sin(math.radians(_ANGLE)) * longest if longest > (room - 0.3) / max(len(names), 1) else 0.0


def _categories(axes: Any, names: Sequence[str], slanted: bool) -> None:
    """Write the categories under the lowest panels, with lines between them."""
    for axis in axes.flat:
        axis.set_xlim(-0.5, len(names) - 0.5)
        axis.grid(False, axis="x")
        axis.tick_params(axis="x", length=0)
        for edge in range(len(names) - 1):
            axis.axvline(edge + 0.5, color="#dddddd", linewidth=0.5)
    for axis in axes[-1]:
        rotation = {"rotation": _ANGLE, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
        axis.set_xticks(range(len(names)), names, **rotation)
