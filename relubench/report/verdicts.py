"""The table of verdicts on the terminal: claims, published numbers and oracles."""

from __future__ import annotations

from collections import Counter
from typing import Any

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table

from relubench.findings import words
from relubench.report.verify.words import remarks

#: Kinds whose rows are numbered apart from the claims.
_NUMBERED_APART = ("oracle", "published")
#: What several claims do.
_PLURALS = {"holds": "hold", "does not hold": "do not hold", "depends": "depend"}


def print_verdicts(table: pl.DataFrame, console: Console) -> None:
    """Print a line a claim and condition; published numbers beside the measured ones, and remarks below."""
    published = table.filter(pl.col("kind") == "published")
    titles = ["claim", "statement", "where", "value [95 %]", "n", "verdict"]
    if not published.is_empty():
        titles[3:4] = ["published ± rounding", "value [95 %; beside a published one 99 %]"]
        titles.insert(5, "ratio")
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for title in titles:
        shown.add_column(title, justify="right" if title in ("ratio", "n") else "left")
    before = None
    for row in table.iter_rows(named=True):
        name, statement, *cells = _cells(row, beside=not published.is_empty())
        first = (name, statement) != before
        before = (name, statement)
        shown.add_row(name if first else "", statement if first else "", *cells)
    console.print(shown)
    for line in remarks(published):
        console.print(line, highlight=False, markup=False)


def counted(claims: pl.DataFrame) -> str:
    """Return how many claims of a claims.parquet hold, how many do not, and so on."""
    verdicts = claims.unique(("claim", "statement", "statistic"), maintain_order=True)["claim_verdict"]
    return ", ".join(
        f"{n:,} {verdict if n == 1 else _PLURALS.get(verdict, verdict)}"
        for verdict, n in Counter(verdicts).most_common()
    )


def _cells(row: dict[str, Any], beside: bool) -> list[str]:
    """Return the cells of a row; `beside`: with those of published numbers."""
    apart, is_published = row["kind"] in _NUMBERED_APART, row["kind"] == "published"
    value = "" if row["value"] is None else words.value(row)
    cells = [
        f"{row['kind']} {row['claim']}" if apart else str(row["claim"]),
        f"{row['source']}: {row['statement']}" if is_published else row["statement"],
        ": ".join(filter(None, (row["setting"], row["condition"])))
        or ("disagreements" if row["kind"] == "oracle" else row["kind"]),
        value,
        "" if row["n"] is None else f"{row['n']:,}",
        row["verdict"] or "",
    ]
    if beside:
        cells.insert(3, words.published(row) if is_published else "")
        cells.insert(5, words.ratio(row))
    return cells
