"""`census`: the units of a function over many batches, as a table: a row a site, or a row a unit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import numpy as np
import polars as pl
from jax import numpy as jnp

from relubench import checks, magnitudes, units
from relubench.errors import UserError
from relubench.sites import incoming
from relubench.sites.incoming import Arrays, Own
from relubench.sites.kinds import HALF_FLAT, PIECEWISE_LINEAR
from relubench.sites.tally import Tallies, Tally
from relubench.sites.watching import Axes, Data, Place, Traced, is_dynamic

#: A unit that fires on less than this share of inputs hardly fires (Dohare et al. 2024, on CIFAR).
HARDLY = 0.01
#: So does one whose output is 0 on more than 95 % of inputs (Joudaki et al. 2025).
RARELY = 0.05
#: A unit's gradient is small when it is at most this share of its layer's mean (Liu et al. 2025, GraMa).
SMALL = 0.01
#: Two units are duplicates when the cosine of their activations exceeds this.
DUPLICATE = 0.95


def census(
    fn: Callable[..., Any],
    parameters: Any,
    batches: Iterable[Any],
    *,
    load: Callable[[Any], Any] | None = None,
    data: Data | None = None,
    axes: Axes | None = None,
    mask: Callable[..., Any] | None = None,
    loss: Callable[..., Any] | None = None,
    optimizer_state: Any = None,
    dormant: Sequence[float] = (0.0, 0.025, 0.1),
    per_unit: bool = False,
) -> pl.DataFrame:
    """Return what units are by all definitions, over all batches: a row a site, or with `per_unit` a row a unit.

    Every batch is what follows the parameters: `fn(parameters, batch)`, or `fn(parameters, *batch)` of a tuple. With
    `load`, `parameters` is a list of checkpoints, and `load` gives the parameters of each: the table then begins with a
    column `checkpoint`. `mask` gives of a batch's arguments which examples count. `data` and `axes` are those of
    `watch`; `dormant` are thresholds of dormancy. Batches of one shape share one compiled program.

    With a `loss(parameters, batch)`, whose mean gradient over the batches is taken, units of small gradient are told,
    and with the `optimizer_state` of an optax Adam, those of a small second moment.
    """
    for tau in dormant:
        checks.number("dormant", tau, low=0)
    counted = _Census(fn, data, axes or {}, mask, loss)
    moments = {} if optimizer_state is None else incoming.second_moments(optimizer_state)
    if load is None:
        return counted.table(parameters, batches, moments, dormant, per_unit)
    kept = list(batches)
    tables = [
        counted.table(load(name), kept, moments, dormant, per_unit).select(_label(name).alias("checkpoint"), pl.all())
        for name in parameters
    ]
    if not tables:
        raise UserError("parameters: with load= it takes the checkpoints' names, and there are none")
    return pl.concat(tables)


def _label(name: Any) -> pl.Expr:
    return pl.lit(name if isinstance(name, int | float) else str(name))


class _Census:
    """Counts batch by batch."""

    def __init__(
        self,
        fn: Callable[..., Any],
        data: Data | None,
        axes: Axes,
        mask: Callable[..., Any] | None,
        loss: Callable[..., Any] | None,
    ) -> None:
        self.fn, self.data, self.axes, self.mask, self.loss = fn, data, axes, mask, loss
        self.places: list[Place] = []
        self._programs: dict[Any, Callable[..., tuple[list[Tally], list[Any]]]] = {}

    def table(
        self,
        parameters: Any,
        batches: Iterable[Any],
        moments: Arrays,
        dormant: Sequence[float],
        per_unit: bool,
    ) -> pl.DataFrame:
        """Count all batches."""
        tallies: list[Tally] = []
        slopes: list[Any] = []
        idle: list[np.ndarray] = []  # inputs since each unit was last active, in whole batches
        for batch in batches:
            now, slope = self._counted((parameters, *batch) if isinstance(batch, tuple) else (parameters, batch))
            active = [np.asarray(tally.stats.active) for tally in now]
            seen = [np.broadcast_to(tally.stats.examples, tally.stats.active.shape) for tally in now]
            idle = idle or [np.zeros(flags.shape, np.int64) for flags in active]
            idle = [np.where(flags, 0, n + more) for n, flags, more in zip(idle, active, seen, strict=True)]
            tallies = [_both(*pair) for pair in zip(tallies, now, strict=True)] if tallies else now
            slopes = [one + other for one, other in zip(slopes, slope, strict=True)] if slopes else slope
        if not tallies:
            raise UserError("batches: there are none, or the function has no site; relubench.watch.explain tells why")
        arrays = incoming.by_path(parameters)
        gradients = dict(zip(arrays, slopes, strict=True)) if slopes else {}
        own = [Own.of(place, arrays, gradients, moments) for place in self.places]
        tables = [_of_units(*each, dormant) for each in zip(self.places, tallies, idle, own, strict=True)]
        if per_unit:
            return pl.concat(tables)
        return pl.concat([_of_site(*pair) for pair in zip(tables, tallies, strict=True)])

    def _counted(self, arguments: tuple[Any, ...]) -> tuple[list[Tally], list[Any]]:
        """Return the tallies of a batch, and with a loss its gradient by each parameter that has one.

        It is done by a compiled program, one for all arguments that differ in the numbers of their arrays alone.
        """
        leaves, tree = jax.tree.flatten(arguments)
        fixed = tuple(None if is_dynamic(leaf) else id(leaf) for leaf in leaves)
        if (tree, fixed) not in self._programs:
            self._programs[tree, fixed] = jax.jit(lambda arrays: self._count(tree, leaves, arrays))
        return self._programs[tree, fixed]([leaf if is_dynamic(leaf) else None for leaf in leaves])

    def _count(self, tree: Any, leaves: list[Any], arrays: list[Any]) -> tuple[list[Tally], list[Any]]:
        filled = [leaf if array is None else array for leaf, array in zip(leaves, arrays, strict=True)]
        arguments = jax.tree.unflatten(tree, filled)
        traced = Traced.of(self.fn, arguments, {}, self.data, self.axes)
        if self.places and [place.name for place in self.places] != [place.name for place in traced.places]:
            raise UserError("batches: two of them take different ways through the function; each needs its own census")
        self.places = traced.places
        weights = traced.weights(None if self.mask is None else self.mask(*arguments[1:]))
        return traced.run(Tallies(traced.views(), weights))[1], self._gradient(*arguments)

    def _gradient(self, parameters: Any, *batch: Any) -> list[Any]:
        if self.loss is None:
            return []
        loss, (leaves, tree) = self.loss, jax.tree.flatten(parameters)
        places = [n for n, leaf in enumerate(leaves) if incoming.has_gradient(leaf)]

        def of_moved(moved: list[Any]) -> Any:
            filled = list(leaves)
            for n, leaf in zip(places, moved, strict=True):
                filled[n] = leaf
            return loss(jax.tree.unflatten(tree, filled), *batch)

        return jax.grad(of_moved)([leaves[n] for n in places])


def _both(one: Tally, other: Tally) -> Tally:
    return Tallies.merge(jax.tree.map(lambda *x: jnp.stack(x), one, other))


def _of_units(place: Place, tally: Tally, idle: np.ndarray, own: Own, dormant: Sequence[float]) -> pl.DataFrame:
    """Return a row a unit."""
    stats, kind = tally.stats, place.stretch.kind
    shape = stats.active.shape
    width = shape[-1] if shape else 1
    examples = np.broadcast_to(stats.examples, shape)
    scales = np.asarray(magnitudes.scale(stats.min_h, stats.max_h), np.float64)
    highest = np.asarray(stats.max_z, np.float64)
    columns: dict[str, Any] = {
        "examples": examples,
        "dead": units.dead(stats),
        "dead_by_form": ~tally.by_form,
        "dead_by_bias": None if own.bias is None or kind not in HALF_FLAT else (highest <= 0) & (highest > own.bias),
        "silent": units.silent(stats),
        "saturated": units.saturated(stats),
        "linear": units.linear(stats) if kind in PIECEWISE_LINEAR else None,
        "constant": units.constant(stats),
    }
    for tau in dormant:
        columns[f"dormant_mean_{tau:g}"] = units.dormant(stats, tau)
        columns[f"dormant_sum_{tau:g}"] = units.dormant(stats, tau * width)
    columns |= {
        "gradient_dormant": _small(own.gradient),
        "moment_dormant": _small(own.moment),
        "duplicate": _duplicates(np.asarray(tally.products, np.float64)),
        "firing_rate": np.asarray(tally.fired) / np.maximum(examples, 1),
        "idle_examples": idle,
        "mean_size": np.asarray(stats.total_abs_h, np.float64) / scales / np.maximum(examples, 1),
        "max_slope": np.asarray(stats.max_abs_slope, np.float64),
        "min_z": np.asarray(stats.min_z, np.float64),
        "max_z": highest,
        "weight_norm": own.norm,
        "bias": own.bias,
    }
    places = np.indices(shape).reshape(len(shape), -1) if shape else np.zeros((1, 1), int)
    groups = [",".join(map(str, index)) for index in places[:-1].T] if len(shape) > 1 else [None] * places.shape[1]
    named = {"site": place.name, "source": place.source, "kind": kind}
    flat = {name: None if x is None else np.ravel(np.asarray(x)) for name, x in columns.items()}
    own_columns = {"group": pl.Series(groups, dtype=pl.String), "unit": places[-1]}
    table = pl.DataFrame(own_columns | flat, schema_overrides=_NULLS)
    return table.select(*(pl.lit(value).alias(name) for name, value in named.items()), pl.all())


#: Columns that a site may lack.
_NULLS = {
    "dead_by_bias": pl.Boolean, "linear": pl.Boolean, "gradient_dormant": pl.Boolean, "moment_dormant": pl.Boolean,
    "weight_norm": pl.Float64, "bias": pl.Float64,
}  # fmt: skip


def _small(sizes: np.ndarray | None) -> np.ndarray | None:
    """Return which units have at most `SMALL` of their layer's mean."""
    return None if sizes is None else sizes <= SMALL * sizes.mean(-1 if sizes.ndim else None, keepdims=True)


