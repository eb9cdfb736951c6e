"""The claims about targets."""

from __future__ import annotations

import functools
from collections.abc import Callable

import polars as pl

from relubench.experiments.cases import BY, WORLD, Cases, in_settings, of_levels
from relubench.findings.claims import Claim, Condition, Tables, paired
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.metrics import Where, reading

NAME, TARGET = "targets", "factor.target"
DEAD = "dead_train_fraction"
NEAR, SGD = {TARGET: "near"}, {BY: "sgd"}
#: Targets moved away, and those of little variance, the one first by which claims go.
FAR = of_levels(NAME, "target", ("mean_10", "mean_3", "mean_30"))
FLAT = of_levels(NAME, "target", ("deviation_001", "deviation_01"))
#: With momentum at SGD's rate in effect, and at its rate as it is.
MOMENTA, FAST = ("momentum_09", "momentum_099"), ("momentum_09_fast",)


@reading(pl.col(DEAD))
def more_than_near(tables: Tables) -> pl.DataFrame:
    """Return the metric: a run's share of dead units less that of its twin on the target as it is."""
    twin = ["seed", *(name for name in (WORLD, BY) if name in tables.runs.columns)]
    near = tables.runs.filter(pl.col(TARGET) == NEAR[TARGET]).select(*twin, near=DEAD)
    both = tables.runs.join(near, on=twin, how="left", maintain_order="left")
    return both.select("run_id", value=pl.col(DEAD) - pl.col("near"))


def _than_near(runs: Where) -> Measurement:
    return paired(DEAD, {**runs, **NEAR}, runs)


def _than_sgd(runs: Where) -> Measurement:
    return paired(more_than_near, {**runs, **SGD}, runs, bounds=(-1.0, 1.0))


def _conditions(measure: Callable[[Where], Measurement], targets: Cases, *optimizers: str) -> tuple[Condition, ...]:
    """Return what is measured of each target, the first one primary; beside it with momentum at the rate of SGD."""
    return (
        *in_settings(NAME, measure, targets, optimizers=optimizers),
        *in_settings(NAME, measure, targets, optimizers=FAST, beside=True),
    )


_RATE = "Rates are the same in effect: .03 for plain SGD, that times 1 - momentum."
_claim = functools.partial(Claim, id=42, source="Arnekvist et al. 2020", smallest=0.05)

CLAIMS = (
    _claim(
        statement="A target far from the network's output kills units",
        statistic="dead share with the target moved by 10 less that with it where it is, same optimiser",
        conditions=_conditions(_than_near, FAR, "sgd", *MOMENTA),
        note=f"Its standard deviation is 1 (teacher) or .75 (x sin 5x). {_RATE}",
    ),
    _claim(
        statement="And it kills more of them with momentum",
        statistic="that difference with momentum, less that of plain SGD",
        conditions=_conditions(_than_sgd, FAR, *MOMENTA),
        note=f"Momentum is so compared with itself on the target where it is. {_RATE}",
    ),
    _claim(
        statement="A target of small variance kills units",
        statistic="dead share with the target times .01 less that with it as it is, same optimiser",
        conditions=_conditions(_than_near, FLAT, "sgd", *MOMENTA),
        note=_RATE,
    ),
    _claim(
        statement="And a target of small variance kills more of them with momentum",
        statistic="that difference with momentum, less that of plain SGD",
        conditions=_conditions(_than_sgd, FLAT, *MOMENTA),
        note=f"Momentum is so compared with itself on the target as it is. {_RATE}",
    ),
)
