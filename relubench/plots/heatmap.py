"""Heat maps: two settings crossed, the number and its interval printed in each cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib
import numpy as np
import polars as pl
from matplotlib import colors
from matplotlib import figure as mpl_figure
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter

from relubench.plots import canvas, style

#: A cell narrower than this (inches) cannot hold its interval: panels go to a further row instead.
_LEAST_CELL = 0.5
_MOST_CELL = 0.9
_CELL_HEIGHT = 0.4
#: Inches taken by the tick labels and the colour bar.
_MARGIN = 1.5
#: Width of a digit over its font size.
_DIGIT = 0.62


@canvas.house_style()
def heat_map(
    frame: pl.DataFrame,
    *,
    x: str,
    y: str,
    label: str,
    panels: str | None = None,
    value: str = "mean",
    percent: bool = True,
    log: bool = False,
) -> mpl_figure.Figure:
    """Draw `value` over the settings `x` and `y`, with ci_low and ci_high printed small under it.

    A panel for each value of `panels`. `label` names the number beside the colour bar; `percent`: it is a share;
    `log`: shades by order of magnitude (0 as the smallest). A cell without a number is grey and says "none".
    """
    at_x, at_y, of = (canvas.values([frame], key) for key in (x, y, panels))
    cells = [_cells(canvas.where(frame, panels, one), x, y, at_x, at_y, value) for one in of]
    norm = _norm(np.concatenate([part.mean.ravel() for part in cells]), percent, log)
    figure, axes, cell = _blank(len(of), len(at_x), len(at_y))
    for axis, part, one in zip(axes, cells, of, strict=True):
        mesh = axis.pcolormesh(part.mean, norm=norm, cmap=matplotlib.colormaps[style.HEAT], edgecolors="white", lw=1)
        _print(axis, part, mesh, percent, 72 * cell)
        axis.set_title("" if panels is None else style.title(one, panels))
    _dress(axes, x, y, at_x, at_y)
    shares = FuncFormatter(lambda share, _: f"{100 * share:.3g}%") if percent else None
    bar = figure.colorbar(mesh, ax=axes, label=label, format=shares, aspect=30)
    bar.outline.set_visible(False)
    return figure


def _cells(rows: pl.DataFrame, x: str, y: str, at_x: Sequence[Any], at_y: Sequence[Any], value: str) -> canvas.Interval:
    """Return a panel's numbers, [rows, columns] each, NaN where there is none."""
    cells = canvas.Interval(*(np.full((len(at_y), len(at_x)), np.nan) for _ in range(3)))
    columns, lines = ([at.index(cell) for cell in rows[key].to_list()] for key, at in ((x, at_x), (y, at_y)))
    for table, column in zip(cells, canvas.interval(rows, value), strict=True):
        table[lines, columns] = column
    return cells


def _norm(numbers: np.ndarray, percent: bool, log: bool) -> colors.Normalize:
    """Return the scale of the shades: a share's from 0 to 5 % at least."""
    numbers = numbers[np.isfinite(numbers)]
    if log and (numbers > 0).any():
        return colors.LogNorm(numbers[numbers > 0].min(), numbers.max(), clip=True)
    if percent:
        return colors.Normalize(0.0, max(0.05, *numbers, 0.05))
    return colors.Normalize(*(numbers.min(), numbers.max()) if numbers.size else (0.0, 1.0))


def _blank(count: int, wide: int, high: int) -> tuple[mpl_figure.Figure, list[Any], float]:
    """Return the figure, its panels' axes, and the width of a cell in inches."""
    room = style.FULL_WIDTH - _MARGIN
    per_row = max(1, min(count, int(room / (_LEAST_CELL * wide))))
    lines = -(-count // per_row)
    cell = min(_MOST_CELL, room / (per_row * wide))
    size = (cell * per_row * wide + _MARGIN, lines * (high * _CELL_HEIGHT + 0.35) + 0.4)
    figure, axes = plt.subplots(
        lines, per_row, figsize=size, sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    for axis in axes.flat[count:]:
        axis.remove()
    return figure, list(axes.flat[:count]), cell


def _print(axis: Any, cells: canvas.Interval, mesh: Any, percent: bool, room: float) -> None:
    """Write each cell's number and interval in `room` points, in black or white by the shade under it."""
    places = [at for at in np.ndindex(cells.mean.shape) if not np.isnan(cells.mean[at])]
    middles = {at: canvas.short(float(cells.mean[at]), percent) for at in places}
    spans = {at: canvas.span(float(cells.low[at]), float(cells.high[at]), percent) for at in places}
    large, small = _fitting(middles.values(), room, 8.0), _fitting(spans.values(), room, 6.0)
    for row, column in np.ndindex(cells.mean.shape):
        text, spanned = middles.get((row, column), "none"), spans.get((row, column), "")
        ink = _ink(mesh.cmap(mesh.norm(cells.mean[row, column]))) if (row, column) in middles else "black"
        at: dict[str, Any] = {"xy": (column + 0.5, row + 0.5), "textcoords": "offset points", "ha": "center"}
        at["in_layout"] = False  # it lies within its cell, and asking each text costs seconds
        axis.annotate(text, xytext=(0, 0), va="bottom" if spanned else "center", fontsize=large, color=ink, **at)
        if spanned:
            axis.annotate(spanned, xytext=(0, -1), va="top", fontsize=small, color=ink, **at)
    axis.set_facecolor("#e6e6e6")


def _fitting(texts: Iterable[str], room: float, most: float) -> float:
    """Return the font size, `most` at the most, at which the longest text fits into `room` points."""
    return min(most, room / (_DIGIT * max(map(len, texts), default=1) + 1))


def _ink(shade: tuple[float, float, float, float]) -> str:
    red, green, blue, _ = shade
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


def _dress(axes: Sequence[Any], x: str, y: str, at_x: Sequence[Any], at_y: Sequence[Any]) -> None:
    """Name the axes; names run from the top down, numbers from the bottom up."""
    per_row = axes[0].get_gridspec().ncols
    for place, axis in enumerate(axes):
        axis.set_xticks(np.arange(len(at_x)) + 0.5, [style.name(value, x) for value in at_x])
        axis.set_yticks(np.arange(len(at_y)) + 0.5, [style.name(value, y) for value in at_y])
        lowest = place + per_row >= len(axes)
        axis.tick_params(length=0, labelbottom=lowest)
        axis.set_xlabel(style.name(x) if lowest else "")
        axis.set_ylabel("" if place % per_row else style.name(y))
        axis.grid(False)
        axis.spines[:].set_visible(False)
    if not canvas.is_numeric([value for value in at_y if value is not None]):
        axes[0].invert_yaxis()
