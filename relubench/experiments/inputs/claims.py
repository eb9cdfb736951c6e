"""The claims about inputs."""

from __future__ import annotations

import functools

import polars as pl

from relubench.experiments.cases import HIGH, PROPER, Cases, at, crossed, in_settings
from relubench.findings.claims import Claim, Tables, mean_of, of_layers, pooled
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.metrics import Metric, Where, aggregated, needing

NAME, FACTOR, NORMALIZE = "inputs", "factor.inputs", "data.normalize"
#: What is done to the inputs by `data.normalize`, in words.
NORMALIZED = {"none": "inputs as they are", "scalar": "all normalised alike", "feature": "each normalised"}
#: Normalised, and moved so that all are positive.
MOVED: Where = {NORMALIZE: "scalar", FACTOR: "plus_3"}


def _still_dead(layer: int | None) -> Metric:
    """Return the metric: how many of the units born dead are dead without a break to the end."""

    @needing("units")
    def values(tables: Tables) -> pl.DataFrame:
        assert tables.units is not None, "the experiment writes units.parquet"
        rows = tables.units if layer is None else tables.units.filter(pl.col("layer") == layer)
        return aggregated(tables, rows, (pl.col("dead_train") & (pl.col("died_step") == 0)).sum())

    return values


def _stuck(layer: int | None, runs: Where) -> Measurement:
    return pooled(_still_dead(layer), of_layers(pl.col("dead_train").sum(), layer=layer, step=0), runs)


def _normalized() -> Cases:
    ways = {NORMALIZED[way]: {FACTOR: "times_1", NORMALIZE: way} for way in ("feature", "scalar")}
    return crossed(at(HIGH), ways)


_DIED = pl.col("dead_train_fraction") - pl.col("born_dead_fraction")

CLAIMS = (
    Claim(
        id=25,
        statement="For an input on the flat side the weights are not updated, not even a tiny bit",
        source="answer 2",
        kind="exact test",
        decided="holds",
        note="tests/experiments/test_inputs.py: trained on one input that a unit is silent on, by plain SGD, its "
        "weights keep every bit, whatever the target. Trained on all inputs they move with the others.",
    ),
    Claim(
        id=25,
        statement="A unit whose weights start on the wrong side of the inputs stays stuck",
        source="answer 2",
        statistic="share of the units born dead that are dead without a break to the end, inputs moved by 3",
        threshold=0.9,
        conditions=(
            *in_settings(NAME, functools.partial(_stuck, None), at(PROPER, MOVED)),
            *(
                condition
                for layer in (1, 2)
                for condition in in_settings(
                    NAME, functools.partial(_stuck, layer), at(PROPER, MOVED), label=f"layer {layer}", beside=True
                )
            ),
        ),
        note="Normalised inputs plus 3 are all positive, or nearly. Nothing moves a dead unit of the first layer under "
        "plain SGD, whose inputs stay what they are; the inputs of later layers move.",
    ),
    Claim(
        id=28,
        statement="Units die with normalised inputs too",
        source="comment on answer 3",
        statistic="share of ReLU units dead at the end less those born dead, at the high rate",
        threshold=0.05,
        conditions=in_settings(NAME, lambda runs: mean_of(_DIED, runs, bounds=(-1.0, 1.0)), _normalized()),
        note="Normalised on the training set to mean 0 and standard deviation 1: each input (which decides), or all "
        "alike.",
    ),
)
