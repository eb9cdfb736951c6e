"""Lines with their intervals."""

import numpy as np
import polars as pl
import pytest
from matplotlib.colors import to_rgb

from relubench.plots.lines import line_panels
from tests.support.drawing import tick_names, with_intervals

RATES, BIASES, LAYERS = (0.01, 0.1), (None, 0.0, 0.1), (1, 2, 3)


def share(layer, bias, rate):
    return 0.1 * layer + (bias or 0.05) + rate


@pytest.fixture(scope="module")
def rows():
    keys = [(layer, bias, rate) for layer in LAYERS for bias in BIASES for rate in RATES]
    dead = with_intervals([{"layer": a, "bias": b, "rate": c, "mean": share(a, b, c)} for a, b, c in keys])
    loss = with_intervals([{"layer": a, "bias": b, "rate": c, "mean": 50 * share(a, b, c)} for a, b, c in keys], half=2)
    return {"dead": dead, "loss": loss}


def test_each_line_has_its_points_and_its_band(rows):
    figure = line_panels(rows, x="layer", columns="rate", lines="bias", percent=["dead"])
    assert len(figure.axes) == 4
    for place, rate in enumerate(RATES):
        axis = figure.axes[place]
        assert axis.get_title() == f"rate {rate}"
        drawn = {line.get_label(): line for line in axis.lines if not line.get_label().startswith("_")}
        assert list(drawn) == ["none", "0", "0.1"]
        assert len(axis.collections) == 3
        for bias, line, band in zip(BIASES, drawn.values(), axis.collections, strict=True):
            expected = [share(layer, bias, rate) for layer in LAYERS]
            np.testing.assert_allclose(line.get_ydata(), expected)
            heights = band.get_paths()[0].vertices[:, 1]
            np.testing.assert_allclose((heights.min(), heights.max()), (expected[0] - 0.02, expected[-1] + 0.02))


def test_only_shares_are_shown_in_per_cent_from_0(rows):
    figure = line_panels(rows, x="layer", columns="rate", lines="bias", percent=["dead"])
    figure.draw_without_rendering()
    dead, loss = figure.axes[0], figure.axes[2]
    assert all(name.endswith("%") for name in tick_names(dead.yaxis))
    assert not any(name.endswith("%") for name in tick_names(loss.yaxis))
    assert dead.get_ylim()[0] == pytest.approx(-0.02 * 0.52)
    assert loss.get_ylim()[1] > 25


def test_an_axis_may_be_logarithmic_by_row(rows):
    figure = line_panels(rows, x="layer", lines="bias", percent=False, log_y=["loss"], columns="rate")
    assert [axis.get_yscale() for axis in figure.axes] == ["linear", "linear", "log", "log"]


def test_few_whole_numbers_each_have_a_tick(rows):
    figure = line_panels(rows, x="layer", columns="rate", lines="bias", log_x=True)
    assert tick_names(figure.axes[-1].xaxis) == ["1", "2", "3"]
    assert list(figure.axes[-1].get_xticks(minor=True)) == []


def test_a_difference_of_shares_reaches_below_0(rows):
    frame = with_intervals([{"x": x, "mean": -0.3 * x} for x in (0.0, 1.0)])
    axis = line_panels({"difference": frame}, x="x").axes[0]
    assert -0.4 < axis.get_ylim()[0] < -0.32
    assert axis.get_legend() is None


def with_medians(medians):
    frame = with_intervals([{"x": place, "line": "a", "mean": 0.5} for place in range(len(medians))])
    return {"accuracy": frame.with_columns(median=pl.Series(medians))}


def test_medians_outside_the_interval_are_hollow_marks():
    axis = line_panels(with_medians([0.51, 0.9, 0.1]), x="x", lines="line").axes[0]
    (hollow,) = [line for line in axis.lines if line.get_markerfacecolor() == "white"]
    np.testing.assert_allclose(hollow.get_xydata(), [[1, 0.9], [2, 0.1]])


def many(lines, points=3):
    rows = [{"rate": 10.0**-n, "x": x, "mean": 0.5} for n in range(lines) for x in range(points)]
    return {"dead": with_intervals(rows)}


def test_many_lines_of_numbers_have_a_bar_of_shades_with_the_greatest_the_darkest():
    figure = line_panels(many(9), x="x", lines="rate")
    assert (len(figure.axes), len(figure.legends)) == (1, 1)
    figure = line_panels(many(10), x="x", lines="rate")
    panel, bar = figure.axes
    assert figure.legends == []
    assert bar.get_ylabel() == "rate"
    assert bar.get_yscale() == "log"
    lines = {line.get_label(): np.sum(to_rgb(line.get_color())) for line in panel.lines if line.get_label()[0] != "_"}
    assert min(lines, key=lines.get) == "1"


def test_a_line_of_many_points_has_no_marks_and_others_have_whole_ones():
    few, long = (line_panels(many(1, points), x="x", lines="rate").axes[0].lines for points in (15, 16))
    assert [line.get_marker() for line in few[:2]] == ["o", "o"]
    assert [line.get_clip_on() for line in few[:2]] == [True, False]  # a line to 0 leaves a logarithmic axis
    assert long[0].get_marker() in ("", "None")


def test_the_horizontal_axis_is_named_once(rows):
    figure = line_panels(rows, x="layer", columns="rate", lines="bias", x_label="hidden layer")
    assert figure.get_supxlabel() == "hidden layer"
    assert not any(axis.get_xlabel() for axis in figure.axes)
    assert line_panels(rows, x="layer", lines="bias").axes[-1].get_xlabel() == "layer"


def test_a_band_is_shaded_only_where_a_share_is_between_none_and_all():
    frame = with_intervals([{"x": x, "mean": mean} for x, mean in enumerate([0.0, 0.0, 0.5, 0.6, 1.0])])
    (band,) = line_panels({"diverged": frame}, x="x").axes[0].collections
    (path,) = band.get_paths()
    assert (path.vertices[:, 0].min(), path.vertices[:, 0].max()) == (2, 3)


def test_points_of_a_loose_line_are_not_joined(rows):
    axis = line_panels(rows, x="layer", columns="rate", lines="bias", loose=[0.1]).axes[0]
    named = [line for line in axis.lines if line.get_label()[0] != "_"]
    assert [line.get_label() for line in named if line.get_linestyle() == "None"] == ["0.1"]
