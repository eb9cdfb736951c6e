"""The step that kills a unit: which one is drawn, and where its inputs lie before and after."""

import numpy as np
import polars as pl
import pytest
from matplotlib import pyplot as plt

from relubench.plots.deadly_step import deadliest, deadly_step

INPUTS = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
LABELS = np.array([0, 0, 1, 1])


def rows(unit, *planes):
    """Return a unit at some steps: (step, w0, w1, b)."""
    return [
        {"step": step, "unit": unit, "w0": w0, "w1": w1, "b": b, "dead": bool((INPUTS @ (w0, w1) + b <= 0).all())}
        for step, w0, w1, b in planes
    ]


def frame(*units):
    return pl.DataFrame([row for unit in units for row in unit])


ONE = rows(0, (0, 1.0, 0.0, 0.0), (1, 1.0, 0.0, -2.0), (9, 1.0, 0.0, -2.0))  # active on one input, then dead
THREE = rows(1, (0, 1.0, 0.0, 0.5), (1, 1.0, 0.0, -1.0), (9, 1.0, 0.0, -1.0))  # on three; z = 0 is dead, too
SLOW = rows(2, (0, 1.0, 0.0, 5.0), (1, 1.0, 0.0, 5.0), (9, 1.0, 0.0, -5.0))  # on all, but nine steps apart
ALIVE = rows(3, (0, 1.0, 0.0, 0.0), (1, 1.0, 0.0, 0.0), (9, 1.0, 0.0, 0.0))


def test_the_step_shown_took_a_unit_the_most_inputs_of_those_between_neighbouring_steps():
    pair = deadliest(frame(ONE, THREE, SLOW, ALIVE), INPUTS)
    assert (pair.unit, pair.before["step"], pair.after["step"]) == (1, 0, 1)
    before, after = pair.pre_activations(INPUTS)
    np.testing.assert_allclose(before, [1.5, -0.5, 0.5, 0.5])
    np.testing.assert_allclose(after, [0.0, -2.0, -1.0, -1.0])


def test_where_no_unit_dies_there_is_none():
    assert deadliest(frame(ALIVE), INPUTS) is None
    assert deadliest(frame(rows(0, (0, 1.0, 0.0, -5.0), (1, 1.0, 0.0, -5.0))), INPUTS) is None  # born dead


def test_the_figure_has_every_input_on_its_side_and_counts_the_active_ones():
    figure = deadly_step(deadliest(frame(THREE), INPUTS), data_x=INPUTS, labels=LABELS)
    drawn = [part.get_offsets()[:, 0] for part in figure.axes[1].collections]
    assert sorted(np.concatenate(drawn).tolist()) == pytest.approx(sorted([1.5, -0.5, 0.5, 0.5, 0, -2, -1, -1]))
    words = [label.get_text().replace("\n", " ") for label in figure.axes[1].get_yticklabels()]
    assert words == ["before: active on 3 of 4", "after: active on 0 of 4"]
    plt.close(figure)
