"""The cases of conf/experiment/revival.yaml: an optimiser and what is done with it."""

from __future__ import annotations

from relubench.experiments.designs import design
from relubench.findings.claims.metrics import Where

NAME, FACTOR = "optimizer.name", "factor.case"
OPTIMIZERS = {"sgd": "SGD", "momentum": "momentum", "adam": "Adam"}
#: What is done, by the end of a level's name, in the order of the figures.
VARIANTS = {
    "low": "low rate",
    "high": "high rate",
    "frozen_1": "layer 1 frozen",
    "frozen_2": "1 and 2 frozen",
    "equal_decay": "equal decay",
    "bias_decay": "bias decay",
}


def case(optimizer: str, variant: str) -> Where:
    """Choose the runs of an optimiser and of one of `VARIANTS`."""
    return {FACTOR: f"{optimizer}_{variant}"}


def _rates(variant: str) -> dict[str, float]:
    """Return the learning rate of each optimiser that has the variant."""
    whole = design("revival")
    assert whole is not None, "conf/experiment/revival.yaml"
    levels = {level.name: level.values for level in whole.factors[0].levels}
    named = {name: levels.get(f"{name}_{variant}") for name in OPTIMIZERS}
    return {name: values["optimizer.learning_rate"] for name, values in named.items() if values is not None}


#: A rate at which hardly a unit dies, and one at which many do.
LOW, HIGH = _rates("low"), _rates("high")
RATES = {"low": LOW, "high": HIGH}
