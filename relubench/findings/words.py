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
        conditions = [_condition(row) for row in rows.iter_rows(named=True) if row["n"] is not None]
        numbers = f" ({first['statistic']}: {'; '.join(conditions)})" if conditions else ""
        lines.append(f'Claim {number}, "{first["statement"]}": {overall(first)}{numbers}.')
    return lines


def _condition(row: dict[str, Any]) -> str:
    label = f"{row['condition']}: " if row["condition"] else ""
    runs = "" if row["value"] is None else f", n = {row['n']:,}, {row['verdict']}"
    return f"{label}{value(row)}{runs}"


def overall(row: dict[str, Any]) -> str:
    """Return a claim's verdict, and in how many settings it holds."""
    if not row["settings"]:
        return row["claim_verdict"]
    return f"{row['claim_verdict']}: {settings(row)}"


def settings(row: dict[str, Any]) -> str:
    """Return in how many settings a claim holds."""
    number = row["settings"]
    return f"holds in {row['holds_in']} of {number} setting{'s' if number > 1 else ''}"


def value(row: dict[str, Any]) -> str:
    """Return a condition's number with its interval, or where its values are all equal, with their count."""
    if row["value"] is None:
        return "nothing to measure"
    if row["ci_low"] is None and row["n"] is not None and row["n"] > 1:
        return f"{number(row['value'])} in {row['n']:,} runs"
    return interval(row["value"], row["ci_low"], row["ci_high"])


def published(row: dict[str, Any]) -> str:
    """Return a published number with its relation and rounding: what a measured one may differ by."""
    relation = "" if row["relation"] == "=" else f"{row['relation']} "
    rounding = f" ± {number(row['rounding'])}" if row["rounding"] else ""
    return f"{relation}{number(row['published'])}{rounding}"


def effect(row: dict[str, Any]) -> str:
    """Return what a direction was judged by, the measured number less the reference, with its interval; else ""."""
    if row["effect"] is None:
        return ""
    return f"less {row['reference']}: {interval(row['effect'], row['effect_low'], row['effect_high'])}"


def interval(middle: float, low: float | None, high: float | None) -> str:
    """Return a number with its interval, to three digits."""
    if low is None or high is None:
        return number(middle)
    return f"{number(middle)} [{number(low)}, {number(high)}]"


def number(value: float) -> str:
    """Return a number to three significant digits, whole ones without a point."""
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e6 else f"{value:.3g}"
