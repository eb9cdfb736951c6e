"""Conditions of claims judged for each optimiser: two settings compared at a rate of its own, or each at its best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from relubench.claims import Condition, paired, paired_at_best
from relubench.claims.metrics import Metric
from relubench.report import style

if TYPE_CHECKING:
    from relubench.stats import Bounds

RATE, OPTIMIZER = "optimizer.learning_rate", "optimizer.name"
#: Optimiser -> learning rate.
Rates = Mapping[str, float]
#: Which runs: the values of columns of runs.
Where = Mapping[str, Any]

#: The note of a claim that is judged at best rates.
AT_BEST = "The rate is chosen on one half of the seeds and measured on the other."


def at_rates(
    metric: Metric, rates: Rates, a: Where, b: Where, *, label: str = "", bounds: Bounds | None = None
) -> tuple[Condition, ...]:
    """Measure how much more of `metric` b has than a, by pairs of seeds, at the rate of each optimiser."""
    return tuple(
        Condition(
            labelled(optimizer, label),
            paired(metric, {**at(optimizer, rate), **a}, {**at(optimizer, rate), **b}, bounds=bounds),
        )
        for optimizer, rate in rates.items()
    )


def at_best_rates(metric: str, optimizers: Iterable[str], a: Where, b: Where) -> tuple[Condition, ...]:
    """Measure how much more of `metric` b has than a, each at the rate where it has most, for each optimiser."""
    return tuple(
        Condition(
            labelled(optimizer),
            paired_at_best(metric, {OPTIMIZER: optimizer, **a}, {OPTIMIZER: optimizer, **b}, choose=metric),
        )
        for optimizer in optimizers
    )


def at(optimizer: str, rate: float) -> Where:
    """Return the keys of runs with this optimiser and learning rate."""
    return {OPTIMIZER: optimizer, RATE: rate}


def labelled(optimizer: str, label: str = "") -> str:
    """Return a condition's label: the optimiser, and what else makes it."""
    return ", ".join(filter(None, (style.name(optimizer), label)))


def told(rates: Rates) -> str:
    """Return optimisers with their rates in words."""
    return ", ".join(f"{style.name(optimizer)} {rate:g}" for optimizer, rate in rates.items())
