"""The claims about what becomes of a unit that a step has killed."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from relubench.experiments.cases import Cases, at, in_settings, of_levels
from relubench.experiments.one_step.fates import (
    CARRIED,
    DEAD_AT_END,
    MOVED,
    NEVER_AGAIN,
    after_step,
    born_alive,
    changed_bits,
    of_fates,
)
from relubench.experiments.one_step.settings import (
    CLASSES,
    MANY,
    NAME,
    ONE,
    PLAIN,
    SGD,
    STEP,
    TO_THE_END,
    by_layer,
)
from relubench.findings.claims import Claim, Condition, law, of_measures, pooled
from relubench.findings.claims.measurements import SHARE, Measurement
from relubench.findings.claims.metrics import Where

if TYPE_CHECKING:
    from relubench.findings.stats import Bounds

#: Large first steps by optimiser, the one first by which claims go.
FIRST = {"sgd": ("sgd_3", "sgd_1", "sgd_10"), "momentum": ("momentum_3",), "adam": ("adam_03", "adam_01", "adam_1")}


def _steps(optimizer: str) -> Cases:
    """Return a case for each large first step of an optimiser."""
    titles = of_levels(NAME, "step", FIRST[optimizer])
    return {f"first step {title}": {**PLAIN, **MANY, **where} for title, where in titles.items()}


def _large(optimizer: str) -> Cases:
    return at(PLAIN, MANY, {STEP: FIRST[optimizer][0]})


#: Single large steps of plain SGD, the one first by which a claim goes.
_RATES: Cases = {
    f"rate {title}": {**PLAIN, **ONE, **where} for title, where in of_levels(NAME, "step", FIRST["sgd"]).items()
}


def _killed(layer: int | None, runs: Where) -> Measurement:
    return pooled(after_step("died", layer=layer), born_alive(layer=layer), runs)


def _fate(number: pl.Expr, layer: int | None, runs: Where) -> Measurement:
    """Measure a number of the units that the first step killed, per such unit."""
    return pooled(of_fates(number.sum(), layer=layer), of_fates(pl.len(), layer=layer), runs)


def _to_the_end(number: pl.Expr) -> tuple[Condition, ...]:
    """Measure a fate of the units that a large first step killed."""
    measure = functools.partial(_fate, number)
    parts = (by_layer(measure, _steps(name), worlds=TO_THE_END, optimizers=(name,)) for name in ("sgd", "adam"))
    return tuple(condition for part in parts for condition in part)


def _nonzero(runs: Where) -> Measurement:
    """Measure the share of the units dead at the end whose gradient is not 0."""
    dead, moving = pl.col("unit_dead") == 1, pl.col("unit_gradient_norm") != 0
    return pooled(of_measures((dead & moving).sum()), of_measures(dead.sum()), runs)


def _though_dead(number: pl.Expr, bounds: Bounds, runs: Where) -> Measurement:
    """Measure a number of the units that were never active after the step that killed them, per such unit."""
    return pooled(of_fates(number.filter(NEVER_AGAIN).sum()), of_fates(NEVER_AGAIN.sum()), runs, bounds=bounds)


def _afterwards(number: pl.Expr, *optimizers: str, bounds: Bounds = SHARE) -> tuple[Condition, ...]:
    measure = functools.partial(_though_dead, number, bounds)
    parts = (in_settings(NAME, measure, _large(name), worlds=TO_THE_END, optimizers=(name,)) for name in optimizers)
    return tuple(condition for part in parts for condition in part)


_KILLED = "share of the units killed by the first step"
_THEN = "All later steps are full-batch ones, so that each is seen, at a proper rate: .3 with SGD, .01 with Adam."

CLAIMS = (
    Claim(
        id=1,
        statement="One step at a large rate kills units",
        source="question",
        statistic="share of the units alive at birth that are dead after the first step, rate 3",
        threshold=0.05,
        conditions=by_layer(_killed, _RATES, worlds=CLASSES),
        note="Plain SGD, full batch.",
    ),
    Claim(
        id=1,
        statement="A unit that a large step has killed never activates again",
        source="question",
        statistic=f"{_KILLED} that are active on no input at any later step, to the end of training",
        threshold=0.9,
        conditions=_to_the_end(NEVER_AGAIN),
        note=f"{_THEN} The verdict goes by a first step at rate 3 (Adam: .3).",
    ),
    Claim(
        id=1,
        statement="A unit that a large step has killed is dead at the end of training",
        source="question",
        statistic=f"{_KILLED} that are dead at the end, whatever they were on the way",
        threshold=0.9,
        conditions=_to_the_end(DEAD_AT_END),
        note=f"{_THEN} The verdict goes by a first step at rate 3 (Adam: .3).",
    ),
    law(
        id=1,
        statement="In layer 1 death is for good under plain SGD",
        source="question",
        statistic=f"{_KILLED}, layer 1, that are active at any later step",
        conditions=in_settings(
            NAME,
            functools.partial(_fate, ~NEVER_AGAIN, 1),
            {"": {**PLAIN, **MANY}},
            worlds=TO_THE_END,
            optimizers=SGD,
        ),
        note="A law: its inputs are the data, so its slope is 0 on each for ever, and so is its gradient.",
    ),
    law(
        id=44,
        statement="A unit with z <= 0 on all inputs gets no gradient, so contributes nothing to training",
        source="answer 3",
        statistic="share of the units dead at the end whose weights or bias have a gradient other than 0, all layers",
        conditions=in_settings(NAME, _nonzero, {"": {**PLAIN, **MANY}}, worlds=TO_THE_END),
        note="A law, whatever the optimiser: the factor f'(z) of its gradient is 0 on every input. By automatic "
        "differentiation of the loss on the training set; all first steps together.",
    ),
    law(
        id=45,
        statement="So its weights are not updated: under plain SGD they keep every bit",
        source="answer 1, answer 4",
        statistic=f"{_KILLED} of whose weights or bias a bit changed after it, layer 1",
        conditions=(
            *in_settings(
                NAME,
                lambda runs: pooled(changed_bits, of_fates(pl.len(), layer=1), runs),
                {"": {**PLAIN, **MANY}},
                worlds=TO_THE_END,
                optimizers=SGD,
            ),
            *in_settings(
                NAME,
                functools.partial(_though_dead, MOVED, SHARE),
                {"all layers, units never active again": {**PLAIN, **MANY}},
                worlds=TO_THE_END,
                optimizers=SGD,
                beside=True,
            ),
        ),
        note="A law: the update is the rate times 0. At z = 0 the slope is a convention: 0 by JAX's and PyTorch's "
        "relu, a half by maximum(z, 0); answer 2's formula takes 1.",
    ),
    Claim(
        id=45,
        statement="Nor are they updated with momentum or Adam",
        source="answer 1, answer 4",
        statistic=f"{_KILLED}, and never active again, whose weights or bias moved after it, all layers",
        direction="below",
        threshold=0.1,
        conditions=_afterwards(MOVED, "momentum", "adam"),
        note="The gradient is 0, but the optimiser remembers those of before.",
    ),
    Claim(
        id=45,
        statement="With momentum or Adam what a dead unit still moves is little",
        source="answer 1, answer 4",
        statistic="how far units killed by the first step, and never active again, move after it, over the length of "
        "that step, both at one rate",
        direction="below",
        threshold=0.1,
        conditions=_afterwards(CARRIED, "momentum", "adam", bounds=(0.0, np.inf)),
        note="All go on in the direction of the step that killed them. Momentum .9 without another gradient makes 9 "
        "further steps in all, .9 + .81 + …; the distance is divided by the rate of later steps over the first's.",
    ),
)
