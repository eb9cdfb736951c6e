"""What is to be said of published numbers beside their table."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from relubench.findings import words
from relubench.findings.claims.published import agrees


def remarks(published: pl.DataFrame) -> Iterator[str]:
    """Yield how each row is less than its source, its command at full size, and which directions its effects have."""
    for (row, reduced), parts in published.group_by("claim", "reduced", maintain_order=True):
        less = reduced or "data and size of the source"
        yield f"row {row}: {less}. Full size: python -m relubench verify {row} size=full"
        for part in parts.filter(pl.col("remark") != "").iter_rows(named=True):
            yield f"  {part['condition']}: {words.direction(part) or part['remark']}"
    yield from filter(None, [depths(published)])


def depths(published: pl.DataFrame) -> str:
    """Return with how many layers row 1's published relations hold for the networks at birth; "" without that row.

    The source says 10 layers, which may be the affine ones or the hidden ones. Its numbers are those of the conditions
    "width N"; the measured ones at birth are those of "width N, L affine layers".
    """
    rows = {row["condition"]: row for row in published.filter(pl.col("claim") == 1).iter_rows(named=True)}
    agreed: dict[str, dict[str, bool]] = {}
    for condition, measured in rows.items():
        width, _, depth = condition.partition(", ")
        if depth and width in rows and measured["ci_low"] is not None:
            stated, ends = rows[width], (measured["ci_low"], measured["ci_high"])
            agreed.setdefault(depth, {})[width] = agrees(
                stated["relation"], stated["published"], stated["rounding"], *ends
            )
    agreement = "; ".join(f"{depth}: {_which(widths)}" for depth, widths in agreed.items())
    return (
        f"Row 1, relations that hold at birth (the source counts width 2 after training): {agreement}."
        if agreement
        else ""
    )


def _which(agreed: dict[str, bool]) -> str:
    without = [name for name, agrees_ in agreed.items() if not agrees_]
    return f"all but {', '.join(without)}" if without else "all"
