"""The figures about waking on other data."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.shift.metrics import NAME
from relubench.plots.figure import Figure, interval_note, line_panels
from relubench.plots.points import points

_CHANGES_NOTE = (
    "Changes halfway through training: one standard deviation added to all inputs, inputs doubled, pixels permuted, "
    "training labels dealt out anew. Rates fall over the first half to a tenth and stay: plain SGD from 0.7, Adam 0.03."
)


def _by_change(rows: dict[str, pl.DataFrame]) -> Figure:
    figure = points(rows, x="change", columns=NAME, lines="layer")
    for axis in figure.axes:
        axis.set_ylim(-0.05, 1.05)  # whole markers at 0 and 100 %
    caption = (
        "Of the units dead on the training set when the data change, above: the share that are active at once on the "
        "test set or on the changed training set, weights as they were; below: the share that a later probe, on the "
        f"changed training set, finds active as training goes on. By hidden layer (1 is at the input). {_CHANGES_NOTE} "
        f"{interval_note(rows, over='the runs with a dead unit in the layer')}"
    )
    return Figure("shift", figure, caption)


def _over_time(frames: Frames) -> Figure:
    curves = frames.curve_panels("dead_train", "test_accuracy")
    rows = {title: frames.titled(curve) for title, curve in curves.items()}
    caption = (
        "Dead units of the present training set, and accuracy on the present test set, during training. "
        f"{_CHANGES_NOTE} "
        f"{interval_note(rows)}"
    )
    return Figure("over_time", line_panels(rows, x="step", columns=NAME, lines=frames.title("change")), caption)


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw what there is: where no unit has died there is nothing to tell of waking."""
    metrics = {"active at once": "woken", "active later": "revived"}
    rows = {label: frames.curves.filter(pl.col("metric") == metric) for label, metric in metrics.items()}
    waking = [_by_change(rows)] if all(frame.height for frame in rows.values()) else []
    return [*waking, _over_time(frames)]
