"""verify.parquet: each oracle and each published number beside ours, and the table that is printed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table

from relubench import config
from relubench.errors import UserError
from relubench.report.verdicts import interval, number
from relubench.results import Folder, write_table
from relubench.training import train_missing
from relubench.verify.oracles import ORACLES, Check
from relubench.verify.published import PUBLISHED, Published, compare
from relubench.verify.studies import STUDIES
from relubench.verify.study import Part, Study, measure, request_of

#: The name of the table's file in its folder.
FILE = "verify.parquet"
_SCHEMA: dict[str, Any] = {
    "kind": pl.String,  # oracle, or published
    "row": pl.Int64,
    "part": pl.String,
    "source": pl.String,
    "setting": pl.String,
    "statistic": pl.String,
    "relation": pl.String,
    "published": pl.Float64,
    "rounding": pl.Float64,
    "ours": pl.Float64,
    "low": pl.Float64,  # ends of the 99 % interval
    "high": pl.Float64,
    "runs": pl.Int64,
    "outcome": pl.String,
    "reduction": pl.String,
    "command": pl.String,  # at full size
    "note": pl.String,
}


def verify(asked: config.Config, rows: Collection[int], console: Console) -> pl.DataFrame:
    """Ask the oracles and train what published numbers need; write, print and return the table.

    `rows` are the published rows asked for; none: all of them, and the oracles.
    """
    known = sorted({study.row for study in STUDIES})
    for row in rows:
        if row not in known:
            raise UserError(f"verify {row}: it takes rows of published numbers from {known[0]} to {known[-1]}")
    found = [] if rows else [_oracle_row(check()) for check in ORACLES]
    for study in STUDIES:
        if not rows or study.row in rows:
            found += _study_rows(study, asked, console)
    table = pl.DataFrame(found, _SCHEMA, orient="row")
    write_table(Folder(asked.out).path / FILE, table)
    print_table(table, console)
    return table


def _oracle_row(check: Check) -> dict[str, Any]:
    return {
        "kind": "oracle", "row": check.oracle, "part": "", "statistic": check.statement, "published": 0.0,
        "ours": float(check.disagreements), "runs": check.compared, "note": check.remark,
        "outcome": "fail" if check.disagreements or not check.compared else "pass",
    }  # fmt: skip


def _study_rows(study: Study, asked: config.Config, console: Console) -> Iterator[dict[str, Any]]:
    """Train what a study lacks and yield a row for each number that it answers, the independent ones included."""
    console.print(f"row {study.row}: {study.folder}")
    request = request_of(study, asked)
    train_missing(request, console)
    tables = Folder(request.config.out).merge().of(request.grid.run_ids().tolist())
    size = study.size(asked.size == "full")
    for part in study.parts:
        published = _published(study.row, part)
        ours = measure(part, published, tables)
        compared = published._replace(exact_setting=published.exact_setting and size.exact)
        told = {name: getattr(published, name) for name in ("row", "part", "source", "setting", "statistic")}
        yield told | {
            "kind": "published", "relation": published.relation, "published": published.value,
            "rounding": published.rounding, "ours": ours.value, "low": ours.low, "high": ours.high, "runs": ours.runs,
            "outcome": compare(compared, ours.value, ours.low, ours.high) if ours.runs else "no run finished",
            "reduction": size.reduction, "command": f"python -m relubench verify {study.row} size=full",
            "note": published.note,
        }  # fmt: skip


def _published(row: int, part: Part) -> Published:
    """Return the published number of a part; the names of parts are those of the table of published numbers."""
    return next(each for each in PUBLISHED if (each.row, each.part) == (row, part.part))


def print_table(table: pl.DataFrame, console: Console) -> None:
    """Print each oracle and published number beside ours."""
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for title in ("", "what", "published", "ours [99 %]", "runs", "outcome"):
        shown.add_column(title, justify="right" if title in ("published", "runs") else "left")
    for row in table.iter_rows(named=True):
        if row["kind"] == "oracle":
            asked, ours = "", f"{row['ours']:.0f} disagreements"
        else:
            asked, ours = _relation(row), interval(row["ours"], row["low"], row["high"]) if row["runs"] else "-"
        what = row["statistic"] if row["kind"] == "oracle" else f"{row['source']}: {row['part']}"
        shown.add_row(f"{row['kind']} {row['row']}", what, asked, ours, f"{row['runs']:,}", row["outcome"])
    console.print(shown)


def _relation(row: dict[str, Any]) -> str:
    sign = "" if row["relation"] == "=" else row["relation"] + " "
    return f"{sign}{number(row['published'])}"
