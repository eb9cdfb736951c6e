"""Compiled programs by what they are made from: the same bits without tracing, and none that is stale."""

import jax
import numpy as np
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
    """Return a list that grows with each program that is traced."""
    made, jitted = [], engine.jitted
    monkeypatch.setattr(engine, "jitted", lambda *given: made.append(given) or jitted(*given))
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
    monkeypatch.setattr(programs, "_source", lambda: "edited")
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


def test_work_of_ones_own_is_left_to_the_cache_that_reads_programs(monkeypatch):
    assert programs.store([]) is not None
    assert programs.store(["my_module"]) is None
    monkeypatch.setattr(programs, "_from_sources", lambda: True)
    assert programs.store([]) is None
