"""The figures about inputs."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.inputs.claims import NORMALIZE, NORMALIZED
from relubench.findings.words import extremes
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
    kind = pl.col(frames.title("inputs")).str.head(1)  # scaled, or moved
    return titled.sort(kind != "×", "data.scale", "data.offset", maintain_order=True).with_columns(
        learner=pl.concat_str(*map(pl.col, learner), separator=", ", ignore_nulls=True), kind=kind
    )


def _units(frames: Frames, suffix: str, setting: str) -> Figure:
    every = frames.panels("born_dead_fraction", "dead_train_fraction", "diverged")
    rows = {label: _titled(frames, frame) for label, frame in every.items()}
    figure = points(rows, x=frames.title("inputs"), columns=NORMALIZE, lines="learner", apart="kind")
    caption = (
        f"{setting}: units dead before and after training, and diverged runs. {_INPUTS} "
        f"{interval_note(rows, shares='diverged')}"
    )
    return Figure(f"inputs{suffix}", figure, caption, claims=(28,), setting=setting)


def _accuracy(frames: Frames, suffix: str, setting: str) -> Figure:
    every = frames.panels("test_accuracy", "collapsed")
    rows = {label: _titled(frames, frame) for label, frame in every.items()}
    figure = points(rows, x=frames.title("inputs"), columns=NORMALIZE, lines="learner", apart="kind")
    what, accuracy = next(iter(rows.items()))
    told = extremes(accuracy, what, lambda row: f"{row[NORMALIZE]}, {row[frames.title('inputs')]}, {row['learner']}")
    note = interval_note(rows, shares="collapsed")
    caption = f"{setting}: test accuracy and collapsed runs. {_INPUTS} {note} {told}"
    return Figure(f"accuracy{suffix}", figure, caption, claims=())


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw what becomes of units and of the network by their inputs, in each setting."""
    return [
        draw(of_setting, suffix, title)
        for suffix, title, of_setting in frames.settings()
        for draw in (_units, _accuracy)
    ]
