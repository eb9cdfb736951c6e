"""One of the folders that are compared: its grid, its tables, and the whole setting of each of its grid points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from relubench.config import SETTING_KEYS, stored_values
from relubench.errors import UserError
from relubench.sweeps import folders
from relubench.sweeps.factors import FACTOR, Factor
from relubench.sweeps.grid import Grid
from relubench.sweeps.storage import MERGE_AGAIN, read_json, read_table, refusing

#: The column of a grid point's number among those that are compared.
POINT = "_point"
#: Numbers count as equal to so many digits: 0.3 may be written out, or come from a computation.
_DIGITS = 12


class Side(NamedTuple):
    """A folder of results."""

    path: Path
    name: str  # of its experiment
    grid: Grid
    factors: dict[str, Factor]  # by column
    summary: pl.DataFrame
    keys: tuple[str, ...]  # the columns of the summary that make a grid point
    points: list[dict[str, Any]]  # of each: the levels, and every setting key, with its default where it is not read
    runs: pl.DataFrame | None  # those of the grid, under the ids of today; None where the folder holds no runs
    ways: list[dict[str, Any]]  # how its runs were computed, as provenance.json has it

    def values(self, key: str) -> list[Any]:
        """Return the values of a setting key at the grid points, each once."""
        return list(dict.fromkeys(point[key] for point in self.points))

    def numbered(self, table: pl.DataFrame, places: Sequence[int]) -> pl.DataFrame:
        """Return the rows of runs or summary at the grid points in these places, numbered from 0 in their order."""
        if not self.keys:
            return table.with_columns(pl.lit(0, pl.UInt32).alias(POINT))
        points = _points(self.summary, self.keys)[list(places)].with_row_index(POINT)
        return table.join(points, on=self.keys, nulls_equal=True, maintain_order="left")


def _points(summary: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    return summary.select(keys).unique(maintain_order=True)


def read(path: Path) -> Side:
    """Return the results in a folder; one of an older schema is read in the terms of today."""
    if not path.is_dir():
        raise UserError(f"{path}: no such folder; compare takes two folders of results")
    stored, grid = folders.read_config(path / "config.yaml"), folders.read_grid(path / "config.yaml")
    summary = read_table(path / "summary.parquet", name=stored.name)
    keys = tuple(summary.columns[: summary.columns.index("metric")])
    rows: list[dict[str, Any]] = _points(summary, keys).rows(named=True) if keys else [{}]
    return Side(
        path=path,
        name=stored.name,
        grid=grid,
        factors={factor.column: factor for factor in stored.factors if factor.column in keys},
        summary=summary,
        keys=keys,
        points=[_point(grid.base | row) for row in rows],
        runs=_runs(path, grid),
        ways=_ways(path / "provenance.json"),
    )


def _ways(path: Path) -> list[dict[str, Any]]:
    """Return the ways in which the runs of a folder were computed."""
    ways = read_json(path, {"computed": list}, MERGE_AGAIN)["computed"]
    with refusing(path, MERGE_AGAIN):
        if not all(isinstance(way, dict) and {"commit", "versions", "fingerprint"} <= way.keys() for way in ways):
            raise ValueError("an entry of computed lacks commit, versions or fingerprint")
    return ways


def _point(row: dict[str, Any]) -> dict[str, Any]:
    values = {key: value for key, value in row.items() if key.startswith(FACTOR)} | stored_values(row)
    return {key: _rounded(value) for key, value in values.items() if key != "seed"}


def _rounded(value: Any) -> Any:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _runs(path: Path, grid: Grid) -> pl.DataFrame | None:
    if not (path / "runs.parquet").exists():
        return None
    runs, asked = read_table(path / "runs.parquet"), pl.Series(grid.run_ids()).implode()
    if not runs["run_id"].is_in(asked).any():  # those of an older version
        runs = runs.with_columns(run_id=pl.Series(folders.setting_ids(runs)))
    return runs.filter(pl.col("run_id").is_in(asked)).unique("run_id", keep="first", maintain_order=True)


def varying(side: Side, factors: Sequence[str]) -> set[str]:
    """Return the setting keys that vary between grid points of the same levels of `factors`."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for point in side.points:
        groups.setdefault(tuple(point[factor] for factor in factors), []).append(point)
    settings = [key for key in side.keys if key in SETTING_KEYS]
    return {key for key in settings for points in groups.values() if len({point[key] for point in points}) > 1}
