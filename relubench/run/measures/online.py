"""Loss and accuracy on the batches as they come, before each update: how well a run learns what is new to it."""

from __future__ import annotations

import jax.numpy as jnp

from relubench import nn
from relubench.run.measures.base import MEASURES, OverSteps

MEASURES.register("online_loss")(OverSteps(lambda forward, loss, labels: loss))
MEASURES.register("online_accuracy")(
    OverSteps(lambda forward, loss, labels: jnp.mean(nn.correct(forward.output, labels)))
)
