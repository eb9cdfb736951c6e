"""Claims in words: one line each, for captions, tables and the answer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

#: So many conditions are told one by one in a sentence; more are counted.
_TOLD = 4


def finding(claims: pl.DataFrame, numbers: Sequence[int] | None = None, setting: str = "") -> str:
    """Return in a sentence how a claim of claims.parquet came out by its primary conditions; "": none was measured.

    It is the first of `numbers` (None: of all claims decided by runs) that was, in the settings that begin with
    `setting`.
    """
    if claims.is_empty():
        return ""
    claims = claims.with_columns(  # older files do not tell
        pl.lit(value).alias(name) for name, value in (("primary", True), ("setting", "")) if name not in claims.columns
    )
    primary = pl.col("primary").fill_null(True) & pl.col("value").is_not_null()
    rows = claims.filter(primary, pl.col("kind") == "seeds", pl.col("setting").fill_null("").str.starts_with(setting))
    for number in dict.fromkeys(rows["claim"]) if numbers is None else numbers:
        for _, conditions in rows.filter(pl.col("claim") == number).group_by("statement", maintain_order=True):
            return _finding(conditions.rows(named=True), setting)
    return ""


def _finding(rows: Sequence[dict[str, Any]], setting: str) -> str:
    first = rows[0]
    if len(rows) > _TOLD:
        held = sum(row["verdict"] == "holds" for row in rows)
        told = f"holds in {held} of {len(rows)} settings"
    else:
        told = "; ".join(_condition(row, setting) for row in rows)
    return f'Claim {first["claim"]}, "{first["statement"]}", by the {first["statistic"]}: {told}.'


def _condition(row: dict[str, Any], setting: str) -> str:
    place = ", ".join(filter(None, ((row["setting"] or "").removeprefix(setting).strip(", "), row["condition"])))
    return f"{row['verdict']}{f' with {place}' if place else ''}, {value(row)}, n = {row['n']:,}"


def extremes(rows: pl.DataFrame, what: str, name: Callable[[dict[str, Any]], str], unit: str | None = " %") -> str:
    """Return in a sentence at which points a mean is greatest and least; `name` names a row.

    `unit` is that of a share, in hundredths; None where the mean is a plain number.
    """
    known = rows.filter(pl.col("mean").is_not_null())
    if known.is_empty():
        return ""
    most, least = (known.row(int(at or 0), named=True) for at in (known["mean"].arg_max(), known["mean"].arg_min()))
    written = interval if unit is None else functools.partial(percent_interval, unit=unit)
    ends = [written(row["mean"], row["ci_low"], row["ci_high"]) for row in (least, most)]
    if most["mean"] > least["mean"]:
        told = f"from {ends[0]} ({name(least)}) to {ends[1]} ({name(most)})"
    else:
        everywhere = number(most["mean"]) if unit is None else f"{percent(most['mean'])}{unit}"
        told = ends[0] if known.height == 1 else f"{everywhere} everywhere"
    return f"{what[:1].upper()}{what[1:]}: {told}."


def overall(row: dict[str, Any]) -> str:
    """Return a claim's verdict, and in how many settings it holds."""
    if not row["settings"]:
        return row["claim_verdict"]
    return f"{row['claim_verdict']}: {settings(row)}"


def settings(row: dict[str, Any]) -> str:
    """Return in how many settings a claim holds, and in how many it is reversed."""
    number = row["settings"]
    turned = f", reversed in {row['reversed_in']}" if row["reversed_in"] else ""
    return f"holds in {row['holds_in']} of {number} setting{'s' if number > 1 else ''}{turned}"


def value(row: dict[str, Any]) -> str:
    """Return a condition's number with its interval, or where its values are all equal, with their count."""
    if row["value"] is None:
        return "nothing to measure"
    if row["ci_low"] is None and row["n"] is not None and row["n"] > 1:
        return f"{number(row['value'])} in {row['n']:,} runs"
    return interval(row["value"], row["ci_low"], row["ci_high"])


def published(row: dict[str, Any]) -> str:
    """Return a published number with its relation, and what a measured one may differ by: rounding, standard error."""
    if row["published"] is None:
        return "no number"
    relation = "" if row["relation"] == "=" else f"{row['relation']} "
    rounding = f" ± {number(row['rounding'])}" if row["rounding"] else ""
    error = f" (standard error {number(row['error'])})" if row["error"] else ""
    return f"{relation}{number(row['published'])}{rounding}{error}"


def ratio(row: dict[str, Any]) -> str:
    """Return the measured number over the published one; "" where there is no ratio."""
    return "" if row["ratio"] is None else number(row["ratio"])


def direction(row: dict[str, Any]) -> str:
    """Return what the remark tells of the effect's direction, and the effect with its interval; "" without one."""
    if row["effect"] is None:
        return ""
    ends = interval(row["effect"], row["effect_low"], row["effect_high"])
    return f"{row['remark']}: less {row['reference']} {ends}"


def interval(middle: float, low: float | None, high: float | None) -> str:
    """Return a number with its interval, to three digits."""
    if low is None or high is None:
        return number(middle)
    return f"{number(middle)} [{number(low)}, {number(high)}]"


def percent(share: float) -> str:
    """Return a share, or a difference of shares, in per cent with one decimal, 0 and 1 without.

    What would be rounded to 0 or 1 is told as beyond it.
    """
    value = 100 * share
    if value in (-100, 0, 100):
        return f"{value:.0f}"
    rounded = f"{value:.1f}"
    return {"0.0": "<0.1", "-0.0": ">-0.1", "100.0": ">99.9", "-100.0": "<-99.9"}.get(rounded, rounded)


def percent_interval(share: float, low: float | None, high: float | None, unit: str = " %") -> str:
    """Return a share in per cent with its interval, where it has one."""
    interval = "" if low is None or high is None else f" [{percent(low)}, {percent(high)}]"
    return f"{percent(share)}{unit}{interval}"


def number(value: float) -> str:
    """Return a number to three significant digits, whole ones without a point."""
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e6 else f"{value:.3g}"
