"""How long units stay dead, and how many come back."""

from __future__ import annotations

import polars as pl

from relubench.experiments.derived import mean_over_runs
from relubench.experiments.revival.claims import AGES
from relubench.findings.claims import Tables
from relubench.findings.claims.metrics import needing
from relubench.findings.spells import found, survival

#: What a row is of, beside a layer.
CELL = ("factor.world", "factor.optimizer", "factor.rate", "factor.treatment")
#: What became of a unit that a probe found dead.
FATES = {"ever active again": pl.col("ever"), "alive at the end": pl.col("at_end")}


def _cells(tables: Tables) -> pl.DataFrame:
    """Return run_id and `CELL`; what a grid has left out is null."""
    missing = [pl.lit(None, pl.String).alias(name) for name in CELL if name not in tables.runs.columns]
    return tables.runs.with_columns(*missing).select("run_id", *CELL)


@needing("unit_dead")
def _still_dead(tables: Tables) -> pl.DataFrame:
    """Return the survival of death: the share of units still dead, by cell and layer."""
    return survival(tables, [name for name in CELL if name in tables.runs.columns], "still_dead")


@needing("unit_dead")
def _fates(tables: Tables) -> pl.DataFrame:
    """Return, of the units found dead, the shares ever active again and alive at the end, by layer and age of death."""
    units = found(tables).with_columns(age=_age()).group_by("run_id", "layer", "age").agg(
        **{fate: number.mean() for fate, number in FATES.items()}
    )  # fmt: skip
    long = units.unpivot(index=["run_id", "layer", "age"], variable_name="fate")
    rows = _cells(tables).join(long, on="run_id", maintain_order="left").drop_nulls("layer")
    return mean_over_runs(rows.sort(*CELL, "layer", "age", "fate"), (*CELL, "layer", "age", "fate"), "revived")


def _age() -> pl.Expr:
    age = pl.lit(None, pl.String)
    for name, among in AGES.items():
        age = pl.when(among).then(pl.lit(name)).otherwise(age)
    return age.cast(pl.Enum(list(AGES)))


DERIVED = (_still_dead, _fates)
