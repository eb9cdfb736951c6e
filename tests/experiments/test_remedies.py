"""Remedies: each has its name, the highest usable rate is the one, and re-randomising changes what it is said to."""

import polars as pl
import pytest

from relubench.experiments.remedies.claims import CLAIMS
from relubench.experiments.remedies.metrics import highest_rate
from relubench.experiments.remedies.variants import FROZEN, REMEDIES
from relubench.findings.claims import Tables

TWO = ["factor.remedy=[none,rerandomize_frozen]", "optimizer.name=sgd", "grid.optimizer.learning_rate=[.1,1.0]"]
SMALL = ["seeds=6", "train.steps=109", "model.widths=[32,32]", "figures=false"]


@pytest.mark.slow
def test_a_network_that_is_re_randomised_each_epoch_learns_less(relubench, tmp_path):
    status, _, error = relubench("experiment=remedies", "out=out", *TWO, *SMALL)
    assert status == 0, error
    rows = pl.read_parquet(tmp_path / "out/curves.parquet").filter(
        remedy=REMEDIES[FROZEN], metric="accuracy_at_best_rate"
    )
    assert rows["n"].to_list() == [6]
    assert rows["mean"].item() < -10 * CLAIMS[1].smallest
    claims = pl.read_parquet(tmp_path / "out/claims.parquet").filter(condition="SGD")
    assert claims["claim"].to_list() == [7, 7, 7]
    assert claims.filter(pl.col("statement").str.contains("accuracy"))["value"].item() == rows["mean"].item()


def test_the_highest_usable_rate_is_the_last_within_two_points_of_the_seeds_best_without_a_remedy():
    accuracy = {"none": [0.90, 0.95, 0.935, None], "leaky ReLU": [0.96, 0.90, 0.90, 0.93], "RAI": [0.1, 0.1, 0.1, 0.1]}
    rows = [
        {
            "seed": 0,
            "optimizer.name": "sgd",
            "factor.remedy": remedy,
            "optimizer.learning_rate": rate,
            "test_accuracy": value,
        }
        for remedy, values in accuracy.items()
        for rate, value in zip((0.01, 0.1, 0.3, 1.0), values, strict=True)
    ]
    runs = pl.DataFrame(rows).with_row_index("run_id")
    found = highest_rate(Tables(runs, pl.DataFrame(), pl.DataFrame()))
    assert found["value"].to_list() == pytest.approx([0.3] * 4 + [1.0] * 4 + [0.01] * 4)
