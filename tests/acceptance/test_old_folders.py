"""Folders that an older relubench wrote, parts included: merged and drawn as they are."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from relubench.config import SETTING_KEYS, over_defaults
from relubench.sweeps import folders, grid, storage

FOLDERS = Path(__file__).parent.parent / "folders"
#: The words that each was made with.
WORDS = {
    "bias": (
        "seeds=5", "first_seed=0", "train.steps=60", "model.widths=[8]", "probe.count=5", "optimizer.name=sgd",
        "grid.optimizer.learning_rate=[.03,1.0]",
    ),
    "anatomy": ("seeds=5", "first_seed=0", "train.steps=40", "model.widths=[6,6]", "probe.count=3"),
}  # fmt: skip
TABLES = ("runs", "probes", "layers", "units", "measures")


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("schema", ["2", "3"])
def test_it_is_merged_and_drawn(relubench, tmp_path, schema, name):
    stored, copy = FOLDERS / f"schema_{schema}" / name, tmp_path / name
    shutil.copytree(stored, copy)
    for path in copy.glob("*.parquet"):
        path.unlink()
    status, _, error = relubench("merge", f"experiment={name}", *WORDS[name], f"out={name}")
    assert (status, error) == (0, "")
    assert list((copy / "figures").glob("*.png"))
    runs = storage.read_table(stored / "runs.parquet")
    names = dict(zip(runs["run_id"], folders.setting_ids(runs).tolist(), strict=True))
    assert len(set(names.values())) == runs.height
    for table in TABLES:
        if (stored / f"{table}.parquet").exists():
            ours, theirs = (storage.read_table(base / f"{table}.parquet") for base in (copy, stored))
            theirs = theirs.with_columns(pl.col("run_id").replace_strict(names))
            keys = [key for key in ("run_id", "measure", "step", "layer", "unit", "item") if key in theirs.columns]
            assert [name for name in ours.columns if name in theirs.columns] == theirs.columns
            for name in theirs.columns:
                a, b = ours.sort(keys)[name], theirs.sort(keys)[name]
                unread = a.is_null() & (name in SETTING_KEYS and SETTING_KEYS[name].choice is not None)
                assert (unread | a.eq_missing(b)).all(), (table, name)


@pytest.mark.slow
@pytest.mark.parametrize("schema", ["2", "3"])
def test_it_is_grown_where_mixing_is_allowed(relubench, tmp_path, schema):
    shutil.copytree(FOLDERS / f"schema_{schema}" / "bias", tmp_path / "bias")
    words = ("experiment=bias", *WORDS["bias"], "out=bias", "figures=false")
    status, told, error = relubench(*words, "engine.mixed=true")
    assert (status, error) == (0, "")
    assert "120 of 120 runs are on disk already" in told
    status, _, error = relubench(*words, "seeds=6")
    assert status == 2
    assert "engine.mixed=true" in error
    status, told, error = relubench(*words, "seeds=6", "engine.mixed=true")
    assert (status, error) == (0, "")
    assert "trained 24 runs" in told
    runs = storage.read_table(tmp_path / "bias/runs.parquet")
    assert runs.group_by("factor.bias").len()["len"].to_list() == [12] * 12


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("schema", ["2", "3"])
def test_the_lists_that_its_grid_zipped_are_a_factor_of_the_same_runs(schema, name):
    stored = FOLDERS / f"schema_{schema}" / name
    tree = folders.read_tree(stored / "config.yaml")
    config = folders.read_config(stored / "config.yaml")
    assert [factor.name for factor in config.factors] == ["cell"]
    leaves = {**tree["grid"], "seed": range(tree["seeds"])}
    runs = grid.build(over_defaults(config.values), leaves, config.factors)
    assert set(runs.run_ids()) == set(folders.setting_ids(storage.read_table(stored / "runs.parquet")))
