"""Verdicts by a table of cases; the rows of claims.parquet; Holm over all of them."""

import numpy as np
import polars as pl
import pytest

from relubench.findings import stats
from relubench.findings.claims import (
    Claim,
    Condition,
    Effect,
    Premise,
    Sample,
    Tables,
    holm,
    judge,
    mean_effect,
    total_effect,
)
from relubench.findings.claims.claim import Overall, overall
from relubench.findings.claims.measurements import Measurement

HOLDS, FAILS, REVERSED, UNDECIDED, UNMEASURED = "holds", "does not hold", "reversed", "open", "not measured"


def effect(value, low, high, n=64, if_lost=(), p=0.01):
    return Effect(value, low, high, n, lambda bound: p, if_lost=tuple(if_lost))


def claim(*effects, **fields):
    conditions = tuple(
        Condition(f"case {place}", Measurement(lambda _, e=e: e, (), ())) for place, e in enumerate(effects)
    )
    return Claim(**{"id": 1, "statement": "s", "source": "answer", "statistic": "x", "conditions": conditions} | fields)


TABLES = Tables(pl.DataFrame(), pl.DataFrame(), pl.DataFrame())

#: value, low, high, n; the threshold is 1, the smallest effect that counts .5
CASES = [
    (2.0, 1.5, 2.5, 64, HOLDS),
    (1.5, 1.01, 2.0, 64, HOLDS),
    (1.4, 1.1, 1.45, 64, FAILS),  # beyond the threshold for sure, and for sure by less than counts
    (1.4, 1.1, 1.7, 64, UNDECIDED),  # so too, but perhaps by enough
    (2.0, 0.9, 3.0, 64, UNDECIDED),
    (2.0, 1.0, 3.0, 64, UNDECIDED),  # the threshold itself is not beyond it
    (0.0, -1.0, 1.4, 64, FAILS),
    (0.0, -1.0, 1.5, 64, UNDECIDED),
    (2.0, 1.5, 2.5, 4, UNDECIDED),
    (0.0, -1.0, 1.0, 4, UNDECIDED),
    (np.nan, np.nan, np.nan, 0, UNMEASURED),
    (0.2, 0.1, 0.9, 64, REVERSED),  # on the other side for sure, and by enough
    (0.6, 0.5, 0.9, 64, FAILS),  # by less than counts
    (0.2, 0.1, 1.1, 64, FAILS),  # perhaps on this side, but not by enough
]


@pytest.mark.parametrize(("value", "low", "high", "n", "verdict"), CASES)
def test_verdicts_go_by_the_interval_and_the_smallest_effect_in_either_direction(value, low, high, n, verdict):
    above = claim(effect(0, 0, 0), threshold=1.0, smallest=0.5)
    below = claim(effect(0, 0, 0), threshold=-1.0, smallest=0.5, direction="below")
    assert above.verdict(effect(value, low, high, n)) == verdict
    assert below.verdict(effect(-value, -high, -low, n)) == verdict


@pytest.mark.parametrize(
    ("ends", "verdict"),
    [
        ([(1.9, 1.4, 2.4), (2.1, 1.6, 2.6)], HOLDS),
        ([(0.5, 0.4, 0.6), (2.1, 1.6, 2.6)], UNDECIDED),  # the worst values seen would turn it round
        ([(1.2, 0.8, 2.4), (2.1, 1.6, 2.6)], UNDECIDED),  # they would leave it open
    ],
)
def test_a_verdict_that_hangs_on_lost_pairs_is_not_decided(ends, verdict):
    found = effect(2.0, 1.5, 2.5, if_lost=[effect(*end) for end in ends])
    assert claim(found, threshold=1.0, smallest=0.5).verdict(found) == verdict


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([HOLDS], ("holds", 1, 0, 1)),
        ([HOLDS, UNMEASURED, HOLDS], ("holds", 2, 0, 2)),
        ([UNMEASURED, UNMEASURED], ("not measured", 0, 0, 0)),
        ([HOLDS, HOLDS, REVERSED], ("depends", 2, 1, 3)),
        ([HOLDS, FAILS, UNDECIDED], ("depends", 1, 0, 3)),
        ([HOLDS, HOLDS, FAILS], ("mostly", 2, 0, 3)),
        ([HOLDS, HOLDS, UNDECIDED], ("mostly", 2, 0, 3)),
        ([HOLDS, UNDECIDED], ("open", 1, 0, 2)),
        ([FAILS, UNDECIDED], ("does not hold", 0, 0, 2)),
        ([REVERSED, FAILS, REVERSED], ("does not hold", 0, 2, 3)),
        ([FAILS, UNDECIDED, UNDECIDED], ("open", 0, 0, 3)),
        ([UNDECIDED], ("open", 0, 0, 1)),
    ],
)
def test_a_claims_verdict_is_told_over_the_settings_that_were_measured(verdicts, expected):
    assert overall(verdicts) == Overall(*expected)


