"""What the figures share: the values that make panels and lines, the canvas, intervals, share axes, the legend."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import matplotlib
import numpy as np
import polars as pl

matplotlib.use("Agg")

from matplotlib import figure as mpl_figure
from matplotlib import pyplot as plt
from matplotlib.ticker import NullLocator, PercentFormatter

from relubench.findings.words import number
from relubench.plots import style

#: Columns of a frame that make no line or panel of their own: names for "there is only this one".
UNNAMED = ("panel", "point")
#: A whole-number axis with so many values at most has a tick at each of them.
_MOST_TICKS = 12


class Interval(NamedTuple):
    """Points with their intervals: arrays of one shape, NaN where there is none."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


@contextlib.contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house style; also a decorator."""
    with plt.rc_context(style.RC):
        yield


def values(frames: Iterable[pl.DataFrame], key: str | None) -> list[Any]:
    """Return the values of a column over all frames: null first, numbers in order, names as they come.

    Without a key there is one value, None, which `where` takes for every row.
    """
    if key is None:
        return [None]
    distinct: list[Any] = []
    for frame in frames:
        distinct += [value for value in frame[key].unique(maintain_order=True).to_list() if value not in distinct]
    known = [value for value in distinct if value is not None]
    if is_numeric(known):
        return [None] * (len(known) < len(distinct)) + sorted(known)
    return distinct


def is_numeric(cells: Sequence[Any]) -> bool:
    """Return whether all values are numbers (yes and no are not)."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in cells)


def where(frame: pl.DataFrame, key: str | None, value: Any) -> pl.DataFrame:
    """Return the rows whose `key` is `value`, null and lists included."""
    if key is None:
        return frame
    return frame.filter(pl.Series([cell == value for cell in frame[key].to_list()], dtype=pl.Boolean))


def interval(rows: pl.DataFrame, middle: str = "mean") -> Interval:
    """Return the points and intervals of a frame as floats."""
    return Interval(*(rows[name].cast(pl.Float64).to_numpy() for name in (middle, "ci_low", "ci_high")))


def blank(
    rows: int, columns: int, *, height: float, sharey: Literal["none", "row"] = "row", **options: Any
) -> tuple[mpl_figure.Figure, Any]:
    """Return a figure of `height` inches and its axes [rows, columns]; a single column is three quarters wide."""
    return plt.subplots(
        rows,
        columns,
        figsize=(width(columns), height),
        sharex=True,
        sharey=sharey,
        squeeze=False,
        layout="constrained",
        **options,
    )


def width(columns: int) -> float:
    """Return the inches of a figure of so many panel columns."""
    return style.FULL_WIDTH if columns > 1 else 0.75 * style.FULL_WIDTH


def panel_rows(
    rows: Mapping[str, pl.DataFrame],
    columns: str | None,
    draw: Callable[[Any, pl.DataFrame], None],
    *,
    height: float,
    percent: bool | Collection[str],
    log_y: bool | Collection[str],
) -> tuple[mpl_figure.Figure, Any]:
    """Return a figure, and its axes, with a row of panels for each frame, under its label.

    A panel column for each value of `columns`; `draw`(axis, its rows) fills one. `percent` names the rows that are
    shares, `log_y` those with a logarithmic axis.
    """
    column_values = values(rows.values(), columns)
    figure, axes = blank(len(rows), len(column_values), height=height + 1.45 * len(rows))
    for row_axes, (label, frame) in zip(axes, rows.items(), strict=True):
        for axis, value in zip(row_axes, column_values, strict=True):
            draw(axis, where(frame, columns, value))
        row_axes[0].set_ylabel(label)
        shares, logarithmic = (chosen(which, label, rows) for which in (percent, log_y))
        ordinate(row_axes[0], frame, percent=shares, log=logarithmic)
    column_titles(axes, columns, column_values)
    return figure, axes


