"""Separate decay of weights and biases."""

from __future__ import annotations

from typing import Any

import optax
from jax.typing import ArrayLike

from relubench.optim.remedies.lens import AffineLayers, find


def decay(*, layers: AffineLayers, weights: ArrayLike, biases: ArrayLike) -> optax.GradientTransformation:
    """Return a transformation that adds `weights` times the affine kernels and `biases` times their biases.

    What is no affine layer's, such as a norm's parameters, doesn't decay. Before the rest of a chain it is an L2
    penalty; after Adam's scaling and before the learning rate it is AdamW's decay.

    Args:
        layers: how to find the affine layers.
        weights: the decay of the kernels; may be traced.
        biases: the decay of the biases; may be traced.
    """

    def update(updates: Any, params: Any = None) -> Any:
        decayed = [
            (kernel_step + weights * kernel, bias_step + biases * bias)
            for (kernel_step, bias_step), (kernel, bias) in zip(layers.get(updates), find(layers, params), strict=True)
        ]
        return layers.set(updates, decayed)

    return optax.stateless(update)
