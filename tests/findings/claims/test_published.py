"""The rule that judges published numbers: at their source's size, and what is told beside them elsewhere."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relubench.findings.claims import Claim, Condition, Number, judge
from relubench.findings.claims.effect import Effect, range_effect
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.published import Published, agrees, widened
from relubench.sweeps.folders import Tables

PASSES, FAILS, NOT_COMPARABLE, OPEN, NOT_MEASURED = "passes", "fails", "not comparable", "open", "not measured"
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
    assert (row["verdict"], row["claim_verdict"], row["effect"], row["p"]) == (PASSES, PASSES, None, None)
    assert (row["published"], row["relation"], row["rounding"], row["n"]) == (0.5, "=", 0.01, 8)
    assert row["ratio"] == pytest.approx(1.0)
    failed = judged(NUMBER.beside(0.9, less=0.1), EIGHT)
    assert (failed["verdict"], failed["remark"]) == (FAILS, "")  # the right direction excuses no miss
    assert failed["ratio"] == pytest.approx(0.5 / 0.9)
    assert judged(NUMBER.beside(0.5), EIGHT[:4])["verdict"] == OPEN  # too few for an interval


@pytest.mark.parametrize("published", [0.0, -0.5, None])
def test_there_is_a_ratio_of_positive_numbers_alone(published):
    assert judged(NUMBER.beside(published, ">"), EIGHT)["ratio"] is None
    assert judged(NUMBER.beside(0.5), [-value for value in EIGHT])["ratio"] is None


def test_what_has_no_published_number_is_never_judged():
    row = judged(NUMBER.beside(None, less=0.1), EIGHT)
    assert (row["verdict"], row["published"], row["ratio"], row["remark"]) == (
        NOT_COMPARABLE,
        None,
        None,
        "same direction",
    )


@pytest.mark.parametrize(
    ("less", "sign", "direction"),
    [(0.3, 1, "same"), (0.3, -1, "other"), (0.7, -1, "same"), (0.7, 1, "other"), (0.5, 1, "open")],
)
def test_elsewhere_it_is_not_comparable_and_the_interval_of_the_effect_tells_its_direction(less, sign, direction):
    row = judged(NUMBER.beside(0.9, less=less, sign=sign), EIGHT, reduced="fewer steps")
    assert (row["verdict"], row["claim_verdict"], row["reduced"]) == (NOT_COMPARABLE, NOT_COMPARABLE, "fewer steps")
    assert row["remark"] in (f"{direction} direction", f"direction {direction}")
    assert (row["effect"], row["reference"]) == (pytest.approx(0.5 - less), f"{less}")
    assert row["effect_low"] == pytest.approx(row["ci_low"] - less)
    assert row["ratio"] == pytest.approx(0.5 / 0.9)


def test_an_effect_from_another_number_is_that_of_pairs():
    lower = [value - 0.1 - n / 1000 for n, value in enumerate(EIGHT)]
    row = judged(NUMBER.beside(0.9, less=OTHER), EIGHT, lower, reduced="x")
    assert (row["remark"], row["reference"]) == ("same direction", "another")
    assert row["effect"] == pytest.approx(0.1035)
    assert row["effect_high"] - row["effect_low"] < 0.01 < row["ci_high"] - row["ci_low"]
    born = Number("at birth", pl.col("ours") - 0.2, {"factor.f": "a"})
    assert judged(NUMBER.beside(0.9, less=born), EIGHT, reduced="x")["effect"] == pytest.approx(0.2)


def test_no_more_is_never_more_and_what_is_left_out_is_not_measured():
    same = judged(NUMBER.beside(0.9, less=OTHER), EIGHT, EIGHT, reduced="x")
    assert (same["effect"], same["remark"]) == (0.0, "direction open")
    without = judged(NUMBER.beside(0.5, less=OTHER), EIGHT, reduced="x")
    assert (without["value"], without["verdict"], without["remark"]) == (pytest.approx(0.5), NOT_COMPARABLE, "")
    assert judged(OTHER.beside(0.5), EIGHT)["verdict"] == NOT_MEASURED


def test_independent_errors_of_both_numbers_add_up_as_squares_do():
    low, high = widened(Effect(0.5, 0.47, 0.56, 8, p=lambda bound: 1.0), half=0.04)
    assert (low, high) == pytest.approx((0.45, 0.5 + math.hypot(0.06, 0.04)))
    row = judged(NUMBER.beside(0.5), EIGHT)
    near = row["ci_high"] + 0.02
    assert judged(NUMBER.beside(near), EIGHT)["verdict"] == FAILS
    wide = judged(NUMBER.beside(near, error=0.1), EIGHT)
    assert (wide["verdict"], wide["error"]) == (PASSES, 0.1)


def constant(value, low, high, *, lacks=""):
    """Return the measurement of a number that reads no runs."""
    return Measurement(lambda tables: Effect(value, low, high, 1, p=lambda bound: 1.0), (), (), lacks=lacks)


def test_a_number_that_reads_no_runs_is_judged_whatever_they_are():
    condition = Condition("x", constant(7 / 256, 7 / 256, 7 / 256), Published(0.0273, rounding=5e-5))
    assert judged(condition, [], reduced="fewer seeds")["verdict"] == PASSES


def test_a_rival_measures_the_number_and_its_error():
    ours = NUMBER.measurement()
    for end, verdict in ((0.65, PASSES), (0.75, FAILS)):
        rival = Published(None, errors=3.0, rival=constant(end, end - 0.15, end + 0.15))
        row = judged(Condition("x", ours, rival), EIGHT)
        assert (row["published"], row["error"]) == (end, pytest.approx(0.05))
        assert (row["verdict"], row["ratio"]) == (verdict, pytest.approx(0.5 / end))


@pytest.mark.parametrize("published", [Published(0.5), Published(None, rival=constant(0.5, 0.4, 0.6, lacks="PyTorch"))])
def test_what_lacks_a_package_is_not_measured_and_says_so(published):
    effect = NUMBER.measurement() if published.rival else constant(0.5, 0.4, 0.6, lacks="PyTorch")
    row = judged(Condition("x", effect, published), EIGHT)
    assert (row["verdict"], row["remark"], row["value"]) == (NOT_MEASURED, "PyTorch", None)


def test_one_run_of_the_source_is_put_beside_the_range_of_ours():
    mean, one = (judged(NUMBER.beside(0.6, one_run=one_run), EIGHT) for one_run in (False, True))
    assert (one["ci_low"], one["ci_high"]) == (0.4, 0.6)
    assert mean["ci_high"] < one["ci_high"]


def test_another_run_lies_in_the_range_of_199_with_99_percent():
    draw, inside = np.random.default_rng(0), []
    for _ in range(4000):
        *ours, another = draw.exponential(size=200)
        effect = range_effect(np.array(ours), 0.99)
        inside.append(effect.low <= another <= effect.high)
    assert np.mean(inside) == pytest.approx(0.99, abs=5 * np.sqrt(0.99 * 0.01 / 4000))


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
