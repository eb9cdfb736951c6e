"""Shift at a tiny size: moved inputs wake dead units, other labels leave the first layer's asleep."""

import polars as pl
import pytest

SMALL = [
    "experiment=shift", "seeds=6", "model.widths=[32,32]", "train.steps=200", "data.stream.period=100",
    "optimizer.schedule.decay_steps=100",
    "probe.count=11", "figures=false", "out=out", "factor.optimizer=[sgd]", "factor.change=[same,plus_1,new_labels]",
]  # fmt: skip


@pytest.mark.slow
def test_moved_inputs_wake_dead_units_and_other_labels_none_of_the_first_layer(relubench):
    assert relubench(*SMALL)[0] == 0
    claims, curves = pl.read_parquet("out/claims.parquet"), pl.read_parquet("out/curves.parquet")
    at_test = claims.filter(pl.col("claim") == 35).select("condition", "value")
    shares = dict(at_test.rows())
    assert shares["inputs + 1, SGD"] > shares["same distribution, SGD"]
    kept = claims.filter(pl.col("statement") == "New labels alone never revive layer 1", pl.col("condition") == "SGD")
    assert kept.select("value", "verdict").rows() == [(0, "holds")]
    first = curves.filter(pl.col("metric") == "revived", pl.col("layer") == 1)
    later = dict(first.select("change", "mean").rows())
    assert later["same data"] == later["new labels"] == 0
    assert later["inputs + 1"] > 0.1
