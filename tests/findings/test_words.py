"""Published numbers, ratios and directions in words."""

import operator

import polars as pl
import pytest

from relubench.findings import words


@pytest.mark.parametrize(
    ("relation", "published", "rounding", "error", "told"),
    [
        ("=", 0.88, 0.0005, 0.0, "0.88 ± 0.0005"),
        ("~", 0.6, 0.05, 0.0, "~ 0.6 ± 0.05"),
        (">", 0.9, 0.0, 0.0, "> 0.9"),
        ("<", 0.01, 0.0, None, "< 0.01"),
        ("=", 0.444, 0.0005, 0.0011, "0.444 ± 0.0005 (standard error 0.0011)"),
        ("=", None, 0.0, 0.0, "no number"),
    ],
)
def test_a_published_number_comes_with_its_tolerance(relation, published, rounding, error, told):
    row = {"relation": relation, "published": published, "rounding": rounding, "error": error}
    assert words.published(row) == told


def test_a_ratio_is_told_where_there_is_one():
    assert (words.ratio({"ratio": 1.3712}), words.ratio({"ratio": None})) == ("1.37", "")


def test_a_direction_comes_with_the_effect_and_what_it_is_measured_from():
    row = {"remark": "same direction", "reference": "layer 1", "effect": -0.1, "effect_low": -0.2, "effect_high": None}
    assert words.direction(row) == "same direction: less layer 1 -0.1"
    assert words.direction(row | {"effect_high": 0.0}) == "same direction: less layer 1 -0.1 [-0.2, 0]"
    assert words.direction(row | {"effect": None}) == ""


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0.0, "0"), (1e-5, "<0.1"), (0.000499, "<0.1"), (0.0005, "0.1"), (0.41249, "41.2"), (0.9994, "99.9"),
        (0.9996, ">99.9"), (1.0, "100"), (-0.25, "-25.0"), (-0.0001, ">-0.1"), (-0.9999, "<-99.9"), (-1.0, "-100"),
    ],
)  # fmt: skip
def test_a_share_is_told_in_per_cent_and_0_and_1_only_where_it_is_exactly_so(share, told):
    assert words.percent(share) == told


def test_a_share_without_an_interval_is_told_alone():
    assert words.percent_interval(0.4, 0.25, 1.0) == "40.0 % [25.0, 100]"
    assert words.percent_interval(0.4, None, None, "") == "40.0"


def claims(*rows):
    """Rows of (claim, statement, setting, verdict, value)."""
    return pl.DataFrame(
        [
            {
                "claim": number, "statement": statement, "statistic": "dead share", "kind": "seeds", "primary": True,
                "setting": setting, "condition": "", "verdict": verdict, "value": value, "ci_low": value,
                "ci_high": value, "n": 8,
            }
            for number, statement, setting, verdict, value in rows
        ]
    )  # fmt: skip


CLAIMS = claims(
    (2, "units die", "digits, SGD", "holds", 0.5), (2, "units die", "digits, Adam", "open", 0.25),
    (2, "units die", "moons, SGD", "holds", 1.0), (3, "they come back", "digits, SGD", "not measured", None),
    (4, "they flicker", "digits, SGD", "reversed", -0.5),
)  # fmt: skip


@pytest.mark.parametrize(
    ("numbers", "setting", "told"),
    [
        (
            [2], "digits",
            'Claim 2, "units die", by the dead share: holds with SGD, 0.5 [0.5, 0.5], n = 8; '
            "open with Adam, 0.25 [0.25, 0.25], n = 8.",
        ),
        ([3, 4], "digits", 'Claim 4, "they flicker", by the dead share: reversed with SGD, -0.5 [-0.5, -0.5], n = 8.'),
        (None, "moons", 'Claim 2, "units die", by the dead share: holds with SGD, 1 [1, 1], n = 8.'),
        ([3], "", ""),
        ([], "", ""),
        ([2], "elsewhere", ""),
    ],
)  # fmt: skip
def test_a_finding_is_that_of_the_first_claim_measured_in_a_setting(numbers, setting, told):
    assert words.finding(CLAIMS, numbers, setting) == told


def test_many_settings_are_counted():
    many = claims(*((1, "s", f"setting {n}", "holds" if n < 3 else "open", 0.5) for n in range(5)))
    assert words.finding(many).endswith(": holds in 3 of 5 settings.")
    assert words.finding(many.clear()) == ""


def test_a_file_that_tells_no_settings_has_a_finding():
    older = CLAIMS.drop("primary", "setting").head(1)
    assert words.finding(older).endswith("by the dead share: holds, 0.5 [0.5, 0.5], n = 8.")


def test_extremes_name_the_points_where_a_share_is_least_and_greatest():
    rows = pl.DataFrame({"rate": ["a", "b", "c"], "mean": [0.25, None, 0.0]}).with_columns(
        ci_low=pl.lit(None, pl.Float64), ci_high=pl.lit(None, pl.Float64)
    )
    name = operator.itemgetter("rate")
    assert words.extremes(rows, "dead units", name) == "Dead units: from 0 % (c) to 25.0 % (a)."
    assert words.extremes(rows[:1], "dead units", name) == "Dead units: 25.0 %."
    assert words.extremes(pl.concat([rows[:1]] * 2), "dead units", name) == "Dead units: 25.0 % everywhere."
    assert words.extremes(rows[1:2], "dead units", name) == ""
