"""Factors: named levels, crossed with everything else."""

import itertools

import pytest

from relubench import config
from relubench.errors import UserError
from relubench.sweeps import factors, grid

BASE = config.over_defaults({})
REGIME = {
    "sgd_high": {"title": "SGD, high rate", "optimizer": {"name": "sgd", "learning_rate": 1.0}},
    "adam_high": {"optimizer": {"name": "adam", "learning_rate": 0.1}},
}
BIAS = {
    "title": "initial bias",
    "zero": {"model": {"init": {"bias": 0}}},
    "decay": {"model": {"init": {"bias": 0}}, "optimizer": {"bias_decay": 0.01}},
    "none": {"title": "no bias", "model": {"init": {"bias": 0}}, "optimizer": {"bias_rate": 0}},
}
BIAS_KEYS = {"model.init.bias", "optimizer.bias_decay", "optimizer.bias_rate"}
BOTH = {"regime": REGIME, "bias": BIAS}


def build(tree, leaves=None):
    return grid.build(BASE, leaves or {}, factors.parse(tree))


def test_levels_are_crossed_with_each_other_with_axes_and_with_seeds():
    made = build(BOTH, {"train": {"steps": [10, 20]}, "seed": [0, 1, 2]})
    assert len(made) == 2 * 3 * 2 * 3
    rows = list(zip(made.column("factor.regime"), made.column("factor.bias"), made.column("train.steps"), strict=True))
    assert sorted(set(rows)) == sorted(
        itertools.product(["adam_high", "sgd_high"], ["zero", "decay", "none"], [10, 20])
    )
    assert made.coordinates == ("factor.regime", "factor.bias", "train.steps")


def test_a_level_sets_its_keys_and_leaves_the_others_as_they_are():
    made = build({"bias": BIAS})
    rows = {name: made.setting(place) for place, name in enumerate(made.column("factor.bias"))}
    biases = {
        name: (row["model.init.bias"], row["optimizer.bias_decay"], row["optimizer.bias_rate"])
        for name, row in rows.items()
    }
    assert biases == {"zero": (0.0, 0.0, 1.0), "decay": (0.0, 0.01, 1.0), "none": (0.0, 0.0, 0.0)}
    assert not [key for row in rows.values() for key in row if key not in config.SETTING_KEYS]


def test_titles_are_names_with_spaces_unless_they_are_given():
    regime, bias = factors.parse(BOTH)
    assert (regime.title, bias.title) == ("regime", "initial bias")
    assert [level.title for level in (*regime.levels, *bias.levels)] == [
        "SGD, high rate", "adam high", "zero", "decay", "no bias",
    ]  # fmt: skip


def test_the_name_of_a_level_is_no_part_of_a_run():
    renamed = {"b": {"x": BIAS["zero"], "y": BIAS["decay"], "z": BIAS["none"]}}
    assert build({"bias": BIAS}).run_ids().tolist() == build(renamed).run_ids().tolist()


def test_what_is_written_is_read_again():
    made = factors.parse(BOTH)
    assert factors.parse(factors.written(made)) == made


def test_some_levels_are_picked_in_the_order_asked():
    (bias,) = factors.parse({"bias": BIAS | {factors.PICKED: ["none", "zero"]}})
    assert [level.name for level in bias.levels] == ["none", "zero"]


def test_levels_that_come_to_the_same_run_are_refused_by_name():
    periods = {"short": {"remedy": {"period": 10}}, "long": {"remedy": {"period": 100}}}
    with pytest.raises(UserError, match=r"factor\.period: its levels short and long come to the same setting"):
        build({"period": periods})
    assert len(build({"period": periods}, {"remedy": {"name": ["redo"]}})) == 2
    with pytest.raises(UserError, match=r"factor\.period: its levels short and long come to the same setting"):
        build({"period": periods}, {"remedy": {"name": ["redo", "none"]}})


