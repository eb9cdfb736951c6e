"""The claims about learning rates."""

from __future__ import annotations

from collections.abc import Callable

from relubench.experiments.cases import AT_BEST, RATE, in_settings, rate_by_rule
from relubench.findings.claims import Claim, mean_of, paired, paired_at_best
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.metrics import Where

NAME, ACTIVATION = "learning_rate", "model.activation.name"
RELU, LEAKY, ELU = ({ACTIVATION: name} for name in ("relu", "leaky_relu", "elu"))
#: Accuracy that the pilot's networks lose at most against the best rate's where they count as working as well.
KEPT = 0.02
#: A proper rate is to be had within this factor to either side.
NEAR = 10 ** (4 / 8)


def _dead(rule: str, factor: float = 1.0) -> Callable[[Where], Measurement]:
    """Measure the dead share of ReLU units at a rate by rule, or at one off it by a factor."""
    return lambda runs: mean_of("dead_train_fraction", {**runs, **RELU, RATE: rate_by_rule(NAME, runs, rule, factor)})


def _kept(runs: Where) -> Measurement:
    proper, kept = ({RATE: rate_by_rule(NAME, runs, rule)} for rule in ("proper", "kept"))
    return paired("test_accuracy", {**runs, **RELU, **proper}, {**runs, **RELU, **kept})


def _more_accurate(runs: Where) -> Measurement:
    return paired_at_best("test_accuracy", {**runs, **LEAKY}, {**runs, **ELU})


CLAIMS = (
    Claim(
        id=2,
        statement="As much as 40 % of a network can be dead where the learning rate is too high",
        source="question",
        statistic="share of ReLU units dead at the rate where it was largest on pilot seeds",
        threshold=0.4,
        conditions=in_settings(NAME, _dead("deadliest")),
        note="Of the rates at which fewer than half of the pilot's runs diverged.",
    ),
    Claim(
        id=2,
        statement="As much as 40 % of a network can be dead while it works as well as at the best rate",
        source="question",
        statistic="share of ReLU units dead at the rate where it was largest among those that keep the accuracy",
        threshold=0.4,
        conditions=in_settings(NAME, _dead("kept")),
        note=f"Keep: a mean test accuracy within {100 * KEPT:g} points of that at the best rate, on pilot seeds; the "
        "next claim tells in which settings that is so at other seeds.",
    ),
    Claim(
        id=2,
        statement="And at that rate it does work as well",
        source="question",
        statistic="test accuracy of ReLU networks at that rate less that at the proper one",
        threshold=-KEPT,
        conditions=in_settings(NAME, _kept),
        note="A check of the one before, which rests on rates found on pilot seeds.",
    ),
    Claim(
        id=3,
        statement="At a proper learning rate dead units are less frequent",
        source="question",
        statistic="share of ReLU units dead at the rate with the best test accuracy on pilot seeds",
        direction="below",
        threshold=0.1,
        conditions=in_settings(NAME, _dead("proper")),
        note="Units born dead count too.",
    ),
    Claim(
        id=3,
        statement="And within a factor of three of a proper rate they are, too: below it",
        source="question",
        statistic="share of ReLU units dead at a third of the proper rate",
        direction="below",
        threshold=0.1,
        conditions=in_settings(NAME, _dead("proper", 1 / NEAR)),
        note="A third: by a factor of 3.16, four steps of the grid.",
    ),
    Claim(
        id=3,
        statement="And within a factor of three of a proper rate they are, too: above it",
        source="question",
        statistic="share of ReLU units dead at three times the proper rate",
        direction="below",
        threshold=0.1,
        conditions=in_settings(NAME, _dead("proper", NEAR)),
        note="Three times: by a factor of 3.16, four steps of the grid.",
    ),
    Claim(
        id=13,
        statement="ELU is better than leaky ReLU: more accurate",
        source="comment on answer 1",
        statistic="test accuracy with ELU less that with leaky ReLU, each at its own best rate",
        smallest=0.01,
        conditions=in_settings(NAME, _more_accurate),
        note=AT_BEST,
    ),
)
