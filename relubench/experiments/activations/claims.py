"""The claims about activations."""

from __future__ import annotations

import functools

import polars as pl

from relubench.experiments.cases import HIGH, PROPER, at, enough_dead, in_settings
from relubench.findings.claims import Claim, Condition, of_layers, paired, pooled, pooled_difference
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.metrics import Metric, Where
from relubench.findings.spells import TENTH, count_at, count_found

NAME, FACTOR = "activations", "factor.activation"
RELU, LEAKY, LEAKY_01, MINUS, ELU = (
    {FACTOR: level} for level in ("relu", "leaky_001", "leaky_01", "leaky_minus_01", "elu")
)
#: Settings in which all activations are tried.
SMALL = ("digits", "moons")
SILENT, SATURATED = "silent_train_fraction", of_layers(pl.col("saturated_train").sum() / pl.col("units").sum())
#: Runs of an activation, beside those of ReLU, that are silent at a probe and active at the end.
_SILENT_FOUND = (count_found(pl.col("at_end"), state="unit_silent"), count_found(state="unit_silent"))


def _more_recover(
    than: Where, of: Where, settings: tuple[str, ...] | None = None, *, beside: bool = False, suffix: str = ""
) -> tuple[Condition, ...]:
    def measure(runs: Where) -> Measurement:
        return pooled_difference(*_SILENT_FOUND, {**runs, **than}, {**runs, **of})

    cases = at(HIGH)
    return in_settings(NAME, measure, cases, worlds=settings, label=suffix, beside=beside)


def _difference(
    metric: Metric,
    than: Where,
    of: Where,
    rate: Where = HIGH,
    settings: tuple[str, ...] | None = None,
    *,
    beside: str = "",
) -> tuple[Condition, ...]:
    """Compare two activations at a rate, `beside` as it is then called; at the high one only if ReLU's units die."""
    return in_settings(
        NAME,
        lambda runs: paired(metric, {**runs, **than}, {**runs, **of}, bounds=(0.0, 1.0)),
        at(rate),
        worlds=settings,
        premise=enough_dead(RELU) if rate is HIGH else None,
        label=beside,
        beside=bool(beside),
    )


def _bounded(measure: functools.partial[Measurement], rate: Where, *, beside: bool) -> tuple[Condition, ...]:
    """Measure sigmoid and tanh, of which tanh decides."""
    return tuple(
        condition
        for level in ("tanh", "sigmoid")
        for condition in in_settings(
            NAME, measure, at(rate, {FACTOR: level}), worlds=SMALL,
            label=f"{level}, {'high' if rate is HIGH else 'proper'} rate", beside=beside or level != "tanh",
        )
    )  # fmt: skip


def _no_gradient(runs: Where) -> Measurement:
    return pooled(of_layers(pl.col("dead_train").sum()), of_layers(pl.col("saturated_train").sum()), runs)


def _leave_saturation(runs: Where) -> Measurement:
    after_a_tenth = functools.partial(count_at, TENTH, state="unit_saturated")
    return pooled(after_a_tenth(pl.col("at_end")), after_a_tenth(), runs)


_ELU_LEAKY = "ELU is better than leaky ReLU"
_SLOPES = "A slope of 0.1 is better than 0.01"

