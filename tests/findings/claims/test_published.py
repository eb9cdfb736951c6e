"""The rule that judges published numbers: the number itself at its source's size, elsewhere the direction alone."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relubench.findings.claims import Claim, Number, judge
from relubench.findings.claims.published import agrees
from relubench.sweeps.folders import Tables

HOLDS, DOES_NOT_HOLD, OPEN = "holds", "does not hold", "open"
CASES = [
    # relation, value, rounding, our 99 % interval, whether they agree
    ("=", 0.88, 0.005, (0.87, 0.89), True),
    ("=", 0.88, 0.005, (0.884, 0.90), True),  # only by its rounding
    ("=", 0.88, 0.005, (0.886, 0.90), False),
    ("=", 0.88, 0.005, (0.86, 0.874), False),
    ("=", 0.88, 0.005, (0.86, 0.876), True),
    ("~", 0.60, 0.05, (0.56, 0.57), True),
    ("~", 0.60, 0.05, (0.51, 0.54), False),
    (">", 0.90, 0.0, (0.87, 0.89), False),
    (">", 0.90, 0.0, (0.89, 0.91), True),
    (">", 0.90, 0.0, (0.95, 0.97), True),
    (">", 0.90, 0.0, (0.80, 0.90), False),  # more than, not as much as
    ("<", 0.01, 0.0, (0.001, 0.002), True),
    ("<", 0.01, 0.0, (0.009, 0.02), True),
    ("<", 0.01, 0.0, (0.01, 0.02), False),
]
shares = st.floats(0, 1)
NUMBER, OTHER = Number("ours", "ours", {"factor.f": "a"}), Number("another", "ours", {"factor.f": "b"})


@pytest.mark.parametrize(("relation", "value", "rounding", "ends", "agreed"), CASES)
def test_an_interval_agrees_with_a_number_on_its_side(relation, value, rounding, ends, agreed):
    assert agrees(relation, value, rounding, *ends) == agreed


@given(st.sampled_from(["=", "~", ">", "<"]), shares, shares, shares, st.floats(0, 0.1))
def test_a_wider_interval_never_disagrees_where_a_narrow_one_agreed(relation, value, one, other, wider):
    low, high = sorted([one, other])
    if agrees(relation, value, 0.0, low, high):
        assert agrees(relation, value, 0.0, low - wider, high + wider)


def judged(condition, values, other=(), reduced=""):
    """Return the row of claims.parquet of one condition on hand-made runs of two levels of a factor."""
    rows = [(f"a{n}", n, "a", value) for n, value in enumerate(values)]
    rows += [(f"b{n}", n, "b", value) for n, value in enumerate(other)]
    runs = pl.DataFrame(rows, {"run_id": str, "seed": int, "factor.f": str, "ours": float}, orient="row")
    claim = Claim(id=3, kind="published", statement="s", source="p", statistic="x", conditions=(condition,))
    return judge([claim], Tables(runs, pl.DataFrame(), pl.DataFrame()), "published/x", reduced).row(0, named=True)


EIGHT = [0.4, 0.5, 0.6, 0.5, 0.4, 0.6, 0.55, 0.45]


def test_at_the_sources_size_the_number_is_judged():
    row = judged(NUMBER.beside(0.5, rounding=0.01, less=0.9), EIGHT)
    assert (row["verdict"], row["judged"], row["effect"], row["p"]) == (HOLDS, "number", None, None)
    assert (row["published"], row["relation"], row["rounding"], row["n"]) == (0.5, "=", 0.01, 8)
    assert judged(NUMBER.beside(0.9), EIGHT)["verdict"] == DOES_NOT_HOLD
    assert judged(NUMBER.beside(0.5), EIGHT[:4])["verdict"] == OPEN  # too few for an interval


@pytest.mark.parametrize(
    ("less", "sign", "verdict"),
    [(0.3, 1, HOLDS), (0.3, -1, DOES_NOT_HOLD), (0.7, -1, HOLDS), (0.7, 1, DOES_NOT_HOLD), (0.5, 1, OPEN)],
)
def test_elsewhere_the_whole_interval_of_the_effect_decides_its_direction(less, sign, verdict):
    row = judged(NUMBER.beside(0.9, less=less, sign=sign), EIGHT, reduced="fewer steps")
    assert (row["verdict"], row["judged"], row["reduced"]) == (verdict, "direction", "fewer steps")
    assert (row["effect"], row["reference"]) == (pytest.approx(0.5 - less), f"{less}")
    assert row["effect_low"] == pytest.approx(row["ci_low"] - less)


def test_an_effect_from_another_number_is_that_of_pairs():
    lower = [value - 0.1 - n / 1000 for n, value in enumerate(EIGHT)]
    row = judged(NUMBER.beside(0.9, less=OTHER), EIGHT, lower, reduced="x")
    assert (row["verdict"], row["reference"]) == (HOLDS, "another")
    assert row["effect"] == pytest.approx(0.1035)
    assert row["effect_high"] - row["effect_low"] < 0.01 < row["ci_high"] - row["ci_low"]
    born = Number("at birth", pl.col("ours") - 0.2, {"factor.f": "a"})
    assert judged(NUMBER.beside(0.9, less=born), EIGHT, reduced="x")["effect"] == pytest.approx(0.2)


def test_no_more_is_never_more_and_what_is_left_out_is_not_measured():
    same = judged(NUMBER.beside(0.9, less=OTHER), EIGHT, EIGHT, reduced="x")
    assert (same["effect"], same["verdict"]) == (0.0, OPEN)
    without = judged(NUMBER.beside(0.5, less=OTHER), EIGHT, reduced="x")
    assert (without["value"], without["verdict"]) == (pytest.approx(0.5), "not measured")
    assert judged(OTHER.beside(0.5), EIGHT)["verdict"] == "not measured"


def test_one_run_of_the_source_is_put_beside_the_range_of_ours():
    mean, one = (judged(NUMBER.beside(0.6, one_run=one_run), EIGHT) for one_run in (False, True))
    assert one["ci_low"] == pytest.approx(0.4, abs=0.01)
    assert one["ci_high"] == pytest.approx(0.6, abs=0.01)
    assert mean["ci_high"] < one["ci_high"]


def test_a_share_of_runs_has_the_interval_of_a_share_at_99_percent():
    share = Number("share", pl.col("ours") > 0.5, {}, "share of runs")
    row = judged(share.beside(0.4), EIGHT)
    assert row["value"] == pytest.approx(3 / 8)
    low, high = row["ci_low"], row["ci_high"]  # each tail of the binomial is half of 1 %
    assert sum(math.comb(8, k) * low**k * (1 - low) ** (8 - k) for k in range(3, 9)) == pytest.approx(0.005)
    assert sum(math.comb(8, k) * high**k * (1 - high) ** (8 - k) for k in range(4)) == pytest.approx(0.005)


def test_claims_of_other_kinds_have_no_published_numbers():
    with pytest.raises(ValueError, match="claim 1"):
        Claim(id=1, statement="s", source="p", statistic="x", conditions=(NUMBER.beside(0.5),))


@pytest.mark.parametrize("rule", [{"threshold": 0.1}, {"direction": "below"}, {"smallest": 0.1}])
def test_published_numbers_take_no_rule_of_the_claim(rule):
    with pytest.raises(ValueError, match="claim 1: published numbers bring their own rules"):
        Claim(
            id=1, kind="published", statement="s", source="p", statistic="x", conditions=(NUMBER.beside(0.5),), **rule
        )
