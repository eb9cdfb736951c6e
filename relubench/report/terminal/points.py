"""Grid points, a row each, and how they are named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from relubench.plots import style
from relubench.sweeps.factors import Factor

RATE = "optimizer.learning_rate"
_METRICS = ("dead_train_fraction", "test_accuracy", "test_loss", "diverged", "collapsed")


def grid_points(summary: pl.DataFrame, layers: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Return a row a grid point: its keys, and what the table and the sentences tell.

    dead, dead_low, dead_high: share of dead units with its interval · layers: that of each layer, a list · finite: runs
    that did not diverge · test_accuracy, test_loss · runs, diverged, collapsed: their numbers.
    """
    cell = pl.struct("mean", "ci_low", "ci_high", "n", "n_diverged", "n_collapsed")
    rows = summary.with_columns(cell=cell).filter(pl.col("metric").is_in(_METRICS))
    each = [pl.col("cell").filter(pl.col("metric") == metric).first().alias(metric) for metric in _METRICS]
    points = rows.group_by(list(keys) or [pl.lit(0)], maintain_order=True).agg(each)
    dead, accuracy, loss, diverged, _ = (pl.col(metric).struct for metric in _METRICS)
    told = points.select(
        *keys,
        dead=dead.field("mean"),
        dead_low=dead.field("ci_low"),
        dead_high=dead.field("ci_high"),
        finite=dead.field("n"),
        test_accuracy=accuracy.field("mean"),
        test_loss=loss.field("mean"),
        runs=diverged.field("n"),
        diverged=diverged.field("n_diverged"),
        collapsed=diverged.field("n_collapsed"),
    )
    if not keys:
        return told.hstack(layers.select("layers"))
    return told.join(layers.select(*keys, "layers"), on=list(keys), how="left", nulls_equal=True, maintain_order="left")


class Names:
    """How keys and their values are written: factors and their levels by their titles."""

    def __init__(self, factors: Sequence[Factor]) -> None:
        self._factors = {factor.column: factor for factor in factors}

    def head(self, key: str) -> str:
        """Return the name of a key."""
        return self._factors[key].title if key in self._factors else style.name(key)

    def value(self, key: str, value: Any) -> str:
        """Return the name of a value beneath that of its key."""
        if key not in self._factors:
            return style.name(value, key)
        return next((level.title for level in self._factors[key].levels if level.name == value), style.name(value))

    def both(self, key: str, value: Any) -> str:
        """Return the name of a value where that of its key does not stand above it."""
        return f"{self.head(key)} {self.value(key, value)}" if key in self._factors else style.title(value, key)

    def point(self, point: dict[str, Any], keys: Sequence[str]) -> str:
        """Return the name of a grid point by these keys."""
        return ", ".join(self.both(key, point[key]) for key in keys)
