"""The figures about waking on other data."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.plots.figure import Figure, interval_note, line_panels
from relubench.plots.points import points

_CHANGES_NOTE = (
    "Changes halfway through training: one standard deviation added to all inputs, inputs doubled, pixels permuted, "
    "training labels dealt out anew. Rates fall from the high one over the first half to a tenth and stay."
)


def _by_change(frames: Frames, suffix: str, setting: str) -> Figure | None:
    metrics = {"active at once": "woken", "alive at the end": "revived"}
    rows = {label: frames.titled(frames.curves.filter(pl.col("metric") == metric)) for label, metric in metrics.items()}
    if any(frame.is_empty() for frame in rows.values()):  # no unit has died: there is nothing to tell of waking
        return None
    figure = points(rows, x="data", columns=frames.title("optimizer"), lines="layer")
    caption = (
        f"{setting}: of the units dead on the training set when the data change, above: the share that are active at "
        "once on the test set or on the changed training set, weights as they were; below: the share alive at the end, "
        f"on the changed training set. By hidden layer (1 is at the input). {_CHANGES_NOTE} "
        f"{interval_note(rows, over='the runs with a dead unit in the layer')}"
    )
    return Figure(f"shift{suffix}", figure, caption, claims=(35, 36), setting=setting)


def _over_time(frames: Frames, suffix: str, setting: str) -> Figure:
    curves = frames.curve_panels("dead_train", "test_accuracy")
    rows = {title: frames.titled(curve) for title, curve in curves.items()}
    figure = line_panels(rows, x="step", columns=frames.title("optimizer"), lines=frames.title("change"))
    caption = (
        f"{setting}: dead units of the present training set, and accuracy on the present test set, during training. "
        f"{_CHANGES_NOTE} {interval_note(rows, over='the runs that had not diverged by then')}"
    )
    return Figure(f"over_time{suffix}", figure, caption, claims=(36,), setting=setting)


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw what wakes units in each setting, and the way there."""
    drawn = (
        draw(of_setting, suffix, title)
        for suffix, title, of_setting in frames.settings()
        for draw in (_by_change, _over_time)
    )
    return [figure for figure in drawn if figure is not None]
