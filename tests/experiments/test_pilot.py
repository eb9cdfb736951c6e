"""The rates that the pilot's runs come to, from hand-made runs."""

import polars as pl
import pytest
import yaml

from relubench.errors import UserError
from relubench.experiments.pilot import rates
from relubench.sweeps.storage import write_table

RATES = (0.01, 0.1, 0.3, 1.0, 3.0, 10.0)
ACCURACY = (0.80, 0.95, 0.94, 0.90, 0.10, 0.10)
DEAD = (0.0, 0.1, 0.25, 0.35, 0.7, 0.9)


def runs(accuracy=ACCURACY, dead=DEAD, diverged=(0, 0, 0, 0, 1, 0), seeds=4, loss=None):
    """Return runs of which `diverged[place]` of four have diverged at each rate."""
    rows = [
        {
            "factor.world": "digits",
            "factor.optimizer": "sgd",
            "data.name": "digits",
            "model.name": "mlp",
            "model.widths": [8, 8],
            "optimizer.name": "sgd",
            "optimizer.learning_rate": rate,
            "test_accuracy_or_chance": None if loss else accuracy[place],
            "test_loss": loss[place] if loss else 1.0,
            "dead_train_fraction": None if seed < diverged[place] else dead[place],
            "diverged": seed < diverged[place],
        }
        for place, rate in enumerate(RATES)
        for seed in range(seeds)
    ]
    return pl.DataFrame(rows, schema_overrides={"test_accuracy_or_chance": pl.Float64})


def found(**changes):
    entry = rates.table(runs(**changes))["digits_sgd"]
    return {rule: entry[rule] for rule in ("proper", "high", "deadliest", "kept")}


def test_the_rules_are_those_of_the_definitions():
    assert found() == {"proper": 0.1, "high": 1.0, "deadliest": 10.0, "kept": 0.3}


def test_a_high_rate_lies_below_the_first_at_which_runs_diverge_though_none_does_further_up():
    assert found(diverged=(0, 0, 0, 1, 0, 0))["high"] == 0.3
    assert found(diverged=(0, 0, 0, 0, 3, 3))["deadliest"] == 1.0


def test_networks_of_real_valued_targets_go_by_their_loss():
    told = found(loss=(0.5, 0.2, 0.1, 0.4, 9.0, 9.0))
    assert (told["proper"], told["kept"]) == (0.3, 0.3)


def test_a_best_rate_at_the_end_of_the_grid_is_refused():
    with pytest.raises(UserError, match=r"digits, sgd: the best rate, 0\.01, is the last of the grid"):
        found(accuracy=(0.99, 0.95, 0.94, 0.90, 0.10, 0.10))


def test_the_table_is_written_a_line_an_entry_and_runs_of_no_level_are_left_out(tmp_path):
    stray = runs().with_columns(pl.lit(None, pl.String).alias("factor.world"))
    (tmp_path / "pilot").mkdir()
    write_table(tmp_path / "pilot/runs.parquet", pl.concat([runs(), stray]), {"name": "pilot"})
    rates.main([str(tmp_path / "pilot"), str(tmp_path / "rates.yaml")])
    text = (tmp_path / "rates.yaml").read_text()
    assert len(text.splitlines()) == 2
    assert yaml.safe_load(text) == rates.table(runs())
