"""Differences beside the line of none."""

import numpy as np
import polars as pl
import pytest

from relubench.plots.forest import forest
from tests.support.drawing import segments, texts, tick_names

ROWS = [
    {"group": "SGD", "remedy": "redo", "mean": -0.05, "ci_low": -0.08, "ci_high": -0.01, "n": 64},
    {"group": "SGD", "remedy": "rerandomize", "mean": 0.1, "ci_low": 0.08, "ci_high": 0.2, "n": 1200},
    {"group": "Adam", "remedy": "redo", "mean": 0.02, "ci_low": None, "ci_high": None, "n": 3},
    {"group": "Adam", "remedy": "rerandomize", "mean": None, "ci_low": None, "ci_high": None, "n": 0},
]


@pytest.fixture(scope="module")
def axis():
    drawn = forest(
        pl.DataFrame(ROWS), label="remedy", groups="group", x_label="difference", favours=("fewer dead", "more dead")
    )
    drawn.draw_without_rendering()
    return drawn.axes[0]


def test_rows_stand_in_the_order_given_under_their_groups(axis):
    assert tick_names(axis.yaxis) == ["SGD", "ReDo", "re-randomise", "Adam", "ReDo", "re-randomise"]
    bold = [label.get_fontweight() == "bold" for label in axis.get_yticklabels()]
    assert bold == [True, False, False, True, False, False]
    low, high = axis.get_ylim()
    assert low > high


def test_each_interval_is_drawn_at_its_numbers_on_its_line(axis):
    np.testing.assert_allclose(segments(axis.collections), [[[-0.08, 1], [-0.01, 1]], [[0.08, 2], [0.2, 2]]])


def test_a_point_without_interval_is_hollow_and_a_row_without_mean_has_none(axis):
    marks = {tuple(line.get_xydata()[0]): line for line in axis.lines if line.get_marker() == "s"}
    assert set(marks) == {(-0.05, 1.0), (0.1, 2.0), (0.02, 4.0)}
    assert [line.get_markerfacecolor() == "white" for line in marks.values()] == [False, False, True]


def test_numbers_and_pairs_stand_at_the_right(axis):
    written = [text.get_text() for text in axis.texts if text.xy[0] == 1 and text.xy[1] >= 0]
    assert written == ["−5.0 [−8.0, −1.0]", "64", "10 [8.0, 20]", "1,200", "2.0", "3", "no pairs", "0"]


def test_both_sides_of_0_are_named_and_0_is_marked(axis):
    assert {"← fewer dead", "more dead →"} <= set(texts(axis))
    assert [list(line.get_xdata()) for line in axis.lines if line.get_marker() != "s"] == [[0, 0]]
    assert axis.get_xlabel() == "difference, percentage points"


def test_nothing_is_written_over_something_else(axis):
    boxes = [text.get_window_extent() for text in axis.texts]
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])


def test_other_numbers_are_shown_as_they_are():
    drawn = forest(pl.DataFrame(ROWS[:1]), label="remedy", x_label="loss", percent=False).axes[0]
    assert "−0.05 [−0.08, −0.01]" in texts(drawn)
    assert drawn.get_xlabel() == "loss"
    assert tick_names(drawn.yaxis) == ["ReDo"]


def test_a_far_difference_is_an_arrow_at_the_edge_with_its_number(axis):
    drawn = forest(pl.DataFrame(ROWS), label="remedy", groups="group", x_label="difference", farthest=0.1).axes[0]
    arrows = [line for line in drawn.lines if line.get_marker() == ">"]
    assert [line.get_ydata()[0] for line in arrows] == [2]
    assert len(segments(drawn.collections)) == 1
    assert drawn.get_xlim()[1] < 0.1 < axis.get_xlim()[1]
    assert "10 [8.0, 20]" in texts(drawn)
