"""Cells with their numbers and intervals."""

import numpy as np
import polars as pl
import pytest
from matplotlib import colors

from relubench.plots.heatmap import heat_map
from tests.support.drawing import texts, tick_names, with_intervals

DEPTHS, RATES = (1, 4, 16), (0.01, 0.1)


def frame(kinds=("sgd",)):
    rows = [
        {"depth": depth, "rate": rate, "kind": kind, "mean": rate * depth / 2} for depth in DEPTHS for rate in RATES
        for kind in kinds
    ]  # fmt: skip
    return with_intervals(rows, half=0.005)


def test_each_cell_has_its_shade_its_number_and_its_interval():
    axis = heat_map(frame(), x="rate", y="depth", label="dead units").axes[0]
    expected = np.array([[rate * depth / 2 for rate in RATES] for depth in DEPTHS])
    np.testing.assert_allclose(axis.collections[0].get_array(), expected)
    written = dict(zip([(text.xy, text.get_va()) for text in axis.texts], texts(axis), strict=True))
    assert written[(0.5, 0.5), "bottom"] == "0.5"
    assert written[(0.5, 0.5), "top"] == "[0, 1.0]"
    assert written[(1.5, 2.5), "bottom"] == "80"
    assert written[(1.5, 2.5), "top"] == "[80, 80]"
    assert len(written) == 12


def test_a_cell_without_a_number_says_so_and_has_no_shade():
    lost = frame().with_columns(
        pl.when((pl.col("depth") == 4) & (pl.col("rate") == 0.1)).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("mean", "ci_low", "ci_high")
    )
    axis = heat_map(lost, x="rate", y="depth", label="dead units").axes[0]
    assert texts(axis).count("none") == 1
    assert np.ma.getmaskarray(axis.collections[0].get_array()).sum() == 1


def test_numbers_grow_upwards_and_names_run_down():
    figure = heat_map(frame(("sgd", "adam")), x="rate", y="depth", panels="kind", label="dead units")
    low, high = figure.axes[0].get_ylim()
    assert low < high
    assert [axis.get_title() for axis in figure.axes[:2]] == ["SGD", "Adam"]
    named = heat_map(frame(("sgd", "adam")).filter(pl.col("depth") == 4), x="rate", y="kind", label="dead units").axes[
        0
    ]
    low, high = named.get_ylim()
    assert low > high
    assert tick_names(named.yaxis) == ["SGD", "Adam"]


@pytest.mark.parametrize("log", [False, True])
def test_ink_stands_out_from_the_shade_under_it(log):
    axis = heat_map(frame(), x="rate", y="depth", label="dead units", log=log).axes[0]
    mesh = axis.collections[0]
    for text in axis.texts:
        column, row = (int(place) for place in text.xy)
        shade = np.array(mesh.cmap(mesh.norm(mesh.get_array()[row, column]))[:3])
        assert contrast(shade, np.array(colors.to_rgb(text.get_color()))) > 4.5


def contrast(one, other):
    """The contrast ratio of the Web Content Accessibility Guidelines 2.1; 4.5 is enough for text."""
    linear = [np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) for rgb in (one, other)]
    light = sorted(0.05 + rgb @ np.array([0.2126, 0.7152, 0.0722]) for rgb in linear)
    return light[1] / light[0]


def test_shares_of_0_have_the_least_shade_of_a_logarithmic_scale():
    some = frame().with_columns(mean=pl.when(pl.col("depth") == 1).then(0.0).otherwise("mean"))
    axis = heat_map(some, x="rate", y="depth", label="dead units", log=True).axes[0]
    mesh = axis.collections[0]
    assert float(mesh.norm(0.0)) == 0.0
    assert texts(axis).count("0") == 2


def test_panels_that_would_be_too_narrow_go_to_a_further_row():
    kinds = ("a", "b", "c")
    rows = [{"x": x, "y": y, "kind": kind, "mean": 0.1} for x in range(5) for y in range(2) for kind in kinds]
    figure = heat_map(with_intervals(rows), x="x", y="y", panels="kind", label="dead units")
    figure.draw_without_rendering()
    assert [axis.get_subplotspec().rowspan.start for axis in figure.axes[:3]] == [0, 0, 1]
    assert [axis.get_xlabel() for axis in figure.axes[:3]] == ["", "x", "x"]
