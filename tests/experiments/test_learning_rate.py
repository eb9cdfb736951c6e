"""The dead share over the learning rate: what its claims come to, at a small size."""

import polars as pl

from relubench.experiments.cases import rate_by_rule

SMALL = ["seeds=12", "train.steps=200", "model.widths=[32,32]", "figures=false", "grid.model.activation.name=[relu]"]


def test_many_units_are_dead_at_the_deadliest_rate_and_few_at_the_proper_one(relubench, tmp_path):
    where = {"factor.world": "digits", "factor.optimizer": "adam"}
    proper, deadliest = (rate_by_rule("learning_rate", where, rule) for rule in ("proper", "deadliest"))
    rates = ["factor.optimizer=[adam]", f"grid.optimizer.learning_rate=[{proper},{deadliest}]"]
    status, _, error = relubench("experiment=learning_rate", "out=out", *rates, *SMALL)
    assert status == 0, error
    claims = pl.read_parquet(tmp_path / "out/claims.parquet")
    adam = claims.filter(pl.col("setting") == "digits, 64×3, Adam")
    most, best = (adam.filter(claim=number, n=12).row(0, named=True) for number in (2, 3))
    assert most["verdict"] == "holds"
    assert most["value"] > 0.4 > 3 * best["value"]
    others = claims.filter(pl.col("setting") != "digits, 64×3, Adam")
    assert set(others["verdict"]) == {"not measured"}
    assert set(adam.filter(claim=2)["settings"]) == {1, 0}  # the rate at which accuracy is kept was left out
