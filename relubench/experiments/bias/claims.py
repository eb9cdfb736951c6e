"""The claims about biases."""

from __future__ import annotations

import functools

import polars as pl

from relubench.experiments.cases import (
    HIGH,
    PROPER,
    Cases,
    at,
    crossed,
    enough_dead,
    in_settings,
    of_levels,
)
from relubench.findings.claims import Claim, Condition, mean_ratio, of_probes, paired

NAME = "bias"
ZERO = {"factor.bias": "zero"}
#: Decays of biases that start at 0, the first of which a claim goes by; small positive biases to start from; none.
DECAYS = of_levels(NAME, "bias", ("decay_01", "decay_0001", "decay_001", "decay_1", "decay_10"))
SMALL = {f"initial bias {title}": where for title, where in of_levels(NAME, "bias", ("plus_01", "plus_001")).items()}
NONE = {"": {"factor.bias": "none"}}
#: Settings whose targets are classes.
CLASSES = ("digits", "digits_wide", "fashion", "moons")
#: Early is at the last probe up to this step: two of the digits' epochs of 22 batches.
EARLY = 50

_EARLY_ACCURACY = of_probes(pl.col("train_accuracy").first(), step=EARLY)
_OVERFIT = pl.col("train_accuracy") - pl.col("test_accuracy")


def _at_most_half(biases: Cases) -> tuple[Condition, ...]:
    """Compare the dead share at the high rate with that of networks whose biases start at 0 and learn."""
    return in_settings(
        NAME,
        lambda runs: mean_ratio("dead_train_fraction", {**runs, **ZERO}, runs),
        crossed(at(HIGH), biases),
        premise=enough_dead(ZERO),
    )


_prevents = functools.partial(
    Claim,
    statistic="dead ReLU units over those with biases that start at 0 and learn, at the high rate",
    direction="below",
    threshold=0.5,
)

CLAIMS = (
    _prevents(
        id=6,
        statement="Regularising the bias prevents dying",
        source="comment on the question",
        conditions=_at_most_half(DECAYS),
        note="Prevents: at most half as many units are dead. The verdict goes by a decay of .1.",
    ),
    _prevents(
        id=14,
        statement="Getting rid of the bias prevents dying",
        source="comment on answer 1",
        conditions=_at_most_half(NONE),
        note="Prevents: at most half as many units are dead.",
    ),
    Claim(
        id=15,
        statement="Without biases a network underfits",
        source="comment on answer 1",
        statistic="log10 of the training loss without biases less that with them, at the proper rate",
        smallest=0.1,
        conditions=in_settings(
            NAME,
            lambda runs: paired(pl.col("train_loss").log10(), {**runs, **ZERO}, runs),
            crossed(at(PROPER), NONE),
        ),
        note="The proper rate is that of networks with biases. Through the origin alone go the planes of the first "
        "layer; on moons and the interval that must show.",
    ),
    Claim(
        id=15,
        statement="Without biases a network overfits",
        source="comment on answer 1",
        statistic="training less test accuracy without biases less that with them, at the proper rate",
        smallest=0.01,
        conditions=in_settings(
            NAME,
            lambda runs: paired(_OVERFIT, {**runs, **ZERO}, runs, bounds=(-1.0, 1.0)),
            crossed(at(PROPER), NONE),
            worlds=CLASSES,
        ),
    ),
    _prevents(
        id=16,
        statement="A small positive initial bias prevents dying",
        source="comment on answer 1",
        conditions=_at_most_half(SMALL),
        note="The comment says that it may not. Prevents: at most half as many units are dead. The verdict goes by .1.",
    ),
    Claim(
        id=17,
        statement="A small positive initial bias gives a boost to initial learning",
        source="comment on answer 1",
        statistic="training accuracy after two epochs of digits, less that with biases that start at 0, proper rate",
        smallest=0.01,
        conditions=in_settings(
            NAME,
            lambda runs: paired(_EARLY_ACCURACY, {**runs, **ZERO}, runs, bounds=(0.0, 1.0)),
            crossed(at(PROPER), SMALL),
            worlds=CLASSES,
        ),
        note=f"At the last probe of the first {EARLY} steps. The verdict goes by an initial bias of .1.",
    ),
)
