"""The figures about biases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.bias.claims import EARLY
from relubench.experiments.cases import OPTIMIZER, RATE
from relubench.plots.figure import Figure, interval_note
from relubench.plots.points import points


def _figure(frames: Frames, name: str, rows: Mapping[str, pl.DataFrame], shown: str, shares: str = "") -> Figure:
    """Draw the biases side by side: a panel column an optimiser, a point a learning rate."""
    titled = {label: frames.titled(frame) for label, frame in rows.items()}
    figure = points(titled, x=frames.title("bias"), columns=OPTIMIZER, lines=RATE)
    caption = (
        f"{shown} Initial bias: that of all hidden units, whose biases then learn like weights; decay: it starts at 0, "
        "and the decay, times the bias, is added to the gradient; no biases: 0 and never moved, in the output layer "
        f"neither. {interval_note(rows, shares=shares)}"
    )
    return Figure(name, figure, caption)


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw how many units die, and how well networks learn, by their biases."""
    learning = frames.curve_of("train_accuracy")
    early = learning.filter(pl.col("step") == learning.filter(pl.col("step") <= EARLY)["step"].max())
    return [
        _figure(
            frames,
            "bias",
            frames.panels("dead_train_fraction", "diverged", "collapsed"),
            "Dead ReLU units of the training set, diverged and collapsed runs.",
            shares="diverged and collapsed",
        ),
        _figure(
            frames,
            "learning",
            {
                f"training accuracy,\nstep {early['step'][0]}": early,
                "training accuracy,\nlast step": frames.summary_of("train_accuracy"),
                **frames.panels("test_accuracy"),
            },
            "Accuracy early in training, at the end, and on the test set.",
        ),
    ]
