"""Which dead units another distribution makes active."""

from __future__ import annotations

import polars as pl

from relubench.experiments.derived import mean_over_runs
from relubench.experiments.designs import place_of, title_of, titles
from relubench.findings.claims import Tables
from relubench.findings.claims.metrics import Metric, needing, needs_of
from relubench.findings.spells import HALFWAY, dead_at, spells

NAME = "optimizer.name"
CHANGES = titles("shift", "change")
ORDER = ("test set", *CHANGES.values())
#: Of the spells of the units that are dead when the data change: those that end, as a share.
WAKE = pl.col("until").is_not_null().mean()
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


def woken_by(name: str) -> Metric:
    """Return the metric: the share of the units dead at the end of the first task that the other set makes active."""

    @needing(*needs_of(woken))
    def values(tables: Tables) -> pl.DataFrame:
        counts = woken(tables).group_by("run_id").agg(pl.col("dead", name).sum())
        return counts.select("run_id", value=pl.col(name) / pl.col("dead"))

    return values


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    """Put rows in the order in which optimisers, changes and layers are listed."""
    return frame.sort(NAME, place_of("change", ORDER), "layer", descending=[True, False, False], maintain_order=True)


def _titled(runs: pl.DataFrame) -> pl.DataFrame:
    return runs.with_columns(change=title_of("factor.change", CHANGES))


@needing(*needs_of(woken))
def _at_once(tables: Tables) -> pl.DataFrame:
    """Return the mean share of dead units that are active at once on the test set, and on the next task's inputs."""
    runs = _titled(tables.runs).select("run_id", NAME, "change")
    counts = runs.join(woken(tables), on="run_id", maintain_order="left")
    tested = counts.filter(pl.col("change") == "same data").with_columns(change=pl.lit("test set"), next_task="test")
    rows = pl.concat([tested, counts]).with_columns(value=pl.col("next_task") / pl.col("dead"))
    return mean_over_runs(_sorted(rows), (NAME, "change", "layer"), "woken")


@needing("unit_dead")
def _later(tables: Tables) -> pl.DataFrame:
    """Return the mean share of the units dead at the change that a probe of the second task finds active."""
    runs = _titled(tables.runs).select("run_id", NAME, "change")
    shares = spells(tables).filter(WHEN_CHANGED).group_by("run_id", "layer").agg(value=WAKE)
    return mean_over_runs(
        _sorted(runs.join(shares, on="run_id", maintain_order="left")), (NAME, "change", "layer"), "revived"
    )


CURVES = ("dead_train", "test_accuracy")
DERIVED = (_at_once, _later)
