"""Runs folded over seeds, against plain Python."""

import numpy as np
import polars as pl
import pytest

import relubench
from relubench.findings import stats, summary
from relubench.sweeps import folders

RATES, BIASES = [0.05, 0.5, 1e38], [-0.1, 0.0]


@pytest.fixture(scope="module")
def tables():
    setting = {"train.steps": 20, "model.widths": [8, 8], "probe.count": 4}
    grid = {"optimizer.learning_rate": RATES, "model.init.bias": BIASES, "seed": list(range(6))}
    return relubench.sweep(setting, grid)


AXES = {"optimizer.learning_rate": RATES, "model.init.bias": BIASES}


def test_each_grid_point_has_the_mean_median_and_numbers_of_its_runs(tables):
    found = summary.summarize(tables["runs"], AXES)
    rows = tables["runs"].to_dicts()
    for row in found.filter(pl.col("metric") == "test_accuracy").to_dicts():
        ours = [r for r in rows if all(r[key] == row[key] for key in AXES)]
        finite = [r["test_accuracy"] for r in ours if not r["diverged"]]
        assert row["n"] == len(finite)
        assert row["n_diverged"] == len(ours) - len(finite)
        assert row["n_collapsed"] == sum(bool(r["collapsed"]) for r in ours)
        assert row["mean"] == (pytest.approx(np.mean(finite)) if finite else None)
        assert row["median"] == (pytest.approx(np.median(finite)) if finite else None)
    assert found["n_diverged"].max() == 6  # one point has lost all its runs and is still there


def test_the_share_of_diverged_runs_is_of_all_runs(tables):
    found = summary.summarize(tables["runs"], AXES).filter(pl.col("metric") == "diverged")
    assert found["n"].to_list() == [6] * len(found)
    low, high = stats.share_interval(found["n_diverged"].to_numpy(), np.full(len(found), 6))
    np.testing.assert_allclose(found["mean"], found["n_diverged"] / 6)
    np.testing.assert_allclose(found["ci_low"], low)
    np.testing.assert_allclose(found["ci_high"], high)


def test_nothing_depends_on_what_the_runs_are_called(tables):
    renamed = {name: table.with_columns(pl.col("run_id").str.reverse()) for name, table in tables.items()}
    assert summary.summarize(renamed["runs"], AXES).equals(summary.summarize(tables["runs"], AXES))
    folded = (summary.curves(folders.Tables(**each), AXES, ["dead_train", "test_loss"]) for each in (renamed, tables))
    assert next(folded).equals(next(folded))


def test_grid_points_come_in_the_order_of_the_grid(tables):
    found = summary.summarize(tables["runs"].reverse(), AXES).filter(pl.col("metric") == "diverged")
    assert found.select(*AXES).rows() == [(rate, bias) for rate in RATES for bias in BIASES]


def test_curves_are_means_over_runs_of_shares_of_units(tables):
    curves = summary.curves(folders.Tables(**tables), AXES, ["dead_train", "test_loss"])
    row = curves.filter(
        pl.col("metric") == "dead_train", pl.col("step") == 20, pl.col("layer").is_null(),
        pl.col("optimizer.learning_rate") == 0.5, pl.col("model.init.bias") == 0,
    ).row(0, named=True)  # fmt: skip
    runs = tables["runs"].filter(
        ~pl.col("diverged"), pl.col("optimizer.learning_rate") == 0.5, pl.col("model.init.bias") == 0
    )
    assert row["n"] == runs.height
    assert row["mean"] == pytest.approx(runs["dead_train_fraction"].mean())
    assert set(curves["layer"].drop_nulls()) == {1, 2}


def test_lists_can_be_grid_keys(tables):
    of = [tables["runs"].with_columns(pl.lit(widths).alias("model.widths")) for widths in ([8], [4, 4])]
    runs = pl.concat(of).filter(pl.col("optimizer.learning_rate") == RATES[0], pl.col("model.init.bias") == 0)
    found = summary.summarize(runs, {"model.widths": [(8,), (4, 4)]})
    assert found["model.widths"].unique(maintain_order=True).to_list() == [[8], [4, 4]]
