"""The claims about dead units."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from relubench.experiments.cases import HIGH, PROPER, at, in_settings
from relubench.findings.claims import Claim, Condition, Tables, of_layers, of_measures, of_units, pooled, total_of
from relubench.findings.claims.measurements import DIFFERENCE, SHARE, Measurement
from relubench.findings.claims.metrics import Metric, Where, aggregated, measures_of, needing, needs_of, or_zero

if TYPE_CHECKING:
    from relubench.findings.stats import Bounds

NAME = "anatomy"
_DEAD, _OUTSIDE = pl.col("dead_train"), pl.col("margin") >= 0
#: A unit that fires on a smaller share of the training set fires rarely.
RARE = 0.01
#: Of the units that died, for how many what suffices: the trained bias with the weights of birth, or the other way.
CAUSES = {
    "bias": pl.col("died_by_bias"),
    "weights": pl.col("died_by_weights"),
    "either alone": pl.col("died_by_either"),
    "neither alone": pl.col("died") - pl.col("died_by_bias") - pl.col("died_by_weights") + pl.col("died_by_either"),
}


def _of_deaths(number: pl.Expr, layer: int | None, bounds: Bounds, runs: Where) -> Measurement:
    """Measure a number of units, or a difference of two, over that of those that died, over all runs."""
    died = of_measures(pl.col("died").sum(), layer=layer)
    return pooled(of_measures(number.sum(), layer=layer), died, runs, bounds=bounds)


def _deaths(
    number: pl.Expr, *, layer: int | None = None, suffix: str = "", beside: bool = False, bounds: Bounds = SHARE
) -> tuple[Condition, ...]:
    measure = functools.partial(_of_deaths, number, layer, bounds)
    return in_settings(NAME, measure, at(HIGH), label=suffix, beside=beside)


#: A claim that a count is 0.
_exact = functools.partial(Claim, kind="exact test", direction="below", threshold=1.0)


def _slope_and_sign(tables: Tables) -> pl.DataFrame:
    """Return the metric: by how many units the counts of dead and of silent ones differ, over all layers and probes."""
    return aggregated(tables, tables.layers, (pl.col("dead_train") - pl.col("silent_train")).abs().sum())


@needing("unit_firing_rate", "distance_from_birth")
def _rare(tables: Tables) -> pl.DataFrame:
    """Return run_id, the number of units that fire rarely at birth, and sums over them, against their layer's others.

    `way`: how far they move over the others' mean; `deaths`: whether they no longer fire at the end, less the share of
    the others that do not.
    """
    unit, step, born = ["run_id", "layer", "item"], pl.col("step"), pl.col("born")
    found = measures_of(tables, ["unit_firing_rate", "distance_from_birth"])
    at_birth = found.filter(step == 0, pl.col("measure") == "unit_firing_rate").select(*unit, born="value")
    last = found.filter(step == step.max().over("run_id")).pivot("measure", index=unit, values="value")
    units = at_birth.filter(born > 0).join(last, on=unit).select(
        "run_id", "layer", rare=born < RARE, way="distance_from_birth",
        dead=(pl.col("unit_firing_rate") == 0).cast(pl.Float64),
    )  # fmt: skip
    others = units.filter(~pl.col("rare")).group_by("run_id", "layer").agg(pl.mean("way", "dead").name.suffix("_usual"))
    rare = units.filter("rare").join(others, on=["run_id", "layer"])
    way, deaths = pl.col("way") / pl.col("way_usual"), pl.col("dead") - pl.col("dead_usual")
    return rare.group_by("run_id").agg(number=pl.len(), way=way.sum(), deaths=deaths.sum())


def _of_rare(column: str) -> Metric:
    """Return a metric of `_rare`, 0 for a run without such units."""

    @needing(*needs_of(_rare))
    def values(tables: Tables) -> pl.DataFrame:
        found = tables.derived(_rare).select("run_id", value=pl.col(column))
        return or_zero(tables, found)

    return values


def _slow(runs: Where) -> Measurement:
    return pooled(_of_rare("way"), _of_rare("number"), runs, bounds=(0.0, np.inf))


def _die_more(runs: Where) -> Measurement:
    return pooled(_of_rare("deaths"), _of_rare("number"), runs, bounds=DIFFERENCE)


def _still_dead_on_test(layer: int | None, runs: Where) -> Measurement:
    @needing("woken_by_test")
    def stay(tables: Tables) -> pl.DataFrame:
        at_end = tables.layers.filter(pl.col("step") == pl.col("step").max().over("run_id"))
        woken = measures_of(tables, ["woken_by_test"]).select("run_id", "step", "layer", woken="value")
        rows = at_end.join(woken, on=["run_id", "step", "layer"])
        rows = rows if layer is None else rows.filter(pl.col("layer") == layer)
        return aggregated(tables, rows, pl.col("dead_train").sum() - pl.col("woken").sum())

    return pooled(stay, of_layers(pl.col("dead_train").sum(), layer=layer), runs)


CLAIMS = (
    _exact(
        id=4,
        statement="A dead unit's decision plane lies outside all data it was trained on",
        source="answer 1",
        statistic="number of units, all runs and layers",
        conditions=(
            Condition("dead, with the plane among its inputs", total_of(of_units((_DEAD & ~_OUTSIDE).sum()), {})),
            Condition("alive, with the plane beyond its inputs", total_of(of_units((~_DEAD & _OUTSIDE).sum()), {})),
        ),
        note="By definition; the test compares two ways of computing it. On the convex hull counts as beyond.",
    ),
    Claim(
        id=4,
        statement="And outside other data of the same distribution",
        source="answer 1",
        statistic="share of the units dead on the training set that are dead on the test set, layer 1, high rate",
        threshold=0.95,
        conditions=in_settings(NAME, functools.partial(_still_dead_on_test, 1), at(HIGH)),
        note="All possible data are more: those of another distribution wake units (claim 35).",
    ),
    _exact(
        id=8,
        statement="A dead unit always outputs the same value",
        source="answer 1",
        statistic="number of dead units beyond those of constant output, all runs and layers",
        conditions=(
            Condition(
                "", total_of(of_layers((pl.col("dead_train") - pl.col("constant_train")).clip(lower_bound=0).sum()), {})
            ),
        ),
        note="By definition, on the training set.",
    ),
    Claim(
        id=9,
        statement="A dead unit has probably learnt a large negative bias",
        source="answer 1",
        statistic="share of the units that died that are dead with the trained bias and the weights of birth, high "
        "rate",
        threshold=0.5,
        conditions=(
            *_deaths(CAUSES["bias"]),
            *(condition for name in list(CAUSES)[1:] for condition in _deaths(CAUSES[name], suffix=name, beside=True)),
            *_deaths(CAUSES["bias"], layer=1, suffix="bias, layer 1", beside=True),
            *_deaths(CAUSES["weights"], layer=1, suffix="weights, layer 1", beside=True),
        ),
        note="On the unit's inputs of the trained network. Beside it: dead with the trained weights and the bias of "
        "birth; with either of the two; with neither.",
    ),
    _exact(
        id=21,
        statement="One input on the steep side keeps a unit alive, and without one there is no hope",
        source="answer 2",
        statistic="difference of the numbers of units with slope 0 on every input and with z <= 0 on every one, all "
        "probes",
        conditions=(Condition("", total_of(_slope_and_sign, {})),),
        note="By definition; and tests/experiments/test_anatomy.py: parameters get a gradient in these cases alone. In "
        "later layers hope is claim 32.",
    ),
    Claim(
        id=29,
        statement="It is the bias that becomes very negative, more than the weights",
        source="comment on answer 3",
        statistic="share of deaths for which the trained bias suffices, less that for which the weights do, high rate",
        smallest=0.05,
        conditions=_deaths(CAUSES["bias"] - CAUSES["weights"], bounds=DIFFERENCE),
        note="Suffices: dead with the other of birth, on the unit's inputs of the trained network.",
    ),
    Claim(
        id=37,
        statement="Units that fire for some data alone have too little of it to move their weights",
        source="answer 4",
        statistic=f"how far units move in training that at birth fire on less than {100 * RARE:g} % of the training "
        "set, over that of the others",
        direction="below",
        threshold=0.5,
        conditions=(
            *in_settings(NAME, _slow, at(HIGH)),
            *in_settings(NAME, _slow, at(PROPER), label="proper rate", beside=True),
        ),
        note="How far a unit's weights and bias are at the end from those of birth, layer by layer. Units that never "
        "fire at birth are left out; one that dies on the way counts with how far it had come.",
    ),
    Claim(
        id=37,
        statement="And they die more often",
        source="answer 4",
        statistic="share of units that do not fire at the end, of those that at birth fire on less than "
        f"{100 * RARE:g} % of the training set less that of the others",
        smallest=0.05,
        conditions=(
            *in_settings(NAME, _die_more, at(HIGH)),
            *in_settings(NAME, _die_more, at(PROPER), label="proper rate", beside=True),
        ),
        note="Whether more epochs wake them: see the claims of `revival`.",
    ),
    _exact(
        id=40,
        statement="Dead units take no role in discriminating: masking them changes nothing",
        source="answer 1",
        statistic="outputs on the training set of which a bit changes when dead units' outgoing weights are 0, all "
        "runs",
        conditions=(Condition("", total_of(of_measures(pl.col("masked_changes").sum()), {})),),
    ),
)  # fmt: skip
