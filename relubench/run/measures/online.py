"""Loss and accuracy on the batches as they come, before each update: how well a run learns what is new to it."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from relubench import nn
from relubench.run.recorder import over_steps


@over_steps("online_loss")
def online_loss(forward: nn.Forward, loss: Array, labels: Array) -> Array:
    """Return the training loss of the batch."""
    return loss


@over_steps("online_accuracy")
def online_accuracy(forward: nn.Forward, loss: Array, labels: Array) -> Array:
    """Return the share of the batch that is classified correctly; NaN for real-valued targets."""
    return jnp.mean(nn.correct(forward.output, labels))
