"""The claims about initial weights."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.cases import OPTIMIZER, Cases, crossed, each, of_levels, of_optimizers
from relubench.experiments.designs import titles
from relubench.findings.claims import Claim, mean_of, of_measures

START = "factor.start"
STARTS = titles("initialization", "start")
#: The rate is proper for the first and high for the second.
OPTIMIZERS = ("sgd", "adam")
#: Weights at birth depend on the seed alone; but runs that diverge later are left out, and with Adam the fewest do.
AT_BIRTH = "adam"
#: Starts whose second moment, by their variance alone, falls more than tenfold over five layers of 100 units.
SMALL = ("normal_001", "normal_01", "pytorch")
#: Starts that go by a layer's size: whose units training alone can kill.
BY_SIZE = ("he", "glorot", "pytorch", "rai")


_moment = pl.col("second_moment").sort_by("layer")
_choked = of_measures((_moment.last() / _moment.first()).log10(), step=0)
_drift = pl.col("dead_train_fraction") - pl.col("born_dead_fraction")


def _trained(starts: Sequence[str]) -> Cases:
    return crossed(of_levels("initialization", "start", starts), of_optimizers(OPTIMIZERS))


CLAIMS = (
    Claim(
        id=33,
        statement="The initialisation can choke the flow of activations",
        source="comment",
        statistic="log10 of the mean square activation of hidden layer 6 over that of layer 1, at birth",
        direction="below",
        threshold=-2.0,
        conditions=each(
            of_levels("initialization", "start"), lambda runs: mean_of(_choked, {**runs, OPTIMIZER: AT_BIRTH})
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
        conditions=each(_trained(SMALL), lambda runs: mean_of("test_accuracy", runs)),
        note="At twice the accuracy of chance or more, some learning has taken place.",
    ),
    Claim(
        id=31,
        statement="Drift in training can choke it, whatever the initialisation",
        source="comment",
        statistic="dead share after training less that at birth",
        smallest=0.05,
        conditions=each(_trained(BY_SIZE), lambda runs: mean_of(_drift, runs, bounds=(-1.0, 1.0))),
        note="Rate .03: proper for SGD, ten times a proper one for Adam.",
    ),
)
