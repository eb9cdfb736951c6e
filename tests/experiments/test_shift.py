"""Shift at a tiny size: moved inputs wake dead units, other labels leave the first layer's asleep."""

import polars as pl
import pytest

SMALL = [
    "experiment=shift", "seeds=6", "factor.world=[digits]", "model.widths=[32,32]", "train.steps=200",
    "data.stream.period=100", "optimizer.schedule.decay_steps=100", "out=out", "factor.optimizer=[sgd]",
    "factor.change=[same,plus_1,new_labels]", "optimizer.learning_rate=.7",
]  # fmt: skip


@pytest.mark.slow
def test_moved_inputs_wake_dead_units_and_other_labels_none_of_the_first_layer(relubench):
    status, _, error = relubench(*SMALL)
    assert status == 0, error
    claims, curves = pl.read_parquet("out/claims.parquet"), pl.read_parquet("out/curves.parquet")
    here = claims.filter(pl.col("setting") == "digits, 64×3, SGD")
    woken = here.filter(pl.col("claim") == 35).select("statement", "condition", "value").rows()
    at_test = next(value for statement, _, value in woken if statement.endswith("at test time"))
    moved = next(value for _, condition, value in woken if condition == "inputs + 1")
    assert moved > at_test
    (kept,) = here.filter(pl.col("statement").str.starts_with("New labels alone")).rows(named=True)
    assert (kept["value"], kept["verdict"]) == (0, "holds")
    first = curves.filter(pl.col("metric") == "revived", pl.col("layer") == 1)
    later = dict(first.select("data", "mean").rows())
    assert later["same data"] == later["new labels"] == 0
    assert later["inputs + 1"] > 0.1
