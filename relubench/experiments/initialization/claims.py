"""The claims about initial weights."""

from __future__ import annotations

import polars as pl

from relubench.experiments.cases import PROPER, Cases, at, crossed, in_settings, of_levels
from relubench.findings.claims import Claim, Condition, Tables, mean_of, of_measures
from relubench.findings.claims.metrics import aggregated

NAME, START = "initialization", "factor.start"
DEEP, TRAINED = ("digits_deep",), ("digits", "digits_wide", "fashion")
#: Starts of which it is said that they choke, the one first by which the claim goes.
SMALL = ("normal_001", "normal_01", "pytorch")
#: Starts that go by a layer's size: whose units training alone can kill.
BY_SIZE = ("he", "glorot", "pytorch", "rai")

_moment = pl.col("second_moment").sort_by("layer")
_choked = of_measures((_moment.last() / _moment.first()).log10(), step=0)


def late_deaths(tables: Tables) -> pl.DataFrame:
    """Return the metric: deaths after the first tenth of training, per unit."""
    later = tables.layers.filter(pl.col("step") > pl.col("step").max().over("run_id") // 10)
    deaths = aggregated(tables, later.with_columns(step=pl.col("step").max().over("run_id")), pl.col("deaths").sum())
    units = tables.runs.select("run_id", "units")
    return deaths.join(units, on="run_id").select("run_id", value=pl.col("value") / pl.col("units"))


def _starts(names: tuple[str, ...]) -> Cases:
    return of_levels(NAME, "start", names)


def _drift(rate: str, label: str, *, beside: bool) -> tuple[Condition, ...]:
    cases = crossed(at({"factor.rate": rate}), _starts(BY_SIZE))
    return in_settings(NAME, lambda runs: mean_of(late_deaths, runs), cases, worlds=TRAINED, label=label, beside=beside)


CLAIMS = (
    Claim(
        id=33,
        statement="Depending on the weights the outputs are choked off",
        source="answer 3",
        statistic="log10 of the mean square activation of hidden layer 6 over that of layer 1, at birth",
        direction="below",
        threshold=-2.0,
        conditions=in_settings(
            NAME, lambda runs: mean_of(_choked, runs), crossed(at(PROPER), _starts(SMALL)), worlds=DEEP,
            optimizers=("sgd",),
        ),
        note="Six hidden layers of 100 ReLU units, one forward pass: N(0, s²) multiplies the mean square by 100 s²/2 a "
        "layer, He by 1. The verdict goes by the smallest, N(0, 0.01²).",
    ),
    Claim(
        id=33,
        statement="A network that begins with small weights does not learn",
        source="answer 3",
        statistic="test accuracy after training, chance being .1",
        direction="below",
        threshold=0.2,
        conditions=in_settings(
            NAME, lambda runs: mean_of("test_accuracy", runs), crossed(at(PROPER), _starts(SMALL)), worlds=DEEP
        ),
        note="At the proper rate of the nearest network that has one. At twice the accuracy of chance or more, some "
        "learning has taken place.",
    ),
    Claim(
        id=31,
        statement="Values drift in training, which can kill all data flow through some units",
        source="answer 3",
        statistic="deaths per unit after the first tenth of training, at the high rate",
        smallest=0.05,
        conditions=(
            *_drift("high", "", beside=False),
            *_drift("proper", "proper rate", beside=True),
        ),
        note="A unit that dies again after a revival counts again. The verdict goes by He's start.",
    ),
)  # fmt: skip
