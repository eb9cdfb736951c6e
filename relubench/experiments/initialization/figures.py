"""The figures of networks that begin in different ways."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.initialization.claims import START
from relubench.plots.figure import Figure, interval_note, line_panels
from relubench.plots.points import points
from relubench.plots.violin import violins

SHOWN_AS_VIOLINS = ("normal_01", "normal_014", "normal_028", "he", "pytorch")
#: More lines than this cannot be told apart; LeCun and orthogonal weights are left to the figure without lines.
NOT_SHOWN_AS_LINES = ("lecun", "orthogonal")


def _born(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the points at birth, once: they are the same whatever training follows."""
    rows = rows.filter(pl.col("step") == 0)
    for key in ("factor.optimizer", "factor.rate"):
        if key in rows.columns and rows.height:
            rows = rows.filter(pl.col(key).eq_missing(pl.lit(rows[key][0])))
    return rows


def _violins(frames: Frames, suffix: str, setting: str) -> Figure | None:
    born, zeros = (
        frames.titled(_born(frames.layers_of(metric).filter(pl.col(START).is_in(SHOWN_AS_VIOLINS))))
        for metric in ("activation_quantiles", "zero_share")
    )
    if born.is_empty():
        return None
    figure = violins(born, columns=frames.title("start"), zeros=zeros)
    caption = (
        f"{setting}: activations at birth, layer by layer: above the density of those that are not 0 by 41 quantiles "
        "(means over seeds), the mark is their median with its interval; below the share that are exactly 0. "
        f"{interval_note({'': born}, over='all runs')}"
    )
    return Figure(f"activations{suffix}", figure, caption, claims=(33,), setting=setting)


def _moments(frames: Frames, suffix: str, setting: str) -> Figure | None:
    panels: dict[str, pl.DataFrame] = {}
    for metric, label in (("second_moment", "mean square activation"), ("zero_share", "activations exactly 0")):
        drawn = frames.titled(frames.layers_of(metric).filter(~pl.col(START).is_in(NOT_SHOWN_AS_LINES)))
        born = _born(drawn).with_columns(panel=pl.lit("at birth"))
        ends = drawn.filter(pl.col("step") == pl.col("step").max(), pl.col("factor.rate").eq_missing("proper"))
        optimizer = pl.col(frames.title("optimizer"))
        panels[label] = pl.concat([born, ends.with_columns(panel=pl.format("after training, {}", optimizer))])
    if panels["mean square activation"].is_empty():
        return None
    figure = line_panels(
        panels, x="layer", columns="panel", lines=frames.title("start"), percent=["activations exactly 0"],
        log_y=["mean square activation"],
    )  # fmt: skip
    caption = (
        f"{setting}, proper rate: mean square of the activations of each layer (not drawn where it is 0: the layer is "
        "dead), and the share that are exactly 0, at birth and after training. "
        f"{interval_note(panels, over='the runs that had not diverged by then')}"
    )
    return Figure(f"moments{suffix}", figure, caption, claims=(33,), setting=setting)


def _ends(frames: Frames, suffix: str, setting: str) -> Figure:
    panels = frames.panels("born_dead_fraction", "dead_train_fraction", "test_accuracy", "diverged")
    rows = {title: frames.titled(frame) for title, frame in panels.items()}
    figure = points(
        rows, x=frames.title("start"), columns=frames.title("rate"), lines=frames.title("optimizer"),
        x_label="initial weights",
    )  # fmt: skip
    caption = (
        f"{setting}: dead units before and after training, test accuracy and diverged runs, by initialisation. "
        f"{interval_note(rows, shares='diverged')}"
    )
    return Figure(f"ends{suffix}", figure, caption, claims=(31, 33), setting=setting)


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw activations at birth, how they change with depth and training, and how training ends, in each setting."""
    drawn = (
        draw(of_setting, suffix, title)
        for suffix, title, of_setting in frames.settings()
        for draw in (_violins, _moments, _ends)
    )
    return [figure for figure in drawn if figure is not None]