def _of_site(table: pl.DataFrame, tally: Tally) -> pl.DataFrame:
    """Return a row a layer, of its units' rows: how many units are what, and means over them."""
    flags = [name for name, kind in table.schema.items() if kind == pl.Boolean]
    rows = table.group_by("site", "source", "kind", "group", maintain_order=True).agg(
        pl.len().alias("units"),
        pl.col("examples").max(),
        # A flag that the site's kind does not have is null, not 0.
        *(pl.when(pl.col(name).is_null().all()).then(None).otherwise(pl.col(name).sum()).alias(name) for name in flags),
        pl.col("firing_rate").mean(),
        (pl.col("firing_rate") < HARDLY).sum().alias("fires_below_1_percent"),
        (pl.col("firing_rate") < RARELY).sum().alias("fires_below_5_percent"),
        pl.col("idle_examples").max(),
        pl.col("weight_norm").mean(),
        pl.col("bias").mean(),
    )
    products = np.asarray(tally.products, np.float64)
    ranks = [_ranks(layer) for layer in products.reshape(-1, *products.shape[-2:])]
    return rows.with_columns(
        pl.Series("effective_rank", [effective for effective, _ in ranks]),
        pl.Series("stable_rank", [stable for _, stable in ranks]),
    )


def _ranks(products: np.ndarray) -> tuple[float, float]:
    """Return the effective rank (Roy and Vetterli 2007) and the stable rank of a layer's activations; 0 of none."""
    squares = np.clip(np.linalg.eigvalsh(products), 0, None)
    if not squares.any():
        return 0.0, 0.0
    shares = np.sqrt(squares) / np.sqrt(squares).sum()
    shares = shares[shares > 0]
    return math.exp(-(shares * np.log(shares)).sum()), squares.sum() / squares.max()


def _duplicates(products: np.ndarray) -> np.ndarray:
    """Return which units have activations like those of an earlier unit of their layer; silent ones are like none."""
    lengths = np.sqrt(np.diagonal(products, axis1=-2, axis2=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = products / (lengths[..., None, :] * lengths[..., :, None])
    return (np.tril(cosines > DUPLICATE, -1)).any(-1)
