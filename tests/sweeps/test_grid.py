"""Grids as tables of runs."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relubench import config
from relubench.errors import UserError
from relubench.sweeps import grid

BASE = config.setting_values(config.Setting())
rates = st.lists(st.floats(1e-6, 10.0), min_size=1, max_size=4, unique=True)
seeds = st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=4, unique=True)
names = st.lists(st.sampled_from(["relu", "elu", "tanh"]), min_size=1, max_size=3, unique=True)


def build(tree):
    return grid.build(BASE, tree)


def test_leaves_are_crossed_and_zip_goes_together():
    made = build({"seed": [0, 1], "zip": {"optimizer": {"name": ["sgd", "adam"], "learning_rate": [0.1, 0.001]}}})
    found = [(r["seed"], r["optimizer.name"], r["optimizer.learning_rate"]) for r in map(made.setting, range(4))]
    assert found == [(s, *pair) for s, pair in itertools.product([0, 1], [("sgd", 0.1), ("adam", 0.001)])]


@given(rates, seeds, names)
def test_ids_are_unique_and_do_not_depend_on_the_order_of_the_grid(rates, seeds, names):
    activation = {"activation": {"name": names}}
    made = build({"optimizer": {"learning_rate": rates}, "seed": seeds, "model": activation})
    turned = build({"model": activation, "seed": seeds[::-1], "optimizer": {"learning_rate": rates[::-1]}})
    assert len(set(made.run_ids())) == len(made) == len(rates) * len(seeds) * len(names)
    assert set(made.run_ids()) == set(turned.run_ids())


@given(rates, seeds)
def test_a_run_has_the_same_id_alone_and_in_a_grid(rates, seeds):
    made = build({"seed": seeds, "optimizer": {"learning_rate": rates}})
    row = len(made) // 2
    setting = made.setting(row)
    alone = grid.build(setting, {})
    assert alone.run_ids()[0] == made.run_ids()[row]
    assert alone.setting(0) == setting


@pytest.mark.parametrize("key", sorted(config.SETTING_KEYS))
def test_every_key_of_a_setting_changes_the_id(key):
    schema = config.SETTING_KEYS[key]
    now = BASE[key]
    other = {int: 5, float: 0.625, str: "other", bool: now is False}[schema.type]
    other = (5,) if schema.is_list else other
    assert other != now
    assert grid.build(BASE | {key: other}, {}).run_ids()[0] != grid.build(BASE, {}).run_ids()[0]


@given(rates, seeds, names)
def test_groups_hold_every_run_once_and_differ_in_what_shapes_the_program(rates, seeds, names):
    made = build({"optimizer": {"learning_rate": rates}, "model": {"activation": {"name": names}}, "seed": seeds})
    groups = made.groups()
    assert sorted(np.concatenate([group.rows for group in groups]).tolist()) == list(range(len(made)))
    assert [group.static["model.activation.name"] for group in groups] == names
    for group in groups:
        for place, row in enumerate(group.rows):
            setting = made.setting(int(row))
            assert {key: column[place] for key, column in group.knobs.items()}.items() <= setting.items()
            assert group.static.items() <= setting.items()


def test_a_knob_that_may_be_null_splits_groups_only_where_it_is_null():
    made = build({"optimizer": {"clip_norm": [None, 1.0, 2.0]}})
    assert [group.rows.tolist() for group in made.groups()] == [[0], [1, 2]]


@given(st.integers(1, 40), st.integers(1, 9))
def test_shards_hold_every_run_once(runs, count):
    made = build({"seed": list(range(runs))})
    shards = [made.shard(index, count).run_ids().tolist() for index in range(count)]
    assert sorted(itertools.chain(*shards)) == sorted(made.run_ids().tolist())
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        ({"seed": []}, "grid.seed=[]"),
        ({"seed": 4}, "it takes a list"),
        ({"seed": "4,0,9"}, "quote it"),
        ({"optimizer": {"learningrate": [1.0]}}, "did you mean 'optimizer.learning_rate'"),
        ({"optimizer": {"learning_rate": [-1.0]}}, "optimizer.learning_rate=-1.0: it takes a number >= 0"),
        ({"model": {"widths": [64, 64]}}, "a list of lists"),
        ({"zip": {"seed": [0, 1], "optimizer": {"learning_rate": [1.0]}}}, "equally long"),
        ({"seed": [0], "zip": {"seed": [1]}}, "one of the two"),
        ({"out": ["a"]}, "cannot be a grid axis"),
    ],
)
def test_a_grid_that_cannot_be_is_refused_in_the_users_words(tree, told):
    with pytest.raises(UserError, match=told.replace("[", r"\[").replace("]", r"\]")):
        build(tree)


def test_numbers_are_told_in_order_and_names_as_written():
    made = build({"optimizer": {"learning_rate": [1.0, 0.1]}, "model": {"activation": {"name": ["tanh", "relu"]}}})
    assert made.values("optimizer.learning_rate") == [0.1, 1.0]
    assert made.values("model.activation.name") == ["tanh", "relu"]


def test_a_repeated_value_is_one_run():
    assert len(build({"seed": [1, 1, 2]})) == 2


def test_nothing_loops_over_a_million_runs():
    start = time.perf_counter()
    made = build({"seed": list(range(10_000)), "optimizer": {"learning_rate": [float(n) for n in range(100)]}})
    made.groups()
    assert len(made.run_ids()) == 1_000_000
    assert time.perf_counter() - start < 60  # a loop in Python takes minutes; this takes about a second