def test_a_rule_without_a_smallest_effect_is_never_reversed():
    assert claim(effect(0, 0, 0), threshold=1.0).verdict(effect(0.2, 0.1, 0.3)) == FAILS


def test_what_lacks_most_of_its_runs_is_open():
    found = effect(2.0, 1.5, 2.5)._replace(left_out=64, lost=(64, 0))
    assert claim(found, threshold=1.0, smallest=0.5).verdict(found) == HOLDS
    lost = found._replace(mostly_left_out=True)
    assert claim(lost, threshold=1.0, smallest=0.5).verdict(lost) == UNDECIDED


def test_conditions_beside_the_primary_one_of_a_setting_are_told_and_do_not_decide():
    sure, refuted = effect(1, 0.5, 2), effect(-1, -2, -0.5)
    conditions = tuple(
        Condition(label, Measurement(lambda _, e=e: e, (), ()), setting=setting, primary=primary)
        for label, e, setting, primary in [
            ("SGD", sure, "digits", True), ("Adam", refuted, "digits", False), ("SGD", sure, "moons", True)
        ]
    )  # fmt: skip
    rows = judge([claim(conditions=conditions)], TABLES, "bias")
    assert rows["verdict"].to_list() == [HOLDS, FAILS, HOLDS]
    assert rows.select("claim_verdict", "holds_in", "settings").unique().rows() == [("holds", 2, 2)]
    assert rows["setting"].to_list() == ["digits", "digits", "moons"]


def test_a_condition_whose_premise_lacks_is_not_measured():
    few = Premise("dead units", Measurement(lambda _: effect(0.04, 0.03, 0.05), (), ()), 0.1)
    enough = few._replace(least=0.03)
    sure = Measurement(lambda _: effect(1, 0.5, 2), (), ())
    rows = judge(
        [claim(conditions=(Condition("a", sure, premise=few), Condition("b", sure, premise=enough)))], TABLES, "bias"
    )
    assert rows["verdict"].to_list() == [UNMEASURED, HOLDS]
    assert rows["remark"].to_list() == ["dead units: 0.04, less than 0.1", ""]
    assert rows["settings"].to_list() == [1, 1]


@pytest.mark.parametrize(
    ("total", "n", "verdict"),
    [(0.0, 8, HOLDS), (1.0, 8, FAILS), (3.0, 8, FAILS), (0.0, 1, HOLDS), (np.nan, 0, UNMEASURED)],
)
def test_an_exact_count_is_compared_as_it_is(total, n, verdict):
    found = total_effect(np.array([]) if n == 0 else np.array([total, *[0.0] * (n - 1)]))
    assert claim(found, kind="exact test", threshold=1.0, direction="below").verdict(found) == verdict


@pytest.mark.parametrize(
    "fields",
    [
        {"conditions": ()},
        {"conditions": (), "kind": "proof"},
        {"decided": "holds"},
        {"smallest": -1.0},
        {"statistic": ""},
    ],
)
def test_a_claim_that_nothing_or_two_things_decide_is_refused(fields):
    with pytest.raises(ValueError, match="claim 1"):
        claim(effect(1, 1, 1), **fields)


def test_claims_parquet_has_a_row_a_condition_and_one_for_a_claim_without():
    measured = effect(1, 0.5, 2)._replace(
        remark="best rate: 1", left_out=6, lost=(3, 4), at_chance=effect(0.5, 0.2, 0.8)
    )
    noted = claim(measured, effect(np.nan, np.nan, np.nan, 0, p=np.nan), note="Read me.")
    proof = Claim(id=5, statement="t", source="question", kind="proof", decided=HOLDS)
    rows = judge([noted, proof], TABLES, "bias")
    assert rows.columns == [
        "claim", "experiment", "statement", "source", "kind", "statistic", "setting", "condition", "primary", "remark",
        "direction", "threshold", "smallest", "value", "ci_low", "ci_high", "n", "left_out", "lost_a", "lost_b",
        "at_chance", "at_chance_low", "at_chance_high", "p", "p_method", "verdict", "claim_verdict", "holds_in",
        "reversed_in", "settings", "note", "relation", "published", "rounding", "error", "ratio", "reference", "effect",
        "effect_low", "effect_high", "reduced",
    ]  # fmt: skip
    first, second, third = rows.to_dicts()
    assert (first["condition"], first["value"], first["lost_a"], first["lost_b"]) == ("case 0", 1.0, 3, 4)
    assert [first[name] for name in ("left_out", "at_chance", "at_chance_low", "at_chance_high")] == [6, 0.5, 0.2, 0.8]
    assert (first["note"], first["remark"]) == ("Read me.", "best rate: 1")
    assert (first["verdict"], first["claim_verdict"]) == (HOLDS, HOLDS)
    assert [second[name] for name in ("value", "ci_low", "ci_high", "p", "n")] == [None, None, None, None, 0]
    assert (third["verdict"], third["claim_verdict"], third["condition"], third["value"]) == (HOLDS, HOLDS, None, None)
    assert judge([], TABLES, "bias").columns == rows.columns


