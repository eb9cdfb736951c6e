"""Factors from the command line to the tables."""

import json
import re

import polars as pl
import pytest
import yaml

TINY = (
    "experiment=bias", "out=out", "seeds=2", "train.steps=4", "model.widths=[4]", "probe.count=2", "figures=false",
    "optimizer.name=sgd", "optimizer.learning_rate=.1",
)  # fmt: skip


@pytest.fixture(scope="module")
def command_in(tmp_path_factory):
    from tests.support.command_line import command

    folder = tmp_path_factory.mktemp("factors")
    return folder, lambda *words: command(folder, *words)


def test_levels_become_columns_and_are_picked_added_and_grown(command_in, monkeypatch):
    folder, run = command_in
    monkeypatch.chdir(folder)
    picked = ("factor.bias=[none,zero]", "factor.bias.loud={title: a loud decay, optimizer: {bias_decay: 1}}")
    status, told, error = run(*TINY, *picked)
    assert (status, error) == (0, "")
    assert "a loud decay" in told
    assert "trained 6 runs" in told
    runs = pl.read_parquet(folder / "out/runs.parquet")
    assert dict(runs.group_by("factor.bias").len().rows()) == {"none": 2, "zero": 2, "loud": 2}
    assert runs.filter(pl.col("factor.bias") == "loud")["optimizer.bias_decay"].unique().to_list() == [1.0]
    summary = pl.read_parquet(folder / "out/summary.parquet")
    assert summary["factor.bias"].unique(maintain_order=True).to_list() == ["none", "zero", "loud"]
    written = yaml.safe_load((folder / "out/config.yaml").read_text())
    assert written["factors"]["bias"]["loud"]["title"] == "a loud decay"
    claims = pl.read_parquet(folder / "out/claims.parquet")
    verdicts = {number: set(rows["verdict"]) for (number,), rows in claims.group_by("claim")}
    assert verdicts[14] == {"not measured"}  # at high rates, which the grid has left out
    assert verdicts[15] == {"not measured"}  # at the best rates, of which the grid has left one, under SGD
    command = json.loads((folder / "out/provenance.json").read_text())["command"]
    assert command == ["python", "-m", "relubench", *(word for word in TINY if word != "out=out"), *picked]

    status, told, error = run(*TINY, "factor.bias=[zero,plus_1]")
    assert (status, error) == (0, "")
    assert "trained 2 runs" in told
    runs = pl.read_parquet(folder / "out/runs.parquet")
    assert dict(runs.group_by("factor.bias").len().rows()) == {None: 4, "zero": 2, "plus_1": 2}


def test_a_sweep_over_levels_is_one_job(command_in, monkeypatch):
    folder, run = command_in
    monkeypatch.chdir(folder)
    status, told, error = run("-m", *TINY, "factor.bias=zero,none")
    assert (status, error) == (0, "")
    assert "4 of 4 runs are on disk already" in told
    computed = json.loads((folder / "out/provenance.json").read_text())
    assert computed["runs_in_grid"] == 4
    assert "factor.bias=[zero,none]" in computed["command"]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("factor.bias=[zer]", "unknown level of factor.bias 'zer': it takes one of .* did you mean 'zero'"),
        (
            "factor.bais=[zero]",
            "unknown factor 'bais': it takes one of bias, optimizer, rate, world; did you mean 'bias'",
        ),
        ("factor.bias=null", r"it takes a list of levels, such as 'factor\.bias=\[a,b\]'"),
        ("factor.bias.loud=3", "a level takes its keys, such as 'factor.bias.loud="),
        ("factor.bias.loud={optimizer: {bias_dekay: 1}}", "did you mean 'optimizer.bias_decay'"),
        ("factor.bias.Loud={optimizer: {bias_decay: 1}}", "a level has a name of small letters"),
        ("optimizer.bias_decay=0.1", "it makes the levels zero and decay_0001 .* of factor.bias equal, and others not"),
    ],
)
def test_a_wrong_word_is_one_line(relubench, word, told):
    status, _, error = relubench("plan", "experiment=bias", word)
    assert status == 2
    assert len(error.splitlines()) == 1
    assert re.search(told, error), error
