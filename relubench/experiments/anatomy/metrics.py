"""What the post-mortem finds, folded over the runs of a setting, optimiser and rate."""

from __future__ import annotations

import numpy as np
import polars as pl

from relubench.experiments.anatomy.claims import CAUSES
from relubench.experiments.derived import mean_over_runs
from relubench.findings.claims import Tables
from relubench.findings.claims.metrics import measures_of, needing

#: What a row is of, beside a layer.
CELL = ("factor.world", "factor.optimizer", "factor.rate")
_DIED = ("died", "died_by_bias", "died_by_weights", "died_by_either")
#: What killed a unit, so that each died of one: the shares add up to 1.
SOLE = {
    "bias alone": CAUSES["bias"] - CAUSES["either alone"],
    "weights alone": CAUSES["weights"] - CAUSES["either alone"],
    "either": CAUSES["either alone"],
    "only both": CAUSES["neither alone"],
}
#: The distances at which `distances` counts, in standard deviations of the inputs.
_MARGINS = np.linspace(-6.0, 4.0, 41)


@needing(*_DIED)
def causes(tables: Tables) -> pl.DataFrame:
    """Return, of the units of a layer that died, the share that each of `SOLE` has killed."""
    last = measures_of(tables, _DIED).filter(pl.col("step") == pl.col("step").max().over("run_id"))
    counts = _cells(tables).join(last, on="run_id", maintain_order="left")
    counts = counts.pivot("measure", index=["run_id", *CELL, "layer"], values="value")
    shares = counts.select(*CELL, "layer", **{cause: number / pl.col("died") for cause, number in SOLE.items()})
    long = shares.unpivot(index=[*CELL, "layer"], variable_name="cause")
    return mean_over_runs(long, [*CELL, "layer", "cause"], "killed_by")


@needing("units")
def distances(tables: Tables) -> pl.DataFrame:
    """Return the share of the dead, and of the alive, units of layer 1 whose margin is at most each distance.

    The margin is how far the decision plane lies beyond the convex hull of the training inputs; below 0, how far it
    would have to move until no input lay on its active side.
    """
    assert tables.units is not None, "the experiment keeps units"
    units = tables.units.filter(pl.col("layer") == 1, pl.col("margin").is_finite())
    units = _cells(tables).join(units, on="run_id", maintain_order="left").drop_nulls("dead_train")
    cells = units.group_by("run_id", *CELL, "dead_train", maintain_order=True).agg(pl.col("margin").sort())
    below = [np.searchsorted(margins, _MARGINS, side="right") / len(margins) for margins in cells["margin"]]
    shares = cells.select(
        *CELL,
        pl.when("dead_train").then(pl.lit("dead")).otherwise(pl.lit("alive")).alias("fate"),
        distance=pl.lit(_MARGINS.tolist()),
        value=pl.Series(below, dtype=pl.List(pl.Float64)),
    )
    return mean_over_runs(shares.explode("distance", "value"), [*CELL, "fate", "distance"], "within")


def _cells(tables: Tables) -> pl.DataFrame:
    """Return run_id and `CELL` of the runs that did not diverge; what a grid has left out is null."""
    runs = tables.runs.filter(~pl.col("diverged"))
    missing = [pl.lit(None, pl.String).alias(name) for name in CELL if name not in runs.columns]
    return runs.with_columns(*missing).select("run_id", *CELL)


CURVES = ("dead_train", "batch_dead")
DERIVED = (causes, distances)
