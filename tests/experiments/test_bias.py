"""Biases and dying: the main effects at a small size."""

import polars as pl
import pytest

SMALL = ["seeds=8", "train.steps=120", "model.widths=[32,32]", "probe.count=8"]


@pytest.mark.slow
def test_biases_far_below_0_are_born_dead_and_every_claim_is_measured(relubench, tmp_path):
    levels = "factor.bias.far={model: {init: {bias: -9}}}"
    command = ["experiment=bias", "out=out", "factor.world=[digits]", "factor.optimizer=[adam]", levels, *SMALL]
    status, _, error = relubench(*command)
    assert status == 0, error
    runs = pl.read_parquet(tmp_path / "out/runs.parquet")
    born = dict(runs.group_by("factor.bias").agg(pl.col("born_dead_fraction").mean()).rows())
    assert born["far"] > 0.05 > max(born["minus_01"], born["plus_1"])
    claims = pl.read_parquet(tmp_path / "out/claims.parquet").filter(pl.col("setting") == "digits, 64×3, Adam")
    counted = claims.filter("primary").group_by("claim", "statement").len()
    assert counted.sort("claim")["claim"].to_list() == [6, 14, 15, 15, 16, 17]
    at_proper = claims.filter(pl.col("claim").is_in([15, 17]))
    assert set(at_proper["n"]) == {8}
    assert {path.stem for path in (tmp_path / "out/figures").glob("*.png")} == {"bias", "learning"}
