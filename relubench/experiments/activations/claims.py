"""The claims about activations."""

from __future__ import annotations

import polars as pl

from relubench.experiments.by_optimizer import AT_BEST, Where, at, at_best_rates, at_rates, labelled
from relubench.experiments.designs import titles
from relubench.findings.claims import Claim, Condition, Tables, mean_of, of_layers

FACTOR = "factor.activation"
TITLES = titles("activations", "activation")
OPTIMIZERS = ("sgd", "adam")
#: Rates at which plain ReLU networks lose many units; those of them at which no other network diverges; and rates at
#: which bounded units may saturate.
HIGH_RATES = (("sgd", 1.0), ("adam", 0.03), ("adam", 0.1))
COMPARED_RATES = (("adam", 0.03), ("adam", 0.1))
SATURATING_RATES = (("adam", 0.03), ("adam", 0.1), ("adam", 0.3))

#: The note of a claim that is judged at the compared rates.
NO_PAIRS = "Under SGD the other networks diverge at the rates at which ReLU units die: see the figure."

RELU: Where = {FACTOR: "relu"}
ELU: Where = {FACTOR: "elu"}
#: Leaky ReLU with slopes as they are used.
LEAKY = ("leaky_001", "leaky_01")
NEGATIVE: Where = {FACTOR: "leaky_minus_01"}


def woken(tables: Tables) -> pl.DataFrame:
    """Return the metric: how far the share of silent units has fallen at the end from the most at any probe.

    So many units at least, of all, have been silent and are no more.
    """
    finite = tables.runs.filter(~pl.col("diverged")).select("run_id")
    share = pl.col("silent_train").sum() / pl.col("units").sum()
    probes = tables.layers.join(finite, on="run_id").group_by("run_id", "step").agg(share=share)
    fallen = pl.col("share").max() - pl.col("share").sort_by("step").last()
    return probes.group_by("run_id").agg(value=fallen)


def _recover() -> tuple[Claim, Claim]:
    statement, levels = "Leaky ReLU gives silent units a chance to recover", LEAKY
    return (
        Claim(
            id=11,
            statement=f"{statement}: fewer are silent at the end",
            source="answer",
            statistic="share of leaky units silent at the end less that of ReLU units, at a high rate",
            direction="below",
            smallest=0.05,
            conditions=tuple(
                condition
                for level in levels
                for condition in at_rates(
                    "silent_train_fraction", COMPARED_RATES, RELU, {FACTOR: level}, label=TITLES[level]
                )
            ),
            note=f"A silent unit has z <= 0 on every training input; a silent ReLU unit is dead. {NO_PAIRS}",
        ),
        Claim(
            id=11,
            statement=f"{statement}: some wake again",
            source="answer",
            statistic="share of leaky units silent at some probe and no more at the end, at least, at a high rate",
            smallest=0.05,
            conditions=tuple(
                Condition(
                    labelled(optimizer, f"rate {rate:g}", TITLES[level]),
                    mean_of(woken, {**at(optimizer, rate), FACTOR: level}, bounds=(0.0, 1.0)),
                )
                for level in levels
                for optimizer, rate in COMPARED_RATES
            ),
            note="The most silent units at any probe, less those at the end: a lower bound.",
        ),
    )


def _keep_a_gradient() -> Claim:
    without = of_layers(pl.col("dead_train").sum() / pl.col("saturated_train").sum())
    return Claim(
        id=12,
        statement="Sigmoid and tanh units saturate, but keep a small gradient",
        source="answer",
        statistic="share of the saturated units that have no gradient at all in float32",
        direction="below",
        threshold=0.05,
        conditions=tuple(
            Condition(
                f"{activation}, {labelled(optimizer, f'rate {rate:g}')}",
                mean_of(without, {FACTOR: activation, **at(optimizer, rate)}, bounds=(0.0, 1.0)),
            )
            for activation in ("sigmoid", "tanh")
            for optimizer, rate in SATURATING_RATES
        ),
        note="In exact arithmetic the slope is never 0. In float32 1 - tanh(z)^2 is 0 from |z| of about 9 on, and "
        "sigmoid's slope from z of about 17, left of 0 only from about -88. Only runs with saturated units count.",
    )


def _better(id_: int, statement: str, a: Where, b: Where, metric: str, shown: str) -> tuple[Claim, Claim]:
    """Return the claims that b is better than a: more accurate, and with fewer units that do nothing (`metric`)."""
    return (
        Claim(
            id=id_,
            statement=f"{statement}: more accurate",
            source="comment",
            statistic="difference of test accuracy, each at its best rate",
            smallest=0.01,
            conditions=at_best_rates("test_accuracy", OPTIMIZERS, a, b, choose="test_accuracy"),
            note=AT_BEST,
        ),
        Claim(
            id=id_,
            statement=f"{statement}: fewer {shown} units",
            source="comment",
            statistic=f"difference of {shown} units at a high rate",
            direction="below",
            smallest=0.05,
            conditions=at_rates(metric, COMPARED_RATES, a, b),
            note=NO_PAIRS,
        ),
    )


CLAIMS = (
    *_recover(),
    _keep_a_gradient(),
    *_better(13, "ELU is better than ReLU", RELU, ELU, "dead_train_fraction", "dead"),
    *_better(
        24,
        "A slope of 0.1 is better than 0.01",
        {FACTOR: LEAKY[0]},
        {FACTOR: LEAKY[1]},
        "silent_train_fraction",
        "silent",
    ),
    Claim(
        id=26,
        statement="A negative slope left of 0 works as well as ReLU",
        source="comment",
        statistic="test accuracy with slope -0.1 less that of ReLU, each at its best rate",
        threshold=-0.01,
        conditions=at_best_rates("test_accuracy", OPTIMIZERS, RELU, NEGATIVE, choose="test_accuracy"),
        note=f"As well: at most 1 point less. Its units cannot die, as with any slope but 0. {AT_BEST}",
    ),
)
