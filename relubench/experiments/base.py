"""What the figures of an experiment are drawn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from relubench.config import SETTING_KEYS
from relubench.errors import UserError
from relubench.experiments.designs import place_of, title_of
from relubench.sweeps import columns
from relubench.sweeps.factors import Factor

#: Shares of the runs that are lost.
LOSSES = ("diverged", "collapsed")
#: The factors of what is trained on what, and of the learning rate.
WORLD, RATE = "factor.world", "factor.rate"


class Frames(NamedTuple):
    """What figures are drawn from: Parquet and config.yaml alone."""

    summary: pl.DataFrame
    curves: pl.DataFrame
    claims: pl.DataFrame
    setting: Mapping[str, Any]  # the base setting by dotted key
    factors: tuple[Factor, ...] = ()

    def summary_of(self, metric: str) -> pl.DataFrame:
        """Return the rows of one metric, with a column for every setting key that does not vary.

        A share of runs has no median.
        """
        rows = self._whole(self.summary.filter(pl.col("metric") == metric))
        return rows.drop("median") if columns.METRICS[metric].fold == "share" else rows

    def panels(self, *metrics: str) -> dict[str, pl.DataFrame]:
        """Return the rows of these metrics under their titles; a loss of runs that no run has had is left out."""
        rows = {title: self.summary_of(metric) for metric, title in columns.titles(*metrics).items()}
        losses = columns.titles(*LOSSES).values()
        return {title: frame for title, frame in rows.items() if title not in losses or (frame["mean"] > 0).any()}

    def curve_panels(self, *metrics: str) -> dict[str, pl.DataFrame]:
        """Return the points of these curves, of the whole network, under their titles."""
        return {title: self.curve_of(metric) for metric, title in columns.titles(*metrics).items()}

    def curve_of(self, metric: str, layer: int | None = None) -> pl.DataFrame:
        """Return the points of one curve; `layer` None is the whole network."""
        return self.layers_of(metric).filter(pl.col("layer").eq_missing(pl.lit(layer, pl.Int64)))

    def layers_of(self, metric: str) -> pl.DataFrame:
        """Return the points of one curve for all layers, and for the whole network where it is there (`layer` null)."""
        return self._whole(self.curves.filter(pl.col("metric") == metric))

    def titled(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows in the order of the factors' levels, each factor's column under its title, with titles."""
        for factor in reversed([factor for factor in self.factors if factor.column in rows.columns]):
            if factor.title in rows.columns:
                raise UserError(f"{factor.column}: its title {factor.title!r} is a column of what is drawn, too")
            kind = " rate" if factor.column == RATE else ""  # a proper one, or a high one
            titles = {level.name: level.title + kind for level in factor.levels}
            rows = rows.sort(place_of(factor.column, titles), maintain_order=True)
            rows = rows.with_columns(title_of(factor.column, titles).alias(factor.title))
        return rows

    def settings(self) -> Iterator[tuple[str, str, Frames]]:
        """Yield (what the names of its figures end with, its title, its frames) for each setting that there is.

        The first one's figures have plain names. Without a factor `world` all is one setting without a title.
        """
        levels = next((factor.levels for factor in self.factors if factor.column == WORLD), ())
        held = set(self.summary[WORLD]) if levels and WORLD in self.summary.columns else set()
        there = [level for level in levels if level.name in held]
        if not there:
            yield "", "", self
        for place, level in enumerate(there):
            one = self._replace(summary=_of_world(self.summary, level.name), curves=_of_world(self.curves, level.name))
            yield f"_{level.name}" if place else "", level.title, one

    def title(self, factor: str) -> str:
        """Return the title of a factor, which `titled` gives its column."""
        return next(each.title for each in self.factors if each.name == factor)

    def _whole(self, rows: pl.DataFrame) -> pl.DataFrame:
        missing = [key for key in SETTING_KEYS if key not in rows.columns]
        rows = rows.with_columns(*(pl.lit(_scalar(self.setting[key])).alias(key) for key in missing))
        return with_levels(rows, self.factors, self.setting)


def _of_world(rows: pl.DataFrame, world: str) -> pl.DataFrame:
    return rows.filter(pl.col(WORLD) == world) if WORLD in rows.columns else rows


def _scalar(value: Any) -> Any:
    return str(list(value)) if isinstance(value, list | tuple) else value


def with_levels(rows: pl.DataFrame, factors: Sequence[Factor], base: Mapping[str, Any]) -> pl.DataFrame:
    """Return rows of runs or grid points with the columns of factors that they lack, by their settings.

    So do those of an older folder, and those of a grid for which a factor's keys were set on the command line. A row
    of another setting than any level's has null.
    """
    lacking = [factor for factor in factors if factor.column not in rows.columns]
    return rows.with_columns(_level_of(rows, factor, base) for factor in lacking)


def _level_of(rows: pl.DataFrame, factor: Factor, base: Mapping[str, Any]) -> pl.Series:
    keys = [key for key in factor.keys if key in rows.columns]  # an older folder's runs have no later ones
    levels = [(level.name, {key: level.values.get(key, base[key]) for key in keys}) for level in factor.levels]
    names = [
        next((name for name, values in levels if all(_same(key, row[key], values[key]) for key in keys)), None)
        for row in rows.select(keys).iter_rows(named=True)
    ]
    return pl.Series(factor.column, names, pl.String)


def _same(key: str, stored: Any, value: Any) -> bool:
    """Whether a stored value is a level's; one that a run does not read is null."""
    if stored is None and SETTING_KEYS[key].choice:
        return value == SETTING_KEYS[key].default
    if isinstance(stored, list):
        return tuple(stored) == value
    return stored == value or (isinstance(value, tuple) and stored == _scalar(value))
