"""What every run records of each unit at its last probe: the columns of units, each [units] a layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
from jax import Array

from relubench import magnitudes
from relubench.run.recorder import Context, column


@column("units")
def last_active(context: Context) -> Sequence[Array]:
    """Return the last step at which the unit was active on the batch; -1 for never."""
    return [counter.last_active for counter in context.state.counters]


@column("units")
def died_step(context: Context) -> Sequence[Array]:
    """Return the first probe of the unit's present spell of death; -1 while it is alive."""
    return context.died_step()


@column("units")
def revived_count(context: Context) -> Sequence[Array]:
    """Return how often the unit was active on a batch after a silence that contains a whole epoch."""
    return [counter.revived_count for counter in context.state.counters]


@column("units")
def dead_train(context: Context) -> Sequence[Array]:
    """Return whether the unit is dead on the training set."""
    return context.dead_now()


@column("units")
def margin(context: Context) -> Sequence[Array]:
    """Return -max z / |w|: how far the decision plane lies beyond the last input of the layer; NaN with a norm."""
    layers = zip(context.network.structure.hidden, context.train.hidden, weight_norm(context), strict=True)
    return [-stats.max_z / norm if hidden.affine else jnp.full_like(norm, jnp.nan) for hidden, stats, norm in layers]


@column("units")
def bias(context: Context) -> Sequence[Array]:
    """Return the unit's bias."""
    return _of_incoming(context, lambda kernel, bias: bias)


@column("units")
def weight_norm(context: Context) -> Sequence[Array]:
    """Return the length of the unit's incoming weights."""
    return _of_incoming(context, lambda kernel, bias: magnitudes.length(kernel, tuple(range(kernel.ndim - 1))))


def _of_incoming(context: Context, of: Callable[[Array, Array], Array]) -> list[Array]:
    """Return `of`(kernel, bias) of each hidden layer: [units]; NaN of one whose weights are not known."""
    affine, places = context.affine_layers(), [hidden.incoming for hidden in context.network.structure.hidden]
    return [
        jnp.full_like(stats.max_z, jnp.nan) if place is None else of(*affine[place])
        for stats, place in zip(context.train.hidden, places, strict=True)
    ]
