"""The checksum that tells whether a unit's weights have moved."""

import numpy as np
import polars as pl
import pytest

import relubench

SETTING = {
    "model.widths": [6], "train.steps": 3, "probe.count": 4, "probe.spacing": "linear",
    "probe.measures": ["plane_weights", "plane_bias", "plane_checksum"],
}  # fmt: skip


def measured(rows, name, step):
    rows = rows.filter(pl.col("measure") == name, pl.col("step") == step)
    return rows.sort("item")["value"].to_numpy()


def trained(precision):
    """Return the measures of a run whose layer moves, and of one whose layer is frozen."""
    tables = relubench.sweep(SETTING | {"engine.precision": precision}, {"optimizer.frozen": [[], [1]]})
    frozen = tables["runs"].select("run_id", frozen=pl.col("optimizer.frozen").list.len() > 0)
    rows = tables["measures"].join(frozen, on="run_id")
    return rows.filter(~pl.col("frozen")), rows.filter(pl.col("frozen"))


@pytest.fixture(scope="module")
def in_float32():
    return trained("float32")


@pytest.mark.parametrize("precision", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_the_checksum_is_that_of_the_bits_of_weights_and_bias(precision, in_float32):
    moving, _ = in_float32 if precision == "float32" else trained(precision)
    for step in (0, 3):
        kernel, bias = measured(moving, "plane_weights", step).reshape(-1, 6), measured(moving, "plane_bias", step)
        columns = np.vstack([kernel, bias]).T.astype(precision)
        words = np.ascontiguousarray(columns).view(np.uint32).astype(object)
        factors = np.random.default_rng(0).integers(0, 2**32, words.shape[1], np.uint32) | 1
        expected = [sum(int(w) * int(f) for w, f in zip(row, factors, strict=True)) % 2**32 for row in words]
        np.testing.assert_array_equal(measured(moving, "plane_checksum", step), expected)


def test_the_checksum_stays_where_the_layer_is_frozen_and_changes_where_it_moves(in_float32):
    for step in range(3):
        for rows, stays in zip(in_float32, (False, True), strict=True):
            before, after = (measured(rows, "plane_checksum", each) for each in (step, step + 1))
            assert ((before == after) == stays).all()
