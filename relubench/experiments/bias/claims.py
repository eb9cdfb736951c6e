"""The claims about biases."""

from __future__ import annotations

import polars as pl

from relubench.experiments.cases import AT_BEST, Cases, at_rates, crossed, each, of_levels, of_optimizers
from relubench.findings.claims import Claim, of_probes, paired, paired_at_best, paired_ratio

ZERO = {"factor.bias": "zero"}
#: Rates at which networks learn well, and rates at which plain ReLU networks lose many units.
PROPER_RATES = (("sgd", 0.03), ("adam", 0.003))
HIGH_RATES = (("sgd", 1.0), ("adam", 0.03), ("adam", 0.1))
#: Small positive biases to start from; decays of biases that start at 0.
SMALL = {f"initial bias {title}": where for title, where in of_levels("bias", "bias", ("plus_001", "plus_01")).items()}
DECAYS = of_levels("bias", "bias", ("decay_0001", "decay_001", "decay_01"))
NONE = of_levels("bias", "bias", ("none",))
#: Early is up to this step: two of the digits' epochs of 22 batches.
EARLY = 50

_EARLY_ACCURACY = of_probes(pl.col("train_accuracy").first(), step=EARLY)


def _prevents(id_: int, statement: str, biases: Cases) -> Claim:
    """Return the claim that such biases have at most half as many units dead as biases that start at 0."""
    return Claim(
        id=id_,
        statement=statement,
        source="comment",
        statistic="dead ReLU units (plus 1) over those with biases that start at 0, at a high rate",
        direction="below",
        threshold=0.5,
        conditions=each(
            at_rates(HIGH_RATES, biases), lambda runs: paired_ratio(pl.col("dead_train") + 1, {**runs, **ZERO}, runs)
        ),
        note="Prevents: at most half as many units are dead. Plus 1, so that there is a ratio where no unit is dead.",
    )


CLAIMS = (
    _prevents(6, "Regularising the bias prevents dying", DECAYS),
    _prevents(14, "Having no biases prevents dying", NONE),
    Claim(
        id=15,
        statement="But networks without biases underfit",
        source="comment",
        statistic="log10 of the training loss without biases less that with them, each at its best rate",
        smallest=0.1,
        conditions=each(
            crossed(of_optimizers(("sgd", "adam")), {"": {"factor.bias": "none"}}),
            lambda runs: paired_at_best(
                pl.col("train_loss").log10(), {**runs, **ZERO}, runs, choose="train_loss", higher_is_better=False
            ),
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
        conditions=each(at_rates(PROPER_RATES, SMALL), lambda runs: paired(_EARLY_ACCURACY, {**runs, **ZERO}, runs)),
        note=f"Early: at the last probe of the first {EARLY} steps, which are two epochs of digits.",
    ),
)
