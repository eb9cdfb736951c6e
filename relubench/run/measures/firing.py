"""How often each unit fires, and how fast it learns."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from relubench import nn
from relubench.run.recorder import Context, at_probe


@at_probe("unit_firing_rate")
def unit_firing_rate(context: Context) -> tuple[Array, ...]:
    """Return the share of the training examples on which each unit is active: [units] a layer."""
    examples = context.data.train_examples

    def part(x: Array, labels: Array, rows: Array) -> list[Array]:
        forward, _ = context.network(context.state.params, context.state.buffers, x, train=False)
        # A block may repeat an example at its end: each row counts once, where it stands first.
        first = jnp.argmax(rows[None, :] == rows[:, None], 1) == jnp.arange(len(rows))
        active = [jnp.any(slope != 0, tuple(range(1, slope.ndim - 1))) for _, _, slope in forward.hidden]
        return [jnp.sum(flags & first[:, None], 0) for flags in active]

    counts = context.over_training_set(part)
    return tuple(jnp.sum(of_layer, 0).astype(context.data.x.dtype) / examples for of_layer in counts)


@at_probe("unit_gradient_norm")
def unit_gradient_norm(context: Context) -> tuple[Array, ...]:
    """Return the length of the gradient of each unit's weights and bias on the training set: [units] a layer."""
    x, labels = context.whole_training_set()

    def objective(params: Any) -> Array:
        forward, _ = context.network(params, context.state.buffers, x, train=False)
        return nn.batch_loss(context.setting.loss, forward.output, labels)

    structure = context.network.structure
    layers = structure.affine_layers(jax.grad(objective)(context.state.params))
    return tuple(_length(*layers[hidden.incoming]) for hidden in structure.hidden)


def _length(kernel: Array, bias: Array) -> Array:
    return jnp.sqrt(jnp.sum(jnp.square(kernel), tuple(range(kernel.ndim - 1))) + jnp.square(bias))
