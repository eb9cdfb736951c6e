"""One unit before and after the step that kills it: its line among the inputs, and its pre-activations on them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from matplotlib import figure as mpl_figure
from matplotlib import pyplot as plt

from relubench.plots import canvas, planes

#: Heights of the two rows of pre-activations, before the step and after it, and how far dots are spread around them.
_ROWS, _SPREAD = (1.0, 0.0), 0.32
#: Width and height in inches.
_SIZE = (5.6, 2.7)


class Deadly(NamedTuple):
    """A unit before and after a step: rows of what `planes_of` returns."""

    unit: int
    before: dict[str, Any]
    after: dict[str, Any]

    def pre_activations(self, data_x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return z before and after the step on inputs [n, 2]: [n] each."""
        before, after = (data_x @ (row["w0"], row["w1"]) + row["b"] for row in (self.before, self.after))
        return before, after


def deadliest(frame: pl.DataFrame, data_x: np.ndarray) -> Deadly | None:
    """Return the death between neighbouring probes that took a unit the most inputs, of those over the fewest steps.

    `frame` is what `planes_of` returns, of units that are counted on the inputs `data_x` [n, 2]. None: no unit dies.
    """
    pairs = (
        Deadly(unit, before, after)
        for (unit,), rows in frame.sort("step").group_by("unit", maintain_order=True)
        for before, after in zip(rows[:-1].rows(named=True), rows[1:].rows(named=True), strict=True)
        if after["dead"] and not before["dead"]
    )

    def rank(pair: Deadly) -> tuple[int, int]:
        return pair.before["step"] - pair.after["step"], int((pair.pre_activations(data_x)[0] > 0).sum())

    return max(pairs, key=rank, default=None)


@canvas.house_style()
def deadly_step(pair: Deadly, *, data_x: np.ndarray, labels: np.ndarray) -> mpl_figure.Figure:
    """Draw a unit's line before and after a step, and beside it z = w·x + b of every input.

    `data_x` [n, 2] are the inputs as the network sees them, `labels` [n] their classes.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=_SIZE, layout="constrained")
    planes.draw_scene(left, data_x, labels, {"live": [pair.before], "dead": [pair.after]})
    _heights(right, pair, data_x, labels)
    planes.legend(figure, {"live": "before the step", "dead": "after it: no input on the active side"})
    return figure


def _heights(axis: Any, pair: Deadly, data_x: np.ndarray, labels: np.ndarray) -> None:
    spread = np.random.default_rng(0).uniform(-_SPREAD, _SPREAD, len(data_x))
    heights = pair.pre_activations(data_x)
    for z, row in zip(heights, _ROWS, strict=True):
        for look, mask in planes.classes(labels):
            axis.scatter(z[mask], row + spread[mask], s=8, linewidths=0, alpha=0.7, **look)
    axis.axvline(0, color="black", linewidth=0.8)
    axis.text(0, 1.75, "silent  ", ha="right", va="top", fontsize=7.5)
    axis.text(0, 1.75, "  active", ha="left", va="top", fontsize=7.5)
    names = [
        f"{when}:\nactive on\n{(z > 0).sum()} of {len(z)}" for when, z in zip(("before", "after"), heights, strict=True)
    ]
    axis.set(yticks=_ROWS, yticklabels=names, ylim=(-0.6, 1.8), xlabel="the unit's sum z on each training input")
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", visible=False)
