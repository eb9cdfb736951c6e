"""Two folders of results side by side: what they have in common, and in what they differ."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from relubench.errors import UserError
from relubench.report.compare import numbers, settings
from relubench.report.compare.numbers import SameRuns
from relubench.report.compare.settings import Difference, listed
from relubench.report.compare.side import POINT, Side, read, varying


class Comparison(NamedTuple):
    """Two folders of results, A and B, side by side."""

    paths: tuple[Path, Path]
    settings: list[Difference]
    computed: list[Difference]  # what bits depend on besides
    same_runs: SameRuns | None  # None where a folder holds no runs
    only: tuple[int, int]  # grid points that A, or B, has alone
    keys: tuple[str, ...]  # the columns of `table` that name a grid point
    titles: dict[str, dict[str, str]]  # of the levels, by factor
    table: pl.DataFrame  # a row a metric and grid point of both: `keys`, and the columns of `numbers.differences`


def compare(path_a: Path, path_b: Path) -> Comparison:
    """Return two folders side by side; a folder and itself, and two without a grid point in common, are refused.

    Grid points match where the levels of common factors agree, and all other keys that vary in A or in B.
    """
    a, b = read(path_a), read(path_b)
    if os.path.samefile(path_a, path_b):
        raise UserError(f"{path_a} and {path_b}: they are one folder; compare takes two")
    common = [column for column in a.factors if column in b.factors]
    vary = varying(a, common) | varying(b, common)
    keys = tuple(key for key in dict.fromkeys((*a.keys, *b.keys)) if key in common or key in vary)
    matches = _matches(a, b, keys)
    return Comparison(
        paths=(path_a, path_b),
        settings=settings.settings(a, b, keys),
        computed=settings.computed(a, b),
        same_runs=numbers.same_runs(a, b),
        only=(len(a.points) - len(matches), len(b.points) - len(matches)),
        keys=keys,
        titles={column: {level.name: level.title for level in a.factors[column].levels} for column in common},
        table=_named(numbers.differences(a, b, matches), [a.points[place] for place, _ in matches], keys),
    )


def _matches(a: Side, b: Side, keys: Sequence[str]) -> list[tuple[int, int]]:
    """Return the places in A and B of the grid points that are in both, in A's order."""
    places: list[dict[tuple[Any, ...], int]] = [{}, {}]
    for side, of_cell in zip((a, b), places, strict=True):
        for place, point in enumerate(side.points):
            of_cell.setdefault(tuple(point[key] for key in keys), place)
    matches = [(place, places[1][cell]) for cell, place in places[0].items() if cell in places[1]]
    if not matches:
        apart = [
            f"{key} is {listed(a.values(key))} in A, {listed(b.values(key))} in B"
            for key in keys
            if not set(a.values(key)) & set(b.values(key))
        ]
        reason = "; ".join(apart) or f"no combination of {', '.join(keys)} is in both"
        raise UserError(f"{a.path} and {b.path} have no grid point in common: {reason}")
    return matches


def _named(table: pl.DataFrame, points: Sequence[dict[str, Any]], keys: Sequence[str]) -> pl.DataFrame:
    """Return the table with the values of `keys` at each point in the place of its number."""
    columns = [pl.Series(key, [_plain(point[key]) for point in points]) for key in keys]
    named = pl.DataFrame(columns)[table[POINT].to_list()] if columns else pl.DataFrame()
    return pl.concat([named, table.drop(POINT)], how="horizontal")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
