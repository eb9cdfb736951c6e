"""Grids as tables of runs."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relubench import config, nn
from relubench.errors import UserError
from relubench.sweeps import grid
from tests.support.registered import forgetting

BASE = config.over_defaults({})
rates = st.lists(st.floats(1e-6, 10.0), min_size=1, max_size=4, unique=True)
seeds = st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=4, unique=True)
names = st.lists(st.sampled_from(["relu", "elu", "tanh"]), min_size=1, max_size=3, unique=True)


def build(tree):
    return grid.build(BASE, tree)


def test_leaves_are_crossed():
    made = build({"seed": [0, 1], "optimizer": {"name": ["sgd", "adam"], "learning_rate": [0.1, 0.001]}})
    settings = [(r["seed"], r["optimizer.name"], r["optimizer.learning_rate"]) for r in map(made.setting, range(8))]
    assert settings == list(itertools.product([0, 1], ["sgd", "adam"], [0.1, 0.001]))


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


def read(key):
    """Return a setting in which the key counts."""
    return BASE if key.choice is None else BASE | {key.choice: min(key.readers)}


@pytest.mark.parametrize("name", sorted(config.SETTING_KEYS))
def test_every_key_of_a_setting_that_is_read_changes_the_id(name):
    key = config.SETTING_KEYS[name]
    now, setting = BASE[name], read(key)
    other = {int: 5, float: 0.625, str: "other", bool: now is False}[key.type]
    other = (5,) if key.is_list else other
    assert other != now
    ids = [grid.build(setting | {name: value}, {}).run_ids()[0] for value in (now, other)]
    assert (ids[0] == ids[1]) == (name in grid.NOT_IN_ID)


@pytest.mark.parametrize("name", sorted(name for name, key in config.SETTING_KEYS.items() if key.choice))
def test_a_key_that_is_not_read_changes_nothing(name):
    key = config.SETTING_KEYS[name]
    with forgetting():
        nn.MODELS.register("bare")(lambda key: None)  # the networks of relubench itself read most keys
        unread = next(choice for choice in config.CHOICES[key.choice] if choice not in key.readers)
        other = {int: 5, float: 0.625, str: "other", bool: key.default is False}[key.type]
        plain, set_ = (
            grid.build(BASE | {key.choice: unread, name: value}, {})
            for value in (key.default, (other,) if key.is_list else other)
        )
        assert plain.run_ids()[0] == set_.run_ids()[0]
        assert plain.setting(0) == set_.setting(0)
        assert set_.column(name, unread=None)[0] is None


#: Ids of a dozen settings. Who changes one changes what stored results are called: `grid.ID_VERSION` must go up.
GOLDEN = {
    (): "fd4d9913b8a01069",
    (("seed", 7),): "90ba584654adeb6c",
    (("optimizer.learning_rate", 0.03), ("optimizer.name", "adam")): "2eb9ff1aa6ee3609",
    (("optimizer.name", "momentum"), ("optimizer.momentum", 0.5)): "198ce914a6b24882",
    (("data.name", "moons"), ("data.examples", 400), ("data.noise", 0.15)): "7e4feb538abe831c",
    (("data.name", "interval"), ("data.function", "sine"), ("loss.name", "squared_error")): "0fcb392b3b1f1917",
    (
        ("model.widths", (128, 64)),
        ("model.activation.name", "leaky_relu"),
        ("model.activation.negative_slope", 0.1),
    ): "9c43fbe8d6e80724",
    (("remedy.name", "redo"), ("remedy.period", 22)): "7993d79609910e95",
    (
        ("optimizer.clip_norm", 1.0),
        ("optimizer.schedule.name", "linear"),
        ("optimizer.schedule.end_factor", 0.1),
    ): "9725b29752e22abd",
    (("data.stream.name", "shift"), ("data.stream.offset", 1.0)): "e98b8a8ebebeab50",
    (
        ("train.batch_size", None),
        ("train.steps", 10),
        ("probe.count", 3),
        ("probe.spacing", "linear"),
    ): "bf93ee01bd4efb83",
    (
        ("model.name", "cnn"),
        ("model.norm", "batch"),
        ("model.init.name", "rai"),
        ("engine.precision", "float64"),
    ): "77439a7667d9ebd9",
}


@pytest.mark.parametrize("setting", GOLDEN)
def test_ids_stay_what_they_are(setting):
    assert grid.build(config.over_defaults(dict(setting)), {}).run_ids()[0] == GOLDEN[setting]


def test_cells_that_come_to_the_same_run_are_one():
    made = build({"remedy": {"name": ["none", "redo"], "period": [10, 100]}, "seed": [0, 1]})
    settings = [(r["remedy.name"], r["remedy.period"], r["seed"]) for r in map(made.setting, range(len(made)))]
    assert sorted(settings) == [("none", 100, 0), ("none", 100, 1)] + [
        ("redo", p, s) for p in (10, 100) for s in (0, 1)
    ]
    assert len(set(made.run_ids())) == 6
    assert made.points == {"remedy.name": ["none", "redo"], "remedy.period": [10, 100, None]}


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
    ("tree", "message"),
    [
        ({"seed": []}, "grid.seed=[]"),
        ({"seed": 4}, "it takes a list"),
        ({"seed": "4,0,9"}, "quote it"),
        ({"optimizer": {"learningrate": [1.0]}}, "did you mean 'optimizer.learning_rate'"),
        ({"optimizer": {"learning_rate": [-1.0]}}, "optimizer.learning_rate=-1.0: it takes a number >= 0"),
        ({"model": {"widths": [64, 64]}}, "a list of lists"),
        ({"zip": {"seed": [0, 1]}}, "unknown configuration key 'zip.seed'"),
        ({"out": ["a"]}, "cannot be a grid axis"),
    ],
)
def test_a_grid_that_cannot_be_is_refused_in_the_users_words(tree, message):
    with pytest.raises(UserError, match=message.replace("[", r"\[").replace("]", r"\]")):
        build(tree)


def test_numbers_are_listed_in_order_and_names_as_written():
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


@pytest.mark.parametrize(
    ("setting", "shared"),
    [
        ({"optimizer.learning_rate": 0.3, "optimizer.name": "adam", "remedy.name": "redo"}, True),
        ({"model.activation.name": "elu", "model.norm": "layer", "model.init.name": "glorot"}, True),
        ({"data.normalize": "feature", "data.stream.name": "permuted", "train.steps": 7}, True),
        ({"engine.precision": "bfloat16"}, True),
        ({"engine.precision": "float64"}, False),
        ({"model.widths": [64, 64]}, False),
        ({"model.name": "cnn"}, False),
        ({"train.batch_size": None}, False),
        ({"data.name": "moons"}, False),
        ({"data.split_seed": 1}, False),
    ],
)
def test_settings_that_keep_shapes_examples_and_batches_share_every_draw(setting, shared):
    plain, other = config.over_defaults({}), config.over_defaults(setting)
    assert grid.share_draws(plain, other) == grid.share_draws(other, plain) == shared
