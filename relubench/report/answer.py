"""The question answered by measurement: a page generated from committed results, claim by claim.

`python -m relubench.report.answer RESULTS PAGE` writes it; `make reference` keeps it as docs/answer.md.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from relubench.findings.claims.rule import DOES_NOT_HOLD, HOLDS, OPEN, REVERSED
from relubench.findings.words import effect, number, overall, published, value
from relubench.report import verify
from relubench.report.collect import Study, judged, studies
from relubench.report.verify.words import depths
from relubench.sweeps.storage import write_text

_HEAD = """\
# What is the dying ReLU problem? Answered by measurement

*Generated from the committed results by `make reference`; every number has the command that gives it again.*

The much-read question asks what dying ReLUs are, and its answers make the statements below. Each is judged by runs
with paired seeds: a condition *holds* where its whole 95 % interval lies beyond the threshold and its value by at least
the smallest effect that counts, is *reversed* where it does so on the other side, *does not hold* where the interval
leaves such an effect out, and is *open* otherwise. n counts seeds, pairs of runs or networks; "without" are those that
diverged or have no such number.
docs/definitions.md defines the words, docs/references.md has the papers.
"""
_CORRECTED = """\
Verdicts are those that remain when the primary conditions of all claims are corrected together (Holm 1979).
"""
_NOT_CORRECTED = """\
The verdicts are not corrected for their number, so a few may be wrong by chance: some of these results hold p-values of
an earlier method, too coarse for Holm's correction.
"""
#: What is known about the results of a folder and is in none of them: a file of this name there.
_REMARKS = "remarks.md"


def write(root: Path, page: Path) -> None:
    """Write the page from the results folders under `root`, with links relative to it; remarks.md there goes first."""
    every = studies(root)
    table = judged(every)
    verified = verify.find(root)
    parts = [_HEAD, _CORRECTED if "p_holm" in table.columns else _NOT_CORRECTED]
    if (root / _REMARKS).exists():
        parts.append((root / _REMARKS).read_text())
    parts += [*_overview(table), *_surprises(table)]
    for study in every:
        parts += _experiment(study, table.filter(pl.col("experiment") == study.name), page.parent)
    if verified is not None:
        parts += _verified(verified)
    write_text(page, "\n".join(parts))


def _claims(table: pl.DataFrame) -> Iterator[list[dict[str, Any]]]:
    """Yield the conditions of one claim after another."""
    for _, rows in table.group_by("claim", "experiment", "statement", "statistic", maintain_order=True):
        yield rows.rows(named=True)


def _overview(table: pl.DataFrame) -> Iterator[str]:
    statements = [(rows[0], _counts(row["verdict"] for row in rows)) for rows in _claims(table)]
    counts = _counts(f"*{row['claim_verdict']}*" for row, _ in statements)
    yield f"## In short\n\n{table['claim'].n_unique()} claims in {len(statements)} statements: {counts}.\n"
    yield _titles("claim", "statement", "verdict", "conditions")
    for row, conditions in statements:
        yield _cells(_link(row), row["statement"], overall(row), conditions)
    yield ""


def _counts(verdicts: Iterable[str]) -> str:
    return ", ".join(f"{n} {verdict}" for verdict, n in Counter(verdicts).most_common())


def _surprises(table: pl.DataFrame) -> Iterator[str]:
    """Claims that come out differently from what the answers say, with the conditions under which each does."""
    refuted = [rows for rows in _claims(table) if any(row["verdict"] in (DOES_NOT_HOLD, REVERSED) for row in rows)]
    if not refuted:
        return
    yield "## Where measurement and folklore part\n"
    for rows in refuted:
        yield f"- **{rows[0]['statement']}** (claim {_link(rows[0])}: {rows[0]['statistic']})"
        for verdict in (REVERSED, DOES_NOT_HOLD, HOLDS, OPEN):
            numbers = [f"{_where(row) or 'all runs'}: {value(row)}" for row in rows if row["verdict"] == verdict]
            if numbers:
                yield f"  - *{verdict}*: {'; '.join(numbers)}"
    yield ""


def _anchor(row: dict[str, Any]) -> str:
    words = re.sub("[^a-z0-9]+", "-", row["statement"].lower()).strip("-")
    return f"claim-{row['claim']}-{words}"  # a claim may have several statements


def _link(row: dict[str, Any]) -> str:
    return f"[{row['claim']}](#{_anchor(row)})"


def _experiment(study: Study, table: pl.DataFrame, base: Path) -> Iterator[str]:
    yield f"## {study.name}: {study.question}\n"
    yield f"{study.runs:,} runs: `{study.command}`\n"
    for path in study.figures:
        yield f"![{path.stem}]({os.path.relpath(path, base)})\n"
    for rows in _claims(table):
        yield from _claim(rows)


def _claim(rows: list[dict[str, Any]]) -> Iterator[str]:
    first = rows[0]
    yield f'<a id="{_anchor(first)}"></a>\n\n### {first["claim"]}. {first["statement"]}\n'
    yield f"*{first['source']}* · **{overall(first)}**\n"
    if first["statistic"]:
        beside = ["published"] if first["kind"] == "published" else []
        yield f"{first['statistic']}{'' if beside else _claimed(first)}.\n"
        yield _titles("where", *beside, f"value [{99 if beside else 95} % interval]", "n", "verdict")
        yield from map(_condition, rows)
        yield ""
    if first["note"]:
        yield f"{first['note']}\n"


def _claimed(row: dict[str, Any]) -> str:
    smallest = f", by at least {number(row['smallest'])}" if row["smallest"] else ""
    return f"; claimed {row['direction']} {number(row['threshold'])}{smallest}"


def _condition(row: dict[str, Any]) -> str:
    where = ", ".join(filter(None, (_where(row), row["remark"])))
    without = row["left_out"] or 0
    runs = "" if row["n"] is None else f"{row['n']:,}" + (f" ({without:,} without)" if without else "")
    beside = [published(row)] if row["kind"] == "published" else []
    return _cells(where or "all runs", *beside, value(row), runs, row["verdict"])


def _where(row: dict[str, Any]) -> str:
    return ": ".join(filter(None, (row["setting"], row["condition"])))


def _titles(*titles: str) -> str:
    return f"{_cells(*titles)}\n|{'---|' * len(titles)}"


def _cells(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _verified(table: pl.DataFrame) -> Iterator[str]:
    numbers = table.filter(pl.col("kind") == "published")
    yield "## Published numbers beside those measured here\n"
    yield "`python -m relubench verify`, and `python -m relubench verify ROW size=full` for a row at full size."
    yield "At the source's own data and size the number is judged: it *holds* if it lies in our interval widened by its"
    yield "rounding, or if the interval reaches to its side of > or <, else it *does not hold*. Elsewhere the direction"
    yield "alone is, by the interval of the effect: the measured number less a reference, which may be measured, too.\n"
    yield _titles(
        "row", "source", "number", "published ± rounding", "measured [99 %]", "effect [99 %]", "runs", "verdict",
        "judged", "remarks",
    )  # fmt: skip
    for row in numbers.iter_rows(named=True):
        yield _cells(
            row["claim"], row["source"], f"{row['condition']}: {row['statistic']}", published(row), value(row),
            effect(row), f"{row['n'] or 0:,}", row["verdict"], row["judged"] or "",
            "; ".join(filter(None, (row["reduced"], row["note"]))),
        )  # fmt: skip
    yield f"\n{depths(numbers)}"
    yield f"\n## Oracles\n\n{_titles('oracle', 'statement', 'compared', 'disagreements')}"
    for row in table.filter(pl.col("kind") == "oracle").iter_rows(named=True):
        remark = f" ({row['note']})" if row["note"] else ""
        yield _cells(row["claim"], row["statement"] + remark, f"{row['n']:,}", f"{row['value']:.0f}")
    yield ""


def main(arguments: Sequence[str]) -> None:
    """Write the page that the command line names."""
    root, page = map(Path, arguments)
    write(root, page)


if __name__ == "__main__":
    main(sys.argv[1:])
