"""What dead, silent, saturated, dormant, linear and constant mean: pure functions of pre-activations.

A hidden unit is one scalar, or for a convolution one channel over all positions. Its pre-activation z is the
argument of the activation f; it is *active* on an example when the local slope f'(z) is not 0. All functions
take arrays whose last axis is the units and whose other axes are examples (and positions), and work on NumPy
and JAX arrays of any precision, inside and outside `jit` and `vmap`. Sums are taken in float32 at least; as
everywhere in JAX, float64 stays what it is only with `jax_enable_x64`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from relubench import checks, magnitudes
from relubench.errors import UserError
from relubench.lazy import jax, jnp

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike

#: A unit is saturated when its slope stays within this on every input.
SATURATED_SLOPE = 1e-3
#: An output counts as the same for every input within this, relative to 1 + its largest magnitude.
COLLAPSE_TOLERANCE = 1e-6
#: With weights up to this, sums over 2^31 examples of any size stay finite in float32.
LARGEST_WEIGHT = 2.0**32


class Layer(NamedTuple):
    """One hidden layer on a batch; each field is [examples, units], or with positions in between."""

    z: Array  # pre-activation: the argument of the activation, after the norm
    h: Array  # activation
    slope: Array  # f'(z)


class UnitStats(NamedTuple):
    """What a set of inputs has shown of each unit; every field but `examples` is [units], [layers, units] and so on."""

    active: Array  # bool: f'(z) != 0 on at least one input
    max_abs_slope: Array  # largest |f'(z)|
    min_z: Array
    max_z: Array
    min_h: Array  # smallest and largest activation f(z)
    max_h: Array
    total_abs_h: Array  # sum of |f(z)| over the inputs (and positions), times the `magnitudes.scale` of its extremes
    #: Summands of `total_abs_h`, a whole number; the sum of their weights if those are floats. A scalar, or shaped like
    #: the others where units have seen different examples.
    examples: Array


def observe(
    z: ArrayLike, h: ArrayLike, slope: ArrayLike, weight: ArrayLike | None = None, *, axis: int = -1
) -> UnitStats:
    """Return the statistics of each unit over all axes but that of the units, `axis`.

    `z` pre-activations, `h` = f(z) and `slope` = f'(z), each [examples, ..., units], or [units] for one example.
    `weight` is [examples], or [examples, time] and so on: the first of the axes of z that are not the units'; or it has
    as many axes as z, each as long or of length 1, where units have seen different examples (`examples` is then
    [units]). What has weight 0 (padding) is not there at all, whatever its numbers; other weights count in the mean of
    |h|, are at most `LARGEST_WEIGHT`, and lose their effect where all are below its inverse. With nothing there, they
    are those that change no others when merged. With a non-finite z they are meaningless: check `jnp.isfinite` of
    `min_z` and `max_z` (NaN propagates to both).
    """
    z, h, slope = _arrays(z=z, h=h, slope=slope)
    axes = _all_but(axis, z)
    there = None if weight is None else _nonzero(_weights(weight, z.shape, axis))
    min_h, max_h = _smallest(h, axes, there), _largest(h, axes, there)
    total_abs_h, examples = sum_abs(h, min_h, max_h, weight, axis=axis)
    max_abs_slope = jnp.max(jnp.abs(magnitudes.floating(slope)), axes, initial=0, where=there)
    return UnitStats(
        active=_nonzero(max_abs_slope),
        max_abs_slope=max_abs_slope,
        min_z=_smallest(z, axes, there),
        max_z=_largest(z, axes, there),
        min_h=min_h,
        max_h=max_h,
        total_abs_h=total_abs_h,
        examples=examples,
    )


def sum_abs(
    h: Array, min_h: Array, max_h: Array, weight: ArrayLike | None = None, *, axis: int = -1
) -> tuple[Array, Array]:
    """Return (`total_abs_h`, `examples`) of activations [examples, ..., units] with these extremes."""
    axes = _all_but(axis, h)
    size = magnitudes.scaled(h, jnp.expand_dims(magnitudes.scale(min_h, max_h), axes))
    weights = jnp.ones((1,) * h.ndim, bool)
    if weight is not None:
        weights = _weights(weight, h.shape, axis)
        weighted = size if weights.dtype == bool else size * weights.astype(size.dtype)
        size = jnp.where(_nonzero(weights), weighted, 0)
    lengths = [1 if place == axis % h.ndim and weights.shape[axis] == 1 else n for place, n in enumerate(h.shape)]
    examples = _total(jnp.broadcast_to(weights, lengths), axes)
    return _sums(size, axis), examples if weights.shape[axis] > 1 else examples.reshape(())


def merge(parts: UnitStats) -> UnitStats:
    """Return the statistics over all parts, stacked along the first axis of every field, as one.

    Units may have more axes than one: (parts, layers, units) becomes (layers, units).
    """
    parts = UnitStats(*map(jnp.asarray, parts))
    if parts.examples.shape not in (parts.active.shape[:1], parts.active.shape) or not parts.active.ndim:
        raise UserError(
            f"parts.active has shape {parts.active.shape} and parts.examples {parts.examples.shape}: it takes "
            "(parts, units) and (parts,), every field stacked along an axis"
        )
    min_h, max_h = _smallest(parts.min_h, (0,)), _largest(parts.max_h, (0,))
    rescale = magnitudes.scale(min_h, max_h)[None] / magnitudes.scale(parts.min_h, parts.max_h)
    return UnitStats(
        active=jnp.any(parts.active, 0),
        max_abs_slope=jnp.max(parts.max_abs_slope, 0, initial=0),
        min_z=_smallest(parts.min_z, (0,)),
        max_z=_largest(parts.max_z, (0,)),
        min_h=min_h,
        max_h=max_h,
        total_abs_h=jnp.sum(parts.total_abs_h * rescale, 0),
        examples=_total(parts.examples, 0),
    )


def nothing(like: UnitStats) -> UnitStats:
    """Return the statistics of no input at all, for as many units as `like` has: they change no others when merged."""
    numbers = {
        "active": False, "max_abs_slope": 0, "min_z": math.inf, "max_z": -math.inf, "min_h": math.inf,
        "max_h": -math.inf, "total_abs_h": 0, "examples": 0,
    }  # fmt: skip
    return UnitStats(**{name: jnp.full(x.shape, numbers[name], x.dtype) for name, x in like._asdict().items()})


def beside(parts: UnitStats) -> UnitStats:
    """Return statistics of different units, stacked along the first axis of every field, as those of all of them."""
    missing = parts.active.ndim - parts.examples.ndim
    examples = parts.examples.reshape(parts.examples.shape + (1,) * missing)
    return parts._replace(examples=jnp.broadcast_to(examples, parts.active.shape))


def joined(parts: UnitStats, axis: int) -> UnitStats:
    """Return statistics of units that follow each other along `axis` of theirs, stacked along the first axis."""
    along = jax.tree.map(lambda x: jnp.moveaxis(x, 0, axis), beside(parts))
    shape = list(parts.active.shape[1:])
    shape[axis] = -1
    return jax.tree.map(lambda x: x.reshape(shape), along)


def dead(stats: UnitStats) -> Array:
    """Active on no input: for ReLU z <= 0 everywhere (JAX takes f'(0) = 0). [units] bool."""
    return ~stats.active


def silent(stats: UnitStats) -> Array:
    """No input has z > 0, whatever the activation: a leaky unit can be silent but not dead. [units] bool."""
    return stats.max_z <= 0


def saturated(stats: UnitStats) -> Array:
    """|f'(z)| <= `SATURATED_SLOPE` on every input. [units] bool."""
    return magnitudes.floating(stats.max_abs_slope) <= SATURATED_SLOPE


def dormant(stats: UnitStats, tau: ArrayLike = 0.025) -> Array:
    """The mean |f(z)| is at most `tau` times the layer's mean (Sokar et al. 2023, definition 3.1). [units] bool.

    Of units with more axes than one, the last is a layer's: [layers, units], [members, units].
    """
    checks.number("tau", tau, low=0)
    scales = magnitudes.scale(stats.min_h, stats.max_h)
    total, examples = jnp.asarray(stats.total_abs_h), jnp.asarray(stats.examples)
    mean = total / jnp.where(examples > 0, examples, 1).astype(total.dtype)
    layer = -1 if mean.ndim else None
    mean = mean * (jnp.min(scales, layer, keepdims=True) / scales)  # all with the scale of the largest
    return mean <= tau * jnp.mean(mean, layer, keepdims=True)


def linear(stats: UnitStats) -> Array:
    """Every input has z > 0: a piecewise-linear activation acts as a linear one. [units] bool."""
    return stats.min_z > 0


def constant(stats: UnitStats) -> Array:
    """The output does not vary over the inputs. [units] bool."""
    return stats.min_h == stats.max_h


#: What a unit is by its statistics alone. Of each, layers.parquet has a column NAME_train: how many units are.
DEFINITIONS = {"dead": dead, "silent": silent, "saturated": saturated, "linear": linear, "constant": constant}


def collapsed(min_output: ArrayLike, max_output: ArrayLike) -> Array:
    """Whether a network's output is the same for every input, from each output's extremes [outputs]. Scalar bool."""
    low, high = (
        magnitudes.floating(checks.numbers(name, x))
        for name, x in (("min_output", min_output), ("max_output", max_output))
    )
    checks.same_shape("max_output", high, "min_output", low)
    largest = jnp.maximum(jnp.abs(low), jnp.abs(high))
    return jnp.all(high - low <= COLLAPSE_TOLERANCE * (1 + largest))


def batch_flags(z: ArrayLike, slope: ArrayLike, *, axis: int = -1) -> tuple[Array, Array]:
    """Return (active on an example of this batch [units] bool, every z is finite, scalar bool).

    Both come from one pass over the batch: the number of active examples, or NaN. Comparisons alone would not do, as
    NaN > 0 and NaN <= 0 are both false. A unit with a z that is not finite counts as active.
    """
    z, slope = _arrays(z=z, slope=slope)
    active = magnitudes.floating(_nonzero(slope))
    seen = jnp.where(jnp.isfinite(z), active, jnp.nan)
    counts = _sums(seen, axis)
    return ~(counts <= 0), ~jnp.any(jnp.isnan(counts))


class Counter(NamedTuple):
    """What training batches have shown of one layer's units so far."""

    last_active: Array  # int32 [units]: last step at which the unit was active on the batch; -1 for never
    revived_count: Array  # int32 [units]: activity after a silence that contains a whole epoch
    batch_dead: Array  # int32: batch-dead units, summed over the steps since the last probe


def new_counter(units: int | tuple[int, ...]) -> Counter:
    """Return the counter of so many units, or of units in this shape, that have seen no batch."""
    return Counter(jnp.full(units, -1, jnp.int32), jnp.zeros(units, jnp.int32), jnp.zeros((), jnp.int32))


def count(counter: Counter, active: Array, step: Array, epoch_steps: int) -> Counter:
    """Return the counter after one more batch: `active` [units] bool at `step` (from 0).

    A revival is counted when the silence before it covers an epoch from its first batch to its last, that is
    when the first epoch that starts after `last_active` has ended before `step`.
    """
    first_silent = counter.last_active + 1
    next_epoch = -(-first_silent // epoch_steps) * epoch_steps
    revived = active & (next_epoch + epoch_steps <= step)
    return Counter(
        last_active=jnp.where(active, step, counter.last_active),
        revived_count=counter.revived_count + revived.astype(jnp.int32),
        batch_dead=counter.batch_dead + jnp.sum(~active, dtype=jnp.int32),
    )


def isfinite_tree(tree: object) -> Array:
    """Whether every number of a tree of arrays is finite. Scalar bool."""
    leaves = jax.tree.leaves(tree)
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in leaves]))


