"""Set sizes at a small size: every claim is measured, each run on its own share of the examples."""

import polars as pl
import pytest


@pytest.mark.slow
def test_the_claim_is_measured_on_runs_that_differ_in_their_training_set_alone(relubench):
    status, _, error = relubench(
        "experiment=sizes", "seeds=6", "train.steps=60", "model.widths=[24,24]", "factor.optimizer=[adam]", "out=out"
    )
    assert status == 0, error
    claims = pl.read_parquet("out/claims.parquet").filter(pl.col("setting") == "digits, 64×3, Adam")
    assert claims["n"].to_list() == [6, 6]
    runs = pl.read_parquet("out/runs.parquet")
    assert dict(runs.group_by("factor.examples").agg(pl.col("data.train_examples").first()).rows()) == {
        "n_64": 64, "n_128": 128, "n_256": 256, "all": None,
    }  # fmt: skip
    accuracy = dict(runs.group_by("factor.examples").agg(pl.col("test_accuracy").mean()).rows())
    assert accuracy["n_64"] < accuracy["all"]
