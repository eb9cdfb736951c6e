"""Claim 7: re-randomising and freezing allows higher rates and better accuracy."""

from __future__ import annotations

import functools

from relubench.experiments.cases import in_settings
from relubench.experiments.remedies.metrics import (
    USABLE,
    USABLE_LOSS,
    at_best_rate,
    at_high_rate,
    loss_at_best_rate,
    usable_rates,
)
from relubench.experiments.remedies.variants import AT_ONCE, DEEPER, FACTOR, IN_TURN, NAME
from relubench.findings.claims import Claim

#: The readings of the sentence: layers freeze one after another, which it goes by; or in turn; or none does.
_READINGS = {"frozen deeper": {FACTOR: DEEPER}, "in turn": {FACTOR: IN_TURN}, "none frozen": {FACTOR: AT_ONCE}}
_CLASSES, _REGRESSION = ("digits", "digits_wide", "fashion"), ("linear",)
_NOTE = (
    "Every weight <= 0 of the hidden layers is drawn anew every 22 steps, an epoch of digits. The verdict goes by "
    "layers that freeze from the input on, one more of them every 154 steps."
)
_claim = functools.partial(Claim, id=7, source="comment on the question")

CLAIMS = (
    _claim(
        statement="Re-randomising with frozen layers allows higher learning rates",
        statistic="highest usable rate with it over that without it, geometric mean",
        threshold=1.0,
        smallest=0.5,
        conditions=in_settings(NAME, usable_rates, _READINGS),
        note=f"{_NOTE} Usable: at most {100 * USABLE:g} points less accurate than a network's best without it, or at "
        f"most {USABLE_LOSS:g} times its least test loss; where no rate is usable, the lowest is taken.",
    ),
    _claim(
        statement="Re-randomising with frozen layers gives a better accuracy",
        statistic="test accuracy with it less that without it, each at its own best rate",
        smallest=0.01,
        conditions=in_settings(NAME, functools.partial(at_best_rate, "test_accuracy"), _READINGS, worlds=_CLASSES),
        note=_NOTE,
    ),
    _claim(
        statement="Re-randomising with frozen layers gives a better fit in linear regression",
        statistic="log10 of the test loss with it less that without it, each at its own best rate",
        direction="below",
        smallest=0.1,
        conditions=in_settings(NAME, loss_at_best_rate, _READINGS, worlds=_REGRESSION),
        note=_NOTE,
    ),
    _claim(
        statement="Re-randomising with frozen layers keeps units alive at a high rate",
        statistic="dead share of units with it less that without it, at the high rate of plain networks",
        direction="below",
        smallest=0.05,
        conditions=in_settings(NAME, functools.partial(at_high_rate, "dead_train_fraction"), _READINGS),
        note=_NOTE,
    ),
)
