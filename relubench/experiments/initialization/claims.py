"""The claims about initial weights."""

from __future__ import annotations

import polars as pl

from relubench.experiments.designs import titles
from relubench.findings.claims import Claim, Condition, mean_of, of_measures
from relubench.plots import style

START, OPTIMIZER = "factor.start", "optimizer.name"
STARTS = titles("initialization", "start")
#: The rate is proper for the first and high for the second.
OPTIMIZERS = ("sgd", "adam")
#: Weights at birth hang on the seed alone; but runs that diverge later are left out, and with Adam the fewest do.
AT_BIRTH = "adam"
#: Starts whose second moment, by their variance alone, falls more than tenfold over five layers of 100 units.
SMALL = ("normal_001", "normal_01", "pytorch")
#: Starts that go by a layer's size: whose units training alone can kill.
BY_SIZE = ("he", "glorot", "pytorch", "rai")


def _where(start: str, optimizer: str) -> dict[str, object]:
    return {START: start, OPTIMIZER: optimizer}


def _after(start: str, optimizer: str) -> str:
    return f"{STARTS[start]}, {style.name(optimizer)}"


_moment = pl.col("second_moment").sort_by("layer")
_drift = pl.col("dead_train_fraction") - pl.col("born_dead_fraction")

CLAIMS = (
    Claim(
        id=33,
        statement="The initialisation can choke the flow of activations",
        source="comment",
        statistic="log10 of the mean square activation of hidden layer 6 over that of layer 1, at birth",
        direction="below",
        threshold=-2.0,
        conditions=tuple(
            Condition(
                STARTS[start],
                mean_of(of_measures((_moment.last() / _moment.first()).log10(), step=0), _where(start, AT_BIRTH)),
            )
            for start in STARTS
        ),
        note="Six hidden layers of 100 ReLU units; N(0, s²) multiplies the mean square by 100 s²/2 a layer, He by 1.",
    ),
    Claim(
        id=33,
        statement="A network that begins with small weights does not learn",
        source="comment",
        statistic="test accuracy, chance being .1",
        direction="below",
        threshold=0.2,
        conditions=tuple(
            Condition(_after(start, optimizer), mean_of("test_accuracy", _where(start, optimizer)))
            for start in SMALL
            for optimizer in OPTIMIZERS
        ),
        note="At twice the accuracy of chance or more, some learning has taken place.",
    ),
    Claim(
        id=31,
        statement="Drift in training can choke it, whatever the initialisation",
        source="comment",
        statistic="dead share after training less that at birth",
        smallest=0.05,
        conditions=tuple(
            Condition(_after(start, optimizer), mean_of(_drift, _where(start, optimizer), bounds=(-1.0, 1.0)))
            for start in BY_SIZE
            for optimizer in OPTIMIZERS
        ),
        note="Rate .03: proper for SGD, ten times a proper one for Adam.",
    ),
)
