"""Two inputs, so that each unit's decision line can be drawn: how lines leave the data when units die."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.boundaries.metrics import INPUTS, PLANES
from relubench.plots.figure import Figure, interval_note, line_panels
from relubench.plots.planes import animation, planes, planes_of


def _picture(frames: Frames) -> Figure:
    x0, x1, classes = (frames.curves.filter(pl.col("metric") == metric).sort("item")["mean"] for metric in INPUTS)
    data_x, labels = np.column_stack([x0, x1]), classes.to_numpy().astype(int)
    lines = planes_of(frames.curves.filter(pl.col("metric").is_in(PLANES)))
    dead = frames.summary_of("dead_train_fraction")
    shares = [f"{row['mean']:.1%}" for row in dead.iter_rows(named=True) if row["mean"] is not None]
    caption = (
        "Training inputs (two classes) and each hidden unit's decision line w·x + b = 0 in the run of the first seed, "
        "from the first step to the last, at logarithmically spaced steps; arrows point to the side on which a unit is "
        "active. A unit is dead when no training input lies on that side. The GIF shows all probes. Over all runs "
        f"{', '.join(shares)} of the units are dead at the end (intervals: figure over_time). "
        f"{interval_note({'': dead})}"
    )
    return Figure(
        "boundaries",
        planes(lines, data_x=data_x, labels=labels),
        caption,
        animation(lines, data_x=data_x, labels=labels),
    )


def _over_time(frames: Frames) -> Figure:
    rows = frames.curve_panels("dead_train", "test_accuracy")
    caption = f"Dead units of the training set and test accuracy during training, all runs. {interval_note(rows)}"
    return Figure("over_time", line_panels(rows, x="step", symlog_x=True), caption)


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw the lines at some steps, and the numbers over all."""
    return [_picture(frames), _over_time(frames)]
