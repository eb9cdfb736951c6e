"""Spells of death: from the probe that first finds a unit dead to the one that finds it active again.

They are read from the measure `unit_dead`, and those of silent and saturated units likewise. What happens between two
probes is unseen: a unit that wakes and dies again before the next probe has one spell.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Literal

import polars as pl

from relubench.findings.claims.metrics import measures_of, needing, or_zero
from relubench.sweeps.folders import Tables

_UNIT = ("run_id", "layer", "unit")


#: The measures that tell at each probe which units are in a state.
State = Literal["unit_dead", "unit_silent", "unit_saturated"]


def spells(tables: Tables, state: State = "unit_dead") -> pl.DataFrame:
    """Return a row a spell of the runs that did not diverge: run_id, layer, unit, died, until, end.

    `died` is the step of the first probe of the spell, `until` that of the probe that finds the unit active again
    (null: none does), `end` that of the run's last probe. Of another state than death likewise.
    """
    return tables.derived(_spells_of(state))


@functools.cache
def _spells_of(state: State) -> Callable[[Tables], pl.DataFrame]:
    return lambda tables: _spells(tables, state)


def _spells(tables: Tables, state: State) -> pl.DataFrame:
    dead = measures_of(tables, [state]).filter(pl.col("value") == 1)
    dead = dead.select("run_id", "layer", "step", unit="item").join(_clock(tables), on=["run_id", "step"])
    dead = dead.sort(*_UNIT, "step")
    goes_on = (pl.col("before") == pl.col("step").shift(1)).over(_UNIT).fill_null(False)
    numbered = dead.with_columns(spell=(~goes_on).cum_sum())
    return (
        numbered.group_by("spell", maintain_order=True)
        .agg(pl.first(*_UNIT), died=pl.first("step"), until=pl.last("after"), end=pl.first("end"))
        .drop("spell")
    )


def _clock(tables: Tables) -> pl.DataFrame:
    """Return each probe's step with those of its neighbours and of the last one, of the runs that did not diverge."""
    finite = tables.runs.filter(~pl.col("diverged")).select("run_id")
    step = pl.col("step")
    return (
        tables.probes.select("run_id", "step")
        .join(finite, on="run_id", how="semi")
        .sort("run_id", "step")
        .with_columns(
            before=step.shift(1).over("run_id"),
            after=step.shift(-1).over("run_id"),
            end=step.max().over("run_id"),
        )
    )


def found(tables: Tables, state: State = "unit_dead") -> pl.DataFrame:
    """Return a row a unit that a probe before the last found dead: run_id, layer, unit, died, end, ever, at_end.

    `died` is the first such probe. `ever` says whether a later one found the unit active, `at_end` whether the last
    one did: a unit that flickers is active again, and may be dead at the end.
    """
    return tables.derived(_found_of(state))


@functools.cache
def _found_of(state: State) -> Callable[[Tables], pl.DataFrame]:
    def of_units(tables: Tables) -> pl.DataFrame:
        ended = pl.col("until").is_not_null()
        units = spells(tables, state).group_by(_UNIT, maintain_order=True).agg(
            pl.first("died", "end"), ever=ended.first(), at_end=ended.all()
        )  # fmt: skip
        return units.filter(pl.col("died") < pl.col("end"))

    return of_units


def count_found(
    among: pl.Expr | None = None, *, layer: int | None = None, state: State = "unit_dead"
) -> Callable[[Tables], pl.DataFrame]:
    """Return the metric: how many of the units in `found`, of a layer or of all, are `among` (None: all of them)."""

    @needing(state)
    def values(tables: Tables) -> pl.DataFrame:
        rows = found(tables, state) if among is None else found(tables, state).filter(among)
        rows = rows if layer is None else rows.filter(pl.col("layer") == layer)
        counts = rows.group_by("run_id").agg(value=pl.len())
        return or_zero(tables, counts)

    return values


