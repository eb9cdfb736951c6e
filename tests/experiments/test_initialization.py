"""Activations from layer to layer, through the command line at a small size."""

from pathlib import Path

import polars as pl
import pytest


@pytest.mark.slow
def test_small_weights_choke_the_flow_and_he_weights_do_not(relubench):
    status, _, errors = relubench(
        "experiment=initialization", "seeds=6", "train.steps=40", "model.widths=[32,32,32,32]", "optimizer.name=adam",
        "optimizer.learning_rate=.1", "factor.start=[normal_01,he]",
    )  # fmt: skip
    assert status == 0, errors
    claims = pl.read_parquet("results/initialization/claims.parquet")
    flow = claims.filter(pl.col("statement").str.contains("choke the flow"), pl.col("n") > 0)
    change = dict(flow.select("condition", "value").rows())
    assert change["N(0, 0.1²)"] < -2  # each of three layers multiplies the mean square by 32 * .1^2 / 2 = .16
    assert abs(change["He"]) < 1
    drawn = {path.name for path in Path("results/initialization/figures").glob("*.png")}
    assert drawn == {"activations.png", "moments.png", "ends.png"}
