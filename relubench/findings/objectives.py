"""What a search seeks: a number of a trial's runs, by the name of a metric or of a function of one's own."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable

import polars as pl

from relubench.errors import IMPORTING, UserError, reason, shown, unknown
from relubench.sweeps.columns import METRICS, RUNS

#: The runs of a trial, as rows of runs.parquet -> its value; None, or a number that is not finite: it has none.
Objective = Callable[[pl.DataFrame], float | None]


def find(name: str) -> Objective:
    """Return the objective of a name: the mean of a metric over a trial's runs, or the function MODULE.FUNCTION."""
    module, _, function = name.rpartition(".")
    if module:
        return _own(name, module, function)
    known = {column.name for column in RUNS} | METRICS.keys()
    if name not in known:
        raise unknown("metric", name, known, "MODULE.FUNCTION is one of one's own")
    value = METRICS[name].value if name in METRICS else pl.col(name)
    return lambda runs: _finite(runs.select(value.cast(pl.Float64).fill_nan(None).mean()).item())


def _own(name: str, module: str, function: str) -> Objective:
    try:
        compute = getattr(importlib.import_module(module), function)
    except (Exception, SystemExit) as error:  # a user's module may raise anything
        raise UserError(f"objective=[{name}]: {reason(error, IMPORTING)}; it takes MODULE.FUNCTION") from error
    if not callable(compute):
        raise UserError(f"objective=[{name}]: it is {shown(compute)}, no function of a trial's runs")

    def value(runs: pl.DataFrame) -> float | None:
        try:
            number = compute(runs)
        except Exception as error:
            raise UserError(f"objective=[{name}]: {reason(error)}") from error
        try:
            return None if number is None else _finite(float(number))
        except (TypeError, ValueError):
            raise UserError(f"objective=[{name}]: it returns {shown(number)}; it takes a number, or None") from None

    return value


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
