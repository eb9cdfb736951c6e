"""The claims about inputs."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.cases import at_rates, crossed, each
from relubench.findings.claims import Claim, Condition, Tables, mean_of
from relubench.findings.claims.metrics import Metric, Where, needing

FACTOR, NORMALIZE = "factor.inputs", "data.normalize"
#: What is done to the pixels by `data.normalize`, in words.
NORMALIZED = {"none": "pixels as they are", "scalar": "all normalised alike", "feature": "each normalised"}
#: Rates at which networks learn well, and rates at which plain ReLU networks lose many units.
PROPER_RATES = (("sgd", 0.03), ("adam", 0.003))
HIGH_RATES = (("sgd", 1.0), ("adam", 0.03))


def still_dead(layers: Sequence[int]) -> Metric:
    """Return the metric: of the units of these layers that are born dead, the share dead without a break to the end."""

    @needing("units")
    def values(tables: Tables) -> pl.DataFrame:
        finite = tables.runs.filter(~pl.col("diverged")).select("run_id")
        born = tables.layers.filter(pl.col("step") == 0).rename({"dead_train": "born"})
        assert tables.units is not None, "the experiment writes units.parquet"
        stuck = tables.units.filter(pl.col("dead_train"), pl.col("died_step") == 0)
        counted = stuck.group_by("run_id", "layer").agg(stuck=pl.len())
        both = born.join(finite, on="run_id").join(counted, on=["run_id", "layer"], how="left")
        chosen = both.filter(pl.col("layer").is_in(list(layers)))
        return chosen.group_by("run_id").agg(value=pl.col("stuck").fill_null(0).sum() / pl.col("born").sum())

    return values


def _still_die() -> Claim:
    died = pl.col("dead_train_fraction") - pl.col("born_dead_fraction")
    normalized = {NORMALIZED[name]: {FACTOR: "times_1", NORMALIZE: name} for name in ("scalar", "feature")}
    return Claim(
        id=28,
        statement="Units die with normalised inputs too",
        source="comment",
        statistic="share of ReLU units dead at the end less those born dead",
        threshold=0.05,
        conditions=each(crossed(at_rates((*PROPER_RATES, *HIGH_RATES)), normalized), lambda runs: mean_of(died, runs)),
        note="Normalised on the training set to mean 0 and standard deviation 1: all inputs alike, or each input.",
    )


def _stuck() -> Claim:
    offset: Where = {NORMALIZE: "scalar", FACTOR: "plus_3"}
    return Claim(
        id=25,
        statement="A unit whose weights start on the wrong side of the inputs stays stuck",
        source="comment",
        statistic="share of the units born dead that are dead without a break to the end, inputs offset by 3",
        threshold=0.9,
        conditions=tuple(
            Condition(f"{label}, {words}", mean_of(still_dead(layers), runs, bounds=(0.0, 1.0)))
            for label, runs in at_rates(PROPER_RATES, {"": offset}).items()
            for words, layers in (("layer 1", [1]), ("layers 2 and 3", [2, 3]))
        ),
        note="Normalised inputs plus 3 are all positive. Nothing moves a dead unit of the first layer, whose inputs "
        "stay what they are; the inputs of later layers move.",
    )


CLAIMS = (_stuck(), _still_die())
