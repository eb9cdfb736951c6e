"""Which grid points the table shows: those around the cliff, the learning rate where units begin to die."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from relubench.report.terminal.points import RATE

#: The table has no more rows than these.
MOST_ROWS = 25
#: The cliff is the lowest rate with such a share of dead units, or of diverged and collapsed runs.
BEGUN = 0.05
#: Rates within this factor of it stand around it: three times, as half a decade is usually written.
WITHIN = 10**0.5 * 1.001


def around_cliff(points: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Return the points to show, sorted by `keys`, which name the points.

    Points that differ in their rate alone make a cell. Of a cell the cliff is shown, with the rates from a third of it
    to three times it and in any case the next one on either side; of a cell without a cliff the highest rate. Without
    an axis of rates every point is a cell of its own. Where that makes more than `MOST_ROWS` rows, the points nearest
    to their cliffs are shown, counted in rates, and of equally near ones those with the most dead units.
    """
    rows = _ranked(points, [key for key in keys if key != RATE]) if RATE in keys else points.with_columns(_rank=0)
    shown = rows.sort("_rank", "dead", descending=[False, True], nulls_last=True, maintain_order=True).head(MOST_ROWS)
    return _in_order(shown.select(points.columns), points, keys)


def _in_order(shown: pl.DataFrame, points: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Return the rows by the first key, then by the second, and so on: numbers ascending, all else as in the grid."""
    places = []
    for key in keys:
        order = {value: place for place, value in reversed([*enumerate(map(str, points[key].to_list()))])}
        if points[key].dtype.is_numeric():
            places.append([-math.inf if value is None else value for value in shown[key].to_list()])
        else:
            places.append([order[str(value)] for value in shown[key].to_list()])
    return shown[sorted(range(shown.height), key=lambda row: [place[row] for place in places])]


def _ranked(points: pl.DataFrame, cell: Sequence[str]) -> pl.DataFrame:
    """Return the points around the cliffs cell by cell, with the number of rates from each to its cell's cliff."""
    lost = pl.col("diverged") + pl.col("collapsed") >= BEGUN * pl.col("runs")
    rows = _numbered(points, cell).sort("_cell", RATE, nulls_last=False, maintain_order=True)
    rows = rows.with_columns(
        _begun=(pl.col("dead") >= BEGUN).fill_null(False) | lost,
        _place=pl.int_range(pl.len()).over("_cell"),
        _log=pl.col(RATE).log(),  # a rate may be 0
    )
    first = pl.col("_place").filter("_begun").min().over("_cell")
    rows = rows.with_columns(_cliff=pl.coalesce(first, pl.col("_place").max().over("_cell")))
    at_cliff = pl.col("_log").filter(pl.col("_place") == pl.col("_cliff")).first().over("_cell")
    rank = (pl.col("_place") - pl.col("_cliff")).abs()
    near = (rank <= 1) | ((pl.col("_log") - at_cliff).abs() <= math.log(WITHIN))
    return rows.with_columns(_rank=rank).filter((rank == 0) | (pl.col("_begun").any().over("_cell") & near))


def _numbered(points: pl.DataFrame, cell: Sequence[str]) -> pl.DataFrame:
    """Return the points with the number of their cell."""
    if not cell:
        return points.with_columns(_cell=0)
    cells = points.select(cell).unique(maintain_order=True).with_row_index("_cell")
    return points.join(cells, on=cell, nulls_equal=True, maintain_order="left")
