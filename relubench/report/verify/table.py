"""verify.parquet: each oracle and each published number beside ours, and the table that is printed."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from typing import Any

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table

from relubench import config
from relubench.errors import UserError
from relubench.report.verify import words
from relubench.report.verify.oracles import ORACLES, Check
from relubench.report.verify.published import PUBLISHED, Published, compare
from relubench.report.verify.studies import STUDIES
from relubench.report.verify.study import Part, Study, effect, measure, request_of
from relubench.sweeps.folders import Folder
from relubench.sweeps.request import Request
from relubench.sweeps.storage import read_table, write_table

#: Trains what a request lacks.
Train = Callable[[Request, Console], None]

#: The name of the table's file in its folder.
FILE = "verify.parquet"
#: What to do about a file that cannot be read.
VERIFY_AGAIN = "move it away; `python -m relubench verify` makes its rows again"
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
    "reference": pl.String,  # what ours is compared with, where only the direction is judged
    "effect": pl.Float64,  # ours less the reference
    "effect_low": pl.Float64,  # ends of its 99 % interval
    "effect_high": pl.Float64,
    "outcome": pl.String,
    "reduction": pl.String,
    "command": pl.String,  # at full size
    "note": pl.String,
}


def verify(asked: config.Config, rows: Collection[int], console: Console, train: Train) -> pl.DataFrame:
    """Ask the oracles and let `train` train what published numbers need; write, print and return what was found.

    `rows` are the published rows asked for; none: all of them, and the oracles. In the file they take the place of
    what it had for the same rows, and the others stay.
    """
    known = sorted({study.row for study in STUDIES})
    for row in rows:
        if row not in known:
            raise UserError(f"verify {row}: it takes rows of published numbers from {known[0]} to {known[-1]}")
    path = Folder(asked.out).path / FILE
    old = read_table(path, VERIFY_AGAIN) if os.path.lexists(path) else None
    found = [] if rows else [_oracle_row(check()) for check in ORACLES]
    for study in STUDIES:
        if not rows or study.row in rows:
            found += _study_rows(study, asked, console, train)
    table = pl.DataFrame(found, _SCHEMA, orient="row").fill_nan(None)
    write_table(path, table if old is None else _over_old(table, old))
    print_table(table, console)
    return table


def _over_old(table: pl.DataFrame, old: pl.DataFrame) -> pl.DataFrame:
    """Return the table with the other rows of the old one, oracles first."""
    others = old.join(table, on=["kind", "row"], how="anti")
    return pl.concat([others, table], how="diagonal").sort("kind", "row", maintain_order=True)


def _oracle_row(check: Check) -> dict[str, Any]:
    return {
        "kind": "oracle", "row": check.oracle, "part": "", "statistic": check.statement, "published": 0.0,
        "ours": float(check.disagreements), "runs": check.compared, "note": check.remark,
        "outcome": "fail" if check.disagreements or not check.compared else "pass",
    }  # fmt: skip


def _study_rows(study: Study, asked: config.Config, console: Console, train: Train) -> Iterator[dict[str, Any]]:
    """Train what a study lacks and yield a row for each number that it answers, the independent ones included."""
    console.print(f"row {study.row}: {study.folder}")
    request = request_of(study, asked)
    train(request, console)
    tables = Folder(request.config.out).merge().of(request.grid.run_ids().tolist())
    size = study.size(asked.size == "full")
    for part in study.parts:
        published = _published(study.row, part)
        ours, difference = measure(part, published, tables), effect(study, part, published, tables)
        compared = published._replace(exact_setting=published.exact_setting and size.exact)
        told = {name: getattr(published, name) for name in ("row", "part", "source", "setting", "statistic")}
        judged_by = {
            "reference": str(published.reference), "effect": difference.value, "effect_low": difference.low,
            "effect_high": difference.high,
        }  # fmt: skip
        yield told | {
            "kind": "published", "relation": published.relation, "published": published.value,
            "rounding": published.rounding, "ours": ours.value, "low": ours.low, "high": ours.high, "runs": ours.runs,
            "outcome": compare(compared, ours, difference) if ours.runs else "no run finished",
            "reduction": size.reduction, "command": f"python -m relubench verify {study.row} size=full",
            "note": published.note,
        } | ({} if compared.exact_setting else judged_by)  # fmt: skip


def _published(row: int, part: Part) -> Published:
    """Return the published number of a part; the names of parts are those of the table of published numbers."""
    return next(each for each in PUBLISHED if (each.row, each.part) == (row, part.part))


def print_table(table: pl.DataFrame, console: Console) -> None:
    """Print each oracle and published number beside ours, and how each row is less than its source."""
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for title in ("", "what", "published ± rounding", "ours [99 %]", "runs", "outcome"):
        shown.add_column(title, justify="right" if title == "runs" else "left")
    for row in table.iter_rows(named=True):
        if row["kind"] == "oracle":
            what, asked, ours = row["statistic"], "", f"{row['ours']:.0f} disagreements"
        else:
            what, asked, ours = f"{row['source']}: {row['part']}", words.published_number(row), words.our_number(row)
        shown.add_row(f"{row['kind']} {row['row']}", what, asked, ours, f"{row['runs']:,}", row["outcome"])
    console.print(shown)
    for line in _lines(table):
        console.print(line, highlight=False, markup=False)


def _lines(table: pl.DataFrame) -> Iterator[str]:
    """Yield what is less than at a row's source, its command at full size, and what directions were judged by."""
    published = table.filter(pl.col("kind") == "published")
    for (row, reduction, command), parts in published.group_by("row", "reduction", "command", maintain_order=True):
        yield f"row {row}: {reduction or 'data and size of the source'}. Full size: {command}"
        for part in parts.filter(pl.col("effect").is_not_null()).iter_rows(named=True):
            yield f"  {part['part']} {words.effect(part)}"
    yield from filter(None, [words.depths(published)])
