"""What the first full-batch step does to each unit, and what the oracle of deadly rates says of it beforehand.

It is read from the measures `unit_dead`, `deadly_rate`, `deadly_rate_end` and `deadly_rate_of_bias`, of probes at steps
0, 1 and the last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from relubench.findings.claims.metrics import measures_of, needing, needs_of
from relubench.sweeps.folders import Tables

RATE = "optimizer.learning_rate"

_UNIT = ("run_id", "layer", "item")
_RATES = ("deadly_rate", "deadly_rate_end", "deadly_rate_of_bias")
_DEAD, _WAS_DEAD, _STAYS = pl.col("first") == 1, pl.col("born") == 1, pl.col("last") == 1
_KILLED = _DEAD & ~_WAS_DEAD
_FINITE = ~pl.col("diverged").first()
_FORETOLD = (pl.col("deadly_rate") <= pl.col(RATE)) & (pl.col(RATE) <= pl.col("deadly_rate_end"))
_FATES = {
    "dead_after_step": _DEAD.mean(),
    "dead_at_end": pl.when(_FINITE).then(_STAYS.mean()),
    "for_good": pl.when(_FINITE).then((_KILLED & _STAYS).sum() / _KILLED.sum()),
    "by_bias": (_KILLED & (pl.col("deadly_rate_of_bias") <= pl.col(RATE))).sum() / _KILLED.sum(),
    "wrong": (_FORETOLD != _DEAD).mean(),
}


@needing("unit_dead", *_RATES)
def fates(tables: Tables) -> pl.DataFrame:
    """Return a row a layer of each run that is finite after the first step: what became of its units.

    `dead_after_step` and `dead_at_end` are shares of its units; of those that the first step killed, `for_good` is the
    share that are dead at the end, and `by_bias` the share that the move of the bias alone would have killed (NaN
    where none was killed). `wrong` is the share of units of which the oracle said otherwise. Only layer 1 has an
    oracle: the last two are meaningless in others. What concerns the end is null for a run that diverged.
    """
    dead = measures_of(tables, ("unit_dead",)).sort("step").group_by(_UNIT)
    at_probes = dead.agg(born=pl.col("value").first(), first=_at_step_one(), last=pl.col("value").last())
    finite = tables.runs.filter(~pl.col("diverged") | (pl.col("diverged_step") > 1))
    rows = at_probes.join(finite.select("run_id", RATE, "diverged"), on="run_id")
    rows = rows.join(_oracle_of(tables), on=_UNIT, how="left")
    return rows.group_by("run_id", "layer").agg(**_FATES)


def of_fates(number: pl.Expr, *, layer: int = 1) -> Callable[[Tables], pl.DataFrame]:
    """Return the metric `number`, an expression over the columns of `fates`, of one layer."""

    @needing(*needs_of(fates))
    def values(tables: Tables) -> pl.DataFrame:
        return fates(tables).filter(pl.col("layer") == layer).select("run_id", value=number)

    return values


@needing(*_RATES)
def tenth_deadly_rate(tables: Tables) -> pl.DataFrame:
    """Return run_id and value: the rate at which every tenth first-layer unit alive at birth is killed.

    It is known at step 0, also of a run that diverges later; infinite where fewer units can be killed at all.
    """
    alive = pl.col("deadly_rate").filter(pl.col("deadly_rate") > 0)
    return _oracle_of(tables).group_by("run_id").agg(value=alive.quantile(0.1, "higher"))


def shares_killed(tables: Tables, rates: Sequence[float]) -> pl.DataFrame:
    """Return for each run and `rate` what one step would do to the first layer.

    `foretold` is the share of units that are dead after a step at exactly this rate, `deadly` that of units dead after
    a step at this rate or a lower one; `bias_alone` is the share, of the units that a step at this rate kills, that
    the move of the bias alone would kill (NaN where it kills none).
    """
    ends = _oracle_of(tables).group_by("run_id", maintain_order=True).agg(_RATES)
    low, high, of_bias = (np.array(ends[name].to_list())[:, :, None] for name in _RATES)
    at = np.asarray(rates)
    foretold, deadly = (low <= at) & (at <= high), low <= at
    killed = foretold & (low > 0)
    with np.errstate(invalid="ignore"):
        by_bias = (killed & (of_bias <= at)).sum(1) / killed.sum(1)
    shares = {"foretold": foretold.mean(1), "deadly": deadly.mean(1), "bias_alone": by_bias}
    rows = [pl.Series(name, share, pl.List(pl.Float64)) for name, share in shares.items()]
    return ends.select("run_id", pl.Series("rate", [list(rates)] * ends.height, pl.List(pl.Float64)), *rows).explode(
        "rate", *shares
    )


def _at_step_one() -> pl.Expr:
    return pl.col("value").filter(pl.col("step") == 1).first()


def _oracle_of(tables: Tables) -> pl.DataFrame:
    """Return a row a first-layer unit: the rates that are deadly for it at step 0."""
    rows = measures_of(tables, _RATES).filter(pl.col("step") == 0).with_columns(layer=pl.lit(1, pl.Int64))
    return rows.pivot("measure", index=_UNIT, values="value").sort(_UNIT)
