"""How often each unit fires, and when first; its weights, and how fast it learns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from relubench import magnitudes, nn, units
from relubench.run.evaluate import once
from relubench.run.recorder import Context, at_probe, weights


@at_probe("unit_firing_rate")
def unit_firing_rate(context: Context) -> tuple[Array, ...]:
    """Return the share of the training examples on which each unit is active: [units] a layer."""
    examples = context.data.train_examples

    def part(x: Array, labels: Array, rows: Array) -> list[Array]:
        forward, _ = context.network(context.state.params, context.state.buffers, x, train=False)
        active = [jnp.any(slope != 0, tuple(range(1, slope.ndim - 1))) for _, _, slope in forward.hidden]
        return [jnp.sum(flags & once(rows)[:, None], 0) for flags in active]

    counts = context.over_training_set(part)
    return tuple(jnp.sum(of_layer, 0).astype(context.data.x.dtype) / examples for of_layer in counts)


def first_place(context: Context, on: Callable[[units.Layer], Array]) -> tuple[Array, ...]:
    """Return the place, from 0, of the first training example on which a unit is on: [units] a layer.

    `on` gives bool [examples, ..., units] of a layer. It is the number of examples where there is none.
    """
    examples = context.data.train_examples

    def part(x: Array, labels: Array, rows: Array) -> list[Array]:
        forward, _ = context.network(context.state.params, context.state.buffers, x, train=False)
        flags = [jnp.any(on(layer), tuple(range(1, layer.z.ndim - 1))) for layer in forward.hidden]
        return [jnp.min(jnp.where(flag, rows[:, None], examples), 0) for flag in flags]

    return tuple(jnp.min(first, 0) for first in context.over_training_set(part))


@at_probe("dead_on_first")
def dead_on_first(context: Context) -> tuple[Array, ...]:
    """Return the number of units dead on the first 1, 2, 4, ... training examples, and on all: [sizes] a layer."""
    examples = context.data.train_examples
    sizes = jnp.asarray([*(2**n for n in range((examples - 1).bit_length())), examples])
    first_active = first_place(context, lambda layer: layer.slope != 0)
    return tuple(jnp.sum(first[None, :] >= sizes[:, None], 1) for first in first_active)


@at_probe("unit_first_positive")
def unit_first_positive(context: Context) -> tuple[Array, ...]:
    """Return the place, from 0, of the first training example on which each unit's z is above 0: [units] a layer.

    So a unit is silent on the first n examples if it is n or more.
    """
    return first_place(context, lambda layer: layer.z > 0)


@at_probe("unit_gradient_norm", needs=weights)
def unit_gradient_norm(context: Context) -> tuple[Array, ...]:
    """Return the length of the gradient of each unit's weights and bias on the training set: [units] a layer."""
    x, labels = context.whole_training_set()

    def objective(params: Any) -> Array:
        forward, _ = context.network(params, context.state.buffers, x, train=False)
        return nn.batch_loss(context.setting.loss, forward.output, labels)

    structure = context.network.structure
    layers = structure.affine_layers(jax.grad(objective)(context.state.params))
    return tuple(unit_lengths(*layers[place]) for place in structure.incoming())


def unit_columns(kernel: Array, bias: Array) -> Array:
    """Return the incoming numbers of each unit, then the bias's: [inputs + 1, units]."""
    return jnp.concatenate([kernel.reshape(-1, kernel.shape[-1]), bias[None, :]])


def unit_lengths(kernel: Array, bias: Array) -> Array:
    """Return the length of each unit's incoming numbers and the bias's: [units]."""
    return magnitudes.length(unit_columns(kernel, bias), (0,))


@at_probe("unit_weights", needs=weights)
def unit_weights(context: Context) -> tuple[Array, ...]:
    """Return the incoming weights of each unit, then its bias: [inputs + 1, units] a layer; items count along units."""
    return tuple(unit_columns(*layer) for layer in context.incoming())
