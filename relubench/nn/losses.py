"""The loss of one example."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from relubench import config
from relubench.errors import UserError
from relubench.lazy import jax, jnp, optax
from relubench.registry import Registry

if TYPE_CHECKING:
    from jax import Array

    #: A loss takes (output [examples, outputs], labels [examples] int or targets [examples, outputs] float) and its own
    #: keys by name, and returns the loss of each example [examples].
    Loss = Callable[..., Array]

LOSSES: Registry[Loss] = Registry("loss.name")


def example_losses(loss: config.Loss, output: Array, labels: Array) -> Array:
    """Return the loss of each example, not scaled: [examples]."""
    return LOSSES[loss.name](output, labels, **LOSSES.own(loss))


def batch_loss(loss: config.Loss, output: Array, labels: Array) -> Array:
    """Return the training loss of a batch: the mean or sum over its examples, scaled. Scalar."""
    losses = example_losses(loss, output, labels)
    return (jnp.mean(losses) if loss.reduction == "mean" else jnp.sum(losses)) * loss.scale


def correct(output: Array, labels: Array) -> Array:
    """Return 1 for each example whose largest output is its class's, else 0; NaN for targets. [examples]."""
    if not _are_classes(labels):
        return jnp.full(output.shape[:1], jnp.nan, output.dtype)
    return (jnp.argmax(output, -1).astype(labels.dtype) == labels).astype(output.dtype)


def _are_classes(labels: Array) -> bool:
    return jnp.issubdtype(labels.dtype, jnp.integer)


@LOSSES.register("cross_entropy")
def cross_entropy(output: Array, labels: Array) -> Array:
    """Softmax cross-entropy, in nats."""
    if not _are_classes(labels):
        raise UserError("loss.name=cross_entropy: the data have real-valued targets; it takes loss.name=squared_error")
    return optax.softmax_cross_entropy_with_integer_labels(output, labels)


@LOSSES.register("squared_error")
def squared_error(output: Array, labels: Array) -> Array:
    """Half the squared distance to the target (one-hot for classes), summed over the outputs."""
    target = jax.nn.one_hot(labels, output.shape[-1], dtype=output.dtype) if _are_classes(labels) else labels
    return 0.5 * jnp.sum(jnp.square(output - target), -1)
