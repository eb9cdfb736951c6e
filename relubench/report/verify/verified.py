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
from relubench.findings.claims.published import DIRECTION, NUMBER
from relubench.findings.claims.rule import DOES_NOT_HOLD, HOLDS, OPEN
from relubench.sweeps.storage import read_table, write_table

#: The name of the table's file in its folder.
FILE = "verify.parquet"
#: What the names of experiments on published numbers begin with.
SHELF = "published/"
#: Folders under a root of results in which the file may be; before there were experiments of its rows it was in verify.
_FOLDERS = (".", "published", "verify")
_AGAIN = "move it away; `python -m relubench verify` makes its rows again"

#: The columns, and the verdicts, of the file before published numbers were claims.
_OLD_COLUMNS = {
    "row": "claim", "part": "condition", "ours": "value", "low": "ci_low", "high": "ci_high",
    "runs": "n", "outcome": "verdict", "reduction": "reduced",
}  # fmt: skip
_OLD_VERDICTS = {
    "pass": HOLDS, "same direction": HOLDS, "fail": DOES_NOT_HOLD, "other direction": DOES_NOT_HOLD,
    "no run finished": OPEN,
}  # fmt: skip


def picked(rows: Collection[int]) -> list[str]:
    """Return the experiments on these rows of published numbers (none: all of them), by row."""
    claims = {name: experiments.find(name).claims for name in experiments.names() if name.startswith(SHELF)}
    known = {name: judged[0].id for name, judged in claims.items() if judged}
    for row in rows:
        if row not in known.values():
            there = ", ".join(map(str, sorted(set(known.values()))))
            raise UserError(f"verify {row}: it takes rows of published numbers: {there}")
    return sorted((name for name, row in known.items() if not rows or row in rows), key=lambda name: known[name])


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
        by_direction = pl.when(pl.col("effect").is_null()).then(pl.lit(NUMBER)).otherwise(pl.lit(DIRECTION))
        table = table.rename(_OLD_COLUMNS).with_columns(
            pl.col("verdict").replace(_OLD_VERDICTS),
            statement=pl.coalesce("setting", "statistic"),  # an oracle had no setting
            judged=pl.when(pl.col("kind") == "published").then(by_direction),
        )
    table = pl.concat([pl.DataFrame(schema=SCHEMA), table], how="diagonal").select(*SCHEMA)
    return table.with_columns(pl.col("verdict").replace({"not decided": OPEN}))


def failed(table: pl.DataFrame) -> bool:
    """Return whether an oracle does not hold, or a published number at its source's own data and size."""
    exact = (pl.col("kind") == "oracle") | (pl.col("judged") == NUMBER)
    return table.filter(exact, pl.col("verdict") == DOES_NOT_HOLD).height > 0
