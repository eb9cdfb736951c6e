"""Revival at a small size: the first layer never wakes, later ones do, and frozen layers wake none."""

import polars as pl
import pytest

SMALL = [
    "experiment=revival", "seeds=6", "factor.world=[digits]", "factor.optimizer=[sgd]", "model.widths=[32,32,32]",
    "train.steps=240", "optimizer.schedule.decay_steps=120", "probe.count=13", "out=out",
    "factor.treatment=[none,frozen_1,frozen_2,equal_decay,bias_decay]",
]  # fmt: skip


@pytest.fixture
def done(relubench):
    status, _, error = relubench(*SMALL)
    assert status == 0, error
    return pl.read_parquet("out/claims.parquet"), pl.read_parquet("out/curves.parquet")


def told(claims, statement, condition=""):
    found = claims.filter(pl.col("statement").str.contains(statement), pl.col("condition") == condition)
    return found.filter(pl.col("setting") == "digits, 64×3, SGD").row(0, named=True)


@pytest.mark.slow
def test_dead_units_of_later_layers_come_back_only_where_earlier_layers_move(done):
    claims, curves = done
    ever, at_end = (told(claims, f"unlikely to recover: to be {what}") for what in ("ever active", "alive at the end"))
    assert ever["value"] >= at_end["value"] > 0
    assert "of" in ever["remark"]
    for layer in (2, 3):
        assert told(claims, "all earlier layers frozen", f"layer {layer}")["value"] == 0
    for statement in ("first layer never comes back", "of layer 1 stay as they are", "Equal decay"):
        exact = told(claims, statement)
        assert (exact["value"], exact["verdict"]) == (0, "holds")
    dies = told(claims, "A unit alive at birth dies")
    assert dies["value"] > 0
    last = curves.filter(pl.col("metric") == "still_dead", pl.col("factor.treatment") == "none").group_by("layer")
    assert dict(last.agg(pl.col("mean").min()).rows())[1] == 1
    fates = curves.filter(pl.col("metric") == "revived", pl.col("layer") == 1)
    assert fates.filter(pl.col("factor.treatment") == "none")["mean"].max() == 0
