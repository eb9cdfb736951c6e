"""The variants of the first step, and the points of their curves: what it does, and what the oracle foretells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from relubench.experiments.derived import mean_over_runs
from relubench.experiments.designs import place_of, title_of, titles
from relubench.experiments.one_step.fates import RATE, fates, shares_killed, tenth_deadly_rate
from relubench.findings.claims import Tables
from relubench.findings.claims.metrics import Where, needing, needs_of

FACTOR = "factor.variant"
VARIANTS = titles("one_step", "variant")
_POINT = ("variant", "data", "change", "rate")
#: Panels of the deadly rates by data set, and their lines where these are no titles: each data set has its plain one.
_ONE_INPUT = {"one_input": "plain", "one_input_far": "target 10 away"}


def of(variant: str) -> Where:
    """Choose the runs of a variant."""
    return {FACTOR: variant}


#: Rates at which the oracle is asked, four a decade.
_ASKED = np.geomspace(1e-4, 1e3, 29)


def _variants(tables: Tables) -> pl.DataFrame:
    """Return run_id, rate, and of the variant its title, its data and what it changes, in the order of the levels."""
    level = pl.col(FACTOR)
    data = (
        pl.when(level.is_in(list(_ONE_INPUT)))
        .then(pl.lit("interval: one input"))
        .otherwise(pl.lit("digits: 64 inputs"))
    )
    title = title_of(FACTOR, VARIANTS)
    return tables.runs.sort(place_of(FACTOR, VARIANTS), maintain_order=True).select(
        "run_id", RATE, variant=title, data=data, change=level.replace_strict(_ONE_INPUT, default=title)
    )


def _folded(rows: pl.DataFrame, metrics: Sequence[str]) -> pl.DataFrame:
    """Return rows of curves.parquet: each metric's mean over the runs of a variant and rate, with its interval."""
    return pl.concat([mean_over_runs(rows.with_columns(value=metric), _POINT, metric) for metric in metrics])


@needing(*needs_of(fates))
def measured(tables: Tables) -> pl.DataFrame:
    """Return what the first step, and those after it, did to layer 1 at each rate of the grid."""
    first_layer = fates(tables).filter(pl.col("layer") == 1)
    rows = _variants(tables).join(first_layer, on="run_id", maintain_order="left").rename({RATE: "rate"})
    return _folded(rows, ["dead_after_step", "dead_at_end", "wrong"])


@needing(*needs_of(tenth_deadly_rate))
def foretold(tables: Tables) -> pl.DataFrame:
    """Return what the oracle foretells of layer 1 at any rate, asked at step 0 of one run a seed and variant."""
    runs = _variants(tables).filter(pl.col(RATE) == pl.col(RATE).min().over("variant"))
    asked = shares_killed(tables.of(runs["run_id"].to_list()), _ASKED.tolist())
    return _folded(runs.join(asked, on="run_id", maintain_order="left"), ["foretold", "deadly", "bias_alone"])


DERIVED = (measured, foretold)
