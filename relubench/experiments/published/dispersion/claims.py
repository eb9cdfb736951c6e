"""How far squared lengths spread over the layers (row 5)."""

from __future__ import annotations

import polars as pl

from relubench.findings.claims import Claim, Number, Tables
from relubench.findings.claims.metrics import measures_of, needing


@needing("second_moment")
def dispersion(tables: Tables) -> pl.DataFrame:
    """Return what each run adds to E[M^2] / E[M]^2, M the mean square of its last hidden activations.

    Their mean is that ratio of means, and their spread gives its interval: they are its pseudo-values (the
    infinitesimal jackknife), since a run moves the mean of M, too.
    """
    last = measures_of(tables, ["second_moment"]).filter(pl.col("layer") == pl.col("layer").max())
    relative = last.select("run_id", m=pl.col("value") / pl.col("value").mean())
    square = pl.col("m") ** 2
    return relative.select("run_id", value=square - 2 * square.mean() * (pl.col("m") - 1))


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
