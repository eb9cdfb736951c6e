"""What the points of a table differ in: the directions in which the page draws them, each with its values in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import polars as pl

from relubench.plots import canvas, style
from relubench.sweeps.factors import FACTOR, Factor

#: The columns that are no direction: what a point is, and the numbers there.
NUMBERS = ("metric", "mean", "ci_low", "ci_high", "median", "n", "n_diverged", "n_collapsed")


class Dimension(NamedTuple):
    """One direction: a column of the points, with its different values."""

    key: str  # the column's name
    title: str
    values: list[Any]  # numbers ascending, levels as the design has them; a list or null may be one
    titles: list[str]  # of the values

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers, to be drawn along an axis."""
        return canvas.is_numeric(self.values)

    def places(self, points: pl.DataFrame) -> list[int]:
        """Return where each point's value stands among the values."""
        place = {_hashable(value): number for number, value in enumerate(self.values)}
        return [place[_hashable(value)] for value in points[self.key].to_list()]


def dimensions(points: pl.DataFrame, factors: Sequence[Factor]) -> list[Dimension]:
    """Return the directions in which these points differ, factors first; what the others determine is left out.

    So are the keys that a factor's levels stand for.
    """
    columns = [name for name in points.columns if name not in NUMBERS]
    columns.sort(key=lambda name: not name.startswith(FACTOR))
    kept: list[str] = []
    for column in columns:
        if points.select(kept).unique().height < points.select(*kept, column).unique().height and (
            points[column].n_unique() > 1
        ):
            kept.append(column)
    return [_dimension(points, column, factors) for column in kept]


def _dimension(points: pl.DataFrame, column: str, factors: Sequence[Factor]) -> Dimension:
    values = canvas.values([points], column)
    factor = next((factor for factor in factors if factor.column == column), None)
    if factor is None:
        return Dimension(column, style.name(column), values, [style.name(value, column) for value in values])
    titles = {level.name: level.title for level in factor.levels}
    values = [*(name for name in titles if name in values), *(value for value in values if value not in titles)]
    return Dimension(column, factor.title, values, [titles.get(value) or style.name(value) for value in values])


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
