"""How a number changes over the tasks of a run."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from relubench.experiments.derived import rows_of
from relubench.findings.claims import Sample, Tables, mean_effect
from relubench.findings.claims.metrics import measures_of, needing

#: Numbers whose change over a run is reported, and the bounds of the change.
CHANGING = {
    "dead_train": (-1.0, 1.0),
    "dormant_train": (-1.0, 1.0),
    "online_accuracy": (-1.0, 1.0),
    "online_loss": None,
}
#: The share of a run that is its beginning, or its end.
TENTH = 10


def change(name: str) -> Callable[[Tables], pl.DataFrame]:
    """Return the metric: a number's mean over the last tenth of a run's tasks less that over the first tenth.

    `name` is a count of units of layers.parquet, taken as a share of all units, or a measure of the whole network.
    A probe stands for the tasks since the one before; the one at step 0 is left out.
    """

    @needing(*([] if name.endswith("_train") else [name]))  # a column of layers, or a measure
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
    return measures_of(tables, [name]).select("run_id", "step", "value")


STREAM, OPTIMIZER = "data.stream.name", "optimizer.name"
RATE, ACTIVATION, REMEDY = "optimizer.learning_rate", "model.activation.name", "remedy.name"
#: What tells two settings of a stream apart.
POINT = ("data.name", STREAM, OPTIMIZER, RATE, ACTIVATION, REMEDY)


@needing("online_accuracy", "online_loss")
def _changes(tables: Tables) -> pl.DataFrame:
    """Return a row for each setting and each of `CHANGING`: metric NAME_change, its mean and interval over seeds."""
    keys = [key for key in POINT if tables.runs[key].n_unique() > 1]  # what does not vary is no column of the curves
    changes = [
        tables.runs.join(change(name)(tables), on="run_id", maintain_order="left").with_columns(name=pl.lit(name))
        for name in CHANGING
    ]
    finite = pl.concat(changes).filter(pl.col("value").is_finite())  # a regression has no accuracy
    effects = (
        ((*point, f"{name}_change"), mean_effect(Sample(runs["value"].to_numpy()), CHANGING[str(name)]))
        for (name, *point), runs in finite.group_by("name", *keys, maintain_order=True)
    )
    return rows_of(effects, {key: tables.runs.schema[key] for key in keys} | {"metric": pl.String})


CURVES = ("dead_train", "dormant_train", "online_accuracy", "online_loss")
DERIVED = (_changes,)
