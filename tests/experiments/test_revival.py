"""Revival at a tiny size: the first layer never wakes, later ones do, and frozen layers wake none."""

import polars as pl
import pytest

SMALL = [
    "experiment=revival", "seeds=6", "model.widths=[32,32,32]", "train.steps=240", "probe.count=13", "figures=false",
    "out=out", "factor.case=[sgd_high,sgd_frozen_1,sgd_frozen_2,sgd_equal_decay,sgd_bias_decay]",
]  # fmt: skip


@pytest.fixture
def done(relubench):
    assert relubench(*SMALL)[0] == 0
    return pl.read_parquet("out/claims.parquet"), pl.read_parquet("out/curves.parquet")


def told(claims, statement, condition):
    found = claims.filter(pl.col("statement").str.contains(statement), pl.col("condition") == condition)
    return found.row(0, named=True)


@pytest.mark.slow
def test_dead_units_of_later_layers_come_back_only_where_earlier_layers_move(done):
    claims, curves = done
    assert told(claims, "unlikely to recover", "SGD, layer 3")["value"] > 0.2
    assert told(claims, "Earlier layers that move", "SGD, layer 3")["value"] > 0.2
    for layer in (2, 3):
        assert told(claims, "all earlier layers frozen", f"SGD, layer {layer}")["value"] == 0
    for statement in ("first layer never comes back", "weights stay as they are", "Equal decay"):
        exact = told(claims, statement, "SGD")
        assert (exact["value"], exact["verdict"]) == (0, "holds")
    assert told(claims, "Decay of the bias alone", "SGD")["value"] > 0
    last = curves.filter(pl.col("metric") == "still_dead", pl.col("variant") == "high rate").group_by("layer")
    assert dict(last.agg(pl.col("mean").min()).rows())[1] == 1
