"""What is trained for a row of published numbers, and the number of each run that stands beside the published one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import yaml

from relubench import config, grid, stats
from relubench.claims.metrics import Metric, of_runs
from relubench.compose import Request
from relubench.results import Tables
from relubench.verify.published import Published

#: Confidence of the intervals beside published numbers.
CONFIDENCE = 0.99


class Part(NamedTuple):
    """The runs and the number that answer one published number."""

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

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return f"row_{self.row}" + (f"_{self.name}" if self.name else "")

    def size(self, full: bool) -> Size:
        """Return one of its sizes."""
        return self.full if full else self.small


class Ours(NamedTuple):
    """What our runs give for one published number."""

    value: float
    low: float  # ends of the 99 % interval, or of the range of 99 % of runs where the source has one run
    high: float
    runs: int


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
    return Request(filled, base, grid.build(base, leaves), None, (), (), yaml.safe_dump(_plain(told), sort_keys=False))


def _plain(value: Any) -> Any:
    """Return nested tuples and lists as lists, which YAML can tell."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list | range) else value


def measure(part: Part, published: Published, tables: Tables) -> Ours:
    """Return our number beside a published one."""
    values = of_runs(tables, part.metric, part.where)["value"].drop_nulls().to_numpy()
    if not len(values):
        return Ours(np.nan, np.nan, np.nan, 0)
    if published.one_run:
        low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    elif part.share:
        ends = stats.share_interval(np.array([values.sum()]), np.array([len(values)]), CONFIDENCE)
        low, high = (end[0] for end in ends)
    else:
        bounds = (0.0, 1.0) if published.unit == "share" else None
        low, high = (end[0] for end in stats.mean_interval([values], bounds, CONFIDENCE))
    return Ours(float(values.mean()), float(low), float(high), len(values))
