"""Folders that an older relubench wrote, parts included: merged and drawn as they are."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from relubench.config import SETTING_KEYS, over_defaults
from relubench.sweeps import folders, grid, storage

FOLDERS = Path(__file__).parent.parent / "folders"
NAMES = ("anatomy", "bias")
TABLES = ("runs", "probes", "layers", "units", "measures")


@pytest.fixture
def copied(tmp_path, schema, name):
    """A stored folder, and a copy of its parts and configuration."""
    stored, copy = FOLDERS / f"schema_{schema}" / name, tmp_path / name
    shutil.copytree(stored, copy)
    for path in copy.glob("*.parquet"):
        path.unlink()
    return stored, copy


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("schema", ["2", "3"])
def test_its_parts_are_merged_to_the_tables_that_it_had(copied):
    stored, copy = copied
    folders.Folder(copy).merge()
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


@pytest.mark.parametrize("name", ["bias"])
@pytest.mark.parametrize("schema", ["2", "3"])
def test_it_is_drawn_as_it_was_designed_and_not_grown_unless_mixing_is_allowed(relubench, copied):
    _, copy = copied
    status, _, error = relubench("again", "bias", "figures=false", "seeds=6")
    assert status == 2
    assert "engine.mixed=true" in error
    status, told, error = relubench("again", "bias", "engine.mixed=true", "figures=true")
    assert (status, error) == (0, "")
    assert "120 of 120 runs are on disk already" in told
    assert list((copy / "figures").glob("*.png"))


@pytest.mark.slow
@pytest.mark.parametrize("schema", ["2", "3"])
def test_it_is_grown_where_mixing_is_allowed(relubench, tmp_path, schema):
    shutil.copytree(FOLDERS / f"schema_{schema}" / "bias", tmp_path / "bias")
    status, told, error = relubench("again", "bias", "figures=false", "seeds=6", "engine.mixed=true")
    assert (status, error) == (0, "")
    assert "trained 24 runs" in told
    runs = storage.read_table(tmp_path / "bias/runs.parquet")
    assert runs.group_by("factor.cell").len()["len"].to_list() == [12] * 12


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("schema", ["2", "3"])
def test_the_lists_that_its_grid_zipped_are_a_factor_of_the_same_runs(schema, name):
    stored = FOLDERS / f"schema_{schema}" / name
    tree = folders.read_tree(stored / "config.yaml")
    config = folders.read_config(stored / "config.yaml")
    assert [factor.name for factor in config.factors] == ["cell"]
    leaves = {**tree["grid"], "seed": range(tree["seeds"])}
    runs = grid.build(over_defaults(config.values), leaves, config.factors)
    assert set(runs.run_ids()) == set(folders.setting_ids(storage.read_table(stored / "runs.parquet")))
