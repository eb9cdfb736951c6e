"""The error on the slowly-changing regression (row 9)."""

from __future__ import annotations

from relubench.experiments.designs import titles
from relubench.experiments.plasticity.metrics import change
from relubench.findings.claims import Claim, Number

CLAIMS = (
    Claim(
        id=9,
        kind="published",
        statement="20 bits, 15 slow, 100 target units with beta .7, 5 units of an activation, batch 1, SGD",
        source="Dohare et al. 2024",
        statistic="mean squared error of the last tenth of the run less that of the first tenth",
        conditions=tuple(
            Number(
                f"slowly-changing regression, {title}", change("online_loss"), {"factor.learner": level}, "other"
            ).beside(0.0, ">")
            for level, title in titles("published/slow_bits", "learner").items()
        ),
        note="the source shows curves over 100 runs; the difference of tenths is our way to put them in a number",
    ),
)
