"""The targets of a regression: what is compared with what, and a small run through the command line."""

import polars as pl
import pytest

from relubench.experiments.targets.claims import more_than_near
from relubench.sweeps.folders import Tables

KEYS = ("run_id", "seed", "factor.world", "factor.optimizer", "factor.target", "dead_train_fraction")
RUNS = [
    ("a", 0, "teacher", "sgd", "near", 0.1), ("b", 0, "teacher", "sgd", "mean_10", 0.4),
    ("c", 0, "teacher", "momentum_09", "near", 0.3), ("d", 0, "teacher", "momentum_09", "mean_10", 0.9),
    ("e", 1, "teacher", "sgd", "near", 0.2), ("f", 1, "teacher", "sgd", "mean_10", 0.1),
    ("g", 0, "interval", "sgd", "mean_10", 0.5), ("h", 0, "teacher", "sgd", "deviation_001", 0.1),
]  # fmt: skip


def test_a_run_is_compared_with_its_twin_on_the_target_as_it_is():
    tables = Tables(pl.DataFrame(RUNS, KEYS, orient="row"), pl.DataFrame(), pl.DataFrame(), None, None)
    found = dict(more_than_near(tables).rows())
    none = found.pop("g")  # its setting has none
    assert none is None
    assert found == pytest.approx({"a": 0, "b": 0.3, "c": 0, "d": 0.6, "e": 0, "f": -0.1, "h": 0})


@pytest.mark.slow
def test_far_targets_kill_units_and_claims_are_recounted_from_the_runs(relubench):
    levels = "factor.target=[near,mean_30]", "factor.optimizer=[sgd,momentum_09]"
    status, told, _ = relubench("experiment=targets", "seeds=8", *levels)
    assert status == 0
    assert "wrote results/targets/figures/offset.png" in told
    runs = pl.read_parquet("results/targets/runs.parquet")
    by = ("factor.target", "factor.optimizer")
    dead = {key: part.sort("seed")[KEYS[-1]].to_numpy() for key, part in runs.partition_by(by, as_dict=True).items()}
    more = {name: dead["mean_30", name] - dead["near", name] for name in ("sgd", "momentum_09")}
    assert all(each.mean() > 0.1 for each in more.values())
    claims = pl.read_parquet("results/targets/claims.parquet").drop_nulls("value")
    found = {kind: part["value"].to_list() for (kind,), part in claims.partition_by("statistic", as_dict=True).items()}
    than_near, than_sgd = found.values()
    assert than_near == pytest.approx([more["sgd"].mean(), more["momentum_09"].mean()])
    assert than_sgd == pytest.approx([(more["momentum_09"] - more["sgd"]).mean()])
