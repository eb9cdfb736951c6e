"""Which dead units another distribution makes active."""

from __future__ import annotations

import polars as pl

from relubench.findings.claims import Tables
from relubench.findings.claims.metrics import Metric
from relubench.findings.spells import HALFWAY, dead_at

#: Of the spells of the units that are dead when the data change: those that end, as a share.
WAKE = pl.col("until").is_not_null().mean()
WHEN_CHANGED = dead_at(HALFWAY)


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


def woken_by(name: str) -> Metric:
    """Return the metric: the share of the units dead at the end of the first task that the other set makes active."""

    def values(tables: Tables) -> pl.DataFrame:
        counts = woken(tables).group_by("run_id").agg(pl.col("dead", name).sum())
        return counts.select("run_id", value=pl.col(name) / pl.col("dead"))

    return values
