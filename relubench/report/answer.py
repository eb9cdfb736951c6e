"""The question answered by measurement: a page generated from committed results.

`python -m relubench.report.answer RESULTS PAGE` writes it; `make reference` keeps it as docs/answer.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from relubench.findings.claims.rule import DOES_NOT_HOLD, HOLDS, OPEN, REVERSED
from relubench.findings.words import value
from relubench.report.claims_page import anchor, of_each, stated, where
from relubench.report.collect import studies
from relubench.sweeps.storage import write_text

_HEAD = """\
# What is the dying ReLU problem? Answered by measurement

*Generated from the committed results by `make reference`; every number has the command that gives it again.*

The much-read question asks what dying ReLUs are, and its answers make statements; [the claims](claims.md) has each with
its verdict.
"""


def write(root: Path, page: Path) -> None:
    """Write the page from the results folders under `root`."""
    parts = [_HEAD, *_surprises(stated(studies(root)))]
    write_text(page, "\n".join(parts))


def _surprises(table: pl.DataFrame) -> Iterator[str]:
    """Claims that come out differently from what the answers say, with the conditions under which each does."""
    refuted = [rows for rows in of_each(table) if any(row["verdict"] in (DOES_NOT_HOLD, REVERSED) for row in rows)]
    if not refuted:
        return
    yield "## Where measurement and folklore part\n"
    for rows in refuted:
        first = rows[0]
        link = f"[{first['claim']}](claims.md#{anchor(first)})"
        yield f"- **{first['statement']}** (claim {link}: {first['statistic']})"
        for verdict in (REVERSED, DOES_NOT_HOLD, HOLDS, OPEN):
            numbers = [f"{where(row) or 'all runs'}: {value(row)}" for row in rows if row["verdict"] == verdict]
            if numbers:
                yield f"  - *{verdict}*: {'; '.join(numbers)}"
    yield ""


def main(arguments: Sequence[str]) -> None:
    """Write the page that the command line names."""
    root, page = map(Path, arguments)
    write(root, page)


if __name__ == "__main__":
    main(sys.argv[1:])
