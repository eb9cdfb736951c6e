"""The claims about biases."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from relubench.experiments.by_optimizer import AT_BEST, at_best_rates, at_rates
from relubench.experiments.designs import titles
from relubench.findings.claims import Claim, of_probes, paired_ratio

FACTOR = "factor.bias"
LABELS = {
    level: f"initial bias {title}" if level.startswith("plus") else title
    for level, title in titles("bias", "bias").items()
}
ZERO = {FACTOR: "zero"}
#: Rates at which networks learn well, and rates at which plain ReLU networks lose many units.
PROPER_RATES = (("sgd", 0.03), ("adam", 0.003))
HIGH_RATES = (("sgd", 1.0), ("adam", 0.03), ("adam", 0.1))
#: Small positive biases to start from; decays of biases that start at 0.
SMALL = ("plus_001", "plus_01")
DECAYS = ("decay_0001", "decay_001", "decay_01")
#: Early is up to this step: two of the digits' epochs of 22 batches.
EARLY = 50

_EARLY_ACCURACY = of_probes(pl.col("train_accuracy").first(), step=EARLY)


def _prevents(id_: int, statement: str, levels: Sequence[str]) -> Claim:
    """Return the claim that such biases have at most half as many units dead as biases that start at 0."""
    return Claim(
        id=id_,
        statement=statement,
        source="comment",
        statistic="dead ReLU units (plus 1) over those with biases that start at 0, at a high rate",
        direction="below",
        threshold=0.5,
        conditions=tuple(
            condition
            for level in levels
            for condition in at_rates(
                pl.col("dead_train") + 1, HIGH_RATES, ZERO, {FACTOR: level}, label=LABELS[level], compare=paired_ratio
            )
        ),
        note="Prevents: at most half as many units are dead. Plus 1, so that there is a ratio where no unit is dead.",
    )


CLAIMS = (
    _prevents(6, "Regularising the bias prevents dying", DECAYS),
    _prevents(14, "Having no biases prevents dying", ["none"]),
    Claim(
        id=15,
        statement="But networks without biases underfit",
        source="comment",
        statistic="log10 of the training loss without biases less that with them, each at its best rate",
        smallest=0.1,
        conditions=at_best_rates(
            pl.col("train_loss").log10(),
            ("sgd", "adam"),
            ZERO,
            {FACTOR: "none"},
            choose="train_loss",
            higher_is_better=False,
        ),
        note=f"{AT_BEST} The training accuracy is near 1 with biases and without.",
    ),
    _prevents(16, "A small positive initial bias prevents dying", SMALL),
    Claim(
        id=17,
        statement="And a small positive initial bias speeds up early learning",
        source="comment",
        statistic="training accuracy early, less that with biases that start at 0, at a proper rate",
        smallest=0.01,
        conditions=tuple(
            condition
            for level in SMALL
            for condition in at_rates(_EARLY_ACCURACY, PROPER_RATES, ZERO, {FACTOR: level}, label=LABELS[level])
        ),
        note=f"Early: at the last probe of the first {EARLY} steps, which are two epochs of digits.",
    ),
)
