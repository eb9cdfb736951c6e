"""Figures from frames: panels of lines with their intervals, in one style, saved with a caption."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import polars as pl

matplotlib.use("Agg")

from matplotlib import figure as mpl_figure
from matplotlib import pyplot as plt
from matplotlib.ticker import PercentFormatter

from relubench.report import style
from relubench.results import atomic, write_text


class Figure(NamedTuple):
    """A drawn figure with the name of its files and its caption."""

    name: str
    figure: mpl_figure.Figure
    caption: str


def line_panels(
    rows: Mapping[str, pl.DataFrame], *, x: str, columns: str, lines: str, log_x: bool = False, symlog_x: bool = False
) -> mpl_figure.Figure:
    """Draw a row of panels for each frame (mean, ci_low, ci_high over `x`) under its label, a share from 0 to 1.

    A panel column for each value of `columns`, a line for each value of `lines`; the band is the interval.
    """
    column_values = _values(rows, columns)
    line_values = _values(rows, lines)
    ordered = all(isinstance(value, float | int) for value in line_values)
    with plt.rc_context(style.RC):
        height = 1.0 + 1.45 * len(rows)
        width = style.FULL_WIDTH if len(column_values) > 1 else 0.75 * style.FULL_WIDTH
        figure, axes = plt.subplots(
            len(rows), len(column_values), figsize=(width, height), sharex=True, sharey="row", squeeze=False,
            layout="constrained",
        )  # fmt: skip
        for row, (label, frame) in enumerate(rows.items()):
            for column, column_value in enumerate(column_values):
                axis = axes[row, column]
                panel = frame.filter(pl.col(columns) == column_value)
                for place, value in enumerate(line_values):
                    look = style.series(place, len(line_values), ordered)
                    _line(axis, panel.filter(pl.col(lines) == value).sort(x), x, style.name(value), look)
                axis.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            axes[row, 0].set_ylabel(label)
            _share_limits(axes[row, 0], frame)
        for column, column_value in enumerate(column_values):
            axes[0, column].set_title(style.name(column_value))
            axes[-1, column].set_xlabel(style.name(x))
            if log_x:
                axes[-1, column].set_xscale("log")
            elif symlog_x:
                axes[-1, column].set_xscale("symlog", linthresh=1)
                axes[-1, column].set_xlim(left=-0.1)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        title = None if "panel" in (columns, lines) or lines == "point" else style.name(lines)
        longest = max(map(len, labels), default=1)
        figure.legend(
            handles,
            labels,
            title=title,
            loc="outside upper center",
            ncols=max(1, min(len(labels), 5, 110 // (longest + 6))),
        )
    return figure


def _values(rows: Mapping[str, pl.DataFrame], key: str) -> list[Any]:
    """Return the values of a column over all frames, numbers in order, names as they come."""
    found = list(dict.fromkeys(value for frame in rows.values() for value in frame[key].to_list()))
    return sorted(found) if all(isinstance(value, int | float) for value in found) else found


def _line(axis: Any, points: pl.DataFrame, x: str, label: str, look: dict[str, Any]) -> None:
    at, mean = points[x].to_numpy(), points["mean"].cast(pl.Float64).to_numpy()
    low, high = (points[name].cast(pl.Float64).to_numpy() for name in ("ci_low", "ci_high"))
    axis.plot(at, mean, label=label, **look)
    axis.fill_between(at, low, high, facecolor=look["color"], alpha=0.1, linewidth=0)
    for edge in (low, high):
        axis.plot(at, edge, color=look["color"], linestyle=look["linestyle"], linewidth=0.4, alpha=0.6)


def _share_limits(axis: Any, frame: pl.DataFrame) -> None:
    """Start a share's axis at 0, and end it no sooner than 5 %, so that nothing looks like much."""
    top = np.nanmax([0.05, *frame["ci_high"].drop_nulls().to_list(), *frame["mean"].drop_nulls().to_list()])
    axis.set_ylim(-0.02 * top, min(1.05 * float(top), 1.03))


def runs_note(rows: Mapping[str, pl.DataFrame]) -> str:
    """Return a sentence on the number of runs behind the points."""
    counts = [n for frame in rows.values() for n in frame["n"].to_list()]
    if not counts:
        return "No run finished."
    low, high = min(counts), max(counts)
    return f"Runs per point: {high}." if low == high else f"Runs per point: {low} to {high}."


def save(figure: Figure, folder: Path) -> list[Path]:
    """Write PNG, PDF and the caption; return their paths."""
    paths = [folder / f"{figure.name}.{kind}" for kind in ("png", "pdf")]
    with plt.rc_context(style.RC):
        figure.figure.draw_without_rendering()
    figure.figure.set_layout_engine("none")  # laid out once, not once a file
    for path in paths:
        stamp = {"CreationDate": None} if path.suffix == ".pdf" else {"Software": None}
        with plt.rc_context(style.RC), atomic(path) as temporary:
            figure.figure.savefig(temporary, format=path.suffix[1:], metadata=stamp)
    plt.close(figure.figure)
    caption = folder / f"{figure.name}.txt"
    write_text(caption, figure.caption + "\n")
    return [*paths, caption]
