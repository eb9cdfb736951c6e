"""Survival curves: the share that is still alive at each step, as steps with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib import figure as mpl_figure
from matplotlib.ticker import PercentFormatter

from relubench.plots import canvas, looks

#: Length of the tail after the last point, as a share of the steps.
_TAIL = 0.02


@canvas.house_style()
def survival_panels(
    frame: pl.DataFrame,
    *,
    columns: str | None = None,
    lines: str | None = None,
    label: str = "units still alive",
    x_label: str = "step",
) -> mpl_figure.Figure:
    """Draw step curves (mean, ci_low, ci_high over `step`) from 1 down, on an axis from 0 to 100 %.

    A panel for each value of `columns`, a curve for each value of `lines`; the band is the interval. A curve that
    begins after step 0 is drawn from 1 at step 0: nothing has died yet. The last point is held for a short way.
    """
    column_values, line_values = canvas.values([frame], columns), canvas.values([frame], lines)
    figure, axes = canvas.blank(1, len(column_values), height=2.9)
    for axis, value in zip(axes[0], column_values, strict=True):
        _curves(axis, canvas.where(frame, columns, value), lines, line_values)
    axes[0, 0].set(ylabel=label, ylim=(-0.02, 1.03))
    axes[0, 0].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    canvas.column_titles(axes, columns, column_values)
    canvas.x_title(figure, axes, x_label)
    looks.key(figure, axes, lines, line_values)
    return figure


def _curves(axis: Any, panel: pl.DataFrame, lines: str | None, line_values: Sequence[Any]) -> None:
    for name, rows, look in looks.series(panel.sort("step"), lines, line_values):
        at, points = _whole(rows["step"].to_numpy(), canvas.interval(rows))
        plain = {key: part for key, part in look.items() if key != "marker"}
        axis.plot(at, points.mean, label=name, drawstyle="steps-post", **plain)
        canvas.band(axis, at, points, look, step="post")


def _whole(steps: np.ndarray, points: canvas.Interval) -> tuple[np.ndarray, canvas.Interval]:
    """Add the point (0, 1) where there is none at step 0, and after the last point a tail that shows its interval."""
    if not steps.size:
        return steps, points
    born = np.ones(int(steps[0] > 0))
    at = np.concatenate([0 * born, steps, [(1 + _TAIL) * steps[-1]]])
    return at, canvas.Interval(*(np.concatenate([born, part, part[-1:]]) for part in points))