CLAIMS = (
    Claim(
        id=11,
        statement="Leaky ReLU gives silent units a chance to recover",
        source="answer 1",
        statistic="share of the units that a probe found silent and that are active at the end, less that of ReLU",
        smallest=0.05,
        conditions=(
            *_more_recover(RELU, LEAKY),
            *_more_recover(RELU, LEAKY_01, SMALL, beside=True, suffix="slope 0.1"),
        ),
        note="Silent: z <= 0 on every training input; a silent ReLU unit is dead. ReLU's high rate, slope .01.",
    ),
    Claim(
        id=11,
        statement="And it leaves fewer units silent",
        source="answer 1",
        statistic="share of leaky units silent at the end less that of ReLU units, at ReLU's high rate",
        direction="below",
        smallest=0.05,
        conditions=_difference(SILENT, RELU, LEAKY),
    ),
    Claim(
        id=12,
        statement="Sigmoid and tanh units saturate, but always have a small gradient",
        source="answer 1",
        statistic="share of the saturated units that have no gradient at all in float32",
        direction="below",
        threshold=0.05,
        conditions=(
            *_bounded(functools.partial(_no_gradient), HIGH, beside=False),
            *_bounded(functools.partial(_no_gradient), PROPER, beside=True),
        ),
        note="In exact arithmetic the slope is never 0. In float32 1 - tanh(z)^2 is 0 from |z| of about 9 on, and "
        "sigmoid's slope from z of about 17, left of 0 only from about -88. The verdict goes by tanh.",
    ),
    Claim(
        id=12,
        statement="Saturated units recover in the long term",
        source="answer 1",
        statistic="share of the units saturated after a tenth of training that are not at the end",
        threshold=0.5,
        conditions=(
            *_bounded(functools.partial(_leave_saturation), HIGH, beside=False),
            *_bounded(functools.partial(_leave_saturation), PROPER, beside=True),
        ),
        note="The verdict goes by tanh.",
    ),
    Claim(
        id=13,
        statement=f"{_ELU_LEAKY}: fewer silent units",
        source="comment on answer 1",
        statistic="share of ELU units silent at the end less that of leaky units, at ReLU's high rate",
        direction="below",
        smallest=0.05,
        conditions=_difference(SILENT, LEAKY, ELU),
    ),
    Claim(
        id=13,
        statement=f"{_ELU_LEAKY}: no more saturated units",
        source="comment on answer 1",
        statistic="share of ELU units saturated at the end less that of leaky units, at ReLU's high rate",
        direction="below",
        threshold=0.05,
        conditions=_difference(SATURATED, LEAKY, ELU),
        note="A leaky unit of slope .01 is never saturated.",
    ),
    Claim(
        id=24,
        statement=f"{_SLOPES}: more accurate",
        source="answer 2",
        statistic="difference of test accuracy at ReLU's proper rate",
        smallest=0.01,
        conditions=(
            *_difference("test_accuracy", LEAKY, LEAKY_01, PROPER, SMALL),
            *_difference("test_accuracy", LEAKY, LEAKY_01, HIGH, SMALL, beside="high rate"),
        ),
    ),
    Claim(
        id=24,
        statement=f"{_SLOPES}: fewer silent units",
        source="answer 2",
        statistic="difference of silent units at ReLU's high rate",
        direction="below",
        smallest=0.05,
        conditions=(
            *_difference(SILENT, LEAKY, LEAKY_01, HIGH, SMALL),
            *_difference(SILENT, LEAKY, LEAKY_01, PROPER, SMALL, beside="proper rate"),
        ),
    ),
    Claim(
        id=26,
        statement="A slope below 0 on the left has a similar effect: accuracy",
        source="comment on answer 2",
        statistic="test accuracy with slope -0.1 less that of leaky ReLU 0.1, at ReLU's proper rate",
        threshold=-0.01,
        conditions=_difference("test_accuracy", LEAKY_01, MINUS, PROPER, SMALL),
        note="Similar: at most 1 point less. Read as a leaky slope, the sentence is claims 11 and 24.",
    ),
    Claim(
        id=26,
        statement="A slope below 0 on the left has a similar effect: silent units",
        source="comment on answer 2",
        statistic="share of silent units with slope -0.1 less that of leaky ReLU 0.1, at ReLU's high rate",
        direction="below",
        threshold=0.05,
        conditions=_difference(SILENT, LEAKY_01, MINUS, HIGH, SMALL),
        note="Its units cannot die, as with any slope but 0.",
    ),
    Claim(
        id=26,
        statement="A slope below 0 on the left has a similar effect: recovery",
        source="comment on answer 2",
        statistic="share of the units that a probe found silent and that are active at the end, less that of ReLU",
        smallest=0.05,
        conditions=_more_recover(RELU, MINUS, SMALL),
    ),
)
