"""The distribution of activations layer by layer, and how their second moment grows or dwindles."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from relubench import magnitudes
from relubench.run.evaluate import BLOCK
from relubench.run.recorder import Context, at_probe

#: Probabilities of the quantiles that a violin is drawn from.
PROBABILITIES = tuple(n / 40 for n in range(41))


def _activations(context: Context) -> list[Array]:
    """Return each layer's activations on the first examples of the training set: enough for a distribution."""
    x, _ = context.whole_training_set()
    forward, _ = context.network(context.state.params, context.state.buffers, x[:BLOCK], train=False)
    return [layer.h for layer in forward.hidden]


@at_probe("activation_quantiles")
def activation_quantiles(context: Context) -> tuple[Array, ...]:
    """Return the quantiles of all activations of a layer at `PROBABILITIES`: [41] a layer."""
    return tuple(jnp.quantile(h, jnp.asarray(PROBABILITIES, h.dtype)) for h in _activations(context))


@at_probe("second_moment")
def second_moment(context: Context) -> tuple[Array, ...]:
    """Return the mean square of all activations of a layer: a scalar a layer."""
    return tuple(magnitudes.mean_square(h) for h in _activations(context))


@at_probe("zero_share")
def zero_share(context: Context) -> tuple[Array, ...]:
    """Return the share of activations that are exactly 0: a scalar a layer."""
    return tuple(jnp.mean((h == 0).astype(h.dtype)) for h in _activations(context))
