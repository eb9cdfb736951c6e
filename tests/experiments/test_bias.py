"""Biases and dying: the main effects at a small size."""

import polars as pl
import pytest

SMALL = ["seeds=8", "train.steps=120", "model.widths=[32,32]", "figures=false"]


@pytest.mark.slow
def test_the_lower_biases_start_the_more_units_are_born_dead_and_every_claim_is_measured(relubench, tmp_path):
    command = ["experiment=bias", "out=out", "optimizer.name=adam", "grid.optimizer.learning_rate=[.003,.03]", *SMALL]
    status, _, error = relubench(*command)
    assert status == 0, error
    runs = pl.read_parquet(tmp_path / "out/runs.parquet")
    plain = runs.filter(pl.col("optimizer.bias_decay") == 0, pl.col("optimizer.bias_rate") == 1)
    born = plain.group_by("model.init.bias").agg(pl.col("born_dead_fraction").mean()).sort("model.init.bias")
    shares = born["born_dead_fraction"].to_list()
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.05 > shares[-1]
    early = runs.filter(pl.col("optimizer.learning_rate") == 0.003).select("run_id", "model.init.bias")
    probes = pl.read_parquet(tmp_path / "out/probes.parquet").filter(pl.col("step").is_between(1, 30))
    accuracy = dict(
        early.join(probes, on="run_id").group_by("model.init.bias").agg(pl.col("train_accuracy").mean()).rows()
    )
    assert accuracy[0.0] > accuracy[-1.0] + 0.1  # units that begin dead do not learn
    at_a_rate = pl.col("condition").str.contains("Adam, rate 0.0")
    claims = pl.read_parquet(tmp_path / "out/claims.parquet").filter(at_a_rate)
    assert claims.group_by("claim").len().sort("claim").rows() == [(6, 3), (14, 1), (16, 2), (17, 2)]
    assert set(claims["n"]) == {8}