def _nonzero(x: Array) -> Array:
    return x != jnp.zeros_like(x)


def _smallest(x: Array, axes: Sequence[int], there: Array | None = None) -> Array:
    """Return the smallest of what is there; of nothing, what exceeds everything."""
    return jnp.min(x, axes, initial=_limits(x.dtype)[1], where=there)


def _largest(x: Array, axes: Sequence[int], there: Array | None = None) -> Array:
    return jnp.max(x, axes, initial=_limits(x.dtype)[0], where=there)


def _limits(dtype: Any) -> tuple[float, float]:
    """Return the numbers of a type that no other is below or above."""
    if jnp.issubdtype(dtype, jnp.integer):
        return jnp.iinfo(dtype).min, jnp.iinfo(dtype).max
    return (False, True) if jnp.issubdtype(dtype, jnp.bool_) else (-math.inf, math.inf)


def _arrays(**given: ArrayLike) -> list[Array]:
    """Return the arrays of a layer, z first, whose shapes must be one."""
    arrays = {name: checks.numbers(name, array) for name, array in given.items()}
    if arrays["z"].ndim == 0:
        raise UserError("z has shape (): it takes (examples, ..., units), or (units,) for one example")
    for name, array in arrays.items():
        checks.same_shape(name, array, "z", arrays["z"])
    return list(arrays.values())


