"""Activations: which have dead units, and which recover."""

import polars as pl
import pytest

SMALL = ["seeds=6", "train.steps=100", "model.widths=[32,32]", "factor.world=[digits]", "factor.optimizer=[adam]"]


@pytest.mark.slow
def test_relu_units_die_leaky_ones_do_not_and_fewer_of_them_are_silent(relubench, tmp_path):
    some = "factor.activation=[relu,leaky_001,leaky_01,leaky_minus_01,elu,tanh]"
    status, _, error = relubench("experiment=activations", "out=out", some, "optimizer.learning_rate=.1", *SMALL)
    assert status == 0, error
    runs = pl.read_parquet(tmp_path / "out/runs.parquet")
    dead = dict(runs.group_by("factor.activation").agg(pl.col("dead_train_fraction").mean()).rows())
    assert dead["relu"] > 0.3
    assert dead["leaky_001"] == dead["leaky_01"] == dead["leaky_minus_01"] == 0


@pytest.mark.slow
def test_every_claim_is_measured_at_the_rates_by_rule(relubench, tmp_path):
    status, _, error = relubench("experiment=activations", "out=out", *SMALL)
    assert status == 0, error
    claims = pl.read_parquet(tmp_path / "out/claims.parquet").filter(pl.col("setting") == "digits, 64×3, Adam")
    assert set(claims.filter(pl.col("verdict") != "not measured")["claim"]) == {11, 12, 13, 24, 26}
    figures = {path.stem for path in (tmp_path / "out/figures").glob("*.png")}
    assert figures == {"activations", "accuracy", "silent_over_time"}
