"""Narrow networks whose output is constant after training (row 1)."""

from __future__ import annotations

from relubench.findings.claims import Claim, Number

CLAIMS = (
    Claim(
        id=1,
        kind="published",
        statement="10 layers of width 2, He normal, zero bias, trained on |x|, 1,000 networks",
        source="Lu et al. 2020",
        statistic="share of networks with constant output after training",
        conditions=(
            Number("width 2", "collapsed", {}, "share of runs").beside(
                0.90, ">", less=Number("width 2 at birth", "born_collapsed", {}, "share of runs")
            ),
        ),
        note="counted after training, so more than are born so; tried with Adam at rate .001 on batches of 128, as the "
        "training is not documented well enough to repeat",
    ),
)
