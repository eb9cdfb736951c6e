"""What a picture decides, and what it shows of a law."""

from __future__ import annotations

import polars as pl

from relubench.findings.claims import Claim, Condition, law, of_measures, total_of
from relubench.findings.claims.rule import HOLDS

#: No hidden unit has a bias at birth, and none gets one.
_WITHOUT = {"factor.bias": "none", "model.init.bias": 0, "optimizer.bias_rate": 0}

CLAIMS = (
    Claim(
        id=41,
        statement="When units die, their decision lines leave the data",
        source="answer 1",
        kind="picture",
        decided=HOLDS,
        note="See the figures boundaries (a strip and an animation). A dead unit's line passes beside all inputs, or "
        "touches the outermost, and its active side holds none of them: that is what dead means; the picture shows "
        "the way there.",
    ),
    law(
        id=43,
        statement="Without biases all decision planes of layer 1 pass through the origin",
        source="comment on answer 1",
        statistic="lines w·x + b = 0 whose b is not 0 at the end, all units, runs without biases",
        conditions=(Condition("", total_of(of_measures((pl.col("plane_bias") != 0).sum()), _WITHOUT)),),
        note="A law: w·x = 0 at x = 0, whatever w. tests/experiments/test_boundaries.py counts at every probe; the "
        "figure without_biases shows it.",
    ),
)
