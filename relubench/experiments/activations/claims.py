"""The claims about activations."""

from __future__ import annotations

import polars as pl

from relubench.experiments.cases import AT_BEST, Cases, at_rates, crossed, each, of_levels, of_optimizers
from relubench.findings.claims import Claim, Tables, mean_of, of_layers, paired, paired_at_best
from relubench.findings.claims.metrics import Where

FACTOR = "factor.activation"
#: Rates at which plain ReLU networks lose many units; those of them at which no other network diverges; and rates at
#: which bounded units may saturate.
HIGH_RATES = (("sgd", 1.0), ("adam", 0.03), ("adam", 0.1))
COMPARED_RATES = (("adam", 0.03), ("adam", 0.1))
SATURATING_RATES = (("adam", 0.03), ("adam", 0.1), ("adam", 0.3))

#: The note of a claim that is judged at the compared rates.
NO_PAIRS = "Under SGD the other networks diverge at the rates at which ReLU units die: see the figure."

RELU: Where = {FACTOR: "relu"}
#: Leaky ReLU with slopes as they are used.
LEAKY = of_levels("activations", "activation", ("leaky_001", "leaky_01"))


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
    statement, leaky = "Leaky ReLU gives silent units a chance to recover", at_rates(COMPARED_RATES, LEAKY)
    return (
        Claim(
            id=11,
            statement=f"{statement}: fewer are silent at the end",
            source="answer",
            statistic="share of leaky units silent at the end less that of ReLU units, at a high rate",
            direction="below",
            smallest=0.05,
            conditions=each(leaky, lambda runs: paired("silent_train_fraction", {**runs, **RELU}, runs)),
            note=f"A silent unit has z <= 0 on every training input; a silent ReLU unit is dead. {NO_PAIRS}",
        ),
        Claim(
            id=11,
            statement=f"{statement}: some wake again",
            source="answer",
            statistic="share of leaky units silent at some probe and no more at the end, at least, at a high rate",
            smallest=0.05,
            conditions=each(leaky, lambda runs: mean_of(woken, runs, bounds=(0.0, 1.0))),
            note="The most silent units at any probe, less those at the end: a lower bound.",
        ),
    )


def _keep_a_gradient() -> Claim:
    bounded = {level: {FACTOR: level} for level in ("sigmoid", "tanh")}
    without = of_layers(pl.col("dead_train").sum() / pl.col("saturated_train").sum())
    return Claim(
        id=12,
        statement="Sigmoid and tanh units saturate, but keep a small gradient",
        source="answer",
        statistic="share of the saturated units that have no gradient at all in float32",
        direction="below",
        threshold=0.05,
        conditions=each(
            crossed(bounded, at_rates(SATURATING_RATES)), lambda runs: mean_of(without, runs, bounds=(0.0, 1.0))
        ),
        note="In exact arithmetic the slope is never 0. In float32 1 - tanh(z)^2 is 0 from |z| of about 9 on, and "
        "sigmoid's slope from z of about 17, left of 0 only from about -88. Only runs with saturated units count.",
    )


def _at_best(activation: Where) -> Cases:
    return crossed(of_optimizers(("sgd", "adam")), {"": activation})


def _better(id_: int, statement: str, a: Where, b: Where, shown: str) -> tuple[Claim, Claim]:
    """Return the claims that b is better than a: more accurate, and with fewer units that are as `shown`."""
    return (
        Claim(
            id=id_,
            statement=f"{statement}: more accurate",
            source="comment",
            statistic="difference of test accuracy, each at its best rate",
            smallest=0.01,
            conditions=each(_at_best(b), lambda runs: paired_at_best("test_accuracy", {**runs, **a}, runs)),
            note=AT_BEST,
        ),
        Claim(
            id=id_,
            statement=f"{statement}: fewer {shown} units",
            source="comment",
            statistic=f"difference of {shown} units at a high rate",
            direction="below",
            smallest=0.05,
            conditions=each(
                at_rates(COMPARED_RATES, {"": b}), lambda runs: paired(f"{shown}_train_fraction", {**runs, **a}, runs)
            ),
            note=NO_PAIRS,
        ),
    )


CLAIMS = (
    *_recover(),
    _keep_a_gradient(),
    *_better(13, "ELU is better than ReLU", RELU, {FACTOR: "elu"}, "dead"),
    *_better(24, "A slope of 0.1 is better than 0.01", {FACTOR: "leaky_001"}, {FACTOR: "leaky_01"}, "silent"),
    Claim(
        id=26,
        statement="A negative slope left of 0 works as well as ReLU",
        source="comment",
        statistic="test accuracy with slope -0.1 less that of ReLU, each at its best rate",
        threshold=-0.01,
        conditions=each(
            _at_best({FACTOR: "leaky_minus_01"}), lambda runs: paired_at_best("test_accuracy", {**runs, **RELU}, runs)
        ),
        note=f"As well: at most 1 point less. Its units cannot die, as with any slope but 0. {AT_BEST}",
    ),
)
