"""What the points of a table differ in."""

import polars as pl

from relubench.report.page import packing
from relubench.report.page.dimensions import dimensions
from relubench.sweeps.factors import Factor, Level

RATE = Factor("rate", "learning rate", (Level("high", "high", {}), Level("proper", "the proper one", {})))


def points(**columns):
    return pl.DataFrame(columns).with_columns(metric=pl.lit("dead_train"), mean=0.0)


def test_keys_that_factors_determine_and_what_does_not_vary_are_no_directions():
    rows = points(
        **{
            "optimizer.learning_rate": [0.1, 0.5, 0.1, 0.5],
            "model.widths": [[8], [8], [4, 4], [4, 4]],
            "train.steps": [9, 9, 9, 9],
            "factor.rate": ["proper", "high", "proper", "high"],
        }
    )
    rate, widths = dimensions(rows, [RATE])
    assert (rate.key, rate.title, rate.values) == ("factor.rate", "learning rate", ["high", "proper"])
    assert rate.titles == ["high", "the proper one"]
    assert rate.places(rows) == [1, 0, 1, 0]
    assert (widths.key, widths.titles, widths.places(rows)) == ("model.widths", ["8", "4-4"], [0, 0, 1, 1])
    assert not widths.is_numeric


def test_numbers_ascend_and_null_is_a_name():
    rows = points(step=[100, 10, 100, 10], layer=[None, None, 1, 1])
    step, layer = dimensions(rows, [])
    assert (step.values, step.is_numeric) == ([10, 100], True)
    assert (layer.values, layer.titles, layer.is_numeric) == ([None, 1], ["all layers", "1"], False)


def test_levels_that_the_design_does_not_have_stand_last_under_their_names():
    rows = points(**{"factor.rate": ["loud_one", "high"]})
    (rate,) = dimensions(rows, [RATE])
    assert rate.titles == ["high", "loud one"]


def test_what_is_packed_comes_back_with_four_digits():
    tree = {"a": [1 / 3, 2.0, None, float("nan"), float("inf")], "b": {"c": "×", "d": 123456, "e": (1e-12 / 3, True)}}
    unpacked = packing.unpacked(packing.packed(tree))
    assert unpacked == {"a": [0.3333, 2, None, None, None], "b": {"c": "×", "d": 123456, "e": [3.333e-13, True]}}
    assert packing.packed(tree) == packing.packed(tree)
