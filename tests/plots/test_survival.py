"""Survival curves."""

import numpy as np
import pytest

from relubench.plots.survival import survival_panels
from tests.support.drawing import with_intervals


def curve(layer, steps, **keys):
    return [{"step": step, "layer": layer, "mean": 0.5 ** (step * layer / 100), **keys} for step in steps]


@pytest.mark.parametrize("steps", [(0, 50, 100), (50, 100)])
def test_a_curve_falls_in_steps_from_1_at_step_0(steps):
    axis = survival_panels(with_intervals(curve(1, steps))).axes[0]
    line = axis.lines[0]
    assert line.get_drawstyle() == "steps-post"
    np.testing.assert_allclose(line.get_xydata()[:3], [(0, 1), (50, 0.5**0.5), (100, 0.5)])
    assert axis.get_ylim() == pytest.approx((-0.02, 1.03))


def test_the_last_points_interval_has_a_width_to_be_seen():
    axis = survival_panels(with_intervals(curve(1, (0, 50, 100)), half=0.1)).axes[0]
    corners = axis.collections[0].get_paths()[0].vertices
    held = corners[corners[:, 0] > 100]
    np.testing.assert_allclose(sorted({*held[:, 1].round(9)}), [0.4, 0.6])


def test_there_is_a_panel_a_column_and_a_curve_a_line():
    rows = [row for name in ("sgd", "adam") for layer in (1, 2, 3) for row in curve(layer, (0, 10, 20), kind=name)]
    figure = survival_panels(with_intervals(rows), columns="kind", lines="layer", label="dead units still dead")
    assert [axis.get_title() for axis in figure.axes] == ["SGD", "Adam"]
    for axis in figure.axes:
        assert [line.get_label() for line in axis.lines if not line.get_label().startswith("_")] == ["1", "2", "3"]
        assert len(axis.collections) == 3
    assert figure.axes[0].get_ylabel() == "dead units still dead"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["1", "2", "3"]
