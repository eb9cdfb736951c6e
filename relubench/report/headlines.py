"""Findings in plain words, each with the verdicts that it rests on: a sentence stands only while they do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from relubench.errors import UserError
from relubench.findings.claims.rule import NOT_MEASURED
from relubench.report.plain import Plain


class Rests(NamedTuple):
    """A statement of a claim, and the overall verdicts on which a finding can rest."""

    claim: int
    statement: str
    verdicts: tuple[str, ...]


class Number(NamedTuple):
    """A condition of a claim, whose number a finding tells."""

    claim: int
    statement: str
    setting: str
    condition: str = ""


class Marks(NamedTuple):
    """A condition of a claim that a finding's chart shows in every setting, and what it is called there."""

    name: str
    claim: int
    statement: str
    condition: str = ""


class Headline(NamedTuple):
    """A finding: the question, the answer in a sentence, what was measured, and a chart."""

    question: str
    sentence: str
    body: str  # with names of `numbers` in braces, and how each is written: see relubench.report.plain
    rests: tuple[Rests, ...]
    numbers: Mapping[str, Number]
    marks: tuple[Marks, ...]
    x_label: str  # of the chart

    def refuted(self, table: pl.DataFrame) -> str:
        """Return which verdict of a table of claims the sentence does not follow from, in words; "" for none."""
        for each in self.rests:
            for verdict in _held(table, each):
                if verdict not in each.verdicts:
                    return (
                        f"claim {each.claim}, '{each.statement}', is '{verdict}', and the finding rests on "
                        f"{' or '.join(each.verdicts)}"
                    )
        return ""

    def text(self, table: pl.DataFrame) -> str:
        """Return the sentence in bold, then what was measured; refuse a finding that does not follow any more.

        `table` has the claims of all results. Empty: they lack something that the finding tells.
        """
        if refuted := self.refuted(table):
            raise UserError(f"the finding '{self.sentence}' does not follow: {refuted}")
        rows = {name: _row(table, number) for name, number in self.numbers.items()}
        if not all(rows.values()) or not all(_held(table, each) for each in self.rests):
            return ""
        plain = {name: Plain(row) for name, row in rows.items() if row}
        sentence = self.sentence.format(**plain)  # may begin with a number in words
        return f"**{sentence[0].upper()}{sentence[1:]}** {self.body.format(**plain)}"

    def chart(self, table: pl.DataFrame) -> pl.DataFrame:
        """Return what its chart is drawn from: setting, mark, mean, ci_low, ci_high."""
        parts = [_measured(table, mark).with_columns(mark=pl.lit(mark.name)) for mark in self.marks]
        return pl.concat(parts).select("setting", "mark", "ci_low", "ci_high", mean="value")


def _stated(table: pl.DataFrame, named: Rests | Number | Marks) -> pl.DataFrame:
    """Return the conditions of the statement that is named."""
    return table.filter(pl.col("claim") == named.claim, pl.col("statement") == named.statement)


def _measured(table: pl.DataFrame, named: Number | Marks) -> pl.DataFrame:
    """Return of the condition that is named what was measured, in every setting."""
    return _stated(table, named).filter(pl.col("condition") == named.condition, pl.col("value").is_not_null())


def _row(table: pl.DataFrame, number: Number) -> dict[str, Any] | None:
    rows = _measured(table, number).filter(pl.col("setting") == number.setting)
    return rows.row(0, named=True) if rows.height else None


def _held(table: pl.DataFrame, rests: Rests) -> list[str]:
    """Return the overall verdict of a statement, none where no results have it."""
    rows = _stated(table, rests).filter(pl.col("claim_verdict") != NOT_MEASURED)
    return rows["claim_verdict"].unique().to_list()
