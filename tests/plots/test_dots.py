"""Dot plots: each number at its place, told apart by kind."""

import polars as pl
from matplotlib import pyplot as plt

from relubench.plots.dots import dots

ROWS = [
    ("digits", "layer 1", 0.0, None, None), ("digits", "layer 2", 0.5, 0.4, 0.7), ("moons", "layer 2", 0.2, 0.1, 0.3),
]  # fmt: skip


def test_each_number_stands_on_its_line_with_its_interval():
    frame = pl.DataFrame(ROWS, ["setting", "mark", "mean", "ci_low", "ci_high"], orient="row")
    figure = dots(frame, label="setting", marks="mark", x_label="units")
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.get_yticklabels()] == ["digits", "moons"]
    points = {line.get_label(): line.get_xydata() for line in axis.lines}
    assert points["layer 1"][:, 0].tolist() == [0.0]
    assert points["layer 2"][:, 0].tolist() == [0.5, 0.2]
    assert points["layer 2"][:, 1].round().tolist() == [0, 1]
    assert points["layer 1"][0, 1] < points["layer 2"][0, 1]  # side by side
    ends = [segment[:, 0].tolist() for collection in axis.collections for segment in collection.get_segments()]
    assert ends == [[0.4, 0.7], [0.1, 0.3]]
    assert axis.get_xlabel() == "units"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["layer 1", "layer 2"]
    plt.close(figure)
