"""Which dead units another distribution makes active."""

from __future__ import annotations

import polars as pl

from relubench.experiments.derived import mean_over_runs
from relubench.experiments.designs import place_of, title_of, titles
from relubench.findings.claims import Tables
from relubench.findings.claims.metrics import needing, needs_of
from relubench.findings.spells import HALFWAY, dead_at, spells

NAME = "shift"
#: What a row is of, beside data and a layer.
CELL = ("factor.world", "factor.optimizer")
CHANGES = titles(NAME, "change")
ORDER = ("test set", *CHANGES.values())
WHEN_CHANGED = dead_at(HALFWAY)


@needing("unit_dead", "woken_by_test", "woken_by_next_task")
def woken(tables: Tables) -> pl.DataFrame:
    """Return what the first task's last probe finds: run_id, layer, dead, woken_by_test, woken_by_next_task (units)."""
    assert tables.measures is not None, "the experiment's measures are set in its YAML file"
    finite = tables.runs.filter(~pl.col("diverged")).select("run_id", "steps")
    first_task = tables.measures.join(finite, on="run_id").filter(pl.col("step") <= pl.col("steps") // 2)
    last = first_task.filter(pl.col("step") == pl.col("step").max().over("run_id"))
    counts = [
        pl.col("value").filter(pl.col("measure") == measure).sum().alias(name)
        for name, measure in (("dead", "unit_dead"), ("test", "woken_by_test"), ("next_task", "woken_by_next_task"))
    ]
    return last.group_by("run_id", "layer", maintain_order=True).agg(counts)


def _cells(tables: Tables) -> pl.DataFrame:
    """Return run_id, `CELL` (what a grid has left out is null) and the data after the change by their title."""
    missing = [pl.lit(None, pl.String).alias(name) for name in CELL if name not in tables.runs.columns]
    change = title_of("factor.change", CHANGES) if "factor.change" in tables.runs.columns else pl.lit("same data")
    return tables.runs.with_columns(*missing).select("run_id", *CELL, data=change)


def _mean(rows: pl.DataFrame, metric: str) -> pl.DataFrame:
    ordered = rows.sort(*CELL, place_of("data", ORDER), "layer", maintain_order=True)
    return mean_over_runs(ordered, (*CELL, "data", "layer"), metric)


@needing(*needs_of(woken))
def _at_once(tables: Tables) -> pl.DataFrame:
    """Return the mean share of dead units that are active at once on the test set, and on the next task's inputs."""
    counts = _cells(tables).join(woken(tables), on="run_id", maintain_order="left")
    tested = counts.filter(pl.col("data") == "same data").with_columns(data=pl.lit("test set"), next_task="test")
    rows = pl.concat([tested, counts]).with_columns(value=pl.col("next_task") / pl.col("dead"))
    return _mean(rows, "woken")


@needing("unit_dead")
def _later(tables: Tables) -> pl.DataFrame:
    """Return the mean share of the units dead at the change that are alive at the end."""
    last = spells(tables).group_by("run_id", "layer", "unit").agg(at_end=pl.col("until").is_not_null().all())
    dead = spells(tables).filter(WHEN_CHANGED).select("run_id", "layer", "unit")
    shares = (
        dead.join(last, on=["run_id", "layer", "unit"]).group_by("run_id", "layer").agg(value=pl.col("at_end").mean())
    )
    return _mean(_cells(tables).join(shares, on="run_id", maintain_order="left"), "revived")


CURVES = ("dead_train", "test_accuracy")
DERIVED = (_at_once, _later)
