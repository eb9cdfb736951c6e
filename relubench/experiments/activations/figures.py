"""The figures about activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from relubench.experiments.activations.claims import FACTOR
from relubench.experiments.base import Frames
from relubench.plots.figure import Figure, interval_note, line_panels
from relubench.plots.points import points

#: Activations whose silent units are drawn over time: ReLU, and what leaks.
LEAKING = ("relu", "leaky_001", "leaky_01", "leaky_minus_01", "prelu", "elu")
_SLOPE = "The number after leaky ReLU is its slope left of 0; rates are those of ReLU."


def _side_by_side(frames: Frames, name: str, rows: Mapping[str, pl.DataFrame], shown: str, shares: str = "") -> Figure:
    """Draw the activations side by side: a panel column a rate, a point an optimiser."""
    titled = {label: frames.titled(frame) for label, frame in rows.items()}
    figure = points(titled, x=frames.title("activation"), columns=frames.title("rate"), lines=frames.title("optimizer"))
    return Figure(name, figure, f"{shown} {_SLOPE} {interval_note(rows, shares=shares)}")


def _over_time(frames: Frames, suffix: str, setting: str) -> list[Figure]:
    """Draw the silent units of ReLU and of what leaks, a panel an optimiser, at the high rate."""
    curve = frames.curve_of("silent_train")
    high = curve.filter(pl.col(FACTOR).is_in(LEAKING), pl.col("factor.rate").eq_missing("high"))
    if high.is_empty():
        return []
    rows = {"silent units": frames.titled(high)}
    figure = line_panels(rows, x="step", columns=frames.title("optimizer"), lines=frames.title("activation"))
    caption = (
        f"{setting}, high rate: units with z <= 0 on every training input during training. A silent ReLU unit is dead, "
        f"another may recover. {_SLOPE} {interval_note(rows, over='the runs that had not diverged by then')}"
    )
    return [Figure(f"silent_over_time{suffix}", figure, caption, claims=(11,), setting=setting)]


def _of_setting(frames: Frames, suffix: str, setting: str) -> list[Figure]:
    curves = frames.curve_panels("silent_train", "saturated_train")
    at_end = {title: rows.filter(pl.col("step") == pl.col("step").max()) for title, rows in curves.items()}
    units = _side_by_side(
        frames,
        f"activations{suffix}",
        frames.panels("dead_train_fraction") | at_end,
        f"{setting}: a unit is dead when the slope of its activation is 0 on every training input (in float32), silent "
        "when z <= 0 on every one, saturated when the slope's magnitude is at most 0.001 on every one.",
    )._replace(claims=(13, 12), setting=setting)
    worked = _side_by_side(
        frames,
        f"accuracy{suffix}",
        frames.panels("test_accuracy", "diverged", "collapsed"),
        f"{setting}: test accuracy, diverged and collapsed runs.",
        shares="diverged and collapsed",
    )._replace(claims=(24, 26), setting=setting)
    return [units, worked, *_over_time(frames, suffix, setting)]


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw activations side by side, and silent units over time, in each setting."""
    return [figure for suffix, title, one in frames.settings() for figure in _of_setting(one, suffix, title)]
