"""Two inputs, so that each unit's decision line can be drawn: how lines leave the data when units die."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from relubench.errors import UserError
from relubench.experiments.base import Frames
from relubench.findings.claims import Tables
from relubench.plots import animation, planes, planes_of
from relubench.plots.figure import Figure, line_panels, runs_note

PLANES = ("plane_weights", "plane_bias", "unit_dead")
#: Rows of the training inputs in curves.parquet: each input's coordinates and class; the item is the example.
INPUTS = ("input_0", "input_1", "input_class")


def _shown(tables: Tables) -> dict[str, object]:
    """Return the row of the run that the picture shows: the first seed's."""
    return tables.runs.sort("seed", "run_id").row(0, named=True)


def _lines(tables: Tables) -> pl.DataFrame:
    """Return the first run's lines and which of its units are dead, at each probe."""
    assert tables.measures is not None, "the experiment's measures are set in its YAML file"
    ours = tables.measures.filter(
        pl.col("run_id") == _shown(tables)["run_id"], pl.col("measure").is_in(PLANES), pl.col("layer").fill_null(1) == 1
    )
    none = pl.lit(None, pl.Float64)
    return ours.select(
        "layer", "step", "item", metric="measure", mean="value", ci_low=none, ci_high=none, n=pl.lit(1, pl.Int64)
    )


def _inputs(tables: Tables) -> pl.DataFrame:
    """Return the training inputs as the first run's network sees them, and their classes."""
    from relubench import config, data

    row = _shown(tables)
    setting = config.build_setting(config.stored_values(row)).data
    found = data.load(setting)
    if found.x_train.shape[1] != 2 or found.y_train.ndim != 1:
        raise UserError(f"data.name={setting.name}: boundaries draws two inputs with classes; it takes moons")
    seen = np.column_stack([found.x_train * setting.scale + setting.offset, found.y_train])
    items = pl.Series("item", np.arange(len(seen)), pl.Int64)
    columns = [pl.DataFrame({"item": items, "mean": part}) for part in seen.T]
    return pl.concat(
        frame.with_columns(metric=pl.lit(metric), n=pl.lit(1, pl.Int64))
        for metric, frame in zip(INPUTS, columns, strict=True)
    )


def _picture(frames: Frames) -> Figure:
    x0, x1, classes = (frames.curves.filter(pl.col("metric") == metric).sort("item")["mean"] for metric in INPUTS)
    data_x, labels = np.column_stack([x0, x1]), classes.to_numpy().astype(int)
    lines = planes_of(frames.curves.filter(pl.col("metric").is_in(PLANES)))
    dead = frames.summary_of("dead_train_fraction")
    told = [f"{row['mean']:.1%}" for row in dead.iter_rows(named=True) if row["mean"] is not None]
    caption = (
        "Training inputs (two classes) and each hidden unit's decision line w·x + b = 0 in the run of the first seed, "
        "from the first step to the last, at logarithmically spaced steps; arrows point to the side on which a unit is "
        "active. A unit is dead when no training input lies on that side. The GIF shows all probes. Over all runs "
        f"{', '.join(told)} of the units are dead at the end (intervals: figure over_time). {runs_note({'': dead})}"
    )
    return Figure(
        "boundaries",
        planes(lines, data_x=data_x, labels=labels),
        caption,
        animation(lines, data_x=data_x, labels=labels),
    )


def _over_time(frames: Frames) -> Figure:
    rows = {"dead units": frames.curve_of("dead_train"), "test accuracy": frames.curve_of("test_accuracy")}
    caption = (
        "Dead units of the training set and test accuracy during training, all runs. Means over the runs that did not "
        f"diverge, with 95 % BCa bootstrap intervals over seeds. {runs_note(rows)}"
    )
    return Figure("over_time", line_panels(rows, x="step", symlog_x=True), caption)


CURVES = ("dead_train", "test_accuracy")
DERIVED = (_lines, _inputs)


def figures(frames: Frames) -> Sequence[Figure]:
    """Draw the lines at some steps, and the numbers over all."""
    return [_picture(frames), _over_time(frames)]
