"""What dead, silent, saturated, dormant, linear and constant mean: pure functions of pre-activations.

A hidden unit is one scalar, or for a convolution one channel over all positions. Its pre-activation z is the
argument of the activation f; it is *active* on an example when the local slope f'(z) is not 0. All functions
take arrays whose last axis is the units and whose other axes are examples (and positions), and work on NumPy
and JAX arrays alike, inside and outside `jit` and `vmap`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

#: A unit is saturated when its slope stays within this on every input.
SATURATED_SLOPE = 1e-3
#: An output counts as the same for every input within this, relative to 1 + its largest magnitude.
COLLAPSE_TOLERANCE = 1e-6

_ACTIVE, _NON_FINITE = 1, 2


class UnitStats(NamedTuple):
    """What a set of inputs has shown of each unit; every field but `examples` is [units]."""

    active: Array  # bool: f'(z) != 0 on at least one input
    max_abs_slope: Array  # largest |f'(z)|
    min_z: Array
    max_z: Array
    min_h: Array  # smallest and largest activation f(z)
    max_h: Array
    total_abs_h: Array  # sum of |f(z)| over the inputs (and positions)
    examples: Array  # scalar: number of summands in `total_abs_h`


def observe(z: ArrayLike, h: ArrayLike, slope: ArrayLike, weight: ArrayLike | None = None) -> UnitStats:
    """Return the statistics of each unit over all axes but the last.

    `z` pre-activations, `h` = f(z) and `slope` = f'(z), each [examples, ..., units]; `weight` [examples] is 0 for
    an example that repeats another one (padding) and must not be summed again. With a non-finite z the
    statistics are meaningless: check `jnp.isfinite` of `min_z` and `max_z` (NaN propagates to both).
    """
    z, h, slope = jnp.asarray(z), jnp.asarray(h), jnp.asarray(slope)
    axes = tuple(range(z.ndim - 1))
    weights = jnp.ones(z.shape[0], h.dtype) if weight is None else jnp.asarray(weight, h.dtype)
    positions = z[0, ..., 0].size
    return UnitStats(
        active=jnp.any(slope != 0, axes),
        max_abs_slope=jnp.max(jnp.abs(slope), axes),
        min_z=jnp.min(z, axes),
        max_z=jnp.max(z, axes),
        min_h=jnp.min(h, axes),
        max_h=jnp.max(h, axes),
        total_abs_h=jnp.sum(jnp.abs(h) * jnp.expand_dims(weights, tuple(range(1, h.ndim))), axes),
        examples=jnp.sum(weights) * positions,
    )


def merge(parts: UnitStats) -> UnitStats:
    """Return the statistics over all parts, stacked along the first axis of every field, as one."""
    return UnitStats(
        active=jnp.any(parts.active, 0),
        max_abs_slope=jnp.max(parts.max_abs_slope, 0),
        min_z=jnp.min(parts.min_z, 0),
        max_z=jnp.max(parts.max_z, 0),
        min_h=jnp.min(parts.min_h, 0),
        max_h=jnp.max(parts.max_h, 0),
        total_abs_h=jnp.sum(parts.total_abs_h, 0),
        examples=jnp.sum(parts.examples, 0),
    )


def dead(stats: UnitStats) -> Array:
    """Active on no input: for ReLU z <= 0 everywhere (JAX takes f'(0) = 0). [units] bool."""
    return ~stats.active


def silent(stats: UnitStats) -> Array:
    """No input has z > 0, whatever the activation: a leaky unit can be silent but not dead. [units] bool."""
    return stats.max_z <= 0


def saturated(stats: UnitStats) -> Array:
    """|f'(z)| <= `SATURATED_SLOPE` on every input. [units] bool."""
    return stats.max_abs_slope <= SATURATED_SLOPE


def dormant(stats: UnitStats, tau: ArrayLike = 0.025) -> Array:
    """The mean |f(z)| is at most `tau` times the layer's mean (Sokar et al. 2023, definition 3.1). [units] bool."""
    mean = stats.total_abs_h / stats.examples
    return mean <= tau * jnp.mean(mean)


def linear(stats: UnitStats) -> Array:
    """Every input has z > 0: a piecewise-linear activation acts as a linear one. [units] bool."""
    return stats.min_z > 0


def constant(stats: UnitStats) -> Array:
    """The output does not vary over the inputs. [units] bool."""
    return stats.min_h == stats.max_h


def collapsed(min_output: ArrayLike, max_output: ArrayLike) -> Array:
    """Whether a network's output is the same for every input, from each output's extremes [outputs]. Scalar bool."""
    low, high = jnp.asarray(min_output), jnp.asarray(max_output)
    largest = jnp.maximum(jnp.abs(low), jnp.abs(high))
    return jnp.all(high - low <= COLLAPSE_TOLERANCE * (1 + largest))


def batch_flags(z: Array, slope: Array) -> tuple[Array, Array]:
    """Return (active on an example of this batch [units] bool, every z is finite, scalar bool).

    Both come from one pass over the batch: two bits an element, folded by a bitwise or. Comparisons alone would
    not do, as NaN > 0 and NaN <= 0 are both false.
    """
    code = jnp.where(slope != 0, _ACTIVE, 0) | jnp.where(jnp.isfinite(z), 0, _NON_FINITE)
    flags = lax.reduce(code, jnp.zeros((), code.dtype), lax.bitwise_or, tuple(range(z.ndim - 1)))
    return (flags & _ACTIVE) > 0, ~jnp.any((flags & _NON_FINITE) > 0)


class Counter(NamedTuple):
    """What training batches have shown of one layer's units so far."""

    last_active: Array  # int32 [units]: last step at which the unit was active on the batch; -1 for never
    revived_count: Array  # int32 [units]: activity after a silence that contains a whole epoch
    batch_dead: Array  # int32: batch-dead units, summed over the steps since the last probe


def new_counter(units: int) -> Counter:
    """Return the counter of a layer that has seen no batch."""
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
