"""The figures of networks that are dead before any training.

Dead is here what Lu et al. 2020 call a network born dead: its output is the same for every input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from relubench import theory
from relubench.experiments.base import Frames
from relubench.findings.words import extremes
from relubench.plots import canvas, looks, style
from relubench.plots.figure import Figure, runs_note
from relubench.plots.heatmap import heat_map
from relubench.plots.lines import line_panels
from relubench.plots.points import points

INIT, BIAS, WIDTHS = "model.init.name", "model.init.bias", "model.widths"
#: The network (width, affine layers) in which initialisers and biases are compared: that of published rows 2 and 3.
COMPARED = (2, 10)

_COUNTED = (
    "A network is born dead when its output varies over the training inputs by no more than 1e-6 of 1 + its size. One "
    "input, evenly spaced; layers are affine ones, the hidden ones all of one width. Shares of networks with 95 % "
    "Clopper-Pearson intervals."
)


def _cells(frames: Frames) -> pl.DataFrame:
    """Return the share of networks born dead of each cell, with its width, affine layers and start."""
    rows = frames.summary_of("born_collapsed")
    sizes = rows[WIDTHS].to_list()
    return rows.with_columns(
        width=pl.Series([widths[0] if widths else None for widths in sizes], dtype=pl.Int64),
        layers=pl.Series([len(widths or ()) + 1 for widths in sizes], dtype=pl.Int64),
        start=pl.Series([_start(row) for row in rows.iter_rows(named=True)], dtype=pl.String),
    )


def _start(row: dict[str, Any]) -> str:
    bias = f", bias {style.name(row[BIAS])}" if row[BIAS] else ""
    return style.name(row[INIT]) + bias


def _by_depth(he: pl.DataFrame) -> Figure:
    rows = {"networks born dead": he}
    figure = line_panels(rows, x="layers", lines="width")
    _draw_bounds(figure.axes[0], rows["networks born dead"])
    caption = (
        "Networks born dead over depth: He without biases. Dotted: the bound 1 - (1 - 2^-width)^(layers - 1) of Lu et "
        f"al. 2020, which a network with a single input reaches. {_COUNTED} {runs_note(rows)} {_extremes(rows)}"
    )
    return Figure("by_depth", figure, caption, claims=())


def _extremes(rows: Mapping[str, pl.DataFrame]) -> str:
    """Say which networks are born dead most and least often."""
    ((what, cells),) = rows.items()
    return extremes(cells, what, lambda row: f"{row['start']}, width {row['width']}, {row['layers']} layers")


def _draw_bounds(axis: Any, cells: pl.DataFrame) -> None:
    """Draw the upper bound of each width, in the colour of its line."""
    layers = canvas.values([cells], "layers")
    widths = canvas.values([cells], "width")
    for width, look in zip(widths, looks.looks(widths), strict=True):
        between = range(layers[0], layers[-1] + 1)
        bound = [theory.born_dead_bound(width, affine - 1) for affine in between]
        axis.plot(between, bound, color=look["color"], linestyle=":", linewidth=1.0)


def _by_size(he: pl.DataFrame) -> Figure:
    rows = {"networks born dead": he}
    figure = heat_map(rows["networks born dead"], x="layers", y="width", label="networks born dead")
    caption = (
        f"Networks born dead by depth and width: He without biases. {_COUNTED} {runs_note(rows)} {_extremes(rows)}"
    )
    return Figure("by_size", figure, caption, claims=())


def _by_start(compared: pl.DataFrame) -> Figure:
    width, layers = COMPARED
    rows = {"networks born dead": compared}
    figure = points(rows, x="start", x_label="initial weights and biases")
    caption = (
        f"Networks of width {width} with {layers} affine layers that are born dead, by how they start; biases are 0 "
        f"where none is named (RAI draws its own). {_COUNTED} {runs_note(rows)} {_extremes(rows)}"
    )
    return Figure("by_start", figure, caption, claims=())


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw the share of networks born dead by depth, by size, and by how they start, of what there is."""
    cells = _cells(frames)
    width, layers = COMPARED
    he = cells.filter(pl.col("start") == "He")
    compared = cells.filter(pl.col("width") == width, pl.col("layers") == layers)
    drawn = ((_by_depth, he), (_by_size, he), (_by_start, compared))
    return [draw(rows) for draw, rows in drawn if rows.height]
