"""The claims about dead units."""

from __future__ import annotations

import functools

import polars as pl

from relubench.experiments.anatomy.metrics import BATCH
from relubench.experiments.cases import crossed, each, of_levels
from relubench.findings.claims import Claim, Condition, Tables, mean_of, of_layers, of_measures, of_units, total_of
from relubench.findings.claims.metrics import Metric, aggregated

LAYERS = {"layer 1": pl.col("layer") == 1, "later layers": pl.col("layer") > 1}
_DEAD, _OUTSIDE = pl.col("dead_train"), pl.col("margin") >= 0
#: The place of `BATCH` among the sizes 1, 2, 4, ... of `dead_on_first`.
_PLACE = BATCH.bit_length() - 1


def _each(metric: Metric, label: str = "", *, low: float = 0.0) -> tuple[Condition, ...]:
    """Measure the mean of a metric between `low` and 1 at each optimiser and rate."""
    cases = crossed(of_levels("anatomy", "setting"), {label: {}})
    return each(cases, lambda runs: mean_of(metric, runs, bounds=(low, 1.0)))


def _share_of_deaths(number: pl.Expr, among: pl.Expr) -> Metric:
    """Return the metric: a number of units, of those that died, over some layers."""
    return of_measures(number.filter(among).sum() / pl.col("died").filter(among).sum())


def _dead_on(item: pl.Expr | int) -> pl.Expr:
    return pl.col("dead_on_first").filter(pl.col("item") == item).sum() / pl.col("units").first()


#: A claim that a count is 0.
_exact = functools.partial(Claim, kind="exact test", direction="below", threshold=1.0)

_OUTSIDE_DATA = _exact(
    id=4,
    statement="A dead unit's decision plane lies outside all data",
    source="answer",
    statistic="number of units, all runs and layers",
    conditions=(
        Condition("dead, with the plane among its inputs", total_of(of_units((_DEAD & ~_OUTSIDE).sum()), {})),
        Condition("alive, with the plane beyond its inputs", total_of(of_units((~_DEAD & _OUTSIDE).sum()), {})),
    ),
    note="By the plane's signed distance from the convex hull of the unit's training inputs; on it counts as beyond.",
)


def _slope_and_sign(tables: Tables) -> pl.DataFrame:
    """Return the metric: by how many units the counts of dead and of silent ones differ, over all layers and probes."""
    return aggregated(tables, tables.layers, (pl.col("dead_train") - pl.col("silent_train")).abs().sum())


_CONSTANT = _exact(
    id=8,
    statement="A dead unit's output is constant",
    source="answer",
    statistic="number of dead units beyond those of constant output, all runs and layers",
    conditions=(
        Condition(
            "", total_of(of_layers((pl.col("dead_train") - pl.col("constant_train")).clip(lower_bound=0).sum()), {})
        ),
    ),
)
_LARGE_BIAS = Claim(
    id=9,
    statement="The cause of death is a large negative bias",
    source="answer",
    statistic="share of the units that died that are dead with the weights of birth as well",
    threshold=0.5,
    conditions=tuple(
        condition
        for label, among in LAYERS.items()
        for condition in _each(_share_of_deaths(pl.col("died_by_bias"), among), label)
    ),
    note="The bias as trained, on the unit's inputs of the trained network. Runs without a death have no share.",
)
_ONE_INPUT = _exact(
    id=21,
    statement="A unit is alive if one input activates it, and only then",
    source="answer",
    statistic="difference of the numbers of units with slope 0 on every input and with z <= 0 on every one, all probes",
    conditions=(Condition("", total_of(_slope_and_sign, {})),),
    note="And tests/experiments/test_anatomy.py: parameters get a gradient other than 0 in these cases alone.",
)
_MANY_INPUTS = Claim(
    id=22,
    statement="Many inputs save it: fewer are dead on all than on some",
    source="answer",
    statistic=f"share of units dead on {BATCH} examples less that of units dead on all",
    smallest=0.05,
    conditions=_each(of_measures(_dead_on(_PLACE) - _dead_on(pl.col("item").max()))),
    note="At the end of training, the first examples of the training set.",
)
_WEIGHTS = Claim(
    id=29,
    statement="The weights kill more often than the bias",
    source="comment",
    statistic="share of the units that died for which the weights suffice, less that for which the bias does",
    smallest=0.05,
    conditions=_each(
        _share_of_deaths(pl.col("died_by_weights") - pl.col("died_by_bias"), pl.col("layer") >= 1), low=-1.0
    ),
    note="Suffice: dead with the other of birth, on the unit's inputs of the trained network.",
)
_NO_ROLE = _exact(
    id=40,
    statement="Dead units take no role: masking them changes nothing",
    source="answer",
    statistic="outputs on the training set of which a bit changes when dead units' outgoing weights are 0, all runs",
    conditions=(Condition("", total_of(of_measures(pl.col("masked_changes").sum()), {})),),
)

CLAIMS = (_OUTSIDE_DATA, _CONSTANT, _LARGE_BIAS, _ONE_INPUT, _MANY_INPUTS, _WEIGHTS, _NO_ROLE)
