"""Findings: they tell numbers of claims, stand while their verdicts do, and their claims are there."""

import polars as pl
import pytest

from relubench import experiments
from relubench.errors import UserError
from relubench.report import answer_text
from relubench.report.headlines import Headline, Marks, Number, Rests

FINDING = Headline(
    question="Do they?",
    sentence="they do: {share:people}.",
    body="Measured: {share:percent}.",
    rests=(Rests(1, "it does", ("holds", "mostly")),),
    numbers={"share": Number(1, "it does", "digits, SGD")},
    marks=(Marks("all", 1, "it does"), Marks("deep", 1, "it does", "layer 3")),
    x_label="units",
)


def table(verdict="holds", **changes):
    row = {
        "claim": 1, "statement": "it does", "setting": "digits, SGD", "condition": "", "value": 0.31, "ci_low": 0.25,
        "ci_high": 0.37, "n": 64, "claim_verdict": verdict,
    }  # fmt: skip
    others = [{"condition": "layer 3", "value": 0.5}, {"setting": "moons, SGD", "value": None}, {"claim": 2}]
    return pl.DataFrame([row | changes, *(row | changes | other for other in others)])


def test_a_finding_tells_its_numbers():
    assert FINDING.refuted(table()) == ""
    assert FINDING.text(table()) == "**They do: 3 in 10.** Measured: 31 % [25, 37]."


@pytest.mark.parametrize("verdict", ["does not hold", "reversed", "open", "depends"])
def test_a_finding_does_not_outlive_its_verdict(verdict):
    told = f"claim 1, 'it does', is '{verdict}', and the finding rests on holds or mostly"
    assert FINDING.refuted(table(verdict)) == told
    with pytest.raises(UserError, match=f"the finding 'they do: .*' does not follow: {told}"):
        FINDING.text(table(verdict))


@pytest.mark.parametrize("lacking", [{"value": None}, {"setting": "moons, Adam"}, {"claim": 3}, {"statement": "other"}])
def test_without_its_numbers_there_is_no_finding(lacking):
    assert FINDING.text(table(**lacking)) == ""


def test_claims_that_are_not_measured_refute_nothing():
    assert FINDING.refuted(table("not measured")) == ""
    assert FINDING.text(table("not measured")) == ""


def test_a_chart_has_the_marks_in_their_order():
    drawn = FINDING.chart(table())
    assert drawn.select("setting", "mark", "mean").rows() == [
        ("digits, SGD", "all", 0.31),
        ("digits, SGD", "deep", 0.5),
    ]


def stated():
    """Return (claim, statement) -> (setting, condition) of all that the experiments claim."""
    found = {}
    for name in experiments.names():
        for claim in experiments.find(name).claims:
            places = found.setdefault((claim.id, claim.statement), set())
            places |= {(condition.setting, condition.label) for condition in claim.conditions}
    return found


@pytest.mark.parametrize("headline", answer_text.HEADLINES, ids=lambda headline: headline.question)
def test_the_answers_findings_rest_on_claims_that_there_are(headline):
    claims = stated()
    for rests in headline.rests:
        assert (rests.claim, rests.statement) in claims
    for number in headline.numbers.values():
        assert (number.setting, number.condition) in claims[number.claim, number.statement]
    for mark in headline.marks:
        assert mark.condition in {condition for _, condition in claims[mark.claim, mark.statement]}
