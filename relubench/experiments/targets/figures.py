"""The figures about targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.cases import RATE
from relubench.experiments.targets.claims import FACTOR, MOMENTUM
from relubench.plots import style
from relubench.plots.figure import Figure, interval_note, line_panels

OFFSET, SCALE = "data.target_offset", "data.target_scale"
#: The levels that differ in the target's mean, and those that differ in its standard deviation.
MEANS = ("near", "mean_3", "mean_10", "mean_30")
DEVIATIONS = ("near", "deviation_001", "deviation_01", "deviation_10", "deviation_100")
PANELS = ("dead_train_fraction", "collapsed", "diverged")


def _over(frames: Frames, x: str, levels: Sequence[str], name: str, over: str, **axis: Any) -> Figure:
    """Draw dead units, collapsed and diverged runs over `x`, a key that differs between these levels."""
    shown = pl.col(FACTOR).is_in(levels)
    rows = {title: frame.filter(shown) for title, frame in frames.panels(*PANELS).items()}
    figure = line_panels(rows, x=x, columns=RATE, lines=MOMENTUM, **axis)
    caption = (
        f"Dead units, collapsed and diverged runs over {over}, one column per learning rate. Momentum 0 at .01, .9 "
        "at .001 and .99 at .0001 have the same effective rate (rate / (1 - momentum)). "
        f"{interval_note(rows, shares='collapsed and diverged')}"
    )
    return Figure(name, figure, caption)


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw over the target's mean, and over its standard deviation."""
    deviation = f"the target's standard deviation ({style.name(SCALE)}), its mean at 0"
    mean = f"the target's mean ({style.name(OFFSET)}) in units of its standard deviation"
    return [
        _over(frames, OFFSET, MEANS, "offset", mean, symlog_x=True),
        _over(frames, SCALE, DEVIATIONS, "scale", deviation, log_x=True),
    ]
