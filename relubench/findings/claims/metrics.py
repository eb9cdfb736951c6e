"""Metrics: the number of each run that a claim is about, taken from any of the tables, and the runs it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from relubench.config import SETTING_KEYS
from relubench.errors import UserError, unknown
from relubench.sweeps.columns import METRICS, RUNS
from relubench.sweeps.factors import FACTOR
from relubench.sweeps.folders import Tables

if TYPE_CHECKING:
    from relubench.findings.stats import Bounds

#: A column of runs (or a metric of summary.parquet), an expression over the columns of runs, or a
#: function of the tables that returns run_id and value. Null or not finite: the run has no such number.
Metric = str | pl.Expr | Callable[[Tables], pl.DataFrame]
#: A function of the tables.
Computed = TypeVar("Computed", bound=Callable[[Tables], pl.DataFrame])
#: Which runs: the value, or the values, of columns of runs.
Where = Mapping[str, Any]

#: How many splits of the data the seeds share out.
SPLITS = "data.splits"
#: Which split of the data a run was trained on, beside a number in which runs on the same split are alike.
SPLIT = "split"
#: What is in the name of such a number. Counts on the training set are none: their variance between splits was 1.0 to
#: 1.2 times that within (F) in three experiments and 1.5 times in `sizes`, that of accuracies 2 to 7 times.
_BY_SPLIT = ("accuracy", "loss", "test")
#: What the name of an accuracy ends with where diverged runs count as guessing.
OR_CHANCE = "_or_chance"

#: Equal rates may differ in their last bits, where one is written out and the other comes from ${logspace:...}.
_RELATIVE_DIFFERENCE = 1e-9


def needing(*names: str) -> Callable[[Computed], Computed]:
    """Return a decorator that notes what a function of the tables reads: names of measures, and `units`."""

    def note(computed: Computed) -> Computed:
        computed.needs = needs_of(computed) | set(names)  # type: ignore[attr-defined]
        return computed

    return note


def needs_of(metric: object) -> frozenset[str]:
    """Return the measures that a metric, or another function of the tables, reads, and `units` where it reads these."""
    return frozenset(getattr(metric, "needs", ()))


def reading(number: pl.Expr) -> Callable[[Computed], Computed]:
    """Return a decorator that notes of which columns a function of the tables aggregates the number."""

    def note(computed: Computed) -> Computed:
        computed.reads = number.meta.root_names()  # type: ignore[attr-defined]
        return computed

    return note


def hangs_on_split(metric: object) -> bool:
    """Whether a metric is an accuracy or a loss, or counted on the test set: runs on the same split are alike in it.

    So is one of which nobody knows what it reads: a function of the tables without `reading` and `needing`.
    """
    if isinstance(metric, str | pl.Expr):
        names = [metric] if isinstance(metric, str) else metric.meta.root_names()
    else:
        names = [*getattr(metric, "reads", ()), *needs_of(metric)]
    return not names or any(part in name for name in names if name not in SETTING_KEYS for part in _BY_SPLIT)


def with_split(runs: pl.DataFrame) -> pl.DataFrame:
    """Return runs with which split of the data each was trained on in the column `split`."""
    splits = pl.col(SPLITS).fill_null(1) if SPLITS in runs.columns else 1  # an older folder has one
    return runs.with_columns((pl.col("seed") % splits).alias(SPLIT))


def check_metric(metric: object) -> None:
    """Refuse a metric that is, or reads, a column that runs do not have."""
    read = metric.meta.root_names() if isinstance(metric, pl.Expr) else [metric] if isinstance(metric, str) else []
    known = {column.name for column in RUNS} | SETTING_KEYS.keys() | METRICS.keys()
    for name in read:
        if name not in known and not name.startswith(FACTOR):
            raise unknown("metric", name, known)


def of_runs(tables: Tables, metric: Metric, where: Where) -> pl.DataFrame:
    """Return the chosen runs, sorted by seed, with their number in the column `value` (null where it is not finite).

    Where runs on the same split of the data are alike in it, the column `split` says which.
    """
    runs = tables.runs.filter(*(_matches(tables.runs, key, value) for key, value in where.items()))
    if isinstance(metric, str | pl.Expr):
        runs = runs.with_columns(value=_expression(metric, runs))
    else:
        runs = runs.join(metric(tables), on="run_id", how="left", maintain_order="left")
    if hangs_on_split(metric):
        runs = with_split(runs)
    value = pl.col("value").cast(pl.Float64)
    return runs.with_columns(value=pl.when(value.is_finite()).then(value)).sort("seed", maintain_order=True)


def check_where(where: Where, values: Mapping[str, Sequence[Any]]) -> None:
    """Refuse to choose runs by a factor, a level, a key or a value that an experiment, with these, does not have."""
    for key, wanted in where.items():
        if key not in values:
            raise unknown("factor or key", key, values)
        held = values[key]
        for value in wanted if isinstance(wanted, list | range) else [wanted]:
            if not any(_is_value(value, other) for other in held):
                raise unknown(f"value of {key}", str(value), map(str, held))


def _is_value(value: Any, other: Any) -> bool:
    if isinstance(value, float | int) and isinstance(other, float | int):
        return abs(value - other) <= _RELATIVE_DIFFERENCE * abs(value)
    return value == other


def are_there(tables: Tables, where: Where, key: str | None = None) -> bool:
    """Whether there are runs of these, of each where values are listed; and, given a `key`, of two of its values."""
    for name, listed in where.items():
        is_list = isinstance(tables.runs.schema.get(name), pl.List)  # a list is one value there
        if isinstance(listed, list | range) and name != "seed" and not is_list:
            return all(are_there(tables, {**where, name: value}, key) for value in listed)
    rows = tables.runs.filter(*(_matches(tables.runs, name, value) for name, value in where.items()))
    return rows.height > 0 and (key is None or rows[key].n_unique() > 1)


def or_chance(metric: Metric, tables: Tables) -> str | None:
    """Return the metric that gives diverged runs the accuracy of guessing, where there is one and runs have it."""
    name = f"{metric}{OR_CHANCE}" if isinstance(metric, str) else ""
    return name if name in METRICS and name in tables.runs.columns else None


def bounds_of(metric: Metric, bounds: Bounds | None) -> Bounds | None:
    """Return the metric's bounds: the given ones, or those that summary.parquet goes by."""
    if bounds is not None or not isinstance(metric, str):
        return bounds
    return METRICS[metric].bounds if metric in METRICS else None


