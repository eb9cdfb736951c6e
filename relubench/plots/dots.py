"""Small dot plots: a few numbers with their intervals a line, told apart by colour and marker."""

from __future__ import annotations

import numpy as np
import polars as pl
from matplotlib import figure as mpl_figure
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, MaxNLocator

from relubench.plots import canvas, style

_WIDTH = 4.2  # inches
_ROW_HEIGHT = 0.3
_APART = 0.2  # of a row, between the dots on one line


@canvas.house_style()
def dots(frame: pl.DataFrame, *, label: str, marks: str, x_label: str) -> mpl_figure.Figure:
    """Draw each share of `frame` (mean, ci_low, ci_high) on the line of its `label`, as a dot of its `marks`.

    Numbers are in per cent. Lines and marks stand in the order in which they come; a share without an interval, whose
    runs are all equal, is the dot alone.
    """
    lines, kinds = (canvas.values([frame], key) for key in (label, marks))
    height = 0.75 + _ROW_HEIGHT * len(lines)
    figure, axis = plt.subplots(figsize=(_WIDTH, height), layout="constrained")
    for place, kind in enumerate(kinds):
        rows = canvas.where(frame, marks, kind)
        points = canvas.interval(rows)
        at = np.array([lines.index(name) for name in rows[label].to_list()]) + _APART * (place - (len(kinds) - 1) / 2)
        colour = style.COLOURS[place % len(style.COLOURS)]
        known = ~np.isnan(points.low)
        axis.hlines(at[known], points.low[known], points.high[known], color=colour, linewidth=1.4)
        axis.plot(points.mean, at, style.MARKERS[place % len(style.MARKERS)], color=colour, label=kind, clip_on=False)
    axis.set_yticks(range(len(lines)), lines)
    axis.set_ylim(len(lines) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)
    axis.grid(False, axis="y")
    axis.spines["left"].set_visible(False)
    if axis.get_xlim()[0] < 0:
        axis.axvline(0, color="black", linewidth=0.8)
    axis.set_xlim(min(0.0, axis.get_xlim()[0]), None)
    axis.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g}".replace("-", "−")))
    axis.set_xlabel(x_label)
    if len(kinds) > 1:
        figure.legend(loc="outside upper center", ncols=3 if len(kinds) == 3 else 2)
    return figure
