"""The figures of the post-mortem: causes of death, and distances of planes."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.base import Frames
from relubench.plots.figure import Figure, interval_note, line_panels
from relubench.plots.points import points


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw what killed units, and where their planes lie, in each setting."""
    drawn = (
        draw(of_setting, suffix, title)
        for suffix, title, of_setting in frames.settings()
        for draw in (_causes, _distances)
    )
    return [figure for figure in drawn if figure is not None]


def _rows(frames: Frames, metric: str) -> pl.DataFrame:
    """Return a metric's points with their panel: optimiser and rate."""
    rows = frames.titled(frames.curves.filter(pl.col("metric") == metric))
    parts = (pl.col(frames.title(name)) for name in ("optimizer", "rate"))
    return rows.with_columns(panel=pl.concat_str(*parts, separator=", ", ignore_nulls=True))


def _causes(frames: Frames, suffix: str, setting: str) -> Figure | None:
    rows = {"share of the deaths": _rows(frames, "killed_by")}
    if rows["share of the deaths"].is_empty():  # no unit has died
        return None
    figure = points(rows, x="cause", columns="panel", lines="layer")
    caption = (
        f"{setting}: what killed the units that were alive at birth and are dead at the end. The bias alone: the unit "
        "is dead with its weights of birth as well, and alive with its bias of birth; the weights alone: the other "
        "way round; either: dead in both cases; only both: alive in both. The unit's inputs are those of the trained "
        f"network. Runs in which no unit of the layer died are left out. {interval_note(rows)}"
    )
    return Figure(f"causes{suffix}", figure, caption, claims=(9, 29), setting=setting)


def _distances(frames: Frames, suffix: str, setting: str) -> Figure:
    rows = {"units of layer 1\nup to this distance": _rows(frames, "within")}
    distance = "distance of the decision plane beyond the training inputs, in their standard deviations"
    figure = line_panels(rows, x="distance", columns="panel", lines="fate", x_label=distance)
    caption = (
        f"{setting}: how far the decision planes of layer 1 lie beyond the convex hull of the training inputs (whose "
        "standard deviation is 1): cumulative shares of the dead and of the alive units. A dead unit's is at 0 or "
        f"more; below 0 it is how far the plane would have to move until no input were active. {interval_note(rows)}"
    )
    return Figure(f"distances{suffix}", figure, caption, claims=(4,), setting=setting)
