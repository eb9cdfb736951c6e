"""The points of the curves: what the first step does, what the oracle foretells of it, and what becomes of the dead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from relubench.experiments.derived import mean_over_runs
from relubench.experiments.designs import place_of, titles
from relubench.experiments.one_step.fates import (
    AFTER_STEP,
    DEAD_AT_END,
    NEVER_AGAIN,
    RATE,
    deadly_rates,
    fates,
    shares_killed,
    wrong,
)
from relubench.experiments.one_step.settings import NAME
from relubench.findings.claims import Tables
from relubench.findings.claims.metrics import measures_of, needing, needs_of

WORLD, VARIANT, OPTIMIZER, LENGTH = (f"factor.{name}" for name in ("world", "variant", "optimizer", "length"))
#: What a row is of, beside a layer.
CELL = (WORLD, VARIANT, OPTIMIZER, LENGTH)
#: Rates at which the oracle is asked, four a decade.
_ASKED = np.geomspace(1e-3, 1e3, 25)
#: What of a step kills, alone or with the rest; and which way a unit's own parameters went in the step that killed it.
PARTS = {"died": "whole step", "killed_by_bias_alone": "bias alone", "killed_by_weights_alone": "weights alone"}
WAYS = {
    "died_bias_fell": "bias falls",
    "died_weights_fell": "weights fall",
    "died_lowered_by_weights": "weights lower z",
}
#: What becomes of the units that a step has killed.
FATES = {"never active again": NEVER_AGAIN, "dead at the end": DEAD_AT_END}


def _cells(tables: Tables) -> pl.DataFrame:
    """Return run_id, `CELL` (null where a grid has left it out), rate and target (how far away it is), in order."""
    missing = [pl.lit(None, pl.String).alias(name) for name in CELL if name not in tables.runs.columns]
    order = [place_of(name, titles(NAME, name.removeprefix("factor."))) for name in CELL]
    runs = tables.runs.with_columns(*missing).sort(*order, RATE, maintain_order=True)
    return runs.select("run_id", *CELL, rate=RATE, target="data.target_offset")


def _mean(rows: pl.DataFrame, metric: str, *by: str) -> pl.DataFrame:
    return mean_over_runs(rows, (*CELL, "rate", *by), metric)


@needing("died")
def killed(tables: Tables) -> pl.DataFrame:
    """Return the share of the units alive at birth that the first step kills, by layer."""
    return _mean(_counted(tables, {"died": "value"}, _alive(tables)), "killed", "layer")


@needing(*PARTS)
def parts(tables: Tables) -> pl.DataFrame:
    """Return the share of the units alive at birth that a part of the first step kills, by how far the target is away.

    There is none but for real-valued targets.
    """
    rows = _counted(tables, PARTS, _alive(tables)).drop_nulls("target")
    return _mean(rows, "killed_by", "layer", "target", "part")


@needing("died", *WAYS)
def ways(tables: Tables) -> pl.DataFrame:
    """Return, of the units that the first step killed, the shares whose own parameters went which way, by layer."""
    whole = _after_step(tables, ["died"]).select("run_id", "layer", whole="value").filter(pl.col("whole") > 0)
    return _mean(_counted(tables, WAYS, whole), "went", "layer", "part")


def _after_step(tables: Tables, names: Sequence[str]) -> pl.DataFrame:
    return measures_of(tables, names).filter(AFTER_STEP)


def _alive(tables: Tables) -> pl.DataFrame:
    """Return run_id, layer, and how many units are alive at birth."""
    born = tables.layers.filter(pl.col("step") == 0)
    return born.select("run_id", "layer", whole=pl.col("units") - pl.col("dead_train"))


def _counted(tables: Tables, names: Mapping[str, str], whole: pl.DataFrame) -> pl.DataFrame:
    """Return a row a run, layer and count after the first step: `part` (its title), `value` (its share of `whole`)."""
    counts = _after_step(tables, list(names)).join(whole, on=["run_id", "layer"])
    counts = counts.sort("layer", place_of("measure", names), maintain_order=True)
    shares = counts.select(
        "run_id", "layer", value=pl.col("value") / pl.col("whole"), part=pl.col("measure").replace_strict(names)
    )
    return _cells(tables).join(shares, on="run_id", maintain_order="left_right")


@needing(*needs_of(fates))
def afterwards(tables: Tables) -> pl.DataFrame:
    """Return, of the units that the first step killed, the share with each fate, by layer."""
    shares = fates(tables).group_by("run_id", "layer").agg(**{name: fate.mean() for name, fate in FATES.items()})
    long = shares.unpivot(index=["run_id", "layer"], variable_name="part")
    rows = _cells(tables).join(long.sort("layer"), on="run_id", maintain_order="left_right")
    return _mean(rows, "fate", "layer", "part")


def _plain_sgd(tables: Tables) -> pl.DataFrame:
    """Return the cells of single steps of plain SGD, which the oracle speaks of."""
    return _cells(tables).filter(pl.col(OPTIMIZER).fill_null("sgd") == "sgd", pl.col(LENGTH).fill_null("one") == "one")


@needing(*needs_of(wrong))
def measured(tables: Tables) -> pl.DataFrame:
    """Return the shares of layer 1 that are dead after the first step, and of which the oracle said otherwise."""
    dead = measures_of(tables, ["unit_dead"]).filter(AFTER_STEP, pl.col("layer") == 1)
    shares = {"dead_after_step": dead.group_by("run_id").agg(pl.col("value").mean()), "wrong": wrong(tables)}
    return pl.concat(
        _mean(_plain_sgd(tables).join(share, on="run_id", maintain_order="left"), name)
        for name, share in shares.items()
    )


@needing(*needs_of(deadly_rates))
def foretold(tables: Tables) -> pl.DataFrame:
    """Return what the oracle foretells of layer 1 at any rate, asked at step 0 of a run of each seed and variant."""
    cells = _plain_sgd(tables)
    if cells.is_empty():
        return _mean(cells.with_columns(value=pl.lit(None, pl.Float64)), "foretold")
    runs = cells.filter(pl.col("rate") == pl.col("rate").min().over(WORLD, VARIANT))
    asked = shares_killed(tables.of(runs["run_id"].to_list()), _ASKED.tolist())
    rows = runs.drop("rate").join(asked, on="run_id", maintain_order="left")
    return pl.concat(_mean(rows.with_columns(value=name), name) for name in ("foretold", "deadly"))


CURVES = ("dead_train",)
DERIVED = (killed, parts, ways, afterwards, measured, foretold)
