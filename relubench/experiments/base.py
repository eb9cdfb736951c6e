"""What an experiment is beside its YAML file: the question it answers, its claims, and its figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from relubench.config import SETTING_KEYS

if TYPE_CHECKING:
    from relubench.findings.claims import Claim
    from relubench.plots.figure import Figure
    from relubench.sweeps.folders import Tables


class Frames(NamedTuple):
    """What figures are drawn from: Parquet and config.yaml alone."""

    summary: pl.DataFrame
    curves: pl.DataFrame
    claims: pl.DataFrame
    setting: Mapping[str, Any]  # the base setting by dotted key

    def summary_of(self, metric: str) -> pl.DataFrame:
        """Return the rows of one metric, with a column for every setting key that does not vary."""
        return self._whole(self.summary.filter(pl.col("metric") == metric))

    def curve_of(self, metric: str, layer: int | None = None) -> pl.DataFrame:
        """Return the points of one curve; `layer` None is the whole network."""
        return self.layers_of(metric).filter(pl.col("layer").eq_missing(pl.lit(layer, pl.Int64)))

    def layers_of(self, metric: str) -> pl.DataFrame:
        """Return the points of one curve for all layers, and for the whole network where it is told (`layer` null)."""
        return self._whole(self.curves.filter(pl.col("metric") == metric))

    def _whole(self, rows: pl.DataFrame) -> pl.DataFrame:
        missing = [key for key in SETTING_KEYS if key not in rows.columns]
        return rows.with_columns(*(pl.lit(_scalar(self.setting[key])).alias(key) for key in missing))


def _scalar(value: Any) -> Any:
    return str(list(value)) if isinstance(value, list | tuple) else value


class Experiment(NamedTuple):
    """An experiment's part in Python. Its settings are conf/experiment/NAME.yaml."""

    question: str
    figures: Callable[[Frames], Sequence[Figure]]
    curves: tuple[str, ...] = ()  # columns of probes or layers, or names of measures, to keep over the steps
    derived: tuple[Callable[[Tables], pl.DataFrame], ...] = ()  # further rows of curves.parquet, computed from the runs
    claims: tuple[Claim, ...] = ()
    minutes: float = 0.0  # about how long the default size takes on two cores, once compiled; measured
