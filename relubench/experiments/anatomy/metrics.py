"""What the post-mortem finds, folded over the runs of an optimiser and rate."""

from __future__ import annotations

import numpy as np
import polars as pl

from relubench.experiments.derived import mean_over_runs
from relubench.experiments.designs import place_of, title_of, titles
from relubench.findings.claims import Tables
from relubench.findings.claims.metrics import needing

FACTOR = "factor.setting"
SETTINGS = titles("anatomy", "setting")
#: Examples of a batch, and of the whole training set of digits.
BATCH, EXAMPLES = 64, 1437
#: What killed a unit: in which share of those that died the bias suffices, the weights do, either, or neither alone.
CAUSES = {
    "bias alone": pl.col("died_by_bias") - pl.col("died_by_either"),
    "weights alone": pl.col("died_by_weights") - pl.col("died_by_either"),
    "either": pl.col("died_by_either"),
    "only both": pl.col("died") - pl.col("died_by_bias") - pl.col("died_by_weights") + pl.col("died_by_either"),
}
#: The distances at which `distances` counts, in standard deviations of the inputs.
_MARGINS = np.linspace(-6.0, 4.0, 41)


@needing("died", "died_by_bias", "died_by_weights", "died_by_either")
def causes(tables: Tables) -> pl.DataFrame:
    """Return, of the units of a layer that died, the share that each of `CAUSES` has killed."""
    rows = _at_end(tables).filter(pl.col("measure").str.starts_with("died"))
    counts = rows.pivot("measure", index=["run_id", "setting", "layer"], values="value")
    shares = counts.select("setting", "layer", **{cause: number / pl.col("died") for cause, number in CAUSES.items()})
    long = shares.unpivot(index=["setting", "layer"], variable_name="cause")
    return mean_over_runs(long, ["setting", "layer", "cause"], "killed_by")


@needing("dead_on_first")
def dead_on_sets(tables: Tables) -> pl.DataFrame:
    """Return the share of a layer's units dead on the first 1, 2, 4, ... examples, on all, and on training batches."""
    layers = tables.layers.filter(pl.col("step") == pl.col("step").max().over("run_id"))
    rows = _at_end(tables).filter(pl.col("measure") == "dead_on_first").join(
        layers.select("run_id", "layer", "units"), on=["run_id", "layer"], maintain_order="left"
    )  # fmt: skip
    examples = pl.when(pl.col("item") == pl.col("item").max()).then(EXAMPLES).otherwise(2 ** pl.col("item"))
    on_first = rows.with_columns(examples=examples, value=pl.col("value") / pl.col("units"))
    batches = _settings(tables).join(layers, on="run_id", maintain_order="left")
    on_batches = batches.with_columns(examples=pl.lit(BATCH), value=pl.col("batch_dead") / pl.col("units"))
    by = ["setting", "layer", "examples"]
    return pl.concat(
        [mean_over_runs(on_first, by, "dead_on_first"), mean_over_runs(on_batches, by, "batch_dead")],
        how="vertical_relaxed",
    )


@needing("units")
def distances(tables: Tables) -> pl.DataFrame:
    """Return the share of the dead, and of the alive, units of layer 1 whose margin is at most each distance.

    The margin is how far the decision plane lies beyond the convex hull of the training inputs; below 0, how far it
    would have to move until no input lay on its active side.
    """
    assert tables.units is not None, "the experiment keeps units"
    units = tables.units.filter(pl.col("layer") == 1, pl.col("margin").is_finite())
    units = _settings(tables).join(units, on="run_id", maintain_order="left").drop_nulls("dead_train")
    cells = units.group_by("run_id", "setting", "dead_train", maintain_order=True).agg(pl.col("margin").sort())
    below = [np.searchsorted(margins, _MARGINS, side="right") / len(margins) for margins in cells["margin"]]
    shares = cells.select(
        "setting",
        pl.when("dead_train").then(pl.lit("dead")).otherwise(pl.lit("alive")).alias("fate"),
        distance=pl.lit(_MARGINS.tolist()),
        value=pl.Series(below, dtype=pl.List(pl.Float64)),
    )
    return mean_over_runs(shares.explode("distance", "value"), ["setting", "fate", "distance"], "within")


def _settings(tables: Tables) -> pl.DataFrame:
    """Return run_id and setting (its title) of the runs that did not diverge, in the order of the levels."""
    runs = tables.runs.filter(~pl.col("diverged"))
    return runs.sort(place_of(FACTOR, SETTINGS), maintain_order=True).select(
        "run_id", setting=title_of(FACTOR, SETTINGS)
    )


def _at_end(tables: Tables) -> pl.DataFrame:
    """Return what the last probe measured, with the setting."""
    assert tables.measures is not None, "the experiment's measures are set in its YAML file"
    last = tables.measures.filter(pl.col("step") == pl.col("step").max().over("run_id"))
    return _settings(tables).join(last, on="run_id", maintain_order="left")


DERIVED = (causes, dead_on_sets, distances)
