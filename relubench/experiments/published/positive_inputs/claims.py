"""Units without bias that no positive input switches on (row 12)."""

from __future__ import annotations

import polars as pl

from relubench.experiments.designs import levels
from relubench.findings.claims import Claim, Condition, Number, Tables
from relubench.findings.claims.metrics import measures_of, needing
from relubench.sweeps.factors import Level

_UNITS = 64


@needing("plane_weights")
def dead_on_positive(tables: Tables) -> pl.DataFrame:
    """Return the share of each run's units that are dead on all positive inputs at birth.

    Positive inputs are the cone of the axes: a unit without bias is dead there exactly if it has no positive weight.
    """
    weights = measures_of(tables, ["plane_weights"]).filter(pl.col("step") == 0)
    unit = pl.col("item") % _UNITS
    largest = weights.group_by("run_id", unit, maintain_order=True).agg(pl.col("value").max())
    return largest.group_by("run_id", maintain_order=True).agg(value=(pl.col("value") <= 0).mean())


def _beside(name: str, level: Level) -> Condition:
    number = Number(level.title, dead_on_positive, {"factor.features": name})
    return number.beside(2.0 ** -level.values["data.features"])


CLAIMS = (
    Claim(
        id=12,
        kind="published",
        statement="d positive features, weights symmetric about 0, no bias",
        source="Cross Validated, answer to question 450100",
        statistic="share of units that are dead on all positive inputs",
        conditions=tuple(
            _beside(name, level) for name, level in levels("published/positive_inputs", "features").items()
        ),
        note="2^-d; the answer tells d = 2: .25",
    ),
)
