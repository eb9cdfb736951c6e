"""The main job at a reduced grid: the science that must come out."""

import json
import os
import subprocess
import sys

import polars as pl
import pytest

from tests.support.command_line import command

pytestmark = pytest.mark.slow

REDUCED = [
    "seeds=6", "train.steps=300", "grid.optimizer.learning_rate=[1e-3,.1,1.0]", "grid.optimizer.name=[adam]",
    "grid.model.activation.name=[relu,leaky_relu]",
]  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("science")
    status, told, error = command(folder, *REDUCED)
    assert status == 0, error
    return folder / "results/learning_rate", told


def point(summary, rate, activation, metric):
    return summary.filter(
        pl.col("optimizer.learning_rate") == rate,
        pl.col("model.activation.name") == activation,
        pl.col("metric") == metric,
    ).row(0, named=True)


def test_few_units_are_dead_at_a_small_rate_and_many_at_a_large_one(done):
    summary = pl.read_parquet(done[0] / "summary.parquet")
    small, large = (point(summary, rate, "relu", "dead_train_fraction") for rate in (1e-3, 1.0))
    assert small["ci_high"] < 0.08
    assert large["ci_low"] > 0.8
    assert point(summary, 1e-3, "relu", "test_accuracy")["mean"] > 0.9
    assert point(summary, 1.0, "relu", "test_accuracy")["mean"] < 0.4


def test_at_a_small_rate_dead_units_hardly_grow_in_number(done):
    layers = pl.read_parquet(done[0] / "layers.parquet")
    runs = pl.read_parquet(done[0] / "runs.parquet")
    small = runs.filter(pl.col("optimizer.learning_rate") == 1e-3, pl.col("model.activation.name") == "relu")
    assert ((small["dead_train"] - small["born_dead"]) / small["units"]).mean() < 0.05
    assert layers["step"].max() == 300


def test_leaky_units_never_die(done):
    runs = pl.read_parquet(done[0] / "runs.parquet").filter(pl.col("model.activation.name") == "leaky_relu")
    assert runs.filter(~pl.col("diverged"))["dead_train"].to_list() == [0] * 18


def test_it_ends_with_a_table_figures_and_paths(done):
    folder, told = done
    assert "\nMost units are dead with ReLU, learning rate 1: " in told
    assert "2 more grid points are in summary.parquet: rates from 0.001 to 0.1, 0 % of the units dead" in told
    for path in ("summary.parquet", "figures/learning_rate.png", "figures/learning_rate.pdf", "provenance.json"):
        assert f"wrote results/learning_rate/{path}" in told
        assert (folder / path).stat().st_size > 0
    provenance = json.loads((folder / "provenance.json").read_text())
    (way,) = provenance["computed"]
    assert way["runs"] == provenance["runs_in_grid"] == 36
    assert way["run_steps"] == 36 * 300
    assert way["fingerprint"]["width"] == "8"


def test_figures_are_drawn_again_from_parquet_alone(done):
    folder, _ = done
    path = folder / "figures/learning_rate.png"
    before = path.read_bytes()
    path.unlink()
    assert command(folder.parent.parent, "figures")[0] == 0
    assert path.read_bytes() == before


def test_a_second_start_compiles_nothing(tmp_path):
    def start(seed):
        small = ["experiment=custom", "model.widths=[4]", "train.steps=3", f"seed={seed}", "figures=false"]
        env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
        subprocess.run([sys.executable, "-m", "relubench", *small], cwd=tmp_path, env=env, check=True)
        return {path.name for path in (tmp_path / "cache").rglob("*-cache")}

    first = start(0)
    assert first
    assert start(1) == first