def _expression(metric: str | pl.Expr, runs: pl.DataFrame) -> pl.Expr:
    if isinstance(metric, pl.Expr):
        return metric
    if metric in METRICS:
        return METRICS[metric].value
    if metric not in runs.columns:
        raise unknown("metric", metric, [*runs.columns, *METRICS])
    return pl.col(metric)


def _matches(runs: pl.DataFrame, key: str, value: Any) -> pl.Expr | pl.Series:
    if key.startswith(FACTOR) and key not in runs.columns:
        return pl.lit(False)  # the grid of these runs has left the factor out
    if key not in runs.columns:
        raise unknown("column of runs", key, runs.columns)
    dtype = runs.schema[key]
    if isinstance(dtype, pl.List):
        several = any(isinstance(item, list | tuple) for item in value)
        wanted = {tuple(item) for item in (value if several else [value])}
        return pl.Series([cell is not None and tuple(cell) in wanted for cell in runs[key].to_list()], dtype=pl.Boolean)
    values = list(value) if isinstance(value, list | tuple | range) else [value]
    if key in SETTING_KEYS and SETTING_KEYS[key].choice and SETTING_KEYS[key].default in values:
        values.append(None)  # a run that does not read the key
    if dtype.is_float():
        return pl.any_horizontal(*(_is_near(key, item) for item in values))
    return pl.col(key).is_in(values, nulls_equal=True)


def _is_near(key: str, value: float | None) -> pl.Expr:
    if value is None:
        return pl.col(key).is_null()
    return ((pl.col(key) - value).abs() <= _RELATIVE_DIFFERENCE * abs(value)).fill_null(False)


def of_probes(number: pl.Expr, *, step: int | None = None) -> Metric:
    """Return the metric `number`, an aggregation of the columns of probes.parquet, at the last probe up to `step`."""

    @reading(number)
    def values(tables: Tables) -> pl.DataFrame:
        return aggregated(tables, _at_step(tables.probes, step), number)

    return values


