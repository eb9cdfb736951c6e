"""The figures about biases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.bias.claims import EARLY
from relubench.plots.figure import Figure, interval_note
from relubench.plots.points import points

_BIASES = (
    "Start: the initial bias of all hidden units, whose biases then learn like weights; decay: it starts at 0, and the "
    "decay, times the bias, is added to the gradient; no biases: 0 and never moved, in the output layer neither."
)

#: The column of what is done to biases, without how much.
_KIND = "kind"


def _grouped(rows: pl.DataFrame, title: str) -> pl.DataFrame:
    """Return the rows with the starts before the others, in order, and named so; and with the kind of each."""
    start = pl.col(title).cast(pl.Float64, strict=False)
    name = pl.when(start.is_null()).then(title).otherwise("start " + pl.col(title))
    kind = pl.when(start.is_not_null()).then(pl.lit("start")).otherwise(pl.col(title).str.split(" ").list.first())
    return rows.sort(start, nulls_last=True, maintain_order=True).with_columns(kind.alias(_KIND), name.alias(title))


def _drawn(frames: Frames, name: str, rows: Mapping[str, pl.DataFrame], shown: str, shares: str = "") -> Figure:
    """Draw the biases side by side: a panel column a rate, a point an optimiser."""
    titled = {label: _grouped(frames.titled(frame), frames.title("bias")) for label, frame in rows.items()}
    figure = points(
        titled, x=frames.title("bias"), columns=frames.title("rate"), lines=frames.title("optimizer"), apart=_KIND
    )
    return Figure(name, figure, f"{shown} {_BIASES} {interval_note(rows, shares=shares)}")


def _of_setting(frames: Frames, suffix: str, setting: str) -> list[Figure]:
    dead = frames.panels("dead_train_fraction", "diverged", "collapsed")
    learning = frames.curve_of("train_accuracy").filter(pl.col("mean").is_not_null())
    figures = [
        _drawn(
            frames, f"bias{suffix}", dead,
            f"{setting}: dead ReLU units of the training set, diverged and collapsed runs.",
            shares="diverged and collapsed",
        )._replace(claims=(6, 14, 16), setting=setting)
    ]  # fmt: skip
    if learning.height:  # the targets are classes
        early = learning.filter(pl.col("step") == learning.filter(pl.col("step") <= EARLY)["step"].max())
        rows = {
            f"training accuracy,\nstep {early['step'][0]}": early,
            "training accuracy,\nlast step": frames.summary_of("train_accuracy"),
            **frames.panels("test_accuracy"),
        }
        words = f"{setting}: accuracy early in training, at the end, and on the test set."
        drawn = _drawn(frames, f"learning{suffix}", rows, words)
        figures.append(drawn._replace(claims=(17, 15), setting=setting))
    return figures


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw how many units die, and how well networks learn, by their biases, in each setting."""
    return [figure for suffix, title, one in frames.settings() for figure in _of_setting(one, suffix, title)]
