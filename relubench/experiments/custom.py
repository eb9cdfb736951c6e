"""One run, or any grid of one's own."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Experiment, Frames
from relubench.report.figure import Figure, line_panels, runs_note

#: A figure with more lines than this tells nothing: the first ones are drawn.
MOST_LINES = 12


def _figures(frames: Frames) -> Sequence[Figure]:
    """Draw dead units and accuracy over the steps; a line for each grid point."""
    varied = [key for key in frames.curves.columns if "." in key]
    rows = {}
    for metric, label in {"dead_train": "dead units", "test_accuracy": "test accuracy"}.items():
        shown = [pl.format("{}={}", pl.lit(key.rsplit(".")[-1]), pl.col(key).cast(pl.String)) for key in varied]
        point = pl.concat_str(shown, separator=", ") if shown else pl.lit("all runs")
        rows[label] = (
            frames.curve_of(metric)
            .with_columns(point=point, panel=pl.lit(""))
            .filter(pl.col("point").is_in(pl.col("point").unique(maintain_order=True).head(MOST_LINES).implode()))
        )
    figure = line_panels(rows, x="step", columns="panel", lines="point", symlog_x=True)
    caption = (
        "Dead units of the training set and test accuracy during training. Means over the runs that did not "
        f"diverge, with 95 % BCa bootstrap intervals over seeds. {runs_note(rows)}"
    )
    return [Figure("custom", figure, caption)]


EXPERIMENT = Experiment(
    question="One run, or a grid of your own: dead units and accuracy during training",
    figures=_figures,
    curves=("dead_train", "test_accuracy"),
)
