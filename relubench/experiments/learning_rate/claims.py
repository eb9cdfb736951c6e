"""The claims about learning rates."""

from __future__ import annotations

import polars as pl

from relubench.experiments.cases import AT_BEST, OPTIMIZER, RATE, crossed, each, of_optimizers
from relubench.findings.claims import Claim, Condition, Tables, mean_at_best, paired
from relubench.plots import style

ACTIVATION = "model.activation.name"
RELU = {ACTIVATION: "relu"}
LOW_RATE = 1e-3
#: The first rate of the grid at which an optimiser is expected to do harm.
HIGH_RATES = {"sgd": 1.0, "momentum": 10**-0.5, "adam": 0.1}
#: Accuracy that a network may lose against the best one and still count as working.
STILL_WORKS = 0.05


def dead_in_working(tables: Tables) -> pl.DataFrame:
    """Return the dead share of the runs whose accuracy is near the best that their seed reaches at any rate."""
    finite = tables.runs.filter(~pl.col("diverged"))
    best = pl.col("test_accuracy").max().over("seed", OPTIMIZER, ACTIVATION)
    works = pl.col("test_accuracy") >= best - STILL_WORKS
    return finite.select("run_id", value=pl.when(works).then(pl.col("dead_train_fraction")))


def _most_dead(optimizer: str) -> list[Condition]:
    """Measure the dead share at the rate where it is largest, of all networks and of those that still work."""
    where, name = {OPTIMIZER: optimizer, **RELU}, style.name(optimizer)
    all_, working = "dead_train_fraction", dead_in_working
    return [
        Condition(f"{name}, any accuracy", mean_at_best(all_, where, choose=all_)),
        Condition(f"{name}, accuracy kept", mean_at_best(working, where, choose=working, bounds=(0.0, 1.0))),
    ]


_DEATHS = pl.col("deaths") / pl.col("units")

CLAIMS = (
    Claim(
        id=2,
        statement="As much as 40 % of a network can be dead at too high a learning rate",
        source="question",
        statistic="share of ReLU units dead at the rate where it is largest",
        threshold=0.4,
        conditions=tuple(condition for optimizer in HIGH_RATES for condition in _most_dead(optimizer)),
        note="Accuracy kept: only the networks whose test accuracy is within 5 points of the best that the same "
        f"seed reaches at any rate. {AT_BEST}",
    ),
    Claim(
        id=3,
        statement="At a proper learning rate dead units are rare",
        source="question",
        statistic="share of ReLU units dead at the rate with the best test accuracy",
        direction="below",
        threshold=0.05,
        conditions=each(
            crossed(of_optimizers(HIGH_RATES), {"": RELU}), lambda runs: mean_at_best("dead_train_fraction", runs)
        ),
        note=f"{AT_BEST} Units born dead count too.",
    ),
    Claim(
        id=23,
        statement="A unit that is alive at first dies, more often at a higher rate",
        source="comment",
        statistic="deaths per ReLU unit at a high rate less those at a low one",
        smallest=0.05,
        conditions=tuple(
            Condition(
                f"{style.name(optimizer)}, rate {rate:.3g} against {LOW_RATE:g}",
                paired(_DEATHS, *({OPTIMIZER: optimizer, RATE: at, **RELU} for at in (LOW_RATE, rate))),
            )
            for optimizer, rate in HIGH_RATES.items()
        ),
        note="Units that die again after a revival are counted again.",
    ),
)