def _sums(x: Array, axis: int) -> Array:
    """Return the sums over all axes but `axis`, by a product with ones: XLA's other sums take several times as long."""
    if axis % x.ndim == 0:
        x = x.reshape(x.shape[0], math.prod(x.shape[1:]))
        return jnp.matmul(x, jnp.ones(x.shape[1], x.dtype), precision="highest")
    x = jnp.moveaxis(x, axis, -1)
    x = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    return jnp.matmul(jnp.ones(x.shape[0], x.dtype), x, precision="highest")


def _all_but(axis: int, x: Array) -> tuple[int, ...]:
    return tuple(place for place in range(x.ndim) if place != axis % x.ndim)


def _weights(weight: ArrayLike, shape: tuple[int, ...], axis: int) -> Array:
    """Return weights for numbers of this shape, to be broadcast to it: bool, whole, or float32 at least."""
    array = checks.numbers("weight", weight)
    others = tuple(length for place, length in enumerate(shape) if place != axis % len(shape))
    allowed = [others[:n] for n in range(1, len(shape))] or [()]
    is_whole = array.ndim == len(shape) and all(n in {1, length} for n, length in zip(array.shape, shape, strict=True))
    if array.shape not in allowed and not is_whole:
        shapes = " or ".join(map(str, [*allowed, shape]))
        raise UserError(f"weight has shape {array.shape}: it takes {shapes}, the first axes of z or all")
    checks.all_within("weight", array, 0, LARGEST_WEIGHT)
    if jnp.issubdtype(array.dtype, jnp.floating):
        array = magnitudes.floating(array)
    if is_whole:
        return array
    return jnp.expand_dims(array.reshape(array.shape + (1,) * (len(others) - array.ndim)), axis)


def _total(numbers: Array, axis: int | tuple[int, ...] | None = None) -> Array:
    """Return a sum; of whole numbers the exact one, as far as integers go."""
    if jnp.issubdtype(numbers.dtype, jnp.floating):
        return jnp.sum(magnitudes.floating(numbers), axis)
    dtype = jnp.result_type(int)
    most = jnp.iinfo(dtype).max
    return jnp.where(jnp.sum(numbers, axis, dtype=jnp.float32) < most, jnp.sum(numbers, axis, dtype=dtype), most)
