"""The variants of the first step, and the points of their curves: what it does, and what the oracle foretells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from relubench.experiments.derived import mean_over_runs
from relubench.experiments.one_step.fates import RATE, fates, shares_killed
from relubench.findings.claims import Tables
from relubench.findings.claims.metrics import of_runs

Where = Mapping[str, Any]
_POINT = ("variant", "data", "change", "rate")

PLAIN: Where = {
    "data.name": "digits", "data.scale": 1.0, "data.offset": 0.0, "data.target_offset": 0.0,
    "loss.reduction": "mean", "loss.scale": 1.0, "optimizer.clip_norm": None,
}  # fmt: skip
ONE_INPUT = {**PLAIN, "data.name": "interval"}
#: The columns of the grid's zip, in its order.
VARIANTS: Mapping[str, Where] = {
    "plain": PLAIN,
    "summed loss": {**PLAIN, "loss.reduction": "sum"},
    "loss × 100": {**PLAIN, "loss.scale": 100.0},
    "loss × 100, clipped": {**PLAIN, "loss.scale": 100.0, "optimizer.clip_norm": 1.0},
    "inputs × 10": {**PLAIN, "data.scale": 10.0},
    "inputs > 0": {**PLAIN, "data.offset": 1.0},
    "one input": ONE_INPUT,
    "one input, target 10 away": {**ONE_INPUT, "data.target_offset": 10.0},
}
#: Lines of a panel, where they are no names of variants: each data set has its plain one.
_CHANGES = {"one input": "plain", "one input, target 10 away": "target 10 away"}

#: Rates at which the oracle is asked, four a decade.
_ASKED = np.geomspace(1e-4, 1e3, 29)


def _variants(tables: Tables) -> pl.DataFrame:
    """Return run_id, variant, rate and data of the runs of every variant."""
    rows = [
        of_runs(tables, "seed", where).select(
            "run_id", RATE, variant=pl.lit(label), data=pl.lit(_data(where)), change=pl.lit(_CHANGES.get(label, label))
        )
        for label, where in VARIANTS.items()
    ]
    return pl.concat(rows)


def _data(where: Where) -> str:
    return "digits: 64 inputs" if where["data.name"] == "digits" else "interval: one input"


def _folded(rows: pl.DataFrame, metrics: Sequence[str]) -> pl.DataFrame:
    """Return rows of curves.parquet: each metric's mean over the runs of a variant and rate, with its interval."""
    return pl.concat([mean_over_runs(rows.with_columns(value=metric), _POINT, metric) for metric in metrics])


def measured(tables: Tables) -> pl.DataFrame:
    """Return what the first step, and those after it, did to layer 1 at each rate of the grid."""
    found = fates(tables).filter(pl.col("layer") == 1)
    rows = _variants(tables).join(found, on="run_id", maintain_order="left").rename({RATE: "rate"})
    return _folded(rows, ["dead_after_step", "dead_at_end", "wrong"])


def foretold(tables: Tables) -> pl.DataFrame:
    """Return what the oracle foretells of layer 1 at any rate, asked at step 0 of one run a seed and variant."""
    runs = _variants(tables).filter(pl.col(RATE) == pl.col(RATE).min().over("variant"))
    asked = shares_killed(tables.of(runs["run_id"].to_list()), _ASKED.tolist())
    return _folded(runs.join(asked, on="run_id", maintain_order="left"), ["foretold", "deadly", "bias_alone"])
