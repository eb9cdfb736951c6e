"""The remedies and their names."""

from __future__ import annotations

import polars as pl

from relubench.experiments.designs import titles

NAME, FACTOR = "remedies", "factor.remedy"
NONE, DEEPER, IN_TURN, AT_ONCE = "none", "rerandomize_progressive", "rerandomize_in_turn", "rerandomize"
REMEDIES = titles(NAME, "remedy")


def levels(runs: pl.DataFrame) -> list[str]:
    """Return the levels that runs have, in their order; those of the user's own come last."""
    held = runs[FACTOR].unique(maintain_order=True).to_list()
    return [*(level for level in REMEDIES if level in held), *(level for level in held if level not in REMEDIES)]
