"""How far squared lengths spread over the layers (row 5)."""

from __future__ import annotations

import polars as pl

from relubench.findings.claims import Claim, Number, Tables
from relubench.findings.claims.metrics import measures_of, needing


@needing("second_moment")
def dispersion(tables: Tables) -> pl.DataFrame:
    """Return M^2 / mean(M)^2 of each run, M the mean square of its last hidden activations."""
    last = measures_of(tables, ["second_moment"]).filter(pl.col("layer") == pl.col("layer").max())
    return last.select("run_id", value=(pl.col("value") / pl.col("value").mean()) ** 2)


CLAIMS = (
    Claim(
        id=5,
        kind="published",
        statement="20 ReLU layers of width 100, He Gaussian, zero bias, one input",
        source="Hanin & Rolnick 2018",
        statistic="E[M^2] / E[M]^2 of the mean square M of the last hidden activations",
        conditions=(Number("n = 100, 20 layers", dispersion, {}, "other").beside(2.65, rounding=0.005, less=1.0),),
        note="(1 + 5/100)^20",
    ),
)