def of_layers(number: pl.Expr, *, layer: int | None = None, step: int | None = None) -> Metric:
    """Return the metric `number`, an aggregation of the columns of layers.parquet over a run's layers, or one of them.

    It is taken at the last probe up to `step` (None: the last of all), as in
    `of_layers(pl.col("dead_train").sum() / pl.col("units").sum(), step=100)`.
    """

    @reading(number)
    def values(tables: Tables) -> pl.DataFrame:
        return aggregated(tables, _at_step(_in_layer(tables.layers, layer), step), number)

    return values


def of_units(number: pl.Expr, *, layer: int | None = None) -> Metric:
    """Return the metric `number`, an aggregation of the columns of units.parquet over a run's units, or a layer's."""

    @reading(number)
    @needing("units")
    def values(tables: Tables) -> pl.DataFrame:
        if tables.units is None:
            raise UserError("units.parquet: this experiment does not write it, and a claim of it needs it")
        return aggregated(tables, _in_layer(tables.units, layer), number)

    return values


def of_measures(number: pl.Expr, *, layer: int | None = None, step: int | None = None) -> Metric:
    """Return the metric `number`, an aggregation over layers and items whose columns are names of `probe.measures`.

    Beside the measures it may name `layer` and `item`, as in
    `of_measures(pl.col("died_by_bias").sum() / pl.col("died").sum(), layer=1)`; each of them has a row a layer and
    item, taken at the last probe up to `step` (None: the last of all).
    """
    named = [name for name in number.meta.root_names() if name not in ("layer", "item")]

    @reading(number)
    @needing(*(name for name in named if name != "units" and "." not in name))  # columns of runs
    def values(tables: Tables) -> pl.DataFrame:
        names = [name for name in named if name not in tables.runs.columns]
        rows = _at_step(_in_layer(measures_of(tables, names), layer), step)
        wide = rows.pivot("measure", index=["run_id", "step", "layer", "item"], values="value")
        return aggregated(tables, wide, number)

    return values


def measures_of(tables: Tables, names: Sequence[str]) -> pl.DataFrame:
    """Return the rows of these measures; one that was not taken is refused."""
    taken = [] if tables.measures is None else sorted(tables.measures["measure"].unique())
    for name in names:
        if tables.measures is None or name not in taken:
            raise UserError(f"probe.measures=[{', '.join(taken)}]: this experiment needs {name} among them")
    assert tables.measures is not None, "some name is asked for"
    return tables.measures.filter(pl.col("measure").is_in(names))


def _in_layer(rows: pl.DataFrame, layer: int | None) -> pl.DataFrame:
    return rows if layer is None else rows.filter(pl.col("layer") == layer)


def _at_step(rows: pl.DataFrame, step: int | None) -> pl.DataFrame:
    """Return each run's rows of its last probe up to `step` (None: its last)."""
    before = rows if step is None else rows.filter(pl.col("step") <= step)
    return before.filter(pl.col("step") == pl.col("step").max().over("run_id"))


def or_zero(tables: Tables, counts: pl.DataFrame) -> pl.DataFrame:
    """Return `counts` (run_id, value) of the runs that did not diverge, 0 for those that have no row there."""
    runs = tables.runs.filter(~pl.col("diverged")).select("run_id")
    return runs.join(counts, on="run_id", how="left").with_columns(pl.col("value").fill_null(0))


def aggregated(tables: Tables, rows: pl.DataFrame, number: pl.Expr) -> pl.DataFrame:
    """Return run_id and value of the runs that had not diverged by the step of their rows, or without steps, ever.

    What `number` names of runs is joined to the rows.
    """
    named = dict.fromkeys(number.meta.root_names())  # a name may come twice
    joined = [name for name in named if name in tables.runs.columns and name not in rows.columns]
    runs = tables.runs.select("run_id", *joined, _diverged="diverged", _diverged_step="diverged_step")
    known = pl.col("step") < pl.col("_diverged_step") if "step" in rows.columns else pl.lit(False)
    rows = rows.join(runs, on="run_id", maintain_order="left").filter(~pl.col("_diverged") | known)
    return rows.group_by("run_id").agg(value=number)
