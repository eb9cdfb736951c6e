"""The figures about inputs."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.inputs.claims import NORMALIZE, NORMALIZED
from relubench.plots.figure import Figure, interval_note
from relubench.plots.points import points

_INPUTS = (
    "Inputs are taken as they are (pixels from 0 to 1), or brought to mean 0 and standard deviation 1, all alike or "
    "each; then multiplied by a scale, then moved by an offset."
)


def _titled(frames: Frames, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with how inputs are normalised in words, and with what is done to them then and by whom."""
    titled = frames.titled(rows).with_columns(pl.col(NORMALIZE).replace(NORMALIZED))
    learner = [frames.title(name) for name in ("optimizer", "rate")]
    return titled.with_columns(learner=pl.concat_str(*map(pl.col, learner), separator=", ", ignore_nulls=True))


def _units(frames: Frames, suffix: str, setting: str) -> Figure:
    every = frames.panels("born_dead_fraction", "dead_train_fraction", "diverged")
    rows = {label: _titled(frames, frame) for label, frame in every.items()}
    figure = points(rows, x=frames.title("inputs"), columns=NORMALIZE, lines="learner")
    caption = (
        f"{setting}: units dead before and after training, and diverged runs. {_INPUTS} "
        f"{interval_note(rows, shares='diverged')}"
    )
    return Figure(f"inputs{suffix}", figure, caption)


def _accuracy(frames: Frames, suffix: str, setting: str) -> Figure:
    every = frames.panels("test_accuracy", "collapsed")
    rows = {label: _titled(frames, frame) for label, frame in every.items()}
    figure = points(rows, x=frames.title("inputs"), columns=NORMALIZE, lines="learner")
    caption = f"{setting}: test accuracy and collapsed runs. {_INPUTS} {interval_note(rows, shares='collapsed')}"
    return Figure(f"accuracy{suffix}", figure, caption)


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw what becomes of units and of the network by their inputs, in each setting."""
    return [
        draw(of_setting, suffix, title)
        for suffix, title, of_setting in frames.settings()
        for draw in (_units, _accuracy)
    ]
