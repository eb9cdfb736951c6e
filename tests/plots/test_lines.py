"""Lines with their intervals."""

import numpy as np
import pytest

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
