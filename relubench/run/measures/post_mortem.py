"""A post-mortem of dead units: what killed them, on which sets they are dead, and whether they are missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from relubench.run.recorder import Context, at_probe, between, weights


def which_died(context: Context) -> tuple[Array, ...]:
    """Return which units are dead and were alive at birth: [units] bool a layer."""
    return tuple(now & ~then for now, then in zip(context.dead_now(), context.dead_at_birth, strict=True))


def with_one_part(
    context: Context, params: Any, others: Sequence[tuple[Array, Array]], place: int, *, kernel: bool
) -> Any:
    """Return `params` with the kernel, or bias, of the hidden layer `place` that it has among `others`."""
    structure = context.network.structure
    layers, affine = structure.affine_layers(params), structure.incoming()[place]
    (own_kernel, own_bias), (other_kernel, other_bias) = layers[affine], others[affine]
    layers[affine] = (other_kernel, own_bias) if kernel else (own_kernel, other_bias)
    return structure.with_affine_layers(params, layers)


@at_probe("died")
def died(context: Context) -> tuple[Array, ...]:
    """Return the number of units that are dead and were alive at birth: a scalar a layer."""
    return tuple(jnp.sum(units) for units in which_died(context))


def _still_dead(context: Context, swap_kernel: bool) -> tuple[Array, ...]:
    """Return which units that died stay dead with the kernel (or bias) of birth on their present inputs: a layer."""
    at_birth = context.layers_at_birth()
    still_dead = []
    for place, died in enumerate(which_died(context)):
        # One layer at a time: the layers below keep what they are, so that the unit sees its present inputs.
        swapped = with_one_part(context, context.state.params, at_birth, place, kernel=swap_kernel)
        still_dead.append(died & context.dead(swapped)[place])
    return tuple(still_dead)


@at_probe("died_by_bias", needs=weights)
def died_by_bias(context: Context) -> tuple[Array, ...]:
    """Return the number of units that died and whose bias suffices: dead with the weights of birth as well."""
    return tuple(jnp.sum(units) for units in _still_dead(context, swap_kernel=True))


@at_probe("died_by_weights", needs=weights)
def died_by_weights(context: Context) -> tuple[Array, ...]:
    """Return the number of units that died and whose weights suffice: dead with the bias of birth as well."""
    return tuple(jnp.sum(units) for units in _still_dead(context, swap_kernel=False))


@at_probe("died_by_either", needs=weights)
def died_by_either(context: Context) -> tuple[Array, ...]:
    """Return the number of units that died and for which the bias suffices, and the weights do: a scalar a layer."""
    by_bias, by_weights = (_still_dead(context, swap_kernel) for swap_kernel in (True, False))
    return tuple(jnp.sum(bias & weights) for bias, weights in zip(by_bias, by_weights, strict=True))


@at_probe("masked_changes", needs=between)
def masked_changes(context: Context) -> Array:
    """Return how many outputs on the training set change a bit when all dead units' outgoing weights are set to 0."""
    structure, masked = context.network.structure, context.affine_layers()
    for dead, hidden in zip(context.dead_now(), structure.hidden, strict=True):
        for place in hidden.outgoing:
            kernel, bias = masked[place]
            masked[place] = (jnp.where(dead.reshape(*(1,) * (kernel.ndim - 2), -1, 1), 0, kernel), bias)
    params = structure.with_affine_layers(context.state.params, masked)

    def part(x: Array, labels: Array, rows: Array) -> Array:
        outputs = [
            context.network(weights, context.state.buffers, x, train=False)[0].output
            for weights in (context.state.params, params)
        ]
        words = jnp.uint64 if outputs[0].dtype.itemsize == 8 else jnp.uint32
        bits = [lax.bitcast_convert_type(output, words) for output in outputs]
        return jnp.sum(bits[0] != bits[1])

    return jnp.sum(context.over_training_set(part))
