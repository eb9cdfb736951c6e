"""The figures about recovery."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.revival.cases import HIGH, LOW, NAME, OPTIMIZERS, VARIANTS
from relubench.plots.figure import Figure, interval_note, runs_note
from relubench.plots.points import points
from relubench.plots.survival import survival_panels

#: The decay of the variants that have one.
DECAY = 0.01


def _survival(curves: pl.DataFrame) -> Figure:
    figure = survival_panels(curves, columns="layer", lines=NAME, label="units still dead")
    for axis in figure.axes:
        axis.set_xlabel("steps since found dead")
    rates = ", ".join(f"{OPTIMIZERS[name]} {rate:g}" for name, rate in HIGH.items())
    caption = (
        "Share of units still dead so many steps after a probe found them dead, by hidden layer (1 is at the input). "
        f"Learning rates at which units die: {rates}. Kaplan-Meier over spells of death, with 95 % bootstrap "
        f"intervals that resample runs; a unit that dies again has another spell. {runs_note({'': curves})}"
    )
    return Figure("revival", figure, caption)


def _causes(shares: pl.DataFrame) -> Figure:
    rows = {"units that come back": shares}
    figure = points(rows, x="variant", columns=NAME, lines="layer")
    figure.set_figheight(3.4)
    figure.axes[0].set_ylim(-0.05, 1.05)  # whole markers at 0 and 100 %
    rates = "; ".join(f"{OPTIMIZERS[name]} low {LOW[name]:g}, high {HIGH[name]:g}" for name in LOW)
    caption = (
        "Share of the units found dead that a later probe finds active again, by hidden layer. Learning rates: "
        f"{rates} (frozen layers and decays: the high one). Frozen layers never move, and are not shown; equal decay: "
        f"{DECAY:g} on weights and biases; bias decay: {DECAY:g} on biases alone. "
        f"{interval_note(rows, over='the runs in which a unit of the layer died')}"
    )
    return Figure("what_revives", figure, caption)


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw what there is: where no unit has died there is nothing to tell."""
    metric, variant, layer = pl.col("metric"), pl.col("variant"), pl.col("layer")
    curves = frames.curves.filter(metric == "still_dead", variant == VARIANTS["high"])
    frozen = (variant == VARIANTS["frozen_1"]) & (layer <= 1) | (variant == VARIANTS["frozen_2"]) & (layer <= 2)
    shares = frames.curves.filter(metric == "revived_share", pl.col(NAME).is_in(list(LOW)), ~frozen)
    return [draw(rows) for draw, rows in ((_survival, curves), (_causes, shares)) if rows.height]
