"""How the claims of a table are listed."""

import polars as pl

from relubench.findings.claims.judgement import SCHEMA
from relubench.report.page import claims

COMMON = {
    "kind": "seeds", "experiment": "bias", "source": "comment", "statistic": "a ratio", "direction": "below",
    "threshold": 0.5, "smallest": 0.1, "claim_verdict": "mostly", "holds_in": 2, "reversed_in": 1, "settings": 3,
}  # fmt: skip


def listed(*rows):
    return claims.statements(pl.DataFrame(rows, SCHEMA, orient="row"))


def row(**values):
    return {**dict.fromkeys(SCHEMA), **COMMON, **values}


def test_a_statement_has_a_row_a_setting_with_its_number_on_a_common_scale():
    (one,) = listed(
        row(claim=6, statement="s", setting="digits, SGD", value=0.25, ci_low=0.0, ci_high=0.5, n=64, verdict="open"),
        row(claim=6, statement="s", setting="moons, SGD", condition="at birth", value=1.0, ci_low=0.75, ci_high=1.0,
            n=9, left_out=2, verdict="reversed"),
    )  # fmt: skip
    assert (one.anchor, one.number, one.verdict) == ("bias-6-s", "claim 6", "mostly")
    assert one.settings == "holds in 2 of 3 settings, reversed in 1"
    assert one.judged == "a ratio; claimed below 0.5, by at least 0.1"
    first, second = one.conditions
    assert (first.where, first.value, first.runs) == ("digits, SGD", "0.25 [0, 0.5]", "64")
    assert (second.where, second.runs, second.verdict) == ("moons, SGD: at birth", "9 (2 without)", "reversed")
    assert first.bar == claims.Bar(0.0, 25.0, 50.0, 50.0)
    assert second.bar == claims.Bar(75.0, 100.0, 100.0, 50.0)


def test_statements_of_one_claim_have_anchors_of_their_own():
    two = listed(row(claim=2, statement="dead"), row(claim=2, statement="dead and accurate"))
    assert [each.anchor for each in two] == ["bias-2-dead", "bias-2-dead-and-accurate"]
    assert [each.conditions for each in two] == [[], []]  # nothing was measured


def test_published_numbers_and_oracles_are_numbered_apart():
    table = listed(
        row(kind="published", claim=2, statement="Lu et al.", value=0.9, n=9, published=0.8, relation=">", rounding=0.1,
            claim_verdict=None, verdict="holds"),
        row(kind="oracle", claim=2, statement="a step kills", experiment=None, source=None, value=0.0, n=7,
            claim_verdict=None, verdict="holds"),
    )  # fmt: skip
    assert [(each.anchor, each.source, each.experiment, each.verdict) for each in table] == [
        ("bias-2-lu-et-al", "comment", "bias", "holds"),
        ("oracles-2-a-step-kills", "oracle", "oracles", "holds"),
    ]  # fmt: skip
    assert table[0].conditions[0].published == "> 0.8 ± 0.1"
    assert table[0].conditions[0].bar is None
