"""Learning rates by rule: what they stand for, and how a grid is made of them."""

import itertools

import numpy as np
import pytest

from relubench import config
from relubench.config import over_defaults
from relubench.errors import UserError
from relubench.sweeps import factors, grid, rates

TABLE = {
    "digits_sgd": {
        "data": {"name": "digits"}, "model": {"name": "mlp", "widths": [64, 64, 64]}, "optimizer": {"name": "sgd"},
        "proper": 0.1, "high": 1.0, "deadliest": 1.334, "kept": 0.7499,
    },
    "digits_adam": {
        "data": {"name": "digits"}, "model": {"name": "mlp", "widths": [64, 64, 64]}, "optimizer": {"name": "adam"},
        "proper": 0.01, "high": 0.1, "deadliest": 1.0, "kept": 0.02371,
    },
    "moons_sgd": {
        "data": {"name": "moons"}, "model": {"name": "mlp", "widths": [16, 16]}, "optimizer": {"name": "sgd"},
        "proper": 0.3162, "high": 0.3162, "deadliest": 3.162, "kept": 0.3162,
    },
}  # fmt: skip
RATE = "optimizer.learning_rate"
WORLD = {"digits": {"data": {"name": "digits"}}, "moons": {"data": {"name": "moons"}, "model": {"widths": [16, 16]}}}
OPTIMIZER = {"sgd": {"optimizer": {"name": "sgd"}}, "adam": {"optimizer": {"name": "adam"}}}
AT = {name: {"optimizer": {"learning_rate": f"rate:{name}"}} for name in ("proper", "high")}


def build(tree=None, levels=None, base=None):
    return grid.build(over_defaults(base or {}), tree or {}, factors.parse(levels or {}), TABLE)


def cells(made, *columns):
    return [tuple(made.column(key)[row] for key in columns) for row in range(len(made))]


def test_a_level_by_rule_has_the_rate_of_its_cell():
    made = build({"seed": [0, 1]}, {"optimizer": OPTIMIZER, "rate": AT})
    found = dict.fromkeys(cells(made, "factor.optimizer", "factor.rate", RATE))
    assert list(found) == [
        ("sgd", "proper", 0.1), ("sgd", "high", 1.0), ("adam", "proper", 0.01), ("adam", "high", 0.1)
    ]  # fmt: skip
    assert len(made) == 8
    assert made.coordinates == ("factor.optimizer", "factor.rate")
    plain = grid.build(over_defaults({"optimizer.name": "adam", RATE: 0.1}), {"seed": [0, 1]})
    assert set(plain.run_ids()) <= set(made.run_ids())  # how a rate is named is no part of a run


def test_an_axis_by_rule_differs_between_cells():
    made = build({"optimizer": {"name": ["sgd", "adam"], "learning_rate": ["rates:cliff"]}})
    by = {}
    for name, rate in cells(made, "optimizer.name", RATE):
        by.setdefault(name, []).append(rate)
    assert by["sgd"] == [0.3162, 0.4217, 0.5623, 0.7499, 1.0, 1.334, 1.778, 2.371, 3.162]
    assert by["adam"] == [0.03162, 0.04217, 0.05623, 0.07499, 0.1, 0.1334, 0.1778, 0.2371, 0.3162]
    assert made.coordinates == ("optimizer.name", RATE)


def test_a_sweep_is_dense_through_the_cliff_and_holds_the_rates_that_claims_take():
    entry, note = rates.find(rates.parse(TABLE), over_defaults({}))
    assert note == ""
    found = entry.rates("rates:sweep")
    assert found == sorted(set(found))
    assert {0.1, 0.03162, 0.3162, 1.0, 1.334, 0.7499} <= set(found)
    assert [rate for rate in found if 0.4 < rate < 3] == [0.4217, 0.5623, 0.7499, 1.0, 1.334, 1.778, 2.371]
    assert (found[0], found[-1]) == (1e-4, 10.0)
    assert len([rate for rate in found if rate < 0.02]) == 7  # three a decade


