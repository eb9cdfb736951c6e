"""The gain of the second moment from layer to layer (row 4)."""

from __future__ import annotations

import polars as pl

from relubench.findings.claims import Claim, Number, Tables
from relubench.findings.claims.metrics import measures_of, needing


@needing("second_moment")
def gain(tables: Tables) -> pl.DataFrame:
    """Return each run's mean gain of a layer at birth; its expectation is exact, layer by layer."""
    moments = measures_of(tables, ["second_moment"]).filter(pl.col("step") == 0).sort("run_id", "layer")
    gains = moments.with_columns(gain=pl.col("value") / pl.col("value").shift(1).over("run_id"))
    return gains.group_by("run_id").agg(value=pl.col("gain").drop_nulls().mean())


CLAIMS = (
    Claim(
        id=4,
        kind="published",
        statement="linear 784 to 100, then 5 x 100 ReLU, weights N(0, sigma), zero bias",
        source="initialisation post shown in the answers",
        statistic="expected second moment of a ReLU layer's activations over that of its inputs",
        conditions=tuple(
            Number(f"sigma .{sigma}", gain, {"factor.start": f"sigma_{sigma}"}, "other").beside(
                value, rounding=0.005, less=1.0, sign=sign
            )
            for sigma, value, sign in ((10, 0.5, -1), (14, 0.98, -1), (28, 3.92, 1))
        ),
        note="100 sigma^2 / 2, whatever the inputs",
    ),
)
