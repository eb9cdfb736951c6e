"""Plasticity: units die over a sequence of tasks, and the change over a run is that of its tenths."""

import polars as pl
import pytest

from relubench.experiments.plasticity.metrics import change
from relubench.findings.claims import Tables

#: One problem, shrunk: permuted digits with Adam.
PERMUTED = [
    "factor.problem=[permuted_adam]", "data.stream.period=20", "model.widths=[32,32]", "optimizer.learning_rate=.02",
    "train.steps=400", "grid.remedy.name=[none,continual_backprop]", "remedy.maturity=20",
    "remedy.replacement_rate=.01",
]  # fmt: skip


@pytest.mark.slow
def test_units_die_over_permuted_tasks_and_continual_backprop_keeps_them_alive(relubench, tmp_path):
    status, _, error = relubench("experiment=plasticity", "out=out", "seeds=6", "figures=true", *PERMUTED)
    assert status == 0, error
    curves = pl.read_parquet(tmp_path / "out/curves.parquet").filter(pl.col("metric").str.ends_with("_change"))
    changes = {(row["metric"], row["remedy.name"]): row["mean"] for row in curves.iter_rows(named=True)}
    assert changes["dead_train_change", "none"] > 0.05
    assert changes["dead_train_change", "continual_backprop"] < changes["dead_train_change", "none"]
    assert changes["online_accuracy_change", "continual_backprop"] > changes["online_accuracy_change", "none"]
    assert set(curves["n"]) == {6}
    assert [path.name for path in sorted((tmp_path / "out/figures").glob("*.png"))] == ["permuted.png"]


@pytest.mark.parametrize(("tasks", "expected"), [(20, 18.0), (5, 4.0)])
def test_a_change_is_the_last_tenth_of_the_tasks_less_the_first(tasks, expected):
    steps = list(range(tasks + 1))
    values = [None, *map(float, steps[1:])]  # nothing is online before the first step
    measures = pl.DataFrame({"run_id": "a", "step": steps, "measure": "online_loss", "value": values})
    runs = pl.DataFrame({"run_id": ["a", "b"], "diverged": [False, True]})
    layers = pl.DataFrame({"run_id": "a", "step": [0], "layer": [1], "units": [4], "dead_train": [0]})
    found = change("online_loss")(Tables(runs, pl.DataFrame(), layers, measures=measures))
    assert found.rows() == [("a", expected)]


def test_a_change_of_units_is_told_as_a_share_of_all_layers():
    runs = pl.DataFrame({"run_id": ["a"], "diverged": [False]})
    dead = {"run_id": "a", "step": [0, 0, 1, 1, 2, 2], "layer": [1, 2] * 3, "units": [10, 30] * 3}
    layers = pl.DataFrame(dead | {"dead_train": [9, 9, 0, 4, 5, 15]})
    assert change("dead_train")(Tables(runs, pl.DataFrame(), layers)).rows() == [("a", 0.5 - 0.1)]
