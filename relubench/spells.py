"""Spells of death: from the probe that first finds a unit dead to the one that finds it active again.

They are read from the measure `unit_dead`. What happens between two probes is unseen: a unit that wakes and dies
again before the next probe has one spell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from relubench.errors import UserError
from relubench.results import Tables

_UNIT = ("run_id", "layer", "unit")


def spells(tables: Tables) -> pl.DataFrame:
    """Return a row a spell of the runs that did not diverge: run_id, layer, unit, died, last, until, end.

    `died` and `last` are the steps of the first and the last probe of the spell, `until` that of the probe that finds
    the unit active again (null: none does), `end` that of the run's last probe.
    """
    if tables.measures is None or "unit_dead" not in tables.measures["measure"]:
        raise UserError("probe.measures: this experiment needs unit_dead among them")
    dead = tables.measures.filter(pl.col("measure") == "unit_dead", pl.col("value") == 1)
    dead = dead.select("run_id", "layer", "step", unit="item").join(_clock(tables), on=["run_id", "step"])
    dead = dead.sort(*_UNIT, "step")
    goes_on = (pl.col("before") == pl.col("step").shift(1)).over(_UNIT).fill_null(False)
    numbered = dead.with_columns(spell=(~goes_on).cum_sum())
    return (
        numbered.group_by("spell", maintain_order=True)
        .agg(
            pl.first(*_UNIT), died=pl.first("step"), last=pl.last("step"), until=pl.last("after"), end=pl.first("end")
        )
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


#: Of the spells of a run (or of a layer of it), the share of the units, dead at a probe before the last, that a later
#: probe finds active again.
REVIVED_SHARE = (
    pl.struct("layer", "unit").filter(pl.col("until").is_not_null()).n_unique()
    / pl.struct("layer", "unit").filter(pl.col("died") < pl.col("end")).n_unique()
)
#: Of the spells of a run, those that end.
REVIVALS = pl.col("until").is_not_null().sum()


def dead_at(step: pl.Expr) -> pl.Expr:
    """Whether a spell goes on at `step`, that of a probe."""
    return (pl.col("died") <= step) & (pl.col("last") >= step)


def of_spells(
    number: pl.Expr, *, layer: int | None = None, among: pl.Expr | None = None
) -> Callable[[Tables], pl.DataFrame]:
    """Return the metric `number`, an aggregation of the columns of `spells` over a run's units, or a layer's.

    `among` chooses the spells. A run without such a spell has no number.
    """

    def values(tables: Tables) -> pl.DataFrame:
        rows = spells(tables).filter(pl.lit(True) if among is None else among)
        rows = rows if layer is None else rows.filter(pl.col("layer") == layer)
        return rows.group_by("run_id").agg(value=number)

    return values


def survival(tables: Tables, by: Sequence[str]) -> pl.DataFrame:
    """Return the share of units still dead `step` steps after they were found dead, for each value of `by` and layer.

    Kaplan & Meier (1958) over spells; the interval resamples runs. A row a value of `by` (columns of runs), layer and
    step: mean, ci_low, ci_high, and n, the runs that have a spell. Evenly spaced probes are assumed.
    """
    found = spells(tables).filter(pl.col("died") < pl.col("end"))
    found = found.join(tables.runs.select("run_id", *by), on="run_id")
    rows = [_curve(group, [*by, "layer"]) for _, group in found.group_by(*by, "layer", maintain_order=True)]
    return pl.concat(rows) if rows else pl.DataFrame()


def _curve(group: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    from relubench import stats

    seen = group.select(
        pl.coalesce("until", "end") - pl.col("died"), pl.col("until").is_not_null().alias("revived"), "run_id"
    )
    durations, revived, runs = (column.to_numpy() for column in seen)
    at = pl.Series("step", sorted({0, *durations.tolist()}), pl.Int64)
    mean, low, high = stats.survival(durations, revived, runs, at.to_numpy())
    ends = {
        name: pl.Series(values).fill_nan(None)
        for name, values in (("mean", mean), ("ci_low", low), ("ci_high", high))
    }
    return group.select(keys).head(1).join(pl.DataFrame([at]), how="cross").with_columns(
        **ends, n=pl.lit(group["run_id"].n_unique(), pl.Int64)
    )
