"""The columns of the result tables: what each holds, how it is made from what runs have recorded, and how it is folded.

Whoever writes, folds, judges, draws or documents a number reads its row here. What a run records is in
`relubench.run.measures`, under the same names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import polars as pl

from relubench.data import are_classes

if TYPE_CHECKING:
    from relubench.sweeps.engine import Trained

#: [runs] of runs; [runs, probes] of probes; [runs, probes, layers] of layers; [runs, units of all layers] of units.
Value = Callable[["Trained"], np.ndarray]


class Gap(NamedTuple):
    """Where a column is null."""

    words: str
    where: Value  # bool, with the first axes of the table, or all of them


class Column(NamedTuple):
    """One column of a table."""

    name: str
    dtype: type  # int, float or bool; a float that is NaN is null
    definition: str  # a line of Markdown
    value: Value
    gaps: tuple[Gap, ...] = ()
    title: str = ""  # of an axis or a panel
    bounds: tuple[float, float] | None = None  # the least and the greatest value, where there are such
    fold: Literal["", "mean", "share"] = ""  # how summary.parquet folds it over seeds: not, a mean, a share of the runs


SHARE = (0.0, 1.0)


def _diverged(trained: Trained) -> np.ndarray:
    return trained.state.diverged_step >= 0


def _from_divergence_on(trained: Trained) -> np.ndarray:
    return _diverged(trained)[:, None] & (trained.probes[None, :] >= trained.state.diverged_step[:, None])


def _smooth(trained: Trained) -> np.ndarray:
    return np.full(len(trained.grid), not trained.layout.structure.piecewise_linear)


DIVERGED = Gap("of a diverged run", _diverged)
FROM_DIVERGENCE_ON = Gap("from divergence on", _from_divergence_on)
DIVERGED_AT_BIRTH = Gap("of a run that diverged at step 0", lambda trained: trained.state.diverged_step == 0)

# Values.


def _of_probes(name: str, probe: int | slice = slice(None)) -> Value:
    """What is recorded at every probe, or at the first (0) or the last (-1)."""
    return lambda trained: trained.state.records.probes[name][:, probe]


def _of_layers(name: str) -> Value:
    return lambda trained: trained.state.records.layers[name]


def _number(name: str, probe: int) -> Value:
    """The units of all layers that are counted at the first (0) or the last (-1) probe."""
    return lambda trained: trained.state.records.layers[name][:, probe].sum(1)


def _total(name: str) -> Value:
    """The units of all layers that are counted at any probe, up to divergence."""

    def total(trained: Trained) -> np.ndarray:
        counted = np.where(_from_divergence_on(trained)[:, :, None], 0, trained.state.records.layers[name])
        return counted.sum((1, 2))

    return total


def _share(name: str, probe: int) -> Value:
    def share(trained: Trained) -> np.ndarray:
        with np.errstate(invalid="ignore"):  # a network without hidden layers has no share
            return np.divide(_number(name, probe)(trained), sum(_widths(trained)))

    return share


def _or_chance(name: str) -> Value:
    """An accuracy at the end, of a diverged run that of guessing."""

    def value(trained: Trained) -> np.ndarray:
        data = trained.layout.datasets[0]
        chance = 1 / data.outputs if are_classes(data.y_train) else np.nan
        return np.where(_diverged(trained), chance, _of_probes(name, -1)(trained).astype(np.float64))

    return value


def _of_units(name: str) -> Value:
    def joined(trained: Trained) -> np.ndarray:
        layers = trained.state.records.units[name]
        return np.concatenate(layers, axis=1) if layers else np.zeros((len(trained.grid), 0))

    return joined


def _widths(trained: Trained) -> list[int]:
    return [counter.last_active.shape[1] for counter in trained.state.counters]


def _steps(trained: Trained) -> np.ndarray:
    """The step of each probe, to be a column of probes."""
    return trained.probes[None, :]


def _layer(trained: Trained) -> np.ndarray:
    return np.arange(1, len(_widths(trained)) + 1)[None, None, :]


def _batch_dead(trained: Trained) -> np.ndarray:
    steps = np.diff(trained.probes, prepend=0)[None, :, None]
    return trained.state.records.layers["batch_dead"] / np.maximum(steps, 1)


def _unit_layer(trained: Trained) -> np.ndarray:
    widths = _widths(trained)
    return np.repeat(np.arange(1, len(widths) + 1), widths)[None, :]


def _unit(trained: Trained) -> np.ndarray:
    return np.array([unit for width in _widths(trained) for unit in range(width)], np.int64)[None, :]


def _count(name: str, definition: str, title: str, gaps: tuple[Gap, ...] = ()) -> Column:
    """A number of units of a layer at a probe."""
    return Column(name, int, definition, _of_layers(name), (FROM_DIVERGENCE_ON, *gaps), title)


PROBES = (
    Column("step", int, "updates before the probe", _steps),
    *(
        Column(name, float, definition, _of_probes(name), (FROM_DIVERGENCE_ON,), title, bounds)
        for name, definition, title, bounds in (
            ("train_loss", "mean loss of a training example, before `loss.scale`", "training loss", None),
            ("test_loss", "mean loss of a test example, before `loss.scale`", "test loss", None),
            ("train_accuracy", "share of training examples classified correctly", "training accuracy", SHARE),
            ("test_accuracy", "share of test examples classified correctly", "test accuracy", SHARE),
        )
    ),
)

LAYERS = (
    Column("step", int, "updates before the probe", lambda trained: _steps(trained)[:, :, None]),
    Column("layer", int, "hidden layer, from 1 at the input", _layer),
    Column("units", int, "units of the layer", lambda trained: np.array(_widths(trained), np.int64)[None, None, :]),
    _count("dead_train", "units that are dead on the training set", "dead units"),
    _count("dead_test", "units that are dead on the test set", "units dead on the test set"),
    _count("silent_train", "silent units", "silent units"),
    _count("saturated_train", "saturated units", "saturated units"),
    _count("dormant_train", "dormant units", "dormant units"),
    _count("linear_train", "linear units", "linear units", (Gap("of a smooth activation", _smooth),)),
    _count("constant_train", "constant units", "constant units"),
    Column(
        "batch_dead", float, "batch-dead units, a mean over the steps since the last probe", _batch_dead,
        (FROM_DIVERGENCE_ON, Gap("at step 0", lambda trained: _steps(trained) == 0)), "batch-dead units",
    ),
    _count("deaths", "units that are dead and were alive at the last probe", "deaths"),
    _count("revivals", "units that are alive and were dead at the last probe", "revivals"),
)  # fmt: skip

UNITS = (
    Column("layer", int, "hidden layer, from 1 at the input", _unit_layer),
    Column("unit", int, "unit of the layer, from 0", _unit),
    Column("last_active", int, "last step at which it was active on the batch; −1: never", _of_units("last_active"),
           (DIVERGED,)),
    Column("died_step", int, "first probe of its present spell of death", _of_units("died_step"),
           (DIVERGED, Gap("of a unit alive", lambda trained: _of_units("died_step")(trained) < 0))),
    Column("revived_count", int, "activities after a silence that contains a whole epoch", _of_units("revived_count"),
           (DIVERGED,)),
    Column("dead_train", bool, "dead on the training set", _of_units("dead_train"), (DIVERGED,)),
    Column("margin", float, "−max z / \\|w\\|: how far its decision plane lies beyond the last input of its layer; "
           "null with a norm, which moves the plane", _of_units("margin"), (DIVERGED,)),
    Column("bias", float, "bias", _of_units("bias"), (DIVERGED,)),
    Column("weight_norm", float, "length of its incoming weights", _of_units("weight_norm"), (DIVERGED,)),
)  # fmt: skip

RUNS = (
    Column("units", int, "units of all hidden layers",
           lambda trained: np.full(len(trained.grid), sum(_widths(trained)))),
    Column("born_dead", int, "units dead at step 0", _number("dead_train", 0), (DIVERGED_AT_BIRTH,)),
    Column("born_dead_fraction", float, "their share of all units", _share("dead_train", 0), (DIVERGED_AT_BIRTH,),
           "dead at birth", SHARE, "mean"),
    Column("dead_train", int, "units dead on the training set at the end", _number("dead_train", -1), (DIVERGED,)),
    Column("dead_train_fraction", float, "their share", _share("dead_train", -1), (DIVERGED,), "dead units", SHARE,
           "mean"),
    Column("dead_test", int, "units dead on the test set at the end", _number("dead_test", -1), (DIVERGED,)),
    Column("dead_test_fraction", float, "their share", _share("dead_test", -1), (DIVERGED,),
           "units dead on the test set", SHARE, "mean"),
    Column("silent_train_fraction", float, "share of silent units at the end", _share("silent_train", -1),
           (DIVERGED,), "silent units", SHARE, "mean"),
    Column("deaths", int, "changes from alive to dead between probes, up to divergence", _total("deaths"),
           title="deaths", fold="mean"),
    Column("revivals", int, "changes from dead to alive between probes, up to divergence", _total("revivals"),
           title="revivals", fold="mean"),
    *(
        Column(column.name, float, f"{column.definition}, at the end", _of_probes(column.name, -1), (DIVERGED,),
               column.title, column.bounds, "mean")
        for column in PROBES[1:]
    ),
    *(
        Column(f"{column.name}_or_chance", float, f"{column.name}; of a diverged run 1 / classes",
               _or_chance(column.name), (), f"{column.title}, diverged runs at chance", column.bounds, "mean")
        for column in PROBES
        if column.bounds == SHARE
    ),
    Column("steps", int, "updates", lambda trained: np.full(len(trained.grid), trained.layout.setting.train.steps)),
    Column("diverged", bool, "a number was not finite", _diverged, title="diverged runs", bounds=SHARE, fold="share"),
    Column("diverged_step", int, "first step with a number that was not finite",
           lambda trained: trained.state.diverged_step, (Gap("unless diverged", lambda trained: ~_diverged(trained)),)),
    Column("born_collapsed", bool, "the same output for every training input at step 0", _of_probes("collapsed", 0),
           (DIVERGED_AT_BIRTH,), "runs collapsed at birth", SHARE, "share"),
    Column("collapsed", bool, "the same output for every training input at the end", _of_probes("collapsed", -1),
           (DIVERGED,), "collapsed runs", SHARE, "share"),
    Column("max_abs_param", float, "largest finite magnitude of a parameter over the probes",
           lambda trained: trained.state.records.probes["max_abs_param"].max(1), title="largest parameter",
           fold="mean"),
)  # fmt: skip

#: The tables of every run, by their files' names.
TABLES = {"runs": RUNS, "probes": PROBES, "layers": LAYERS, "units": UNITS}


class Metric(NamedTuple):
    """A number of a run that is folded over seeds."""

    title: str
    value: pl.Expr  # over the columns of runs
    fold: Literal["mean", "share"]
    bounds: tuple[float, float] | None


#: What summary.parquet folds: means over the runs that have the number; shares of the runs, of all for `diverged`, of
#: those that did not diverge for the others.
METRICS = {
    column.name: Metric(column.title, pl.col(column.name), column.fold, column.bounds) for column in RUNS if column.fold
} | {"any_dead": Metric("runs with a dead unit", pl.col("dead_train") > 0, "share", SHARE)}


def titles(*names: str) -> dict[str, str]:
    """Return the titles of columns of runs, layers or probes, by their names."""
    known = {column.name: column.title for column in (*PROBES, *LAYERS)}
    known |= {name: metric.title for name, metric in METRICS.items()}
    return {name: known[name] for name in names}
