"""The figures about inputs."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.cases import OPTIMIZER, RATE
from relubench.experiments.inputs.claims import NORMALIZE, NORMALIZED
from relubench.plots import style
from relubench.plots.figure import Figure, interval_note
from relubench.plots.points import points


def _titled(frames: Frames, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with how inputs are normalised in words, and the titles of what is done to them then."""
    return frames.titled(rows).with_columns(pl.col(NORMALIZE).replace(NORMALIZED))


def _figure(frames: Frames, optimizer: str) -> Figure:
    """Draw the inputs side by side: a panel column a normalisation, a point a learning rate."""
    every = frames.panels("born_dead_fraction", "dead_train_fraction", "test_accuracy", "diverged", "collapsed")
    rows = {label: _titled(frames, frame.filter(pl.col(OPTIMIZER) == optimizer)) for label, frame in every.items()}
    caption = (
        f"{style.name(optimizer)}: units dead before and after training, accuracy, diverged and collapsed runs. Inputs "
        "are taken as they are (pixels from 0 to 1), or brought to mean 0 and standard deviation 1, all alike or each; "
        "then multiplied by a scale, then moved by an offset. "
        f"{interval_note(rows, shares='diverged and collapsed')}"
    )
    return Figure(f"inputs_{optimizer}", points(rows, x=frames.title("inputs"), columns=NORMALIZE, lines=RATE), caption)


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw what becomes of units by their inputs, a figure an optimiser."""
    optimizers = frames.summary_of("dead_train_fraction")[OPTIMIZER].unique(maintain_order=True)
    return [_figure(frames, optimizer) for optimizer in optimizers]
