"""What is drawn of points: lines, bars, and medians where means hide."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from relubench.plots.canvas import Interval, band

#: A line of more points than these has no marks.
_MOST_MARKS = 15
#: Of marks: whole at the edges of a panel, and no part of what is laid out.
MARKS: dict[str, Any] = {"clip_on": False, "in_layout": False}


def line(axis: Any, at: np.ndarray, points: Interval, look: dict[str, Any], name: str) -> None:
    """Draw a line through its points, marked where they are few, with its interval as a band."""
    marked = look | {"marker": look["marker"] if len(at) <= _MOST_MARKS else ""}
    axis.plot(at, points.mean, label=name, **marked)
    axis.plot(at, points.mean, **(marked | MARKS | {"linestyle": "none"}))
    band(axis, at, points, look)


def bars(axis: Any, at: np.ndarray, points: Interval, look: dict[str, Any], name: str) -> None:
    """Draw points with their intervals as bars, thin ones at a share of none or all."""
    inner = (points.mean != 0) & (points.mean != 1)
    axis.vlines(at, points.low, points.high, color=look["color"], linewidth=np.where(inner, 1.2, 0.4))
    axis.plot(at, points.mean, label=name, **(look | MARKS | {"linestyle": "none"}))


def medians(axis: Any, at: np.ndarray, rows: pl.DataFrame, look: dict[str, Any]) -> None:
    """Mark, hollow, the medians that lie outside the intervals of their means: most runs are far from those."""
    if "median" in rows.columns:
        median, shown = rows["median"].to_numpy(), is_outside(rows).to_numpy()
        axis.plot(at[shown], median[shown], **(look | MARKS | {"linestyle": "none", "markerfacecolor": "white"}))


def is_outside(rows: pl.DataFrame) -> pl.Series:
    """Return which medians lie outside the intervals of their means."""
    outside = (pl.col("median") < pl.col("ci_low")) | (pl.col("median") > pl.col("ci_high"))
    return rows.select(outside.fill_null(False)).to_series()
