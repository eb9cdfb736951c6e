"""Published numbers and ours in words."""

import polars as pl
import pytest

from relubench.report.verify import words
from relubench.report.verify.published import PUBLISHED


@pytest.mark.parametrize(
    ("relation", "published", "rounding", "told"),
    [
        ("=", 0.88, 0.0005, "0.88 ± 0.0005"),
        ("~", 0.6, 0.05, "~ 0.6 ± 0.05"),
        (">", 0.9, 0.0, "> 0.9"),
        ("<", 0.01, 0.0, "< 0.01"),
    ],
)
def test_a_published_number_comes_with_its_tolerance(relation, published, rounding, told):
    assert words.published_number({"relation": relation, "published": published, "rounding": rounding}) == told


def test_an_effect_is_told_with_what_it_is_measured_from():
    row = {"reference": "layer 1", "effect": -0.1, "effect_low": -0.2, "effect_high": None}
    assert words.effect(row) == "less layer 1: -0.1"
    assert words.effect(row | {"effect_high": 0.0}) == "less layer 1: -0.1 [-0.2, 0]"
    assert words.effect(row | {"effect": None}) == ""


def test_the_depth_of_the_source_is_found_from_which_relations_hold():
    born = [each for each in PUBLISHED if each.row == 1 and "affine" in each.part]
    rows = [(each.row, each.part, each.value - 1e-4, each.value + 1e-4) for each in born]
    table = pl.DataFrame(rows, ["row", "part", "low", "high"], orient="row")
    assert words.depths(table).endswith("10 affine layers: all but width 2; 11 affine layers: all.")
    assert words.depths(table.clear()) == ""
