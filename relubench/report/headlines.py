"""Findings in plain words, each with the verdicts that it rests on: a sentence stands only while they do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from relubench.errors import UserError
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


class Headline(NamedTuple):
    """A finding: the question, the answer in a sentence, what was measured, and a figure."""

    question: str
    sentence: str
    body: str  # with names of `numbers` in braces, and how each is written: see relubench.report.plain
    rests: tuple[Rests, ...]
    numbers: Mapping[str, Number]
    figure: str  # EXPERIMENT/NAME of a drawn one

    def text(self, table: pl.DataFrame) -> str:
        """Return the sentence in bold, then what was measured; refuse a finding that does not follow any more.

        `table` has the claims of all results. Empty: they lack something that the finding tells.
        """
        rows = {name: _row(table, number) for name, number in self.numbers.items()}
        if not all(rows.values()) or not all(_held(table, each) for each in self.rests):
            return ""
        for each in self.rests:
            (verdict,) = _held(table, each)
            if verdict not in each.verdicts:
                raise UserError(
                    f"the finding '{self.sentence}' does not follow: claim {each.claim}, '{each.statement}', now is "
                    f"'{verdict}', and it rests on {' or '.join(each.verdicts)}"
                )
        plain = {name: Plain(row) for name, row in rows.items() if row}
        return f"**{self.sentence.format(**plain)}** {self.body.format(**plain)}"

    def picture(self, root: Path) -> Path | None:
        """Return the file of its figure, None where it was not drawn."""
        experiment, _, name = self.figure.partition("/")
        path = root / experiment / "figures" / f"{name}.png"
        return path if path.exists() else None


def _row(table: pl.DataFrame, number: Number) -> dict[str, Any] | None:
    rows = table.filter(
        pl.col("claim") == number.claim, pl.col("statement") == number.statement,
        pl.col("setting") == number.setting, pl.col("condition") == number.condition, pl.col("value").is_not_null(),
    )  # fmt: skip
    return rows.row(0, named=True) if rows.height else None


def _held(table: pl.DataFrame, rests: Rests) -> list[str]:
    rows = table.filter(pl.col("claim") == rests.claim, pl.col("statement") == rests.statement)
    return rows["claim_verdict"].unique().to_list()
