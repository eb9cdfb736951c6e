"""Activations: which have dead units, and how recoveries are counted."""

import polars as pl
import pytest

from relubench.experiments.activations.claims import woken
from relubench.findings.claims import Tables

SMALL = ["seeds=6", "train.steps=100", "model.widths=[32,32]", "figures=false"]


@pytest.mark.slow
def test_relu_units_die_leaky_ones_do_not_and_fewer_of_them_are_silent(relubench, tmp_path):
    some = [
        "optimizer.name=adam", "grid.optimizer.learning_rate=[.003,.1]",
        "factor.activation=[relu,leaky_001,leaky_01,leaky_minus_01]",
    ]  # fmt: skip
    status, _, error = relubench("experiment=activations", "out=out", *some, *SMALL)
    assert status == 0, error
    runs = pl.read_parquet(tmp_path / "out/runs.parquet")
    high = runs.filter(pl.col("optimizer.learning_rate") == 0.1)
    dead = dict(high.group_by("factor.activation").agg(pl.col("dead_train_fraction").mean()).rows())
    assert dead["relu"] > 0.3
    assert dead["leaky_001"] == dead["leaky_01"] == dead["leaky_minus_01"] == 0
    of_adam = pl.col("condition").str.starts_with("Adam, rate 0.1")
    fewer = pl.read_parquet(tmp_path / "out/claims.parquet").filter(of_adam, claim=11, direction="below")
    assert fewer.height == 2
    assert (fewer["ci_high"] < 0).all()


def test_units_that_wake_are_counted_from_the_probe_with_the_most_silent_ones():
    layers = pl.DataFrame(
        {
            "run_id": ["a"] * 6 + ["b"] * 2,
            "step": [0, 0, 1, 1, 2, 2, 0, 0],
            "layer": [1, 2] * 4,
            "units": [10] * 8,
            "silent_train": [0, 0, 4, 8, 3, 4, 1, 1],
        }
    )
    runs = pl.DataFrame({"run_id": ["a", "b"], "diverged": [False, True]})
    assert woken(Tables(runs, pl.DataFrame(), layers)).rows() == [("a", pytest.approx(12 / 20 - 7 / 20))]
