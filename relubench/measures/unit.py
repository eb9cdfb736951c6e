"""Single units over time: which are dead, and where their decision planes lie."""

from __future__ import annotations

from jax import Array

from relubench import nn
from relubench.measures.base import Context, at_probe


@at_probe("unit_dead")
def unit_dead(context: Context) -> tuple[Array, ...]:
    """Return 1 for each unit that is dead on the training set, else 0: [units] a layer."""
    return context.dead_now()


@at_probe("plane_weights")
def plane_weights(context: Context) -> Array:
    """Return the kernel of the first layer: [features, units]; items count along the units first."""
    return nn.affine_layers(context.state.params)[0][0]


@at_probe("plane_bias")
def plane_bias(context: Context) -> Array:
    """Return the biases of the first layer: [units]."""
    return nn.affine_layers(context.state.params)[0][1]
