"""The claims about what makes a step deadly."""

from __future__ import annotations

import functools

import polars as pl

from relubench.experiments.cases import Cases, at, enough_dead, in_settings, of_levels
from relubench.experiments.one_step.fates import after_step, asked, born_alive, inexact
from relubench.experiments.one_step.settings import (
    CLASSES,
    LARGE,
    NAME,
    PLAIN,
    REGRESSIONS,
    SGD,
    TO_THE_END,
    USUAL,
    VARIANT,
    by_layer,
)
from relubench.findings.claims import Claim, Condition, law, mean_ratio, of_measures, paired, pooled, pooled_difference
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.metrics import Where

#: Settings with so many training examples.
EXAMPLES, POWERS_OF_TWO = 256, ("digits_256", "moons_256")
#: Targets so far away, the one first by which a claim goes.
FAR: Cases = {
    title: {**USUAL, **where} for title, where in of_levels(NAME, "variant", ("far_100", "far_10", "far_1000")).items()
}
#: Positive biases at birth, the one first by which a claim goes.
BIASES: Cases = {
    title: {**USUAL, **where} for title, where in of_levels(NAME, "variant", ("bias_01", "bias_001")).items()
}
LOSS_100, CLIPPED, ONE_SIGN = ({VARIANT: name} for name in ("loss_100", "loss_100_clipped", "one_sign"))


def _killed_more(name: str, other: str, layer: int | None, runs: Where) -> Measurement:
    """Compare the share of the units alive at birth that the step, or a part of it, kills with another variant's."""
    counts = after_step(name, layer=layer), born_alive(layer=layer)
    return pooled_difference(*counts, {**runs, VARIANT: other}, runs)


def _far(name: str, part: str) -> tuple[Condition, ...]:
    """Tell beside the bias's what another part of the step kills where the target is far away."""
    measure = functools.partial(_killed_more, name, "plain", None)
    far = {f"{part}, {title}": where for title, where in FAR.items()}
    return in_settings(NAME, measure, far, worlds=REGRESSIONS, optimizers=SGD, beside=True)


def _gradient_at_birth(layer: int | None, runs: Where) -> Measurement:
    """Compare the mean length of the units' gradients at birth with that of networks without biases then."""
    lengths = of_measures(pl.col("unit_gradient_norm").mean(), layer=layer, step=0)
    return mean_ratio(lengths, {**runs, **PLAIN}, runs)


def _which(name: str, layer: int | None, runs: Where) -> Measurement:
    """Measure the share of the units that the step killed which a measure counts."""
    return pooled(after_step(name, layer=layer), after_step("died", layer=layer), runs)


def _which_not(name: str, layer: int | None, runs: Where) -> Measurement:
    others = of_measures(pl.col("died").sum() - pl.col(name).sum(), layer=layer, step=1)
    return pooled(others, after_step("died", layer=layer), runs)


def _of_one_sign(other: str) -> tuple[Condition, ...]:
    """Compare inputs of one sign with others, in layer 1; beside it in the whole network."""
    parts: list[Condition] = []
    for layer, label in ((1, ""), (None, "all layers")):
        measure = functools.partial(_killed_more, "died", other, layer)
        parts += in_settings(
            NAME, measure, at(ONE_SIGN, LARGE), worlds=CLASSES, optimizers=SGD, label=label, beside=layer is None
        )
    return tuple(parts)


