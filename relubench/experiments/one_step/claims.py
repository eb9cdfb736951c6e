"""The claims about single steps."""

from __future__ import annotations

import functools

import polars as pl

from relubench.experiments.cases import crossed, each, of_levels
from relubench.experiments.one_step.fates import RATE, of_fates, tenth_deadly_rate
from relubench.experiments.one_step.metrics import VARIANTS, of
from relubench.findings.claims import Claim, Condition, Tables, mean_of, paired, paired_ratio
from relubench.findings.claims.metrics import Where, needing, needs_of

#: Training examples of the digits.
EXAMPLES = 1437
#: The rate at which settings are compared: the default one.
USUAL = 0.1
#: And one at which a step is certainly large.
HIGH = 10.0


def _at(variant: str) -> Where:
    return {**of(variant), RATE: USUAL}


@needing(*needs_of(tenth_deadly_rate))
def _tenth_an_example(tables: Tables) -> pl.DataFrame:
    """Return the rate at which every tenth unit is killed, times the examples where their losses are summed."""
    summed = tables.runs.select("run_id", summed=pl.col("loss.reduction") == "sum")
    factor = pl.when("summed").then(EXAMPLES).otherwise(1)
    rates = tenth_deadly_rate(tables).join(summed, on="run_id", maintain_order="left")
    return rates.select("run_id", value=pl.col("value") * factor)


#: A claim that a test proves.
_proved = functools.partial(Claim, kind="exact test", decided="holds")

_FOR_GOOD = Claim(
    id=1,
    statement="One large step can kill a unit for good",
    source="question",
    statistic="share of the units killed by the first step that are dead at the end, over all rates",
    threshold=0.9,
    conditions=tuple(
        Condition(f"layer {layer}", mean_of(of_fates(pl.col("for_good"), layer=layer), of("plain"), bounds=(0.0, 1.0)))
        for layer in (1, 2)
    ),
    note="Plain SGD: layer 1 has the same inputs for ever, so a dead unit there can never move; layer 2 does not.",
)
_BY_BIAS = Claim(
    id=18,
    statement="A large error kills through the bias alone",
    source="answer",
    statistic="share of the units killed by the first step that the move of the bias alone would kill",
    threshold=0.5,
    conditions=each(
        crossed(
            of_levels("one_step", "variant", ("loss_100", "one_input_far")),
            {f"rate {rate:g}": {RATE: rate} for rate in (USUAL, HIGH)},
        ),
        lambda runs: mean_of(of_fates(pl.col("by_bias")), runs, bounds=(0.0, 1.0)),
    ),
    note=(
        "The step moves z on x by x·x' + 1, summed over the examples x' on which the unit is active, times their "
        "errors: the 1 is the bias's part, small beside many inputs."
    ),
)
_LOCAL_GRADIENT = _proved(
    id=19,
    statement="ReLU's local gradient is 0 or 1, and 0 at a tie",
    source="answer",
    note="tests/nn/test_relu_slope.py, over all float32 numbers; leaky units take slope 1 at z = 0, other libraries ½.",
)
_AUGMENTED = _proved(
    id=20,
    statement="The bias is a weight w0 on a constant input of 1",
    source="answer",
    note="tests/experiments/test_one_step.py: trained so, weights are the same and the same units die.",
)
_INPUTS = Claim(
    id=27,
    statement="Large inputs, or inputs of one sign, make one step deadlier",
    source="comment",
    statistic="rate at which one step kills a tenth of the units, over that with plain inputs",
    direction="below",
    threshold=1.0,
    smallest=0.5,
    conditions=each(
        of_levels("one_step", "variant", ("inputs_10", "inputs_positive")),
        lambda runs: paired_ratio(tenth_deadly_rate, of("plain"), runs),
    ),
    note="A factor of 2 counts.",
)
_SUMMED = Claim(
    id=30,
    statement="A summed loss kills at a rate n times lower",
    source="comment",
    statistic="rate at which one step kills a tenth of the units: mean loss over n × sum, and the inverse",
    threshold=0.99,
    conditions=(
        Condition("no sooner", paired_ratio(_tenth_an_example, of("summed"), of("plain"))),
        Condition("no later", paired_ratio(_tenth_an_example, of("plain"), of("summed"))),
    ),
    note=f"n = {EXAMPLES:,} training examples. Both ratios are 1 but for rounding.",
)
_CHAIN_RULE = _proved(
    id=34,
    statement="The chain rule gives the gradient, 0 for a dead unit",
    source="comment",
    note="tests/experiments/test_one_step.py: formula, automatic differentiation and finite differences agree.",
)
_UPSTREAM = Claim(
    id=38,
    statement="A large upstream gradient kills; clipping prevents it",
    source="comment",
    statistic=f"share of units dead after one step with the loss × 100, less that without it or clipped, rate {USUAL}",
    smallest=0.05,
    conditions=tuple(
        Condition(
            f"against {VARIANTS[variant]}",
            paired(of_fates(pl.col("dead_after_step")), _at(variant), _at("loss_100"), bounds=(0.0, 1.0)),
        )
        for variant in ("plain", "loss_100_clipped")
    ),
    note="Clipped: the norm of the whole gradient to 1.",
)

CLAIMS = (_FOR_GOOD, _BY_BIAS, _LOCAL_GRADIENT, _AUGMENTED, _INPUTS, _SUMMED, _CHAIN_RULE, _UPSTREAM)
