"""The figures about activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from relubench.experiments.activations.claims import FACTOR, HIGH_RATES
from relubench.experiments.base import Frames
from relubench.experiments.cases import OPTIMIZER, RATE, at_rates
from relubench.plots.figure import Figure, interval_note, line_panels
from relubench.plots.points import points

#: Activations whose silent units are drawn over time: ReLU, and what leaks.
LEAKING = ("relu", "leaky_001", "leaky_01", "leaky_minus_01", "prelu")


def _side_by_side(frames: Frames, name: str, rows: Mapping[str, pl.DataFrame], shown: str) -> Figure:
    """Draw the activations side by side: a panel column an optimiser, a point a learning rate."""
    titled = {label: frames.titled(frame) for label, frame in rows.items()}
    figure = points(titled, x=frames.title("activation"), columns=OPTIMIZER, lines=RATE)
    caption = (
        f"{shown} The number after leaky ReLU is its slope left of 0. "
        f"{interval_note(rows, shares='diverged and collapsed')}"
    )
    return Figure(name, figure, caption)


def _over_time(frames: Frames) -> list[Figure]:
    """Draw the silent units of ReLU and of what leaks, a panel for each high rate that a run has."""
    held = frames.titled(frames.curve_of("silent_train").filter(pl.col(FACTOR).is_in(LEAKING)))
    panels = [
        held.filter((pl.col(RATE) / where[RATE] - 1).abs() < 1e-6, pl.col(OPTIMIZER) == where[OPTIMIZER]).with_columns(
            panel=pl.lit(label)
        )
        for label, where in at_rates(HIGH_RATES).items()
    ]
    rows = {"silent units": pl.concat(panels)}
    if rows["silent units"].is_empty():
        return []
    figure = line_panels(rows, x="step", columns="panel", lines=frames.title("activation"), symlog_x=True)
    caption = (
        "Units with z <= 0 on every training input during training: a silent ReLU unit is dead, another may recover. "
        "The number after leaky ReLU is its slope left of 0. "
        f"{interval_note(rows)}"
    )
    return [Figure("silent_over_time", figure, caption)]


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw activations side by side, and silent units over time."""
    at_end = {
        title: curve.filter(pl.col("step") == pl.col("step").max())
        for title, curve in frames.curve_panels("saturated_train").items()
    }
    worked = frames.panels("test_accuracy", "diverged", "collapsed")
    return [
        _side_by_side(
            frames,
            "activations",
            frames.panels("dead_train_fraction") | at_end | worked,
            "A unit is dead when the slope of its activation is 0 on every training input (in float32), saturated when "
            "the slope's magnitude is at most 0.001 on every one.",
        ),
        *_over_time(frames),
    ]
