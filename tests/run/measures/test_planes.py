"""The checksum that tells whether a unit's weights have moved."""

import numpy as np
import polars as pl
import pytest

import relubench

SETTING = {
    "model.widths": [6], "train.steps": 3, "probe.count": 4, "probe.spacing": "linear",
    "probe.measures": ["plane_weights", "plane_bias", "plane_checksum"],
}  # fmt: skip


def measured(tables, name, step):
    rows = tables["measures"].filter(pl.col("measure") == name, pl.col("step") == step)
    return rows.sort("item")["value"].to_numpy()


@pytest.mark.parametrize("precision", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_the_checksum_is_that_of_the_bits_of_weights_and_bias(precision):
    tables = relubench.sweep(SETTING | {"engine.precision": precision, "optimizer.learning_rate": 0.1})
    for step in (0, 3):
        kernel, bias = measured(tables, "plane_weights", step).reshape(-1, 6), measured(tables, "plane_bias", step)
        columns = np.vstack([kernel, bias]).T.astype(precision)
        words = np.ascontiguousarray(columns).view(np.uint32).astype(object)
        factors = np.random.default_rng(0).integers(0, 2**32, words.shape[1], np.uint32) | 1
        expected = [sum(int(w) * int(f) for w, f in zip(row, factors, strict=True)) % 2**32 for row in words]
        np.testing.assert_array_equal(measured(tables, "plane_checksum", step), expected)


def test_the_checksum_stays_where_the_layer_is_frozen_and_changes_where_it_moves():
    tables = relubench.sweep(SETTING | {"optimizer.learning_rate": 1e-3}, {"optimizer.frozen": [[], [1]]})
    runs = {
        len(row["optimizer.frozen"]): {
            **tables,
            "measures": tables["measures"].filter(pl.col("run_id") == row["run_id"]),
        }
        for row in tables["runs"].iter_rows(named=True)
    }
    for step in range(3):
        moving, frozen = (measured(runs[n], "plane_checksum", step) for n in (0, 1))
        assert (measured(runs[0], "plane_checksum", step + 1) != moving).all()
        assert (measured(runs[1], "plane_checksum", step + 1) == frozen).all()
