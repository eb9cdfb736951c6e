"""Remedies: the highest usable rate is the one, and re-randomising changes what it is said to."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from relubench.experiments.remedies.claims import CLAIMS
from relubench.experiments.remedies.metrics import highest_rate, usable
from relubench.experiments.remedies.variants import DEEPER
from relubench.findings.claims import Tables

REFERENCE = Path(__file__).parents[2] / "results/reference/remedies"
SMALL = ["factor.remedy=[none,rerandomize_progressive]", "factor.world=[digits]", "factor.optimizer=[sgd]", "seeds=6",
         "train.steps=109", "model.widths=[32,32]"]  # fmt: skip


@pytest.mark.slow
def test_a_network_that_is_re_randomised_each_epoch_learns_less(relubench, tmp_path):
    status, _, error = relubench("experiment=remedies", "out=out", *SMALL)
    assert status == 0, error
    curves = pl.read_parquet(tmp_path / "out/curves.parquet")
    best = curves.filter(pl.col("metric") == "accuracy_at_best_rate", pl.col("factor.remedy") == DEEPER)
    assert best["n"].to_list() == [6]
    assert best["mean"].item() < -10 * CLAIMS[1].smallest
    claims = pl.read_parquet(tmp_path / "out/claims.parquet").filter(
        "primary", pl.col("setting") == "digits, 64×3, SGD"
    )
    assert claims["claim"].to_list() == [7, 7, 7]
    accuracy = claims.filter(pl.col("statement").str.contains("accuracy")).row(0, named=True)
    assert accuracy["at_chance"] == pytest.approx(best["mean"].item())
    profile = curves.filter(pl.col("metric") == "profile", pl.col("factor.remedy") == "none").sort("accuracy")
    assert (profile["mean"].diff().drop_nulls() <= 0).all()
    assert profile["mean"].to_list()[0] == 1
    assert len(list((tmp_path / "out/figures").glob("*.png"))) == 5


@pytest.mark.slow
def test_of_real_valued_targets_losses_are_drawn_and_no_accuracies(relubench, tmp_path):
    shutil.copytree(REFERENCE, tmp_path / "out", ignore=shutil.ignore_patterns("figures"))
    status, _, error = relubench("figures", "experiment=remedies", "size=reference", "out=out")
    assert status == 0, error
    drawn = {path.stem.removesuffix("_linear") for path in (tmp_path / "out/figures").glob("*_linear.png")}
    assert drawn == {"dead_at_high_rate", "loss_at_best_rate", "usable_rate"}
    told = (tmp_path / "out/figures/usable_rate_linear.txt").read_text()
    assert "test loss is at most 1.5 times the least" in told
    assert "accuracy lies at most 2 points" in (tmp_path / "out/figures/usable_rate_fashion_cnn.txt").read_text()


def test_the_highest_usable_rate_is_the_last_within_two_points_of_the_seeds_best_without_a_remedy():
    accuracy = {"none": [0.90, 0.95, 0.935, 0.1], "leaky_relu": [0.96, 0.90, 0.90, 0.93], "rai": [0.1, 0.1, 0.1, 0.1]}
    rows = [
        {
            "seed": 0,
            "factor.world": "digits",
            "factor.optimizer": "sgd",
            "factor.remedy": remedy,
            "optimizer.learning_rate": rate,
            "test_accuracy_or_chance": value,
            "test_loss": 1.0,
        }
        for remedy, values in accuracy.items()
        for rate, value in zip((0.01, 0.1, 0.3, 1.0), values, strict=True)
    ]
    runs = pl.DataFrame(rows).with_row_index("run_id")
    found = highest_rate(Tables(runs, pl.DataFrame(), pl.DataFrame()))
    assert found["value"].to_list() == [0.3] * 4 + [1.0] * 4 + [0.01] * 4


def test_of_regressions_the_highest_usable_rate_is_the_last_at_half_as_much_again_as_the_least_loss_without_a_remedy():
    loss = {"none": [0.5, 0.4, 0.7, None], "redo": [0.61, 0.59, 9.0, 9.0]}
    rows = [
        {
            "seed": 0,
            "factor.remedy": remedy,
            "optimizer.learning_rate": rate,
            "test_accuracy_or_chance": None,
            "test_loss": value,
        }
        for remedy, values in loss.items()
        for rate, value in zip((0.01, 0.1, 0.3, 1.0), values, strict=True)
    ]
    runs = pl.DataFrame(rows, schema_overrides={"test_accuracy_or_chance": pl.Float64}).with_row_index("run_id")
    assert highest_rate(Tables(runs, pl.DataFrame(), pl.DataFrame()))["value"].to_list() == [0.1] * 8


def test_usable_rates_are_told_by_their_geometric_mean_and_bounds_are_marked():
    rates, seeds = (0.01, 0.1, 1.0), range(6)
    good = {
        "none": lambda seed, rate: rate <= (0.01, 0.1)[seed % 2],
        "leaky_relu": lambda seed, rate: seed < 4,  # half of the seeds or more can use the highest
        "rai": lambda seed, rate: seed > 3 and rate == 0.1,  # and can use none
    }
    rows = [
        {
            "seed": seed, "factor.world": "digits", "factor.optimizer": "sgd", "factor.remedy": remedy,
            "optimizer.learning_rate": rate, "test_accuracy_or_chance": 0.9 if usable_at(seed, rate) else 0.5,
            "test_loss": 1.0,
        }
        for remedy, usable_at in good.items() for seed in seeds for rate in rates
    ]  # fmt: skip
    tables = Tables(pl.DataFrame(rows).with_row_index("run_id"), pl.DataFrame(), pl.DataFrame())
    found = {row["factor.remedy"]: row for row in usable(tables).to_dicts()}
    expected = {"none": (0.01**3 * 0.1**3, 0), "leaky_relu": (1.0**4 * 0.01**2, 1), "rai": (0.01**4 * 0.1**2, -1)}
    for remedy, (product, side) in expected.items():
        assert found[remedy]["mean"] == pytest.approx(product ** (1 / 6))
        assert found[remedy]["ci_low"] <= found[remedy]["mean"] <= found[remedy]["ci_high"]
        assert (found[remedy]["censored"], found[remedy]["n"]) == (side, 6)
