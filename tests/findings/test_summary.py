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


def test_the_values_of_a_grid_point_are_those_of_its_runs_by_seed(tables):
    found = summary.values(tables["runs"].reverse(), AXES)
    assert found.select(*AXES).rows() == [(rate, bias) for rate in RATES for bias in BIASES]
    for row in found.to_dicts():
        runs = tables["runs"].filter(*(pl.col(key) == row[key] for key in AXES)).sort("seed")
        assert row["seed"] == runs["seed"].to_list()
        for name in ("test_accuracy", "dead_train_fraction", "diverged"):
            values = [None if value is None else value / summary.WHOLE for value in row[name]]
            assert values == pytest.approx(runs[name].cast(pl.Float64).to_list(), abs=0.5 / summary.WHOLE)
    assert found["diverged"].explode().to_list().count(summary.WHOLE) == tables["runs"]["diverged"].sum() > 0


def test_of_a_grid_point_with_very_many_runs_the_first_seeds_are_listed(tables):
    runs = tables["runs"].filter(pl.col("optimizer.learning_rate") == RATES[0], pl.col("model.init.bias") == 0)
    many = pl.concat([runs.with_columns(pl.col("seed") + 6 * copy) for copy in range(50)])
    (seeds,) = summary.values(many.reverse(), {})["seed"].to_list()
    assert seeds == list(range(summary.MOST_RUNS))


def test_the_layers_of_a_grid_point_have_the_mean_share_of_their_dead_units_at_the_end(tables):
    found = summary.dead_by_layer(folders.Tables(**tables), AXES)
    rows = tables["runs"].to_dicts()
    assert found.select(*AXES).rows() == [(rate, bias) for rate in RATES for bias in BIASES]
    for point in found.to_dicts():
        finite = [r["run_id"] for r in rows if all(r[k] == point[k] for k in AXES) and not r["diverged"]]
        ends = [r for r in tables["layers"].to_dicts() if r["run_id"] in finite and r["step"] == 20]
        means = (
            [np.mean([r["dead_train"] / 8 for r in ends if r["layer"] == n]) for n in (1, 2)] if finite else [None] * 2
        )
        assert point["layers"] == pytest.approx(means) if finite else point["layers"] == means
    assert any(any(point["layers"]) for point in found.to_dicts() if point["layers"][0] is not None)


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


def test_a_diverged_run_is_in_no_curve_from_then_on(tables):
    curves = summary.curves(folders.Tables(**tables), AXES, ["dead_train", "test_loss"])
    lost = curves.filter(pl.col("optimizer.learning_rate") == RATES[2], pl.col("step") == 20)
    assert lost.select("metric", "layer").n_unique() == 4  # the loss; the network's units, and those of its two layers
    assert lost["n"].to_list() == [0] * lost.height
    assert lost["mean"].null_count() == lost.height


def test_lists_can_be_grid_keys(tables):
    of = [tables["runs"].with_columns(pl.lit(widths).alias("model.widths")) for widths in ([8], [4, 4])]
    runs = pl.concat(of).filter(pl.col("optimizer.learning_rate") == RATES[0], pl.col("model.init.bias") == 0)
    found = summary.summarize(runs, {"model.widths": [(8,), (4, 4)]})
    assert found["model.widths"].unique(maintain_order=True).to_list() == [[8], [4, 4]]
