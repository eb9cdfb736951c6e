"""Published numbers beside measured ones: a page generated from verify.parquet, row by row.

`python -m relubench.report.published RESULTS PAGE` writes it; `make reference` keeps it as docs/published.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from relubench.findings import words
from relubench.findings.claims.published import FAILS, NOT_COMPARABLE, PASSES
from relubench.findings.claims.rule import NOT_MEASURED, OPEN
from relubench.report.verify import find
from relubench.report.verify.words import depths
from relubench.sweeps.storage import write_text

_HEAD = """\
# Published numbers beside those measured here

*Generated from the committed results by `make reference`. `python -m relubench verify` measures them anew,
`python -m relubench verify ROW size=full` a row on its source's data and at its size.*

A number *passes* if it lies in our 99 % interval, widened by its rounding and by its own standard error where it comes
from a simulation, or if the interval reaches to its side of > or <; else it *fails*. Where the source has one run, the
interval is the range in which another run would lie with 99 % confidence. On other data or at another size than the
source's the two are *not comparable*, and the reason is told, with the direction of the effect that the source reports:
the measured number less a reference. *Open*: too few runs for an interval. The ratio is ours over theirs, where both
are above 0. [References](references.md) tell what each source says.
"""
#: The judgements in the order of a row's counts.
_JUDGEMENTS = (PASSES, FAILS, NOT_COMPARABLE, OPEN, NOT_MEASURED)


def write(root: Path, page: Path) -> None:
    """Write the page from verify.parquet under `root`; without one there is no page."""
    table = find(root)
    if table is not None:
        write_text(page, "\n".join([_HEAD, *_lines(table)]))


def _lines(table: pl.DataFrame) -> Iterator[str]:
    numbers, oracles = (table.filter(pl.col("kind") == kind) for kind in ("published", "oracle"))
    yield from _overview(numbers)
    for (row,), parts in numbers.group_by("claim", maintain_order=True):
        yield f"## Row {row}\n"
        yield from _row(parts)
        yield from (f"{paragraph}\n" for paragraph in (*_paragraphs(parts), depths(parts)) if paragraph)
    yield f"## Oracles\n\n{_titles('oracle', 'statement', 'compared', 'disagreements')}"
    for each in oracles.iter_rows(named=True):
        remark = f" ({each['note']})" if each["note"] else ""
        yield _cells(each["claim"], each["statement"] + remark, f"{each['n']:,}", f"{each['value']:.0f}")
    yield ""


def _overview(numbers: pl.DataFrame) -> Iterator[str]:
    yield _titles("row", "source", *_JUDGEMENTS)
    for (row,), parts in numbers.group_by("claim", maintain_order=True):
        counts = [(parts["verdict"] == judgement).sum() for judgement in _JUDGEMENTS]
        sources = "; ".join(parts["source"].unique(maintain_order=True))
        yield _cells(f"[{row}](#row-{row})", sources, *(count or "" for count in counts))
    yield ""


def _row(parts: pl.DataFrame) -> Iterator[str]:
    yield _titles("source", "setting", "number", "published ± rounding", "ours [99 %]", "n", "ratio", "judgement", "")
    before = None
    for part in parts.iter_rows(named=True):
        claim = (part["source"], f"{part['statement']}: {part['statistic']}")
        yield _cells(
            *(claim if claim != before else ("", "")), part["condition"], words.published(part),
            "" if part["value"] is None else words.value(part), "" if part["n"] is None else f"{part['n']:,}",
            words.ratio(part), part["verdict"], words.direction(part) or part["remark"] or "",
        )  # fmt: skip
        before = claim
    yield ""


def _paragraphs(parts: pl.DataFrame) -> Iterator[str]:
    """Yield of each source and setting what fails or cannot be compared, why, and what was tried."""
    for (source, _), claims in parts.group_by("source", "note", maintain_order=True):
        failing = claims.filter(pl.col("verdict") == FAILS)["condition"]
        reasons = claims.filter(pl.col("verdict") == NOT_COMPARABLE)["reduced"].unique(maintain_order=True)
        told = [f"*Fails*: {'; '.join(failing)}."] if len(failing) else []
        told += [f"*Not comparable*: {reason}." for reason in reasons if reason]
        if note := claims["note"][0]:
            told.append(f"{note[0].upper()}{note[1:]}.")
        yield f"{source}: {' '.join(told)}" if told else ""


def _titles(*titles: str) -> str:
    return f"{_cells(*titles)}\n|{'---|' * len(titles)}"


def _cells(*cells: object) -> str:
    escaped = (str(cell).replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def main(arguments: Sequence[str]) -> None:
    """Write the page that the command line names."""
    root, page = map(Path, arguments)
    write(root, page)


if __name__ == "__main__":
    main(sys.argv[1:])
