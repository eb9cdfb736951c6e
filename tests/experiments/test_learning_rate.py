"""The dead share over the learning rate: what its claims come to, at a small size."""

import polars as pl

from relubench.experiments.learning_rate.claims import dead_in_working
from relubench.findings.claims import Tables

SMALL = ["seeds=10", "train.steps=100", "model.widths=[32,32]", "figures=false", "model.activation.name=relu"]
KEYS = ("optimizer.name", "model.activation.name")


def test_many_units_are_dead_at_a_high_rate_fewer_where_networks_still_work_and_few_at_the_best_one(
    relubench, tmp_path
):
    rates = ["optimizer.name=adam", "grid.optimizer.learning_rate=[1e-3,1e-2,.1]"]
    status, _, error = relubench("experiment=learning_rate", "out=out", *rates, *SMALL)
    assert status == 0, error
    rows = pl.read_parquet(tmp_path / "out/claims.parquet").iter_rows(named=True)
    claims = {(row["claim"], row["condition"]): row for row in rows}
    most, best = claims[2, "Adam, any accuracy"], claims[3, "Adam"]
    assert most["verdict"] == "holds"
    assert most["remark"] == "best learning rate 0.1 (censored: the grid ends there)"
    assert most["value"] > 2 * best["value"]
    assert claims[2, "Adam, accuracy kept"]["value"] < most["value"]
    assert claims[23, "Adam, rate 0.1 against 0.001"]["verdict"] == "holds"


def test_a_network_works_within_five_points_of_the_best_of_its_seed():
    runs = pl.DataFrame(
        {
            "run_id": ["best", "near", "far", "diverged", "other"],
            "seed": [0, 0, 0, 0, 1],
            **{key: ["same"] * 5 for key in KEYS},
            "diverged": [False, False, False, True, False],
            "test_accuracy": [0.9, 0.86, 0.84, None, 0.5],
            "dead_train_fraction": [0.1, 0.2, 0.3, None, 0.4],
        }
    )
    nothing = pl.DataFrame()
    found = dead_in_working(Tables(runs, nothing, nothing))
    assert dict(found.rows()) == {"best": 0.1, "near": 0.2, "far": None, "other": 0.4}
