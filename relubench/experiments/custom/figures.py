"""The figure of any grid."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.findings.words import extremes
from relubench.plots import style
from relubench.plots.figure import Figure, interval_note, line_panels

#: A figure with more lines than this tells nothing: the first ones are drawn.
MOST_LINES = 12
PANELS = ("dead_train", "test_accuracy")


def _named(points: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Return the rows of the first grid points, with a column `point` that names its point."""

    def label(row: dict[str, object]) -> str:
        return ", ".join(f"{style.name(key)} {style.name(row[key], key)}" for key in keys) or "all runs"

    labels = pl.Series("point", [label(row) for row in points.iter_rows(named=True)], pl.String)
    shown = labels.unique(maintain_order=True).head(MOST_LINES)
    return points.with_columns(labels, panel=pl.lit("")).filter(pl.col("point").is_in(shown.implode()))


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw dead units and accuracy over the steps; a line for each grid point."""
    if "step" not in frames.curves.columns:
        return []  # an experiment that keeps no curves
    varied = [key for key in frames.curves.columns if "." in key]
    rows = {title: _named(curve, varied) for title, curve in frames.curve_panels(*PANELS).items()}
    figure = line_panels(rows, x="step", columns="panel", lines="point", symlog_x=True)
    points = frames.curves.select(varied).n_unique() if varied else 1
    left_out = f" The first {MOST_LINES} of {points} grid points are drawn." if points > MOST_LINES else ""
    what, dead = next(iter(rows.items()))
    told = extremes(dead, what, lambda row: f"{row['point']}, step {row['step']}")
    note = interval_note(rows)
    caption = f"Dead units of the training set and test accuracy during training.{left_out} {note} {told}"
    return [Figure("custom", figure, caption)]