def test_rules_and_numbers_mix_and_a_base_may_have_one():
    made = build({"optimizer": {"learning_rate": [0.1, "rate:proper", 0.5]}})
    assert made.values(RATE) == [0.1, 0.5]
    made = build({"seed": [3]}, base={RATE: "rate:high", "optimizer.name": "adam"})
    assert cells(made, RATE) == [(0.1,)]
    assert made.base[RATE] == config.SETTING_KEYS[RATE].default


def test_a_high_rate_that_is_the_proper_one_is_left_out_with_the_reason():
    made = build({}, {"world": WORLD, "rate": AT})
    assert ("moons", "high") not in cells(made, "factor.world", "factor.rate")
    (note,) = made.notes
    assert note.startswith("left out: data.name=moons, model.name=mlp, model.widths=[16,16], optimizer.name=sgd")


def test_what_the_table_lacks_gets_the_rates_of_the_nearest_network_with_a_note():
    made = build({}, base={RATE: "rate:high", "model.widths": [32], "data.name": "gaussian"})
    assert cells(made, RATE) == [(1.0,)] or cells(made, RATE) == [(0.3162,)]
    assert "no rates by rule are known for data.name=gaussian, model.widths=[32]" in made.notes[0]
    narrow = build({}, base={RATE: "rate:high", "model.widths": [20, 20, 20]})
    assert cells(narrow, RATE) == [(1.0,)]
    assert narrow.notes == (
        "no rates by rule are known for model.widths=[20,20,20]: those for model.widths=[64,64,64] are taken",
    )
    with pytest.raises(UserError, match=r"optimizer\.name=rmsprop, but for sgd, adam; it takes numbers there"):
        build({}, base={RATE: "rate:high", "optimizer.name": "rmsprop"})


def test_rules_need_no_table_where_none_is_named():
    assert len(grid.build(over_defaults({}), {"seed": [0]}, (), {"broken": 1})) == 1


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"x": {"proper": 1}}, "rates.x: it takes data.name"),
        ({"x": TABLE["digits_sgd"] | {"low": 1.0}}, "low is missing, or one too many"),
        ({"x": TABLE["digits_sgd"] | {"high": -1.0}}, "optimizer.learning_rate=-1.0"),
        ([], "rates=\\[\\]: it takes entries by name"),
    ],
)
def test_a_table_that_cannot_be_is_refused(table, told):
    with pytest.raises(UserError, match=told):
        rates.parse(table)


@pytest.mark.parametrize("value", ["rate:highest", "high", "rate:", "rates:proper"])
def test_a_rule_that_there_is_not_is_refused(value):
    with pytest.raises(
        UserError, match=r"optimizer\.learning_rate='?rate.*|.*it takes a number >= 0.0, or rate:proper"
    ):
        config.find_key(RATE).parse(value)


def test_levels_go_with_those_of_other_factors_that_they_name():
    levels = {
        "world": WORLD,
        "optimizer": OPTIMIZER | {"momentum": {"optimizer": {"name": "momentum"}, "within": {"world": ["digits"]}}},
    }
    made = build({"seed": [0, 1]}, levels)
    found = set(cells(made, "factor.world", "factor.optimizer"))
    assert len(found) == 5
    assert ("moons", "momentum") not in found
    assert made.coordinates == ("factor.world", "factor.optimizer")


@pytest.mark.parametrize(
    ("within", "told"),
    [({"wrld": ["digits"]}, "unknown factor in factors.optimizer.sgd.within 'wrld'.*world"),
     ({"world": "digits"}, "it takes levels of other factors"), ([], "it takes levels of other factors"),
     ({"optimizer": ["adam"]}, "unknown factor in factors.optimizer.sgd.within 'optimizer'")],
)  # fmt: skip
def test_levels_that_go_with_what_is_not_there_are_refused(within, told):
    levels = {"world": WORLD, "optimizer": {"sgd": {"optimizer": {"name": "sgd"}, "within": within}}}
    with pytest.raises(UserError, match=told):
        factors.parse(levels)


