"""The remedies and their names, and where they are compared."""

from __future__ import annotations

import polars as pl

from relubench.experiments.designs import titles

RATE, OPTIMIZER, FACTOR = "optimizer.learning_rate", "optimizer.name", "factor.remedy"
#: The column of curves.parquet that holds a remedy's title.
VARIANT = "remedy"
NONE, FROZEN = "none", "rerandomize_frozen"
REMEDIES = titles("remedies", "remedy")
#: Where remedies are compared: the grid's first rate at which a plain ReLU network loses a third of its units.
HIGH_RATE = {"sgd": 1.0, "adam": 0.1}


def levels(runs: pl.DataFrame) -> list[str]:
    """Return the levels that runs have, in their order; those of the user's own come last."""
    held = runs[FACTOR].unique(maintain_order=True).to_list()
    return [*(level for level in REMEDIES if level in held), *(level for level in held if level not in REMEDIES)]