@pytest.mark.parametrize(
    ("value", "direction", "boundary"),
    [(2.0, "above", 1.0), (1.2, "above", 1.5), (0.2, "below", 1.0), (0.8, "below", 0.5)],
)
def test_the_p_value_is_against_the_boundary_that_decides(value, direction, boundary):
    tested = claim(
        effect(value, 0, 9)._replace(p=lambda bound: bound), direction=direction, threshold=1.0, smallest=0.5
    )
    assert judge([tested], TABLES, "bias")["p"].to_list() == [boundary]


def test_a_reversed_effect_is_tested_against_the_threshold():
    found = effect(1.9, 1.4, 2.4)._replace(p=lambda bound: bound)
    rows = judge([claim(found, direction="below", threshold=1.0, smallest=0.5)], TABLES, "bias")
    assert rows.select("verdict", "p").row(0) == (REVERSED, 1.0)


def test_holm_takes_the_primary_conditions_of_all_experiments_as_one_family():
    beside = Condition("beside", Measurement(lambda _: effect(1, 0.5, 2, p=0.9), (), ()), setting="a", primary=False)
    first = claim(effect(1, 0.5, 2, p=0.01), effect(1, 0.5, 2, p=0.04))
    one = judge([claim(conditions=(*first.conditions, beside))], TABLES, "bias")
    other = judge(
        [
            claim(effect(-1, -2, -0.5, p=0.005), id=2),
            claim(effect(-1, -2, 0.5, p=np.nan), id=3),
            Claim(id=5, statement="t", source="question", kind="proof", decided=HOLDS),
            claim(total_effect(np.ones(3)), id=6, kind="exact test"),
        ],
        TABLES,
        "inputs",
    )
    found = holm([one, other])
    assert found["p_holm"].to_list() == pytest.approx([0.03, 0.08, None, 0.02, 1.0, None, None])
    assert found["verdict"].to_list() == [HOLDS, UNDECIDED, HOLDS, FAILS, UNDECIDED, HOLDS, HOLDS]
    assert found["verdict_alone"].to_list() == [HOLDS, HOLDS, HOLDS, FAILS, UNDECIDED, HOLDS, HOLDS]
    assert found["claim_verdict"].to_list() == ["open"] * 3 + [FAILS, UNDECIDED, HOLDS, HOLDS]
    assert found.columns == [*one.columns, "verdict_alone", "p_holm"]


def test_a_claims_settings_may_come_from_several_experiments():
    parts = [judge([claim(effect(value, value - 1, value + 1))], TABLES, name) for name, value in (("a", 3), ("b", -3))]
    found = holm(parts)
    assert found.select("claim_verdict", "holds_in", "settings").unique().rows() == [("depends", 1, 2)]
    assert found["experiment"].to_list() == ["a", "b"]


def test_holm_leaves_verdicts_alone_where_all_p_values_are_small():
    strong = [mean_effect(Sample(np.random.default_rng(seed).normal(3.0, 1.0, 64))) for seed in range(4)]
    rows = judge([claim(*strong[:2]), claim(*strong[2:], threshold=9.0, id=2)], TABLES, "bias")
    found = holm([rows])
    assert found["claim_verdict"].to_list() == [HOLDS, HOLDS, FAILS, FAILS]
    np.testing.assert_allclose(found["p_holm"], stats.holm(rows["p"].to_numpy()))


@pytest.mark.parametrize(
    "older",
    [
        lambda rows: rows.drop("p_method"),
        lambda rows: rows.with_columns(p_method=pl.lit("a bootstrap")),
        lambda rows: rows.drop("primary"),
    ],
    ids=["that do not tell their method", "of another method", "that do not tell what is primary"],
)
def test_p_values_of_older_files_are_not_corrected(older):
    rows = judge([claim(effect(1, 0.5, 2))], TABLES, "bias")
    for table in (holm([older(rows), rows]), holm([older(rows)])):
        assert table.columns == [*rows.columns, "verdict_alone"]


def test_older_files_without_p_values_stop_no_correction():
    rows = judge([claim(effect(1, 0.5, 2))], TABLES, "bias")
    unmeasured = judge([claim(effect(1, 0.5, 2, 3, p=np.nan))], TABLES, "bias").drop("p_method")
    assert holm([unmeasured, rows])["p_holm"].to_list() == [1.0, pytest.approx(0.02)]
