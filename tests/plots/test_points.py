"""Points of categories side by side."""

import numpy as np
import polars as pl
import pytest

from relubench.plots.points import points
from tests.support.drawing import segments, tick_names, with_intervals

NAMES, OPTIMIZERS = ("relu", "leaky_relu", "elu"), ("sgd", "momentum", "adam")
KEYS = [(name, optimizer) for name in NAMES for optimizer in OPTIMIZERS]


def frame(factor=1.0):
    rows = [{"name": a, "optimizer": b, "mean": factor * (place + 1) / 20} for place, (a, b) in enumerate(KEYS)]
    return with_intervals(rows, half=0.03 * factor)


def test_every_point_stands_in_its_category_with_its_interval():
    axis = points({"dead": frame()}, x="name", lines="optimizer").axes[0]
    for place, line in enumerate(axis.lines[: len(OPTIMIZERS)]):
        expected = np.array([(3 * category + place + 1) / 20 for category in range(3)])
        np.testing.assert_allclose(line.get_ydata(), expected)
        assert (np.round(line.get_xdata()) == np.arange(3)).all()
        bars = segments([axis.collections[place]])
        np.testing.assert_allclose(bars[:, 0], np.stack([line.get_xdata(), expected - 0.03], 1))
        np.testing.assert_allclose(bars[:, 1], np.stack([line.get_xdata(), expected + 0.03], 1))


def test_points_of_one_category_stand_in_order_and_apart():
    axis = points({"dead": frame()}, x="name", lines="optimizer").axes[0]
    at = np.array([line.get_xdata() for line in axis.lines[: len(OPTIMIZERS)]])
    assert (np.diff(at, axis=0) > 0.2).all()
    assert at[-1, 0] < at[0, 1] - 0.2


def test_each_row_has_its_own_axis_and_the_categories_are_named_once():
    figure = points(
        {"dead": frame(), "loss": frame(40.0)}, x="name", columns="optimizer", percent=["dead"], log_y=["loss"]
    )
    figure.draw_without_rendering()
    assert [axis.get_ylabel() for axis in figure.axes] == ["dead", "", "", "loss", "", ""]
    assert [axis.get_yscale() for axis in figure.axes] == ["linear"] * 3 + ["log"] * 3
    assert tick_names(figure.axes[3].xaxis) == ["ReLU", "leaky ReLU", "ELU"]
    assert figure.axes[0].get_ylim()[0] == pytest.approx(-0.02 * 0.48)


@pytest.mark.parametrize(("count", "slanted"), [(3, False), (12, True)])
def test_names_that_would_touch_are_slanted(count, slanted):
    rows = with_intervals([{"name": f"remedy number {place}", "mean": 0.1} for place in range(count)])
    figure = points({"dead": rows}, x="name")
    assert all((label.get_rotation() > 0) == slanted for label in figure.axes[0].get_xticklabels())


def test_a_bound_has_an_arrow_to_its_side():
    rows = with_intervals([{"name": name, "mean": 0.5} for name in NAMES]).with_columns(censored=pl.Series([0, 1, -1]))
    axis = points({"rate": rows}, x="name").axes[0]
    assert [(arrow.xy[1], arrow.xyann) for arrow in axis.texts] == [(0.5, (0, 14)), (0.5, (0, -14))]
    np.testing.assert_allclose([arrow.xy[0] for arrow in axis.texts], [1, 2])


def test_categories_of_another_kind_stand_apart():
    rows = frame().with_columns(kind=pl.when(pl.col("name") == "elu").then(pl.lit("b")).otherwise(pl.lit("a")))
    axis = points({"dead": rows}, x="name", lines="optimizer", apart="kind").axes[0]
    assert [line.get_xdata()[0] for line in axis.lines if line.get_color() == "#777777"] == [1.5]
