"""Do units die, and does learning get worse, as one task follows another?"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.claims import Tables, mean_effect
from relubench.claims.metrics import Metric
from relubench.experiments.base import Experiment, Frames
from relubench.report import style
from relubench.report.figure import Figure, line_panels, runs_note

STREAM, PERIOD, OPTIMIZER = "data.stream.name", "data.stream.period", "optimizer.name"
RATE, ACTIVATION, REMEDY = "optimizer.learning_rate", "model.activation.name", "remedy.name"
#: What tells two settings of a stream apart.
POINT = ("data.name", STREAM, OPTIMIZER, RATE, ACTIVATION, REMEDY)
#: Numbers whose change over a run is told, and the bounds of the change.
CHANGING = {"dead_train": (-1.0, 1.0), "dormant_train": (-1.0, 1.0), "online_accuracy": (-1.0, 1.0), "online_loss": None}
#: The share of a run that is its beginning, or its end.
TENTH = 10


def change(name: str) -> Metric:
    """Return the metric: a number's mean over the last tenth of a run's tasks less that over the first tenth.

    `name` is a count of units of layers.parquet, told as a share of all units, or a measure of the whole network.
    A probe stands for the task that ends there; the one at step 0 is left out.
    """

    def values(tables: Tables) -> pl.DataFrame:
        finite = tables.runs.filter(~pl.col("diverged")).select("run_id")
        tasks = _over_steps(tables, name).filter(pl.col("step") > 0).join(finite, on="run_id").sort("run_id", "step")
        many = pl.max_horizontal(pl.len() // TENTH, 1)
        value = pl.col("value").tail(many).mean() - pl.col("value").head(many).mean()
        return tasks.group_by("run_id", maintain_order=True).agg(value=value)

    return values


def _over_steps(tables: Tables, name: str) -> pl.DataFrame:
    """Return run_id, step, value."""
    if name in tables.layers.columns:
        share = pl.col(name).sum() / pl.col("units").sum()
        return tables.layers.group_by("run_id", "step").agg(value=share)
    assert tables.measures is not None, f"probe.measures names {name}"
    return tables.measures.filter(pl.col("measure") == name).select("run_id", "step", "value")


def _changes(tables: Tables) -> pl.DataFrame:
    """Return a row for each setting and each of `CHANGING`: metric NAME_change, its mean and interval over seeds."""
    rows = []
    for name, bounds in CHANGING.items():
        found = tables.runs.join(change(name)(tables), on="run_id").filter(pl.col("value").is_finite()).sort("run_id")
        for point, runs in found.group_by(POINT, maintain_order=True):
            effect = mean_effect(runs["value"].to_numpy(), bounds)
            told = {"mean": effect.value, "ci_low": effect.low, "ci_high": effect.high, "n": effect.n}
            rows.append(dict(zip(POINT, point, strict=True)) | {"metric": f"{name}_change"} | told)
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col("ci_low", "ci_high").fill_nan(None))


def _tasks(frames: Frames, metric: str, streams: Sequence[str]) -> pl.DataFrame:
    """Return the points of a curve on some streams, with the number of tasks behind each and its panel's name."""
    rows = frames.curve_of(metric).filter(pl.col(STREAM).is_in(streams), pl.col("mean").is_not_null())
    names = [", ".join(_panel(row)) for row in rows.iter_rows(named=True)]
    task = (pl.col("step") / pl.col(PERIOD)).alias("tasks")
    return rows.with_columns(task, pl.Series("problem", names, pl.String))


def _panel(row: dict[str, object]) -> list[str]:
    first = "fixed labels" if row[STREAM] == "none" else style.name(row[STREAM])
    return [first, *(style.name(row[key]) for key in (ACTIVATION, OPTIMIZER)), style.name(row[RATE])]
