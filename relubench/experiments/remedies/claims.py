"""Claim 7: re-randomising and freezing allows higher rates and better accuracy."""

from __future__ import annotations

import functools
from collections.abc import Callable

from relubench.experiments.remedies.metrics import at_best_rate, at_high_rate, usable_rates
from relubench.experiments.remedies.variants import FROZEN, HIGH_RATE
from relubench.findings.claims import Claim, Condition
from relubench.findings.claims.measurements import Measurement
from relubench.plots import style


def _conditions(measure: Callable[[str, str], Measurement]) -> tuple[Condition, ...]:
    return tuple(Condition(style.name(name), measure(name, FROZEN)) for name in HIGH_RATE)


_NOTE = (
    "Every weight <= 0 of the hidden layers is drawn anew after each epoch; one layer in turn stands still. "
    "The last probe comes just before a redraw."
)
_claim = functools.partial(Claim, id=7, source="answer", note=_NOTE)

CLAIMS = (
    _claim(
        statement="Re-randomising with frozen layers allows higher learning rates",
        statistic="highest usable rate with it over that without it, geometric mean",
        threshold=1.0,
        smallest=0.5,
        conditions=_conditions(usable_rates),
    ),
    _claim(
        statement="Re-randomising with frozen layers gives a better accuracy",
        statistic="test accuracy with it less that without it, each at its own best rate",
        smallest=0.01,
        conditions=_conditions(lambda *cell: at_best_rate("test_accuracy", *cell)),
    ),
    _claim(
        statement="Re-randomising with frozen layers keeps units alive at a high rate",
        statistic="dead share of units with it less that without it, at a high rate",
        direction="below",
        smallest=0.05,
        conditions=_conditions(lambda *cell: at_high_rate("dead_train_fraction", *cell)),
    ),
)