@pytest.mark.parametrize(
    ("tree", "leaves", "message"),
    [
        ({"regime": REGIME}, {"optimizer": {"name": ["sgd"]}}, r"optimizer\.name: both factor\.regime and grid"),
        ({"a": REGIME, "b": REGIME}, {}, r"optimizer\.name: both factor\.a and factor\.b"),
        ({"Bias": BIAS}, {}, r"factors\.Bias: a factor has a name of small letters"),
        ({"bias": {"Zero": {}}}, {}, r"factors\.bias\.Zero: a level has a name of small letters"),
        ({"bias": {}}, {}, r"factors\.bias: it has no levels"),
        ({"bias": ["zero"]}, {}, r"factors\.bias=.*: it takes levels"),
        ({"bias": {"zero": 0}}, {}, r"factors\.bias\.zero=0: it takes keys of the setting"),
        ({"bias": {"zero": {"model": {"init": {"bia": 0}}}}}, {}, r"did you mean 'model\.init\.bias'"),
        ({"bias": {"zero": {"train": {"steps": -1}}}}, {}, r"train\.steps=-1: it takes a whole number >= 0"),
        ({"bias": {"zero": {"seed": 3}}}, {}, r"seeds are crossed with every level"),
        ({"bias": {"zero": {"out": "x"}}}, {}, r"out: it does not change the result of a run"),
        ({"bias": {"zero": {"title": 3}}}, {}, r"factors\.bias\.zero\.title=3: it takes a text"),
        ({"bias": BIAS | {factors.PICKED: ["zeros"]}}, {}, r"factor\.bias.*'zeros'.*did you mean 'zero'"),
        ({"bias": BIAS | {factors.PICKED: []}}, {}, r"factor\.bias=\[\]: it takes a list of levels"),
        ({"bias": BIAS, "bais": {factors.PICKED: ["zero"]}}, {}, r"unknown factor 'bais'.*did you mean 'bias'"),
        (["bias"], {}, r"factors=.*: it takes names with levels"),
    ],
)
def test_what_cannot_be_is_refused_in_the_users_words(tree, leaves, message):
    with pytest.raises(UserError, match=message):
        build(tree, leaves)


def set_for_all(keys, **values):
    return factors.set_for_all(factors.parse(BOTH), keys, BASE | values)


def test_a_key_that_is_set_for_all_takes_the_place_of_what_levels_say():
    kept, base, notes = set_for_all({"optimizer.learning_rate"}, **{"optimizer.learning_rate": 0.3})
    made = grid.build(base, {}, kept)
    assert set(made.column("optimizer.learning_rate")) == {0.3}
    assert set(made.column("factor.regime")) == {"sgd_high", "adam_high"}
    assert len(notes) == 1
    assert "factor.regime" in notes[0]


def test_a_factor_whose_levels_become_equal_is_left_out_and_what_they_share_stays():
    kept, base, notes = set_for_all({"optimizer.bias_decay", "optimizer.bias_rate"})
    assert [factor.name for factor in kept] == ["regime"]
    assert base["model.init.bias"] == 0.0
    assert "factor.bias equal: it is left out" in notes[0]


def test_no_level_is_limited_to_those_of_a_factor_that_is_left_out():
    limited = {"high": {"train": {"steps": 5}, "within": {"bias": ["decay"], "regime": ["sgd_high"]}}, "low": {}}
    kept, _, _ = factors.set_for_all(factors.parse({**BOTH, "length": limited}), BIAS_KEYS, BASE)
    assert [factor.name for factor in kept] == ["regime", "length"]
    assert kept[1].levels[0].within == {"regime": ("sgd_high",)}
    assert factors.parse(factors.written(kept)) == kept


def test_a_factor_of_which_only_some_levels_become_equal_is_refused_with_a_way_out():
    with pytest.raises(UserError, match=r"levels zero and decay of factor\.bias equal.*'factor\.bias=\[zero,none\]'"):
        set_for_all({"optimizer.bias_decay"})
