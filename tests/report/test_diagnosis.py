"""An autopsy: what is wrong, in words that the committed results bear out, and an exit status."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import polars as pl
import pytest

import relubench
from relubench.errors import UserError
from relubench.report import diagnosis
from tests.support.command_line import command

ROOT = Path(__file__).parents[2]
X = jax.random.normal(jax.random.key(0), (200, 4))


def network(parameters, x):
    h = jax.nn.relu(x @ parameters["first"]["w"] + parameters["first"]["b"][None])
    return jnp.tanh(h @ parameters["second"]["w"])


def parameters(dead, by_bias=True):
    """A layer of ten with so many dead units, by their bias or by their weights; behind it a layer of tanh."""
    w = jax.random.normal(jax.random.key(1), (4, 10))
    b = jnp.where(jnp.arange(10) < dead, -1000.0 if by_bias else -1.0, 1.0)
    w = w if by_bias else jnp.where(jnp.arange(10)[None] < dead, 0, w)
    return {"first": {"w": w, "b": b}, "second": {"w": jax.random.normal(jax.random.key(2), (10, 6)) / 10}}


def table(dead=3, **options):
    return relubench.census(network, parameters(dead, **options), [X])


def test_dead_units_are_told_with_their_cause_and_what_helps():
    result = relubench.autopsy(table(3), max_dead=0.2)
    assert not result.passes
    first, second = result.layers
    assert (first.site, first.units, first.dead) == ("first/relu", 10, 0.3)
    assert "Without their biases most would be active" in str(result)
    assert second.ills == ()
    assert "(claim 3)" in str(result)
    by_weights = str(relubench.autopsy(table(3, by_bias=False)))
    assert "Without their biases most would be dead as well" in by_weights


def test_a_healthy_network_passes():
    result = relubench.autopsy(table(0))
    assert result.passes
    assert str(result).startswith("no layer has more than 20% dead units")


def test_of_checkpoints_the_last_is_judged_and_the_first_is_beside_it():
    stored = {"0": parameters(1), "1": parameters(5)}
    over_time = relubench.census(network, list(stored), [X], load=stored.get)
    assert "at the first checkpoint it was 1: most have died in training" in str(relubench.autopsy(over_time))
    stored = {"0": parameters(5), "1": parameters(6)}
    over_time = relubench.census(network, list(stored), [X], load=stored.get)
    assert "most were dead from the start" in str(relubench.autopsy(over_time))


def test_units_that_rounding_made_dead_and_other_ills_are_told():
    def rounded(w, x):
        return jax.nn.sigmoid(x @ w + 200)

    text = str(relubench.autopsy(relubench.census(rounded, jnp.zeros((4, 5)).at[0].set(1), [X])))
    assert "5 of the dead are so in this precision alone" in text
    same = jnp.ones((4, 8))
    text = str(relubench.autopsy(relubench.census(lambda w, x: jax.nn.relu(x @ w + 50), same, [X])))
    assert "8 act as linear units" in text
    assert "7 do what an earlier unit does" in text


@pytest.mark.parametrize("advice", [*diagnosis.DEAD, diagnosis.BY_BIAS, diagnosis.BY_WEIGHTS])
def test_what_is_advised_follows_from_the_committed_results(advice):
    claims = pl.concat(
        [pl.read_parquet(file) for file in sorted((ROOT / "results/reference").glob("*/claims.parquet"))],
        how="diagonal_relaxed",
    )
    for rests in advice.rests:
        verdicts = claims.filter(pl.col("claim") == rests.claim, pl.col("statement") == rests.statement)
        assert set(verdicts["claim_verdict"]) <= set(rests.verdicts), rests
        assert verdicts.height


def test_the_command_line_prints_writes_and_fails_above_the_threshold(tmp_path):
    table(3).write_parquet(tmp_path / "census.parquet")
    status, out, _ = command(tmp_path, "autopsy", "census.parquet")
    assert (status, "first/relu" in out) == (1, True)
    status, out, _ = command(tmp_path, "autopsy", "census.parquet", "max_dead=0.5", "out=a.json")
    assert status == 0
    assert json.loads((tmp_path / "a.json").read_text())["layers"][0]["dead"] == 0.3
    assert command(tmp_path, "autopsy", "census.parquet", "out=a.html")[0] == 1
    page = (tmp_path / "a.html").read_text()
    assert "first/relu" in page
    assert page.startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["none.parquet"], "none.parquet"),
        (["census.parquet", "max_dead=much"], "max_dead='much': it takes a share"),
        (["census.parquet", "max_dead=2"], "max_dead=2.0"),
        (["census.parquet", "out=a.txt"], ".json or .html"),
        ([], "it takes a table"),
        (["census.parquet", "min_dead=1"], "it takes a table"),
        (["other.parquet"], "it lacks site"),
        (["units.parquet"], "row a unit"),
    ],
)
def test_bad_words_are_named(tmp_path, words, named):
    table(3).write_parquet(tmp_path / "census.parquet")
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "other.parquet")
    relubench.census(network, parameters(3), [X], per_unit=True).write_parquet(tmp_path / "units.parquet")
    status, _, error = command(tmp_path, "autopsy", *words)
    assert status in {1, 2}
    assert named in error
    assert len(error.splitlines()) == 1


def test_a_table_without_rows_is_refused():
    with pytest.raises(UserError, match="it lacks rows"):
        relubench.autopsy(table(3).clear())
