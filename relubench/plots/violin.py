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
#: Quantiles closer than this share of the range are one value that occurs often.
_SAME = 1e-9
_COLOUR = style.COLOURS[3]


@canvas.house_style()
def violins(
    frame: pl.DataFrame,
    *,
    columns: str | None = None,
    zeros: pl.DataFrame | None = None,
    label: str = "activation",
) -> mpl_figure.Figure:
    """Draw a violin for each `layer` from its quantiles (mean, ci_low, ci_high over `item`); a panel a `columns` value.

    Item k of 0 … K is the quantile at probability k/K. A violin's width is the density; a value that occurs often
    (a ReLU's 0) is a flat line, as wide as its share; the mark is the median with its interval. Each panel has an
    axis of its own. `zeros` (mean, ci_low, ci_high by `layer`) adds a row: the share of activations that are exactly 0.
    """
    column_values = canvas.values([frame], columns)
    heights = [3, 1] if zeros is not None else [1]
    figure, axes = canvas.blank(
        len(heights), len(column_values), height=2.6 + 1.1 * (zeros is not None), sharey="none", height_ratios=heights
    )
    for place, value in enumerate(column_values):
        panel = canvas.where(frame, columns, value)
        for (layer,), rows in panel.group_by("layer", maintain_order=True):
            _violin(axes[0, place], layer, canvas.interval(rows.sort("item")))
        if zeros is not None:
            _zeros(axes[1, place], canvas.where(zeros, columns, value), first=place == 0)
        canvas.whole_ticks(axes[-1, place], [panel], "layer")
        axes[-1, place].set_xlabel("layer")
        axes[0, place].grid(False, axis="x")
    axes[0, 0].set_ylabel(label)
    canvas.column_titles(axes, columns, column_values)
    return figure


def _violin(axis: Any, layer: Any, quantiles: canvas.Interval) -> None:
    height, density, (often, share) = density_of(quantiles.mean)
    half = _HALF * density / max(density.max(), np.finfo(float).tiny)
    axis.fill_betweenx(height, layer - half, layer + half, facecolor=_COLOUR, edgecolor=style.COLOURS[2], lw=0.5)
    if share > 0:
        axis.hlines(often, layer - _HALF * share, layer + _HALF * share, color=style.COLOURS[2], linewidth=2)
    probabilities = np.linspace(0, 1, len(quantiles.mean))
    middle, low, high = (np.interp(0.5, probabilities, part) for part in quantiles)
    axis.vlines(layer, low, high, color="black", linewidth=1.2)
    axis.plot(layer, middle, "o", color="black", markerfacecolor="white", markersize=3)


def density_of(quantiles: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Return (heights, density at them, (the value that occurs most often, its share)) of evenly spaced quantiles.

    The density is the derivative of the inverse of the quantile function, averaged over cells of equal height and their
    neighbours; a value that several quantiles share is no part of it.
    """
    step = 1 / (len(quantiles) - 1)
    low, high = quantiles[0], quantiles[-1]
    rises = np.diff(quantiles) > _SAME * max(high - low, np.finfo(float).tiny)
    mass = np.concatenate([[0.0], np.cumsum(np.where(rises, step, 0.0))])
    edges = np.linspace(low, high, _CELLS + 1)
    density = np.diff(np.interp(edges, quantiles, mass)) / max((high - low) / _CELLS, np.finfo(float).tiny)
    density = np.convolve(np.pad(density, 1, mode="edge"), (0.25, 0.5, 0.25), mode="valid")
    heights = np.concatenate([[low], (edges[1:] + edges[:-1]) / 2, [high]])
    return heights, np.concatenate([density[:1], density, density[-1:]]), _often(quantiles, rises, step)


def _often(quantiles: np.ndarray, rises: np.ndarray, step: float) -> tuple[float, float]:
    """Return the start of the longest run of equal quantiles, and the share of the values that it stands for."""
    runs = np.split(np.arange(len(quantiles)), np.flatnonzero(rises) + 1)
    longest = max(runs, key=len)
    return float(quantiles[longest[0]]), step * (len(longest) - 1)


def _zeros(axis: Any, rows: pl.DataFrame, first: bool) -> None:
    layers, share = rows["layer"].to_numpy(), canvas.interval(rows)
    axis.vlines(layers, share.low, share.high, color=style.COLOURS[2], linewidth=1.2)
    axis.plot(layers, share.mean, "o", color=style.COLOURS[2], markersize=2.5)
    axis.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axis.set(ylim=(-0.06, 1.06), yticks=[0, 0.5, 1], ylabel="exactly 0" if first else "")
