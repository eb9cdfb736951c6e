"""The figures about biases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.bias.claims import EARLY
from relubench.plots.figure import Figure, interval_note
from relubench.plots.points import points

_BIASES = (
    "Initial bias: that of all hidden units, whose biases then learn like weights; decay: it starts at 0, and the "
    "decay, times the bias, is added to the gradient; no biases: 0 and never moved, in the output layer neither."
)


def _drawn(frames: Frames, name: str, rows: Mapping[str, pl.DataFrame], shown: str, shares: str = "") -> Figure:
    """Draw the biases side by side: a panel column a rate, a point an optimiser."""
    titled = {label: frames.titled(frame) for label, frame in rows.items()}
    figure = points(titled, x=frames.title("bias"), columns=frames.title("rate"), lines=frames.title("optimizer"))
    return Figure(name, figure, f"{shown} {_BIASES} {interval_note(rows, shares=shares)}")


def _of_setting(frames: Frames, suffix: str, setting: str) -> list[Figure]:
    dead = frames.panels("dead_train_fraction", "diverged", "collapsed")
    learning = frames.curve_of("train_accuracy").filter(pl.col("mean").is_not_null())
    figures = [
        _drawn(
            frames, f"bias{suffix}", dead,
            f"{setting}: dead ReLU units of the training set, diverged and collapsed runs.",
            shares="diverged and collapsed",
        )
    ]  # fmt: skip
    if learning.height:  # the targets are classes
        early = learning.filter(pl.col("step") == learning.filter(pl.col("step") <= EARLY)["step"].max())
        rows = {
            f"training accuracy,\nstep {early['step'][0]}": early,
            "training accuracy,\nlast step": frames.summary_of("train_accuracy"),
            **frames.panels("test_accuracy"),
        }
        words = f"{setting}: accuracy early in training, at the end, and on the test set."
        figures.append(_drawn(frames, f"learning{suffix}", rows, words))
    return figures


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw how many units die, and how well networks learn, by their biases, in each setting."""
    return [figure for suffix, title, one in frames.settings() for figure in _of_setting(one, suffix, title)]