def count_at(
    step: pl.Expr, among: pl.Expr | None = None, *, layer: int | None = None, state: State = "unit_dead"
) -> Callable[[Tables], pl.DataFrame]:
    """Return the metric: how many of the units in the state at a step, of a layer or of all, are `among`.

    That may name `until`, when that spell ends, and what `found` has; `ever` and `died` are of the unit's first spell.
    """

    @needing(state)
    def values(tables: Tables) -> pl.DataFrame:
        there = spells(tables, state).filter(dead_at(step)).select(*_UNIT, "until")
        rows = there.join(found(tables, state), on=_UNIT, maintain_order="left")
        rows = rows if among is None else rows.filter(among)
        rows = rows if layer is None else rows.filter(pl.col("layer") == layer)
        counts = rows.group_by("run_id").agg(value=pl.len())
        return or_zero(tables, counts)

    return values


#: A tenth of a run's steps.
TENTH = pl.col("end") // 10
#: When units died, by the share of the run that was over.
EARLY = pl.col("died") <= pl.col("end") // 10
LATE = pl.col("died") >= pl.col("end") // 2

#: Of the spells of a run, those that end.
REVIVALS = pl.col("until").is_not_null().sum().cast(pl.Int64)
#: Half of a run's steps.
HALFWAY = pl.col("end") // 2


def dead_at(step: pl.Expr) -> pl.Expr:
    """Whether the last probe up to `step` is one of a spell's."""
    return (pl.col("died") <= step) & (pl.col("until").is_null() | (pl.col("until") > step))


def of_spells(
    number: pl.Expr, *, layer: int | None = None, among: pl.Expr | None = None, without: float | None = None
) -> Callable[[Tables], pl.DataFrame]:
    """Return the metric `number`, an aggregation of the columns of `spells` over a run's units, or a layer's.

    `among` chooses the spells; `without` is the number of a run that has no such spell (None: it has none).
    """

    @needing("unit_dead")
    def values(tables: Tables) -> pl.DataFrame:
        rows = spells(tables).filter(pl.lit(True) if among is None else among)
        rows = rows if layer is None else rows.filter(pl.col("layer") == layer)
        runs = tables.runs.filter(~pl.col("diverged")).select("run_id")
        dead = runs.join(rows, on="run_id").group_by("run_id").agg(value=number)
        return runs.join(dead, on="run_id", how="left").with_columns(pl.coalesce("value", pl.lit(without)))

    return values


def survival(tables: Tables, by: Sequence[str], metric: str) -> pl.DataFrame:
    """Return rows of curves.parquet: for each of `by` (columns of runs) and layer, the share of units still dead.

    `step` counts from the probe that first shows them dead. Kaplan & Meier (1958) over spells; the interval resamples
    runs, and n counts those that have a spell. Evenly spaced probes are assumed.
    """
    dead = spells(tables).filter(pl.col("died") < pl.col("end"))
    dead = dead.join(tables.runs.select("run_id", *by), on="run_id")
    rows = [_curve(group, [*by, "layer"]) for _, group in dead.group_by(*by, "layer", maintain_order=True)]
    return pl.concat(rows).with_columns(metric=pl.lit(metric)) if rows else pl.DataFrame()


def _curve(group: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    from relubench.findings import stats

    seen = group.select(
        pl.coalesce("until", "end") - pl.col("died"), pl.col("until").is_not_null().alias("revived"), "run_id"
    )
    durations, revived, runs = (column.to_numpy() for column in seen)
    at = pl.Series("step", sorted({0, *durations.tolist()}), pl.Int64)
    mean, low, high = stats.survival(durations, revived, runs, at.to_numpy())
    ends = {
        name: pl.Series(values).fill_nan(None) for name, values in (("mean", mean), ("ci_low", low), ("ci_high", high))
    }
    return (
        group.select(keys)
        .head(1)
        .join(pl.DataFrame([at]), how="cross")
        .with_columns(**ends, n=pl.lit(group["run_id"].n_unique(), pl.Int64))
    )
