"""What is said below the table."""

import polars as pl
import pytest

from relubench.report.terminal.points import Names
from relubench.report.terminal.sentences import finding, left_out
from relubench.sweeps.factors import Factor, Level

RATE = "optimizer.learning_rate"
BIAS = Factor("bias", "bias", (Level("zero", "zero", {}), Level("none", "no bias at all", {})))


def points(*rows, key=RATE):
    """Rows of (value of the key, dead share, diverged runs of 8)."""
    return pl.DataFrame(
        [
            {
                key: value, "dead": dead, "dead_low": dead and dead - 0.05, "dead_high": dead and dead + 0.05,
                "finite": 8 - diverged, "runs": 8, "diverged": diverged, "collapsed": 0,
            }
            for value, dead, diverged in rows
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            [(0.01, 0.0, 0), (0.1, 0.412, 0), (1.0, 0.3, 0)],
            "Most units are dead with learning rate 0.1: 41.2 % [36.2, 46.2] of them; below 0.1 none is.",
        ),
        (
            [(0.001, 0.0, 0), (0.01, 0.0004, 0), (0.1, 0.5, 2)],
            "Most units are dead with learning rate 0.1: 50.0 % [45.0, 55.0] of them in the 6 of 8 runs that did not "
            "diverge; below 0.01 none is.",
        ),
        (
            [(0.001, 0.02, 0), (0.1, 0.5, 0)],
            "Most units are dead with learning rate 0.1: 50.0 % [45.0, 55.0] of them; at 0.001 2.0 % are.",
        ),
        ([(0.001, 0.0, 0), (0.1, 0.0, 0)], "No unit is dead at the end of any run."),
        ([(0.1, 0.5, 0)], "At the end 50.0 % [45.0, 55.0] of the units are dead."),
        ([(0.1, None, 8)], "Every run diverged."),
    ],
)
def test_the_finding_says_where_most_units_are_dead_and_below_which_rate_none(rows, sentence):
    assert finding(points(*rows), [RATE], Names(())) == sentence


@pytest.mark.parametrize(
    ("rows", "end"),
    [
        ([("zero", 0.5, 0), ("none", 0.1, 0)], "fewest, 10.0 %, with bias no bias at all."),
        ([("zero", 0.5, 0), ("none", 0.0, 0)], "none with bias no bias at all."),
        ([("zero", 0.5, 0), ("none", 0.0, 0), ("mine", 0.0, 0)], "at 2 of 3 grid points none is."),
    ],
)
def test_without_rates_it_says_where_fewest_are(rows, end):
    sentence = finding(points(*rows, key="factor.bias"), ["factor.bias"], Names([BIAS]))
    assert sentence == f"Most units are dead with bias zero: 50.0 % [45.0, 55.0] of them; {end}"


def test_what_is_left_out_is_told_with_its_rates_and_losses():
    all_points = points((0.001, 0.0, 0), (0.01, 0.0003, 0), (0.1, 0.5, 0), (1.0, 0.9, 3))
    told = left_out(all_points, all_points[2:3], [RATE])
    assert told == (
        "3 more grid points are in summary.parquet: rates from 0.001 to 1, 0 to 90.0 % of the units dead, "
        "3 of 24 runs diverged; no run collapsed"
    )
    assert left_out(all_points, all_points, [RATE]) == "no run collapsed"
    assert left_out(points((0.1, 0.5, 0)), points((0.1, 0.5, 0)), []) == "no run diverged or collapsed"
