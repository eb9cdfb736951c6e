"""Conditions of claims judged for each optimiser: two settings compared at given rates, or each at its best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from relubench.findings.claims import Condition, paired, paired_at_best
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.metrics import Metric, Where
from relubench.plots import style

__all__ = ["AT_BEST", "OPTIMIZER", "RATE", "Rates", "Where", "at", "at_best_rates", "at_rates", "labelled"]

RATE, OPTIMIZER = "optimizer.learning_rate", "optimizer.name"
#: Pairs of an optimiser and a learning rate.
Rates = Sequence[tuple[str, float]]

#: The note of a claim that is judged at best rates.
AT_BEST = "Each half of the seeds is measured at the rate chosen on the other half."


def at_rates(
    metric: Metric,
    rates: Rates,
    a: Where,
    b: Where,
    *,
    label: str = "",
    compare: Callable[[Metric, Where, Where], Measurement] = paired,
) -> tuple[Condition, ...]:
    """Measure how much more of `metric` b has than a (or as `compare` does), at each of the optimisers' rates."""
    return tuple(
        Condition(
            labelled(optimizer, f"rate {rate:g}", label),
            compare(metric, {**at(optimizer, rate), **a}, {**at(optimizer, rate), **b}),
        )
        for optimizer, rate in rates
    )


def at_best_rates(
    metric: Metric, optimizers: Iterable[str], a: Where, b: Where, *, choose: str, higher_is_better: bool = True
) -> tuple[Condition, ...]:
    """Measure how much more of `metric` b has than a, each at the rate with the best `choose`, for each optimiser."""
    return tuple(
        Condition(
            labelled(optimizer),
            paired_at_best(
                metric,
                {OPTIMIZER: optimizer, **a},
                {OPTIMIZER: optimizer, **b},
                choose=choose,
                higher_is_better=higher_is_better,
            ),
        )
        for optimizer in optimizers
    )


def at(optimizer: str, rate: float) -> Where:
    """Return the keys of runs with this optimiser and learning rate."""
    return {OPTIMIZER: optimizer, RATE: rate}


def labelled(optimizer: str, *parts: str) -> str:
    """Return a condition's label: the optimiser, and what else makes it."""
    return ", ".join(filter(None, (style.name(optimizer), *parts)))
