"""The figures of the post-mortem: causes, the size of the set, and distances of planes."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.anatomy.metrics import BATCH
from relubench.experiments.base import Frames
from relubench.plots.figure import Figure, interval_note, line_panels
from relubench.plots.points import points


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw what killed units, on which sets they are dead, and where their planes lie."""
    return [_causes(frames), _sets(frames), _distances(frames)]


def _rows(frames: Frames, metric: str) -> pl.DataFrame:
    return frames.curves.filter(pl.col("metric") == metric)


def _causes(frames: Frames) -> Figure:
    rows = {"share of the deaths": _rows(frames, "killed_by")}
    figure = points(rows, x="cause", columns="setting", lines="layer")
    caption = (
        "What killed the units that were alive at birth and are dead at the end. The bias alone: the unit is dead with "
        "its weights of birth as well, and alive with its bias of birth; the weights alone: the other way round; "
        "either: dead in both cases; only both: alive in both. The unit's inputs are those of the trained network. "
        f"Runs in which no unit of the layer died are left out. {interval_note(rows)}"
    )
    return Figure("causes", figure, caption)


def _sets(frames: Frames) -> Figure:
    on_first = _rows(frames, "dead_on_first").with_columns(point=pl.lit("the first examples"))
    batches = _rows(frames, "batch_dead").with_columns(point=pl.lit("batches in training"))
    sets = pl.concat([on_first, batches]).with_columns(pl.col("examples").cast(pl.Float64))
    rows = {
        f"dead units,\nlayer {layer}": of_layer for (layer,), of_layer in sets.group_by("layer", maintain_order=True)
    }
    figure = line_panels(rows, x="examples", columns="setting", lines="point", log_x=True)
    caption = (
        "Units that are dead on the first 1, 2, 4, ... training examples, and on all of them, at the end of training; "
        f"and units active on no example of a batch of {BATCH} in training, the mean over the last fifth of the steps. "
        f"{interval_note(rows)}"
    )
    return Figure("set_size", figure, caption)


def _distances(frames: Frames) -> Figure:
    rows = {"units of layer 1\nup to this distance": _rows(frames, "within")}
    figure = line_panels(rows, x="distance", columns="setting", lines="fate")
    figure.supxlabel("distance of the decision plane beyond the training inputs", fontsize=8)
    for axis in figure.axes:
        axis.set_xlabel("")
    caption = (
        "How far the decision planes of layer 1 lie beyond the convex hull of the training inputs (whose standard "
        "deviation is 1): cumulative shares of the dead and of the alive units. A dead unit's is at 0 or more; below "
        f"0 it is how far the plane would have to move until no input were active. {interval_note(rows)}"
    )
    return Figure("distances", figure, caption)
