"""Violins from quantiles."""

import numpy as np
import polars as pl
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


def shares(**kinds):
    return with_intervals([{"kind": kind, "layer": layer, "mean": 0.5} for kind in kinds for layer in (1, 2)])


def drawn(**scales):
    return violins(frame(**scales), columns="kind", zeros=shares(**scales))


def test_the_density_of_evenly_spread_values_is_even():
    heights, density = density_of(np.linspace(-1, 3, 41))
    np.testing.assert_allclose(density, 0.25)
    assert (heights[0], heights[-1]) == (-1, 3)


def test_the_density_of_a_normal_is_the_normal_density():
    z = np.sort(np.random.default_rng(1).normal(size=100_001))
    heights, density = density_of(np.quantile(z, np.arange(401) / 400))
    near = np.abs(heights) < 1.5
    expected = np.exp(-(heights**2) / 2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(density[near], expected[near], atol=0.03)


@given(hnp.arrays(float, st.integers(2, 40), elements=st.floats(0.015625, 1e3)))
def test_the_mass_of_the_density_is_1(rises):
    heights, density = density_of(np.concatenate([[0], np.cumsum(rises)]))
    assert density[1:-1].sum() * (heights[2] - heights[1]) == pytest.approx(1, abs=0.05)


def bodies(axis):
    return [part.get_paths()[0].vertices for part in axis.collections if len(part.get_paths()[0].vertices) > 10]


def test_each_layer_has_a_violin_from_its_least_value_above_0_to_its_largest():
    found = bodies(drawn(he=1.0).axes[0])
    assert len(found) == 2
    for layer, corners in enumerate(found, 1):
        quantiles = relu_of_normal(layer)
        assert corners[:, 1].max() == pytest.approx(quantiles[-1])
        assert corners[:, 1].min() == pytest.approx(quantiles[quantiles > 0][0])
        assert np.abs(corners[:, 0] - layer).max() == pytest.approx(0.42)


def test_the_mark_is_the_median_of_what_is_above_0_with_its_interval():
    axis = drawn(he=1.0).axes[0]
    lines = segments([part for part in axis.collections if len(part.get_paths()[0].vertices) == 2])
    upper_quartile = [relu_of_normal(layer)[30] for layer in (1, 2)]  # half of all are above 0
    np.testing.assert_allclose([line.get_ydata()[0] for line in axis.lines], upper_quartile, rtol=0.05)
    np.testing.assert_allclose(lines[:, :, 1], [[m - 0.05, m + 0.05] for m in upper_quartile], rtol=0.05)


def test_panels_have_one_logarithmic_axis_and_the_share_of_zeros_its_row():
    figure = drawn(he=1.0, big=30.0)
    he, big, below, _ = figure.axes
    assert he.get_ylim() == big.get_ylim()
    assert he.get_yscale() == big.get_yscale() == "log"
    assert he.get_title() == "He"
    np.testing.assert_allclose(segments(below.collections), [[[1, 0.48], [1, 0.52]], [[2, 0.48], [2, 0.52]]])
    assert below.get_ylabel() == "exactly 0"


def test_a_dead_layer_has_no_violin():
    rows = frame(he=1.0).with_columns(mean=pl.when(pl.col("layer") == 2).then(0.0).otherwise("mean"))
    assert len(bodies(violins(rows, columns="kind", zeros=shares(he=1.0)).axes[0])) == 1


def test_rows_may_come_in_any_order():
    ordered, mixed = frame(he=1.0), frame(he=1.0).sample(fraction=1.0, shuffle=True, seed=0)
    first, second = (
        violins(rows.sort("layer", maintain_order=True), zeros=shares(he=1.0)).axes[0] for rows in (ordered, mixed)
    )
    for one, other in zip(first.collections, second.collections, strict=True):
        np.testing.assert_array_equal(one.get_paths()[0].vertices, other.get_paths()[0].vertices)
