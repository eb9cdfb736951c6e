"""The figures about targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.targets.claims import DEAD, TARGET
from relubench.plots import canvas
from relubench.plots.figure import Figure, interval_note, line_panels

OFFSET, SCALE = "data.target_offset", "data.target_scale"
#: The levels that differ in the target's place, and those that differ in its standard deviation.
PLACES = ("near", "mean_3", "mean_10", "mean_30")
DEVIATIONS = ("near", "deviation_001", "deviation_01", "deviation_10")
PANELS = (DEAD, "collapsed", "diverged")


def _over(frames: Frames, x: str, levels: Sequence[str], name: str, over: str, **axis: Any) -> list[Figure]:
    """Draw dead units, collapsed and diverged runs over `x`, a key that differs between these levels."""
    shown = pl.col(TARGET).is_in(levels)
    rows = {title: frames.titled(frame.filter(shown)) for title, frame in frames.panels(*PANELS).items()}
    dead = next(iter(rows.values()))
    if dead[x].n_unique() < 2:
        return []
    figure = line_panels(rows, x=x, columns=frames.title("world"), lines=frames.title("optimizer"), **axis)
    for drawn in figure.axes:
        drawn.set_xlabel("")
        drawn.set_xlim(right=1.4 * dead[x].to_numpy().max())
    figure.supxlabel(over, fontsize=8)
    caption = (
        f"Dead units, collapsed and diverged runs over the {over}. Rates are the same in effect (.03 for SGD, that "
        f"times 1 - momentum), but for the one that is SGD's. {interval_note(rows, shares='collapsed and diverged')} "
        f"{_most(frames, dead)}"
    )
    return [Figure(name, figure, caption)]


def _most(frames: Frames, dead: pl.DataFrame) -> str:
    """Say for each setting with which optimiser the most units are dead, and how many without a change."""
    setting, optimizer = frames.title("world"), frames.title("optimizer")
    said = []
    for title in canvas.values([dead], setting):
        rows = canvas.where(dead, setting, title).drop_nulls("mean").sort("mean")
        for most in rows.tail(1).iter_rows(named=True):
            same = canvas.where(rows, optimizer, most[optimizer]).filter(pl.col(TARGET) == "near")["mean"].to_list()
            as_it_is = [f"{share:.0%} as it is" for share in same]
            said.append(f"{most['mean']:.0%} with {most[optimizer]} ({'; '.join([*as_it_is, str(title)])})")
    return f"The most dead units: {', '.join(said)}." if said else ""


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw over how far the target is moved away, and over its standard deviation."""
    return [
        *_over(frames, OFFSET, PLACES, "offset", "distance by which the target is moved away", symlog_x=True),
        *_over(frames, SCALE, DEVIATIONS, "scale", "factor on the target", log_x=True),
    ]
