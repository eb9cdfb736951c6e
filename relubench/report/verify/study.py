"""What is trained for a row of published numbers, and the number of each run that stands beside the published one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import yaml

from relubench import config
from relubench.findings import stats
from relubench.findings.claims.metrics import Metric, of_runs
from relubench.report.verify.published import Estimate, Published
from relubench.sweeps import grid
from relubench.sweeps.folders import Tables
from relubench.sweeps.request import Request

#: Confidence of the intervals beside published numbers.
CONFIDENCE = 0.99


class Part(NamedTuple):
    """Runs and a number of each: what answers one published number, or what an answer is compared with."""

    part: str  # its name in the table of published numbers
    where: Mapping[str, Any]
    metric: Metric
    share: bool = False  # of runs: Clopper-Pearson's interval, not that of a mean


class Size(NamedTuple):
    """How large a study is."""

    runs: int  # networks or seeds a setting
    setting: Mapping[str, Any]  # over that of the study
    exact: bool  # whether it is the source's own data and size, where relubench has them
    reduction: str = ""  # what is less, or other, than at the source
    varied: Mapping[str, Any] = MappingProxyType({})  # over the grid node of the study


class Study(NamedTuple):
    """A grid of runs for one row of published numbers, at a size for two cores and at full size."""

    row: int
    setting: Mapping[str, Any]
    varied: Mapping[str, Any]  # as a grid node
    parts: Sequence[Part]
    small: Size
    full: Size
    name: str = ""  # beside the row's number, where a row takes several grids
    baselines: Sequence[Part] = ()  # numbers that nobody published, for published effects to be measured from

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return f"row_{self.row}" + (f"_{self.name}" if self.name else "")

    def size(self, full: bool) -> Size:
        """Return one of its sizes."""
        return self.full if full else self.small

    def number(self, name: str) -> Part:
        """Return one of its parts or baselines."""
        return next(part for part in (*self.parts, *self.baselines) if part.part == name)


def request_of(study: Study, asked: config.Config) -> Request:
    """Return the request that trains a study under the asked `out`, on the asked engine, at the asked size."""
    size = study.size(asked.size == "full")
    base = config.over_defaults({**study.setting, **size.setting})
    varied = {**study.varied, **size.varied}
    leaves = {**varied, "seed": list(range(size.runs))}
    filled = config.fill(config.Config(grid=leaves), base)
    filled.name, filled.out = f"verify_{study.folder}", f"{asked.out}/{study.folder}"
    filled.data.root = asked.data.root
    filled.engine.width, filled.engine.devices, filled.engine.mixed = (
        asked.engine.width, asked.engine.devices, asked.engine.mixed,
    )  # fmt: skip
    told = {"name": filled.name, "grid": varied, **base}
    return Request(
        filled, base, grid.build(base, leaves), (), None, (), (), yaml.safe_dump(_plain(told), sort_keys=False)
    )


def _plain(value: Any) -> Any:
    """Return nested tuples and lists as lists, which YAML can tell."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list | range) else value


def measure(part: Part, published: Published, tables: Tables) -> Estimate:
    """Return our number beside a published one."""
    values = _of_runs(part, tables)["value"].drop_nulls().to_numpy()
    if not published.one_run or not len(values):
        return _mean(values, (0.0, 1.0) if published.unit == "share" else None, part.share)
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(float(values.mean()), float(low), float(high), len(values))


def effect(study: Study, part: Part, published: Published, tables: Tables) -> Estimate:
    """Return our number less what the published effect is measured from; two of ours are paired by seed."""
    if not isinstance(published.reference, str):
        value, low, high, runs = measure(part, published._replace(one_run=False), tables)
        return Estimate(value - published.reference, low - published.reference, high - published.reference, runs)
    sides = _of_runs(part, tables), _of_runs(study.number(published.reference), tables)
    pairs = sides[0].join(sides[1], on="seed", suffix="_reference", maintain_order="left").drop_nulls()
    differences = (pairs["value"] - pairs["value_reference"]).to_numpy()
    return _mean(differences, (-1.0, 1.0) if published.unit == "share" else None)


def _of_runs(part: Part, tables: Tables) -> pl.DataFrame:
    """Return seed and value of a part's runs."""
    return of_runs(tables, part.metric, part.where).select("seed", "value")


def _mean(values: np.ndarray, bounds: stats.Bounds | None, share: bool = False) -> Estimate:
    """Return the mean of `values` [runs] with its interval."""
    if not len(values):
        return Estimate(np.nan, np.nan, np.nan, 0)
    if share:
        ends = stats.share_interval(np.array([values.sum()]), np.array([len(values)]), CONFIDENCE)
    else:
        ends = stats.mean_interval([values], bounds, CONFIDENCE)
    low, high = (float(end[0]) for end in ends)
    return Estimate(float(values.mean()), low, high, len(values))
