"""The loss of one example."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax import Array

from relubench.registry import Registry

#: A loss takes (output [examples, outputs], labels [examples] int) and returns the loss of each example [examples].
Loss = Callable[[Array, Array], Array]

LOSSES: Registry[Loss] = Registry("loss.name")


@LOSSES.register("cross_entropy")
def cross_entropy(output: Array, labels: Array) -> Array:
    """Softmax cross-entropy, in nats."""
    return optax.softmax_cross_entropy_with_integer_labels(output, labels)


@LOSSES.register("squared_error")
def squared_error(output: Array, labels: Array) -> Array:
    """Half the squared distance to the one-hot target, summed over the outputs."""
    target = jax.nn.one_hot(labels, output.shape[-1], dtype=output.dtype)
    return 0.5 * jnp.sum(jnp.square(output - target), -1)
