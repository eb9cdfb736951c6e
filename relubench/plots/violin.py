"""Activations layer by layer: a violin a layer, drawn from quantiles, and the share of exact zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from matplotlib import figure as mpl_figure
from matplotlib.ticker import PercentFormatter

from relubench.plots import canvas, style

#: Half the widest place of a violin, and the cells of its height over which the density is averaged.
_HALF, _CELLS = 0.42, 48
_COLOUR = style.COLOURS[3]


@canvas.house_style()
def violins(
    frame: pl.DataFrame, *, columns: str | None = None, zeros: pl.DataFrame, label: str = "activation, if not 0"
) -> mpl_figure.Figure:
    """Draw a violin for each `layer` from its quantiles (mean, ci_low, ci_high over `item`); a panel a `columns` value.

    Item k of 0 … K is the quantile at probability k/K. A violin is the density of the logarithm of those above 0, on
    one axis for all panels; the mark is their median, with its interval. Below stands the share of activations that are
    exactly 0, from `zeros` (mean, ci_low, ci_high by `layer`).
    """
    column_values = canvas.values([frame], columns)
    figure, axes = canvas.blank(2, len(column_values), height=3.7, height_ratios=[3, 1])
    for place, value in enumerate(column_values):
        panel = canvas.where(frame, columns, value)
        for (layer,), rows in panel.group_by("layer", maintain_order=True):
            _violin(axes[0, place], layer, canvas.interval(rows.sort("item")))
        _zeros(axes[1, place], canvas.where(zeros, columns, value), first=place == 0)
        canvas.whole_ticks(axes[-1, place], [panel], "layer")
        axes[0, place].grid(False, axis="x")
    axes[0, 0].set(ylabel=label, yscale="log")
    canvas.x_title(figure, axes, "layer")
    canvas.column_titles(axes, columns, column_values)
    return figure


def _violin(axis: Any, layer: Any, quantiles: canvas.Interval) -> None:
    above = quantiles.mean > 0
    if above.sum() < 2:  # a dead layer
        return
    height, density = density_of(np.log10(quantiles.mean[above]))
    half = _HALF * density / max(density.max(), np.finfo(float).tiny)
    axis.fill_betweenx(10**height, layer - half, layer + half, facecolor=_COLOUR, edgecolor=style.COLOURS[2], lw=0.5)
    probabilities = np.linspace(0, 1, len(above))
    first = int(np.argmax(above))  # the least above 0; they begin between it and the one before
    of_median = (1 + probabilities[[max(first - 1, 0), first]].mean()) / 2
    middle, low, high = (np.interp(of_median, probabilities, part) for part in quantiles)
    axis.vlines(layer, max(low, quantiles.mean[first]), high, color="black", linewidth=1.2)
    axis.plot(layer, middle, "o", color="black", markerfacecolor="white", markersize=3)


def density_of(quantiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (heights, density at them) of evenly spaced quantiles.

    The density is the derivative of the inverse of the quantile function, averaged over cells of equal height and their
    neighbours.
    """
    low, high = quantiles[0], quantiles[-1]
    edges = np.linspace(low, high, _CELLS + 1)
    mass = np.interp(edges, quantiles, np.linspace(0, 1, len(quantiles)))
    density = np.diff(mass) / max((high - low) / _CELLS, np.finfo(float).tiny)
    density = np.convolve(np.pad(density, 1, mode="edge"), (0.25, 0.5, 0.25), mode="valid")
    heights = np.concatenate([[low], (edges[1:] + edges[:-1]) / 2, [high]])
    return heights, np.concatenate([density[:1], density, density[-1:]])


def _zeros(axis: Any, rows: pl.DataFrame, first: bool) -> None:
    layers, share = rows["layer"].to_numpy(), canvas.interval(rows)
    axis.vlines(layers, share.low, share.high, color=style.COLOURS[2], linewidth=1.2)
    axis.plot(layers, share.mean, "o", color=style.COLOURS[2], markersize=2.5)
    axis.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axis.set(ylim=(-0.06, 1.06), yticks=[0, 0.5, 1], ylabel="exactly 0" if first else "")
