"""Violins from quantiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from relubench.plots.violin import density_of, violins
from tests.support.drawing import segments, with_intervals

PROBABILITIES = np.arange(41) / 40


def relu_of_normal(scale):
    """Quantiles of max(0, scale·z) for a standard normal z, by sorting."""
    z = np.maximum(np.random.default_rng(0).normal(size=20001), 0) * scale
    return np.quantile(z, PROBABILITIES)


def frame(**scales):
    rows = [
        {"kind": kind, "layer": layer, "item": item, "mean": value} for kind, scale in scales.items()
        for layer in (1, 2) for item, value in enumerate(relu_of_normal(scale * layer))
    ]  # fmt: skip
    return with_intervals(rows, half=0.05)


def test_the_density_of_evenly_spread_values_is_even():
    heights, density, (_, share) = density_of(np.linspace(-1, 3, 41))
    np.testing.assert_allclose(density, 0.25)
    assert (heights[0], heights[-1]) == (-1, 3)
    assert share == 0


def test_the_density_of_a_normal_is_the_normal_density():
    z = np.sort(np.random.default_rng(1).normal(size=100_001))
    heights, density, _ = density_of(np.quantile(z, np.arange(401) / 400))
    near = np.abs(heights) < 1.5
    expected = np.exp(-(heights**2) / 2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(density[near], expected[near], atol=0.03)


@given(
    hnp.arrays(float, st.integers(2, 40), elements=st.floats(0.015625, 1e3)),
    st.integers(0, 40),
)
def test_the_mass_of_the_density_and_of_the_value_that_occurs_often_is_1(rises, zeros):
    quantiles = np.concatenate([np.zeros(zeros + 1), np.cumsum(rises)])
    heights, density, (value, share) = density_of(quantiles)
    cell = heights[2] - heights[1]
    assert density[1:-1].sum() * cell + share == pytest.approx(1)
    assert share == pytest.approx(zeros / (len(quantiles) - 1))
    assert value == 0 or share == 0


def test_a_layer_of_one_value_is_a_flat_line():
    _, density, (value, share) = density_of(np.full(41, 0.3))
    assert (value, share) == (0.3, 1.0)
    assert (density == 0).all()


def test_each_layer_has_a_violin_from_its_least_to_its_largest_value():
    axis = violins(frame(he=1.0)).axes[0]
    bodies = [part for part in axis.collections if part.get_paths() and len(part.get_paths()[0].vertices) > 10]
    assert len(bodies) == 2
    for layer, body in enumerate(bodies, 1):
        corners = body.get_paths()[0].vertices
        assert corners[:, 1].max() == pytest.approx(relu_of_normal(layer)[-1])
        assert corners[:, 1].min() == 0
        assert np.abs(corners[:, 0] - layer).max() == pytest.approx(0.42)


def test_zeros_are_a_flat_line_as_wide_as_their_share_and_the_median_has_its_interval():
    axis = violins(frame(he=1.0)).axes[0]
    lines = segments([part for part in axis.collections if len(part.get_paths()[0].vertices) == 2])
    flat, upright = (np.array([line for line in lines if (line[0, axis_of] == line[1, axis_of])]) for axis_of in (1, 0))
    assert flat.shape == upright.shape == (2, 2, 2)
    np.testing.assert_allclose(flat[:, 1, 0] - flat[:, 0, 0], 2 * 0.42 * 0.5, atol=0.03)
    medians = [relu_of_normal(layer)[20] for layer in (1, 2)]
    np.testing.assert_allclose(upright[:, :, 1], [[m - 0.05, m + 0.05] for m in medians])
    np.testing.assert_allclose([line.get_ydata()[0] for line in axis.lines], medians)


def test_panels_have_axes_of_their_own_and_the_share_of_zeros_its_row():
    zeros = with_intervals([{"kind": kind, "layer": layer, "mean": 0.5} for kind in ("he", "big") for layer in (1, 2)])
    figure = violins(frame(he=1.0, big=30.0), columns="kind", zeros=zeros)
    he, big, below, _ = figure.axes
    assert he.get_ylim()[1] < 10 < 100 < big.get_ylim()[1]
    assert he.get_title() == "He"
    np.testing.assert_allclose(segments(below.collections), [[[1, 0.48], [1, 0.52]], [[2, 0.48], [2, 0.52]]])
    assert below.get_ylabel() == "exactly 0"


def test_rows_may_come_in_any_order():
    ordered, mixed = frame(he=1.0), frame(he=1.0).sample(fraction=1.0, shuffle=True, seed=0)
    first, second = (violins(rows.sort("layer", maintain_order=True)).axes[0] for rows in (ordered, mixed))
    for one, other in zip(first.collections, second.collections, strict=True):
        np.testing.assert_array_equal(one.get_paths()[0].vertices, other.get_paths()[0].vertices)
