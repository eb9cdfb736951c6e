"""How lines are told apart: colours, marks and dashes, and the legend or the bar of shades that names them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
from matplotlib import cm, colors
from matplotlib import figure as mpl_figure

from relubench.plots import canvas, style

#: More lines of numbers than these have a colour bar in the place of a legend.
_MOST_NAMED = 9
#: Numbers whose ends are so many times apart are shaded by their logarithm.
_WIDE = 50


def series(
    panel: pl.DataFrame, lines: str | None, line_values: Sequence[Any]
) -> Iterator[tuple[str, pl.DataFrame, dict[str, Any]]]:
    """Yield the name, the rows and the look of each line of a panel."""
    for value, look in zip(line_values, looks(line_values), strict=True):
        yield style.name(value, lines or ""), canvas.where(panel, lines, value), look


def looks(line_values: Sequence[Any]) -> list[dict[str, Any]]:
    """Return colour, marker and dashes of each line's value."""
    if (shades := _shades(line_values)) is not None:
        return [{"color": shades.to_rgba(value), "marker": "", "linestyle": "-"} for value in line_values]
    return [style.series(place, len(line_values), canvas.is_numeric(line_values)) for place in range(len(line_values))]


def _shades(line_values: Sequence[Any]) -> cm.ScalarMappable | None:
    """Return the shades of numbers that are too many for names."""
    if len(line_values) <= _MOST_NAMED or not canvas.is_numeric(line_values):
        return None
    low, high = line_values[0], line_values[-1]
    kind = colors.LogNorm if low > 0 and high > _WIDE * low else colors.Normalize
    return cm.ScalarMappable(kind(low, high), style.ordered_shades())


def key(figure: mpl_figure.Figure, axes: Any, lines: str | None, line_values: Sequence[Any]) -> None:
    """Tell which line is which: by a legend, or where they are many numbers, by the bar of their shades."""
    if lines is not None and (shades := _shades(line_values)) is not None:
        bar = figure.colorbar(shades, ax=axes, label=style.name(lines), aspect=30, shrink=0.9)
        bar.outline.set_visible(False)
    else:
        canvas.legend(figure, axes[0, 0], lines)
