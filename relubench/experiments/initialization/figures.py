"""The figures of networks that begin in different ways."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.initialization.claims import AT_BIRTH, OPTIMIZER, OPTIMIZERS, START, STARTS
from relubench.plots import style
from relubench.plots.figure import Figure, interval_note, line_panels
from relubench.plots.points import points
from relubench.plots.violin import violins

RATE = "optimizer.learning_rate"
SHOWN_AS_VIOLINS = ("normal_01", "normal_014", "normal_028", "he", "pytorch")
#: More lines than this cannot be distinguished; LeCun and orthogonal weights are left to the figure without lines.
SHOWN_AS_LINES = tuple(start for start in STARTS if start not in ("lecun", "orthogonal"))


def _started(frames: Frames, rows: pl.DataFrame, shown: Sequence[str]) -> pl.DataFrame:
    """Return the rows of these starts in their order, with titles."""
    return frames.titled(rows.filter(pl.col(START).is_in(shown)))


def _violins(frames: Frames) -> Figure:
    born, zeros = (
        _started(
            frames,
            frames.layers_of(metric).filter(pl.col("step") == 0, pl.col(OPTIMIZER) == AT_BIRTH),
            SHOWN_AS_VIOLINS,
        )
        for metric in ("activation_quantiles", "zero_share")
    )
    figure = violins(born, columns=frames.title("start"), zeros=zeros)
    caption = (
        "Activations at birth, layer by layer, for five initialisations of six ReLU layers of 100 units. A violin is "
        "the density by 41 quantiles (means over seeds); the flat line at 0 is the share of zeros, shown below with "
        "its interval; the mark is the median with its interval. Mind the scales: each panel has its "
        f"own. {interval_note({'': born})}"
    )
    return Figure("activations", figure, caption)


def _moments(frames: Frames) -> Figure:
    panels: dict[str, pl.DataFrame] = {}
    for metric, label in (("second_moment", "mean square activation"), ("zero_share", "activations exactly 0")):
        drawn = _started(frames, frames.layers_of(metric), SHOWN_AS_LINES)
        born = drawn.filter(pl.col("step") == 0, pl.col(OPTIMIZER) == AT_BIRTH).with_columns(panel=pl.lit("at birth"))
        ends = [drawn.filter(pl.col("step") > 0, pl.col(OPTIMIZER) == optimizer) for optimizer in OPTIMIZERS]
        titles = [f"after training, {style.name(optimizer)}" for optimizer in OPTIMIZERS]
        after = [rows.with_columns(panel=pl.lit(title)) for rows, title in zip(ends, titles, strict=True)]
        panels[label] = pl.concat([born, *after])
    figure = line_panels(
        panels,
        x="layer",
        columns="panel",
        lines=frames.title("start"),
        percent=["activations exactly 0"],
        log_y=["mean square activation"],
    )
    caption = (
        "Mean square of the activations of each layer (not drawn where it is 0: the layer is dead), and the share that "
        f"are exactly 0, at birth and after training at rate {frames.setting[RATE]:g}. "
        f"{interval_note(panels)}"
    )
    return Figure("moments", figure, caption)


def _ends(frames: Frames) -> Figure:
    panels = frames.panels("born_dead_fraction", "dead_train_fraction", "test_accuracy", "diverged")
    rows = {title: _started(frames, frame, tuple(STARTS)) for title, frame in panels.items()}
    figure = points(rows, x=frames.title("start"), lines=OPTIMIZER)
    figure.axes[-1].set_xlabel("initial weights")
    caption = (
        "Dead units before and after training, test accuracy and diverged runs, by initialisation; rate "
        f"{frames.setting[RATE]:g}. {interval_note(rows, shares='diverged')}"
    )
    return Figure("ends", figure, caption)


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw activations at birth, how they change with depth and training, and how training ends."""
    return [_violins(frames), _moments(frames), _ends(frames)]