_KILLED = "share of the units alive at birth that the first step kills"
_OF_KILLED = "share of the units killed by one step at rate 3"
_INPUTS = (
    "Each input is normalised; centred: mean 0; of one sign: mean .95 and standard deviation .32, so that their mean "
    "square is 1, too; unlike: these times factors from .1 to 10, log-evenly, brought to the same mean square."
)
CLAIMS = (
    Claim(
        id=17,
        statement="A small positive bias makes the units' gradients at birth longer",
        source="comment on answer 1",
        statistic="mean length of the gradient of a unit's weights and bias at birth, biases .1 over 0",
        threshold=1,
        smallest=0.1,
        conditions=by_layer(_gradient_at_birth, BIASES, worlds=CLASSES),
        note="On the training set; hidden biases alone.",
    ),
    Claim(
        id=18,
        statement="A large error can make a single step of the bias large enough to kill",
        source="comment on answer 1",
        statistic="share of the units alive at birth that the first step of their bias alone kills, target 100 away "
        "less near, rate .1",
        smallest=0.05,
        conditions=(
            *by_layer(
                functools.partial(_killed_more, "killed_by_bias_alone", "plain"), FAR, worlds=REGRESSIONS, layers=(1, 2)
            ),
            *_far("died", "whole step"),
            *_far("killed_by_weights_alone", "weights alone"),
        ),
        note="Alone: all other parameters are those of birth, in the other layers too. A near target has mean 0 "
        "(teacher) or .16 (x sin 5x); the standard deviations are 1 and .75. The step moves z on x by x·x' + 1, summed "
        "over the examples x' on which the unit is active, times their errors: the 1 is the bias's part.",
    ),
    Claim(
        id=23,
        statement="The step that kills drives the unit's weights to smaller values",
        source="answer 2",
        statistic=f"{_OF_KILLED} whose mean incoming weight it lowers",
        threshold=0.5,
        smallest=0.1,
        conditions=by_layer(functools.partial(_which, "died_weights_fell"), at(PLAIN, LARGE), worlds=CLASSES),
        note="Inputs of layer 1 have both signs, so that a smaller weight need not be a smaller z; those of later "
        "layers are 0 or more.",
    ),
    Claim(
        id=23,
        statement="The step that kills drives the unit's weights to where they make z smaller",
        source="answer 2",
        statistic=f"{_OF_KILLED} whose weights' move lowers z, on average over the inputs on which it was active",
        threshold=0.5,
        smallest=0.1,
        conditions=by_layer(functools.partial(_which, "died_lowered_by_weights"), at(PLAIN, LARGE), worlds=CLASSES),
        note="Which is what smaller means where inputs have both signs. On the inputs of before the step.",
    ),
    Claim(
        id=27,
        statement="With inputs of one sign a large step makes z negative on all of them more often",
        source="answer 3",
        statistic=f"{_KILLED} at rate 3, layer 1: inputs of one sign less centred ones",
        smallest=0.05,
        conditions=_of_one_sign("centred"),
        note=_INPUTS,
    ),
    Claim(
        id=27,
        statement="And so it does where inputs are on roughly the same scale",
        source="answer 3",
        statistic=f"{_KILLED} at rate 3, layer 1: inputs on the same scale less unlike ones, both of one sign",
        smallest=0.05,
        conditions=_of_one_sign("unlike"),
        note=_INPUTS,
    ),
    law(
        id=30,
        statement="A loss summed over n examples kills at a rate n times lower",
        source="answer 3",
        statistic="share of the units of layer 1 whose deadly rates, the lowest and the highest, are not n times those "
        "of the summed loss to the last bit",
        conditions=in_settings(
            NAME,
            lambda runs: pooled(inexact(EXAMPLES), asked, runs),
            at({VARIANT: "summed"}, USUAL),
            worlds=POWERS_OF_TWO,
            optimizers=SGD,
        ),
        note=f"A law: η times the sum is nη times the mean. n = {EXAMPLES}, a power of two, so that even rounding is "
        "the same; tests/report/verify trains for 20 steps.",
    ),
    Claim(
        id=38,
        statement="A large gradient from above kills",
        source="answer 5",
        statistic="share of units dead after one step at rate .1, with the loss × 100 less that without",
        smallest=0.05,
        conditions=in_settings(
            NAME,
            lambda runs: paired("dead_train_fraction", {**runs, **PLAIN}, runs),
            at(LOSS_100, USUAL),
            worlds=TO_THE_END,
            optimizers=SGD,
        ),
    ),
    Claim(
        id=38,
        statement="Clipping the gradient prevents that",
        source="answer 5",
        statistic="share of units dead after one step at rate .1, loss × 100: with the gradient clipped over without",
        direction="below",
        threshold=0.5,
        conditions=in_settings(
            NAME,
            lambda runs: mean_ratio("dead_train_fraction", {**runs, **LOSS_100}, runs),
            at(CLIPPED, USUAL),
            worlds=TO_THE_END,
            optimizers=SGD,
            premise=enough_dead(LOSS_100),
        ),
        note="Prevents: at most half as many. Clipped: the norm of the whole gradient to 1.",
    ),
    Claim(
        id=38,
        statement="It is a negative gradient from above that kills",
        source="answer 5",
        statistic="share of the units killed by the first step whose bias has a negative gradient, loss × 100, rate .1",
        threshold=0.5,
        smallest=0.1,
        conditions=by_layer(
            functools.partial(_which_not, "died_bias_fell"), at(LOSS_100, USUAL), worlds=TO_THE_END
        ),
        note="The derivative of the loss by z, summed over the inputs on which the unit is active, is that by its "
        "bias. Under w - ηg a negative one raises w and the bias. Where the claim is reversed, the other reading is "
        "the one that holds: a positive gradient, so a negative update, kills.",
    ),
)  # fmt: skip
