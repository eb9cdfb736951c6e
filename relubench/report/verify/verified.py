"""verify.parquet: the verdicts on the oracles and on the published numbers, in the columns of claims.parquet."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import polars as pl

from relubench import experiments
from relubench.errors import UserError
from relubench.findings.claims.judgement import SCHEMA
from relubench.findings.claims.published import DIRECTIONS, FAILS, NOT_COMPARABLE, PASSES
from relubench.findings.claims.rule import DOES_NOT_HOLD, HOLDS, OPEN
from relubench.sweeps.storage import read_table, write_table

#: The name of the table's file in its folder.
FILE = "verify.parquet"
#: What the names of experiments on published numbers begin with.
SHELF = "published/"
#: Folders under a root of results in which the file may be; before there were experiments of its rows it was in verify.
_FOLDERS = (".", "published", "verify")
_AGAIN = "move it away; `python -m relubench verify` makes its rows again"

#: The columns of the file before published numbers were claims, and what their outcomes are called since.
_OLD_COLUMNS = {
    "row": "claim", "part": "condition", "ours": "value", "low": "ci_low", "high": "ci_high",
    "runs": "n", "outcome": "verdict", "reduction": "reduced",
}  # fmt: skip
_OLD_VERDICTS = {
    "pass": HOLDS, "same direction": HOLDS, "fail": DOES_NOT_HOLD, "other direction": DOES_NOT_HOLD,
    "no run finished": OPEN,
}  # fmt: skip


def picked(rows: Collection[int]) -> list[str]:
    """Return the experiments on these rows of published numbers (none: all of them), by their first row."""
    held = {name: sorted({claim.id for claim in experiments.find(name).claims}) for name in _shelf()}
    known = {row for ids in held.values() for row in ids}
    for row in rows:
        if row not in known:
            raise UserError(f"verify {row}: it takes rows of published numbers: {', '.join(map(str, sorted(known)))}")
    wanted = set(rows) or known
    return sorted((name for name, ids in held.items() if wanted.intersection(ids)), key=lambda name: held[name])


def _shelf() -> list[str]:
    return [name for name in experiments.names() if name.startswith(SHELF)]


def oracles() -> pl.DataFrame:
    """Ask the oracles: a row each, whose value is the number of disagreements."""
    from relubench.report.verify.oracles import ORACLES

    rows: list[dict[str, Any]] = [
        {
            "kind": "oracle", "claim": check.oracle, "statement": check.statement, "value": float(check.disagreements),
            "n": check.compared, "note": check.remark,
            "verdict": DOES_NOT_HOLD if check.disagreements or not check.compared else HOLDS,
        }
        for check in (ask() for ask in ORACLES)
    ]  # fmt: skip
    return pl.DataFrame(rows, SCHEMA, orient="row")


def keep(folder: Path, table: pl.DataFrame) -> None:
    """Write the table over what the file in the folder had for the same rows; its others stay, oracles first."""
    path = folder / FILE
    if os.path.lexists(path):
        others = read(path).join(table, on=["kind", "claim"], how="anti")
        table = pl.concat([others, table]).sort("kind", "claim", maintain_order=True)
    write_table(path, table)


def find(root: Path) -> pl.DataFrame | None:
    """Return the table under a root of results, None where there is none."""
    path = next((path for folder in _FOLDERS if os.path.lexists(path := root / folder / FILE)), None)
    return None if path is None else read(path)


def read(path: Path) -> pl.DataFrame:
    """Return the table in a file, one of an older relubench in the columns and words of now."""
    table = read_table(path, _AGAIN)
    if "outcome" in table.columns:
        table = table.rename(_OLD_COLUMNS).with_columns(
            pl.col("verdict").replace(_OLD_VERDICTS),
            statement=pl.coalesce("setting", "statistic"),  # an oracle had no setting
            published=pl.when(pl.col("kind") == "published").then("published"),
        )
    if "ratio" not in table.columns:
        table = _judged_anew(table.with_columns(pl.col("verdict").replace({"not decided": OPEN})))
    return pl.concat([pl.DataFrame(schema=SCHEMA), table], how="diagonal").select(*SCHEMA)


def _judged_anew(table: pl.DataFrame) -> pl.DataFrame:
    """Return published numbers of before there were ratios with the judgements of now.

    Numbers were judged as now; elsewhere the verdict was about the direction of the effect, which is there then.
    """
    beside, directed = pl.col("kind") == "published", pl.col("effect").is_not_null()
    number = pl.col("verdict").replace({HOLDS: PASSES, DOES_NOT_HOLD: FAILS})
    positive = (pl.col("published") > 0) & (pl.col("value") > 0)
    return table.with_columns(
        verdict=pl.when(beside & directed).then(pl.lit(NOT_COMPARABLE)).when(beside).then(number).otherwise("verdict"),
        remark=pl.when(beside & directed).then(pl.col("verdict").replace(DIRECTIONS)),
        ratio=pl.when(beside & positive).then(pl.col("value") / pl.col("published")),
    )


def failed(table: pl.DataFrame) -> bool:
    """Return whether an oracle does not hold, or a published number fails."""
    return not table.filter(pl.col("verdict").is_in([DOES_NOT_HOLD, FAILS])).is_empty()
