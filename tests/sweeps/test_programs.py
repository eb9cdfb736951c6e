"""Compiled programs by what they are made from: the same bits without tracing, and none that is stale."""

import os
import subprocess
import sys
import time

import jax
import numpy as np
import polars as pl
import pytest

from relubench.sweeps import engine, programs
from tests.support.planned import layouts

SETTING = {"train.steps": 5, "model.widths": [4], "probe.count": 2}
RATES = {"optimizer.learning_rate": [0.01, 0.3]}
KINDS = {
    "sgd": {},
    "adam": {"optimizer.name": "adam"},
    "norm": {"model.norm": "batch"},
    "remedy": {"remedy.name": "redo", "remedy.period": 2},
    "stream": {"data.stream.name": "permuted", "data.stream.period": 2},
    "cnn": {"model.name": "cnn"},
    "float64": {"engine.precision": "float64"},
}


@pytest.fixture
def store(tmp_path):
    return programs.Store(str(tmp_path))


@pytest.fixture
def traced(monkeypatch):
    """Return a list that grows with each program that is traced: `lower` alone traces."""
    made, program = [], programs.Store.program

    def counted(store, layout, arguments, lower):
        return program(store, layout, arguments, lambda: made.append(layout) or lower())

    monkeypatch.setattr(programs.Store, "program", counted)
    return made


def trained(store, setting):
    (run,) = engine.train_grid(layouts(SETTING | setting, RATES), programs=store)
    return run.state


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_kept_program_gives_the_same_bits_and_is_not_traced(kind, store, traced):
    first = trained(store, KINDS[kind])
    again = trained(store, KINDS[kind])
    assert len(traced) == 1
    jax.tree.map(np.testing.assert_array_equal, first, again)


def test_each_program_has_its_own(store, traced):
    for setting in KINDS.values():
        trained(store, setting)
    assert len(traced) == len(KINDS)


def test_other_code_makes_another_program(store, traced, monkeypatch):
    trained(store, {})
    monkeypatch.setattr(programs, "_source", lambda: ("edited", 0.0))
    trained(store, {})
    assert len(traced) == 2


def test_a_program_that_cannot_be_loaded_is_compiled_and_written_anew(store, traced):
    first = trained(store, {})
    (path,) = store.cache.path.iterdir()
    key = path.name.removesuffix("-sealed-cache")
    whole = store.cache.get(key)
    store.cache.put(key, b"no program")
    jax.tree.map(np.testing.assert_array_equal, first, trained(store, {}))
    assert len(traced) == 2
    assert len(store.cache.get(key)) == pytest.approx(len(whole), rel=0.1)


def command(folder, *words, devices=2):
    """Run a command line in a process of its own, compiled as users compile; return when each program was written."""
    words = [sys.executable, "-m", "relubench", *words]
    env = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "JAX_NUM_CPU_DEVICES": str(devices)}
    subprocess.run(words, cwd=folder, env=env, check=True, capture_output=True)
    return {path.name: path.stat().st_mtime_ns for path in (folder / "cache").rglob("program-*-sealed-cache")}


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2, 4])
def test_the_next_process_loads_what_one_has_kept(tmp_path, devices):
    words = ["experiment=custom", "train.steps=30", "model.widths=[8]", "seeds=3", "figures=false"]
    words += [f"engine.devices={devices}", "grid.optimizer.name=[sgd,adam]"]
    kept = command(tmp_path, *words, "out=first", devices=max(devices, 2))
    assert len(kept) == 2
    assert command(tmp_path, *words, "out=again", devices=max(devices, 2)) == kept
    for table in ("runs", "probes", "layers"):
        first, again = (pl.read_parquet(tmp_path / out / f"{table}.parquet") for out in ("first", "again"))
        assert first.equals(again)


@pytest.mark.slow
def test_a_process_with_modules_of_ones_own_leaves_no_program(tmp_path):
    (tmp_path / "my_module.py").write_text("")
    words = ["experiment=custom", "train.steps=2", "model.widths=[4]", "seeds=1", "figures=false", "out=out"]
    assert not command(tmp_path, *words, "imports=[my_module]")


REASONS = {
    "a user's program": ("_is_command_line", lambda: False),
    "packages from sources": ("_are_releases", lambda: False),
    "source that has changed since": ("_source", lambda: ("digest", time.time())),
}


@pytest.mark.parametrize("reason", list(REASONS))
def test_where_other_code_may_take_part_nothing_is_kept(reason, monkeypatch):
    monkeypatch.setattr(programs, "_is_command_line", lambda: True)
    monkeypatch.setattr(programs, "_source", lambda: ("digest", 0.0))
    assert programs.store([]) is not None
    assert programs.store(["my_module"]) is None
    monkeypatch.setattr(programs, *REASONS[reason])
    assert programs.store([]) is None
