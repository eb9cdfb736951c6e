"""The targets of a regression, through the command line at a small size."""

import polars as pl
import pytest

SMALL = ("experiment=targets", "seeds=8", "model.widths=[16,16]", "train.steps=250", "figures=false")


@pytest.mark.slow
def test_a_far_target_kills_units_and_momentum_more_of_them(relubench):
    status, _, _ = relubench(
        *SMALL, "optimizer.learning_rate=.01", "grid.optimizer.momentum=[0,.9]",
        "factor.target=[near,mean_30]",
    )  # fmt: skip
    assert status == 0
    summary = pl.read_parquet("results/targets/summary.parquet").filter(pl.col("metric") == "dead_train_fraction")
    dead = {row[:2]: row[2] for row in summary.select("data.target_offset", "optimizer.momentum", "mean").rows()}
    assert dead[0.0, 0.9] < 0.05
    assert dead[30.0, 0.9] > dead[0.0, 0.9] + 0.1
    assert dead[30.0, 0.9] > dead[30.0, 0.0] + 0.05