@pytest.mark.parametrize("optimizer", [OPTIMIZER, {"adam": OPTIMIZER["adam"], "sgd": OPTIMIZER["sgd"] | {"seeds": 1}}])
def test_levels_go_with_as_many_of_the_first_seeds_as_they_say(optimizer):
    levels = {"world": WORLD | {"moons": WORLD["moons"] | {"seeds": 2}}, "optimizer": optimizer}
    made = build({"seed": range(1000, 1004), "probe.count": [2, 3]}, levels)
    found = list(zip(*(made.column(key).tolist() for key in ("seed", *made.points)), strict=True))
    whole = build({"seed": range(1000, 1004), "probe.count": [2, 3]}, {"world": WORLD, "optimizer": OPTIMIZER})
    most = {"moons": 2, "sgd": optimizer["sgd"].get("seeds", 4)}
    names = ("seed", *made.points)
    expected = [
        row for row in zip(*(whole.column(key).tolist() for key in names), strict=True)
        if all(row[0] < 1000 + most.get(level, 4) for level in row[1:] if isinstance(level, str))
    ]  # fmt: skip
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    assert 0 < len(found) < len(whole)
    assert set(made.run_ids()) < set(whole.run_ids())
    halves = [made.shard(place, 2).run_ids().tolist() for place in range(2)]
    assert sorted(halves[0] + halves[1]) == sorted(made.run_ids().tolist())
    assert made.values("seed") == range(1000, 1004)


@pytest.mark.parametrize("seeds", [0, -1, 1.5, "2", True, [1]])
def test_a_number_of_seeds_of_a_level_that_cannot_be_is_refused(seeds):
    with pytest.raises(UserError, match=r"factors\.world\.moons\.seeds=.*: it takes a number of seeds >= 1, or null"):
        factors.parse({"world": WORLD | {"moons": WORLD["moons"] | {"seeds": seeds}}})


def test_seeds_that_are_set_for_all_go_with_every_level():
    limited = factors.parse({"world": WORLD | {"moons": WORLD["moons"] | {"seeds": 2}}, "optimizer": OPTIMIZER})
    whole, notes = factors.with_all_seeds(limited)
    assert whole == factors.parse({"world": WORLD, "optimizer": OPTIMIZER})
    assert notes == [
        "the seeds are set for all and take the place of what the levels of factor.world say of their number"
    ]
    assert factors.with_all_seeds(whole) == (whole, [])


def test_factors_are_written_as_they_are_read():
    levels = {"world": WORLD, "optimizer": OPTIMIZER, "rate": AT}
    levels["optimizer"]["adam"] = levels["optimizer"]["adam"] | {"within": {"world": ["digits"]}, "seeds": 3}
    parsed = factors.parse(levels)
    assert factors.parse(factors.written(parsed)) == parsed


def test_a_number_of_seeds_begins_at_the_first():
    assert grid.with_seeds({}, 3, 1000) == {"seed": range(1000, 1003)}
    assert grid.with_seeds({}, [5, 6], 1000) == {"seed": [5, 6]}
    assert grid.with_seeds({"a": 1}, None, 1000) == {"a": 1}
    with pytest.raises(UserError, match="seeds=0: it takes a number of seeds >= 1"):
        grid.with_seeds({}, 0, 1000)


def test_a_rate_times_a_factor_is_another_one_where_they_differ_by_rounding_alone():
    entry = rates.Entry({}, proper=0.03162, high=0.1, deadliest=0.1005, kept=0.03)
    assert entry.times("proper", 10**0.5) == 0.1  # .09999
    assert entry.times("proper", 10**-0.5) == 0.009999
    assert [entry.times(name, 1) for name in ("proper", "high", "deadliest", "kept")] == [0.03162, 0.1, 0.1005, 0.03]


def test_of_rates_that_differ_by_rounding_a_sweep_has_the_one_that_claims_name():
    for entry in rates.parse(rates.shipped()):
        proper, found = entry.proper, np.array(entry.rates("rates:sweep"))
        thrice = [entry.times("proper", factor) for factor in (10**-0.5, 10**0.5)]
        np.testing.assert_allclose(thrice, [proper / 10**0.5, proper * 10**0.5], rtol=0.01)  # one within is taken
        assert {proper, entry.high, entry.deadliest, entry.kept, *thrice} <= set(found)
        assert min(high / low for low, high in itertools.pairwise(found)) > 1.01
        assert np.diff(np.log10(found)).max() < 0.34  # no gap: three a decade
