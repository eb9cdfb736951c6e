"""How a number changes over the tasks of a run."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from relubench.findings.claims import Tables

#: Numbers whose change over a run is told, and the bounds of the change.
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

    `name` is a count of units of layers.parquet, told as a share of all units, or a measure of the whole network.
    A probe stands for the tasks since the one before; the one at step 0 is left out.
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
