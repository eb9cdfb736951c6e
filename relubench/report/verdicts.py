"""Claims in words: one line each, for captions, tables and the answer."""

from __future__ import annotations

from typing import Any

import polars as pl


def verdict_lines(claims: pl.DataFrame) -> list[str]:
    """Return a line for each claim of claims.parquet: its number, statement, verdict, and each condition's number."""
    if not claims.height:
        return []
    lines = []
    for (number, *_), rows in claims.group_by("claim", "statement", "statistic", maintain_order=True):
        first = rows.row(0, named=True)
        told = [_condition(row) for row in rows.iter_rows(named=True) if row["n"] is not None]
        numbers = f" ({first['statistic']}: {'; '.join(told)})" if told else ""
        lines.append(f'Claim {number}, "{first["statement"]}": {first["claim_verdict"]}{numbers}.')
    return lines


def _condition(row: dict[str, Any]) -> str:
    label = f"{row['condition']}: " if row["condition"] else ""
    if row["value"] is None:
        return f"{label}nothing to measure"
    return f"{label}{interval(row['value'], row['ci_low'], row['ci_high'])}, n = {row['n']:,}, {row['verdict']}"


def interval(value: float, low: float | None, high: float | None) -> str:
    """Return a number with its interval, to three digits."""
    if low is None or high is None:
        return number(value)
    return f"{number(value)} [{number(low)}, {number(high)}]"


def number(value: float) -> str:
    """Return a number to three significant digits, whole ones without a point."""
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e6 else f"{value:.3g}"
