"""The claims as the page lists them: each statement with its verdict, and what decided it in each setting."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import polars as pl

from relubench.findings.words import direction, number, published, settings, value
from relubench.report.claims_page import anchor

#: The kinds of claims that are numbered apart: what they are called, and what one is.
_NAMES = {"oracle": "oracle", "published": "row"}
_KINDS = {"oracle": "check against a formula", "published": "published number"}


class Bar(NamedTuple):
    """An interval beside its threshold: where they are on a scale that a statement's conditions share, in per cent."""

    low: float
    value: float
    high: float
    threshold: float | None


class Condition(NamedTuple):
    """Under what a statement was judged, and by which number, in words."""

    where: str
    published: str
    value: str
    runs: str
    verdict: str
    remark: str
    bar: Bar | None


class Statement(NamedTuple):
    """A claim as it is listed."""

    anchor: str  # its id on the page
    number: str  # such as "claim 6", "row 7"
    kind: str
    words: str
    source: str
    experiment: str
    verdict: str  # in a word
    settings: str  # in how many it holds
    judged: str  # by which number, and what was claimed of it
    note: str
    conditions: list[Condition]


def statements(table: pl.DataFrame) -> list[Statement]:
    """Return the statements of a table with the columns of claims.parquet, in its order."""
    groups = table.group_by("kind", "claim", "experiment", "statement", "statistic", maintain_order=True)
    return [_statement(rows.rows(named=True)) for _, rows in groups]


def _statement(rows: Sequence[dict[str, Any]]) -> Statement:
    first = rows[0]
    name = f"{_NAMES.get(first['kind'], 'claim')} {first['claim']}"
    has_numbers = any(row["value"] is not None for row in rows)
    return Statement(
        anchor(first), name, _KINDS.get(first["kind"], "claim"),
        first["statement"], first["source"] or "oracle", first["experiment"] or "oracles",
        first["claim_verdict"] or _verdict(rows), _settings(first),
        _judged(first), first["note"] or "", list(_conditions(rows)) if has_numbers else [],
    )  # fmt: skip


def _verdict(rows: Sequence[dict[str, Any]]) -> str:
    """Return the verdict of a claim that has none over settings: of its conditions, where they agree."""
    verdicts = {row["verdict"] for row in rows}
    return verdicts.pop() if len(verdicts) == 1 else "depends"


def _settings(row: dict[str, Any]) -> str:
    return settings(row) if row["settings"] else ""


def _judged(row: dict[str, Any]) -> str:
    if row["direction"] is None or row["threshold"] is None or row["kind"] in _NAMES:
        return row["statistic"] or ""
    smallest = f", by at least {number(row['smallest'])}" if row["smallest"] else ""
    return f"{row['statistic']}; claimed {row['direction']} {number(row['threshold'])}{smallest}"


def _conditions(rows: Sequence[dict[str, Any]]) -> Iterator[Condition]:
    scale = _scale(rows)
    for row in rows:
        where = ": ".join(filter(None, (row["setting"], row["condition"]))) or "all runs"
        without = f" ({row['left_out']:,} without)" if row["left_out"] else ""
        yield Condition(
            where, published(row) if row["kind"] == "published" else "", value(row),
            "" if row["n"] is None else f"{row['n']:,}{without}", row["verdict"] or "",
            "; ".join(filter(None, (direction(row) or row["remark"], row["reduced"]))), _bar(row, scale),
        )  # fmt: skip


def _marks(row: dict[str, Any]) -> list[float]:
    """Return the numbers that a row's bar shows; none where it has no finite interval."""
    marks = [row["ci_low"], row["value"], row["ci_high"]]
    if row["kind"] == "published" or any(mark is None or not math.isfinite(mark) for mark in marks):
        return []
    return [*marks, *([row["threshold"]] if row["threshold"] is not None else [])]


def _scale(rows: Sequence[dict[str, Any]]) -> tuple[float, float]:
    marks = [mark for row in rows for mark in _marks(row)]
    return (min(marks), max(marks)) if marks else (0.0, 0.0)


def _bar(row: dict[str, Any], scale: tuple[float, float]) -> Bar | None:
    low, high = scale
    marks = _marks(row)
    if not marks or high <= low:
        return None
    places = [round(100 * (mark - low) / (high - low), 1) for mark in marks]
    threshold = places[3] if len(places) > 3 else None
    return Bar(places[0], places[1], places[2], threshold)
