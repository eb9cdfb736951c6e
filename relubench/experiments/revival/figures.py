"""The figures about recovery."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.plots.figure import Figure, interval_note, runs_note
from relubench.plots.points import points
from relubench.plots.survival import survival_panels

#: The decay of the treatments that have one.
DECAY = 0.01


def _plain(frames: Frames, metric: str, treatment: str = "none") -> pl.DataFrame:
    rows = frames.curves.filter(pl.col("metric") == metric)
    return rows.filter(pl.col("factor.treatment").is_null() | (pl.col("factor.treatment") == treatment))


def _survival(frames: Frames, suffix: str, setting: str) -> Figure | None:
    curves = frames.titled(_plain(frames, "still_dead").filter(pl.col("factor.rate").eq_missing("high")))
    if curves.is_empty():
        return None
    figure = survival_panels(
        curves,
        columns="layer",
        lines=frames.title("optimizer"),
        label="units still dead",
        x_label="steps since found dead",
    )
    caption = (
        f"{setting}, high learning rate: share of units still dead so many steps after a probe found them dead, by "
        "hidden layer (1 is at the input). Kaplan-Meier over spells of death, with 95 % bootstrap intervals that "
        f"resample runs; a unit that dies again has another spell. "
        f"{runs_note({'': curves})}"
    )
    return Figure(f"revival{suffix}", figure, caption, claims=(10,), setting=setting)


def _fates(frames: Frames, suffix: str, setting: str) -> Figure | None:
    rows = frames.titled(_plain(frames, "revived").filter(pl.col("factor.rate").eq_missing("high")))
    if rows.is_empty():
        return None
    rows = rows.with_columns(pl.col("age").cast(pl.String).str.replace("^died (in the )?", ""))
    panels = {fate: rows.filter(pl.col("fate") == fate) for fate in rows["fate"].unique(maintain_order=True)}
    figure = points(panels, x="age", columns="layer", lines=frames.title("optimizer"), x_label="when they died")
    caption = (
        f"{setting}, high learning rate: of the units that a probe found dead, those that a later one found active, "
        "and those alive at the end, by layer (1 is at the input) and by the part of training in which they died. A "
        "unit that flickers is active again and may be dead at the end. "
        f"{interval_note(panels, over='the runs with such a unit')}"
    )
    return Figure(f"fates{suffix}", figure, caption, claims=(10,), setting=setting)


def _treated(frames: Frames, suffix: str, setting: str) -> Figure | None:
    rows = frames.curves.filter(
        pl.col("metric") == "revived", pl.col("fate") == "alive at the end", pl.col("factor.rate").eq_missing("high")
    )
    rows = rows.filter(pl.col("factor.treatment").n_unique().over("factor.optimizer") > 1)
    if rows.is_empty():
        return None
    titled = frames.titled(rows)
    panels = {"alive at the end": titled.filter(pl.col("age") == titled["age"].drop_nulls()[0])}
    figure = points(panels, x=frames.title("treatment"), columns=frames.title("optimizer"), lines="layer")
    figure.set_figheight(3.4)
    caption = (
        f"{setting}, high learning rate: of the units that {panels['alive at the end']['age'][0]}, the share alive at "
        f"the end, by what is done. Frozen layers never move; equal decay: {DECAY:g} on weights and biases; bias "
        f"decay: {DECAY:g} on biases alone. {interval_note(panels, over='the runs with such a unit')}"
    )
    return Figure(f"what_revives{suffix}", figure, caption, claims=(32, 6), setting=setting)


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw what there is in each setting: where no unit has died there is nothing to tell."""
    drawn = (
        draw(of_setting, suffix, title)
        for suffix, title, of_setting in frames.settings()
        for draw in (_survival, _fates, _treated)
    )
    return [figure for figure in drawn if figure is not None]
