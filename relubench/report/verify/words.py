"""Rows of verify.parquet in words: for the printed table, and for the page with the answer."""

from __future__ import annotations

from typing import Any

import polars as pl

from relubench.findings.words import interval, number
from relubench.report.verify.published import PUBLISHED, holds


def published_number(row: dict[str, Any]) -> str:
    """Return a published number with its relation and rounding: what ours is allowed to differ by."""
    relation = "" if row["relation"] == "=" else f"{row['relation']} "
    rounding = f" ± {number(row['rounding'])}" if row["rounding"] else ""
    return f"{relation}{number(row['published'])}{rounding}"


def our_number(row: dict[str, Any]) -> str:
    """Return our number with its interval."""
    return interval(row["ours"], row["low"], row["high"]) if row["runs"] else "-"


def effect(row: dict[str, Any]) -> str:
    """Return what the direction was judged by: ours less the reference, with its interval; "" where it was not."""
    if row["effect"] is None:
        return ""
    return f"less {row['reference']}: {interval(row['effect'], row['effect_low'], row['effect_high'])}"


def depths(table: pl.DataFrame) -> str:
    """Tell with how many layers row 1's published relations hold for the networks at birth; "" without that row.

    The source says 10 layers, which may be the affine ones or the hidden ones. Its numbers are those of the parts
    "width N"; ours at birth are those of "width N, L affine layers".
    """
    ours = {part: ends for part, *ends in table.filter(pl.col("row") == 1).select("part", "low", "high").iter_rows()}
    published = {each.part: each for each in PUBLISHED if each.row == 1}
    agrees: dict[str, dict[str, bool]] = {}
    for part, ends in ours.items():
        width, _, depth = part.partition(", ")
        if depth:
            agrees.setdefault(depth, {})[width] = holds(published[width], *ends)
    told = "; ".join(f"{depth}: {_which(widths)}" for depth, widths in agrees.items())
    return f"Row 1, relations that hold at birth (the source counts width 2 after training): {told}." if told else ""


def _which(agrees: dict[str, bool]) -> str:
    without = [name for name, agreed in agrees.items() if not agreed]
    return f"all but {', '.join(without)}" if without else "all"