def band(axis: Any, at: np.ndarray, points: Interval, look: dict[str, Any], step: Any = None) -> None:
    """Shade the interval along a line, with thin edges; at a share of none or all the edges alone stand."""
    inner = (points.mean != 0) & (points.mean != 1)
    axis.fill_between(
        at, points.low, points.high, where=inner, facecolor=look["color"], alpha=0.1, linewidth=0, step=step
    )
    for edge in (points.low, points.high):
        drawstyle = f"steps-{step}" if step else "default"
        axis.plot(
            at, edge, color=look["color"], linestyle=look["linestyle"], linewidth=0.4, alpha=0.6, drawstyle=drawstyle
        )


def column_titles(axes: Any, key: str | None, panel_values: Sequence[Any]) -> None:
    """Write each panel column's value over its first row."""
    for axis, value in zip(axes[0], panel_values, strict=True):
        axis.set_title("" if key is None else style.title(value, key))


def chosen(which: bool | Collection[str], label: str, labels: Collection[str]) -> bool:
    """Return whether `which`, all or none or the labels of some rows, takes in the row `label`."""
    if isinstance(which, bool):
        return which
    assert set(which) <= set(labels), f"{which}: rows are {list(labels)}"
    return label in which


def ordinate(axis: Any, frame: pl.DataFrame, *, percent: bool, log: bool) -> None:
    """Dress the y axis of a row: shares in per cent from 0, other numbers as they are."""
    if percent:
        axis.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    if log:
        axis.set_yscale("log")
    elif percent:
        _share_limits(axis, frame)


def _share_limits(axis: Any, frame: pl.DataFrame) -> None:
    """Start a share's axis at 0, and end it no sooner than 5 %, so that nothing looks like much.

    A difference of shares reaches below 0 as far as its interval does.
    """
    numbers = [value for name in ("mean", "ci_low", "ci_high") for value in frame[name].drop_nulls().to_list()]
    top = float(np.nanmax([0.05, *numbers]))
    bottom = float(np.nanmin([0.0, *numbers]))
    axis.set_ylim(bottom - (0.05 * (top - bottom) if bottom < 0 else 0.02 * top), min(1.05 * top, 1.03))


def whole_ticks(axis: Any, frames: Iterable[pl.DataFrame], x: str) -> None:
    """Put a tick at each value of an axis of few whole numbers (layers, widths)."""
    at = values(frames, x)
    if all(isinstance(value, int) for value in at) and len(at) <= _MOST_TICKS:
        axis.set_xticks(at, [str(value) for value in at])
        axis.xaxis.set_minor_locator(NullLocator())


def x_title(figure: mpl_figure.Figure, axes: Any, words: str) -> None:
    """Name the horizontal axis, once for all panels."""
    if axes.shape[1] > 1:
        figure.supxlabel(words, fontsize=style.RC["axes.labelsize"])
    else:
        axes[-1, 0].set_xlabel(words)


def legend(figure: mpl_figure.Figure, axis: Any, lines: str | None) -> None:
    """Put the legend of a figure's lines over its panels."""
    if lines is None:
        return
    handles, labels = axis.get_legend_handles_labels()
    most = max(1, min(5, 110 // (max(map(len, labels), default=1) + 6)))
    figure.legend(
        handles,
        labels,
        title=None if lines in UNNAMED else style.name(lines),
        loc="outside upper center",
        ncols=-(-len(labels) // -(-len(labels) // most)) if labels else 1,  # rows of equal length
    )


def short(value: float, percent: bool) -> str:
    """Return a number for a small space, a share in per cent without the sign: 0, 0.14, 3.0, 12, −4.1."""
    if not percent:
        return number(value).replace("-", "−")
    value = 100 * value
    if abs(value) >= 0.995:
        return f"{value:.{0 if abs(value) >= 9.95 else 1}f}".replace("-", "−")
    return "0" if abs(value) < 0.005 else f"{value:.2g}".replace("-", "−")


def span(low: float, high: float, percent: bool) -> str:
    """Return an interval for a small space, empty where there is none."""
    return "" if np.isnan(low) or np.isnan(high) else f"[{short(low, percent)}, {short(high, percent)}]"
