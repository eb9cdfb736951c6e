"""The learning rates at which the next full-batch step of plain SGD would kill each first-layer unit.

Under one step at rate r a first-layer pre-activation moves as z_i - r d_i with d_i = x_i dL/dw + dL/db (the second
oracle of `relubench.theory`); here inside the compiled program, there in NumPy float64. The gradient is clipped, and
the bias moves, as the run's optimiser has it; decays are left out, and a frozen layer does not move. Killed is a unit
with z <= 0 on every training input: dead for ReLU, silent for an activation that has a slope there.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from relubench import nn
from relubench.run.recorder import Context, at_probe, plane


def _first_layer_gradient(context: Context) -> tuple[Array, Array]:
    """Return the first layer's gradient (kernel, bias) on the whole training set, as one step would take it."""
    x, labels = context.whole_training_set()
    state, optimizer = context.state, context.setting.optimizer

    def objective(params: Any) -> Array:
        forward, _ = context.network(params, state.buffers, x, train=True)
        return nn.batch_loss(context.setting.loss, forward.output, labels)

    gradient = jax.grad(objective)(state.params)
    if optimizer.clip_norm is not None:
        gradient, _ = optax.clip_by_global_norm(optimizer.clip_norm).update(gradient, optax.EmptyState())
    structure = context.network.structure
    first = structure.incoming()[0]
    if first + 1 in optimizer.frozen:
        gradient = jax.tree.map(jnp.zeros_like, gradient)
    kernel, bias = structure.affine_layers(gradient)[first]
    return kernel, optimizer.bias_rate * bias


def _first_layer_move(context: Context) -> tuple[Array, Array]:
    """Return (z, its move a unit of rate): each [examples, units]."""
    x, _ = context.whole_training_set()
    kernel, bias = context.incoming()[0]
    gradient_kernel, gradient_bias = _first_layer_gradient(context)
    return x @ kernel + bias[None, :], x @ gradient_kernel + gradient_bias[None, :]


def _ends(z: Array, move: Array) -> tuple[Array, Array]:
    """Return the lowest and highest rate >= 0 at which every z - rate * move is <= 0: [units], (inf, 0) for never."""
    low = jnp.max(jnp.where(move > 0, z / jnp.where(move > 0, move, 1), -jnp.inf), 0)
    high = jnp.min(jnp.where(move < 0, z / jnp.where(move < 0, move, 1), jnp.inf), 0)
    low = jnp.maximum(low, 0)
    never = (low > high) | jnp.any((z > 0) & (move == 0), 0)
    return jnp.where(never, jnp.inf, low), jnp.where(never, 0, high)


@at_probe("deadly_rate", needs=plane)
def deadly_rate(context: Context) -> Array:
    """Return the lowest rate at which one step would kill each first-layer unit: [units], infinite for never."""
    return _ends(*_first_layer_move(context))[0]


@at_probe("deadly_rate_end", needs=plane)
def deadly_rate_end(context: Context) -> Array:
    """Return the highest rate at which one step would kill each first-layer unit: [units], 0 for never."""
    return _ends(*_first_layer_move(context))[1]
