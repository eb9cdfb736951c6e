"""What becomes of the units that the first full-batch step kills, and what the oracle of deadly rates says beforehand.

Probes are at steps 0, 1 and the last. In between the counter sees the whole training set at every step, so that it is
exact: a unit whose last activity is at step 0, and that is dead at the end, has never been active again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from relubench.config import SETTING_KEYS
from relubench.errors import UserError
from relubench.findings.claims import of_layers, of_measures
from relubench.findings.claims.metrics import Metric, measures_of, needing, needs_of, or_zero
from relubench.findings.spells import found
from relubench.sweeps.folders import Tables

RATE = "optimizer.learning_rate"
#: Of the units in `fates`, those never active after the first step, and those dead at the end.
NEVER_AGAIN, DEAD_AT_END = ~pl.col("active_again"), ~pl.col("alive_at_end")
_STEP, _END = pl.col("distance_after_step"), pl.col("distance_at_end")
#: Those that have moved since, and how far: in steps as long as the one that killed them would be at the later rate.
MOVED, CARRIED = _STEP != _END, (_END - _STEP) / (_STEP * pl.col("optimizer.schedule.end_factor"))

#: Of rows of probes, those after the first step, and a run's last.
AFTER_STEP, _AT_END = pl.col("step") == 1, pl.col("step") == pl.col("step").max().over("run_id")
_RATES = ("deadly_rate", "deadly_rate_end")
_UNIT = ["run_id", "layer", "unit"]


@needing("unit_dead", "units", "distance_from_birth")
def fates(tables: Tables) -> pl.DataFrame:
    """Return a row a unit that the first step killed, of the runs of more steps that did not diverge.

    `alive_at_end` says what it is then, `active_again` whether it is, or was at any later step; `distance_after_step`
    and `distance_at_end` how far its weights and bias were then from those of birth.
    """
    return tables.derived(_fates)


def _fates(tables: Tables) -> pl.DataFrame:
    assert tables.units is not None, "the experiment writes units.parquet"
    if not (tables.probes["step"] == 1).any():
        raise UserError("probe.spacing: units killed by the first step are found by a probe at step 1; it takes log")
    killed = found(tables).filter(pl.col("died") == 1).select(*_UNIT, alive_at_end="at_end")
    last = killed.join(tables.units.select(*_UNIT, "last_active"), on=_UNIT, maintain_order="left")
    moved = measures_of(tables, ["distance_from_birth"]).select("run_id", "layer", "step", "value", unit="item")
    for name, step in (("distance_after_step", AFTER_STEP), ("distance_at_end", _AT_END)):
        distance = moved.filter(step).select(*_UNIT, pl.col("value").alias(name))
        last = last.join(distance, on=_UNIT, maintain_order="left")
    return last.with_columns(active_again=pl.col("alive_at_end") | (pl.col("last_active") > 0))


def of_fates(number: pl.Expr, *, layer: int | None = None) -> Metric:
    """Return the metric `number`, an aggregation of the columns of `fates` and of runs, 0 where no unit was killed."""

    @needing(*needs_of(fates))
    def values(tables: Tables) -> pl.DataFrame:
        rows = fates(tables) if layer is None else fates(tables).filter(pl.col("layer") == layer)
        runs = tables.runs.filter(~pl.col("diverged"))
        settings = [name for name in number.meta.root_names() if name in runs.columns]
        named = rows.join(runs.select("run_id", *settings), on="run_id")
        numbers = named.group_by("run_id").agg(value=number.cast(pl.Float64))
        return runs.select("run_id").join(numbers, on="run_id", how="left").with_columns(pl.col("value").fill_null(0))

    return values


@needing("unit_dead", "plane_checksum")
def changed_bits(tables: Tables) -> pl.DataFrame:
    """Return the metric: of the units of layer 1 that the first step killed, how many have other weights at the end."""
    bits = measures_of(tables, ["plane_checksum"]).select(
        "run_id", "step", "value", layer=pl.lit(1, pl.Int64), unit="item"
    )
    ends = [bits.filter(step).drop("step") for step in (AFTER_STEP, _AT_END)]
    changed = ends[0].join(ends[1], on=_UNIT, suffix="_end").filter(pl.col("value") != pl.col("value_end"))
    killed = found(tables).filter(pl.col("died") == 1, pl.col("layer") == 1)
    counts = killed.join(changed, on=_UNIT, how="semi").group_by("run_id").agg(value=pl.len())
    return or_zero(tables, counts)


def after_step(name: str, *, layer: int | None = None) -> Metric:
    """Return the metric: the number of units that a measure counts after the first step, in all layers or in one."""
    return of_measures(pl.col(name).sum(), layer=layer, step=1)


def born_alive(*, layer: int | None = None) -> Metric:
    """Return the metric: the number of units that are alive before the first step."""
    return of_layers((pl.col("units") - pl.col("dead_train")).sum(), layer=layer, step=0)


@needing(*_RATES)
def deadly_rates(tables: Tables) -> pl.DataFrame:
    """Return a row a first-layer unit: the rates from `deadly_rate` to `deadly_rate_end` at which a step kills it."""
    rows = measures_of(tables, _RATES).filter(pl.col("step") == 0).select("run_id", "measure", "value", unit="item")
    return rows.pivot("measure", index=["run_id", "unit"], values="value").sort("run_id", "unit")


@needing(*_RATES)
def asked(tables: Tables) -> pl.DataFrame:
    """Return the metric: of how many units the oracle says at which rates a step kills them."""
    return deadly_rates(tables).group_by("run_id").agg(value=pl.len())


@needing("unit_dead", *_RATES)
def wrong(tables: Tables) -> pl.DataFrame:
    """Return the metric: the share of first-layer units of which the oracle said otherwise than the first step did."""
    dead = measures_of(tables, ["unit_dead"]).filter(AFTER_STEP, pl.col("layer") == 1)
    units = deadly_rates(tables).join(dead.select("run_id", "value", unit="item"), on=["run_id", "unit"])
    units = units.join(tables.runs.select("run_id", RATE), on="run_id")
    foretold = (pl.col("deadly_rate") <= pl.col(RATE)) & (pl.col(RATE) <= pl.col("deadly_rate_end"))
    return units.group_by("run_id").agg(value=(foretold != (pl.col("value") == 1)).mean())


def shares_killed(tables: Tables, rates: Sequence[float]) -> pl.DataFrame:
    """Return for each run and `rate` what one step would do to the first layer: run_id, rate, foretold, deadly.

    `foretold` is the share of units that are dead after a step at exactly this rate, `deadly` that of units dead after
    a step at this rate or a lower one.
    """
    reached = pl.col("deadly_rate") <= pl.col("rate")
    units = deadly_rates(tables).join(pl.DataFrame({"rate": rates}), how="cross")
    return units.group_by("run_id", "rate", maintain_order=True).agg(
        foretold=(reached & (pl.col("rate") <= pl.col("deadly_rate_end"))).mean(), deadly=reached.mean()
    )


def inexact(examples: int) -> Callable[[Tables], pl.DataFrame]:
    """Return the metric: of how many units a summed loss has another deadly rate than the mean's over the `examples`.

    It is of the runs with summed losses; each is compared to the last bit with its twin, of the same setting else.
    """

    @needing(*_RATES)
    def values(tables: Tables) -> pl.DataFrame:
        runs = tables.runs
        varied = [name for name in runs.columns if name in SETTING_KEYS and not isinstance(runs.schema[name], pl.List)]
        twin = [name for name in (*varied, *({"factor.world"} & set(runs.columns))) if name != "loss.reduction"]
        summed = runs.filter(pl.col("loss.reduction") == "sum")
        rates = deadly_rates(tables).join(runs.select("run_id", *twin), on="run_id")
        ours = summed.select("run_id").join(rates, on="run_id")
        theirs = rates.join(summed.select("run_id"), on="run_id", how="anti")
        both = ours.join(theirs, on=[*twin, "unit"], suffix="_mean", nulls_equal=True)
        differs = pl.any_horizontal(pl.col(name) * examples != pl.col(f"{name}_mean") for name in _RATES)
        return both.group_by("run_id").agg(value=differs.sum())

    return values
