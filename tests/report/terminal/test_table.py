"""The table that a run ends with, from the tables of trained runs."""

import io

import polars as pl
import pytest
from rich.console import Console

import relubench
from relubench.findings import summary
from relubench.report.terminal import print_table
from relubench.sweeps import folders
from relubench.sweeps.factors import Factor, Level

RATES = [0.01, 0.3, 1e38]
AXES = {"optimizer.learning_rate": RATES, "model.widths": [(8,), (8, 6)]}


@pytest.fixture(scope="module")
def tables():
    grid = {key: list(values) for key, values in AXES.items()} | {"seed": list(range(5))}
    return folders.Tables(**relubench.sweep({"train.steps": 10, "probe.count": 2}, grid))


def printed(tables, axes=AXES, factors=(), width=100):
    out = io.StringIO()
    folded, layers = summary.summarize(tables.runs, axes), summary.dead_by_layer(tables, axes)
    print_table(folded, layers, list(axes), Console(file=out, width=width, highlight=False), factors)
    return out.getvalue()


def test_it_fits_100_columns_with_layers_losses_and_a_dash_where_all_runs_diverged(tables):
    lines = printed(tables).splitlines()
    rows = [line.split() for line in lines if "/5" in line and "more grid points" not in line]
    assert max(map(len, lines)) <= 100
    assert rows[-1][-6:] == ["1e38", "-", "-", "-", "-", "5/5"]
    assert any(row[0] == "8" and row.count("-") == 1 for row in rows)  # one layer
    assert lines[0].startswith("5 runs a row; ")


def test_a_loss_that_no_run_has_had_is_said_in_a_line_instead_of_a_column(tables):
    finite = tables.of(tables.runs.filter(~pl.col("diverged"))["run_id"])
    out = printed(finite, {"optimizer.learning_rate": RATES[:2], "model.widths": AXES["model.widths"]})
    assert "/5" not in out
    assert "no run diverged or collapsed" in out


def test_one_run_and_one_setting_have_a_table_too(tables):
    one = tables.of(tables.runs.filter(pl.col("optimizer.learning_rate") == 0.01)["run_id"].head(1))
    out = printed(one, {})
    assert "1 run a row" in out
    assert "no run diverged or collapsed" in out


def test_what_does_not_vary_stands_above_the_table_with_its_title(tables):
    runs = tables.runs.with_columns(pl.lit("mine").alias("factor.kind"))
    factor = Factor("kind", "my kind", (Level("mine", "of mine", {}),))
    out = printed(folders.Tables(runs, tables.probes, tables.layers), {"factor.kind": ["mine"], **AXES}, [factor])
    assert out.startswith("my kind of mine; 5 runs a row")
    assert out.count("of mine") == 1


def test_a_regression_has_its_test_loss_in_the_place_of_accuracy(tables):
    runs = tables.runs.with_columns(pl.lit(None, pl.Float64).alias("test_accuracy"), pl.lit(2.0).alias("test_loss"))
    out = printed(folders.Tables(runs, tables.probes, tables.layers))
    assert "loss" in out
    assert "acc." not in out
    assert any(line.split()[-2:] == ["2", "0/5"] for line in out.splitlines())
