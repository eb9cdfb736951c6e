"""Verdicts on the terminal."""

import polars as pl

from relubench.report.verdicts import counted


def test_claims_are_counted_once_each_whatever_their_conditions():
    verdicts = [(1, "a", "holds"), (1, "a", "holds"), (1, "b", "holds"), (2, "c", "open"), (3, "d", "does not hold")]
    claims = pl.DataFrame([{"claim": n, "statement": s, "statistic": "x", "claim_verdict": v} for n, s, v in verdicts])
    assert counted(claims) == "2 hold, 1 open, 1 does not hold"
    assert counted(claims.filter(pl.col("claim") != 1)) == "1 open, 1 does not hold"
