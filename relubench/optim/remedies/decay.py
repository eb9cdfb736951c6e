"""Separate decay of weights and biases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relubench import checks
from relubench.lazy import jnp, optax
from relubench.optim.remedies.lens import AffineLayers, check_lens, check_start, find

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike


def decay(*, layers: AffineLayers, weights: ArrayLike, biases: ArrayLike) -> optax.GradientTransformation:
    """Return a transformation that adds `weights` times the affine kernels and `biases` times their biases.

    What is no affine layer's, such as a norm's parameters, doesn't decay. Before the rest of a chain it is an L2
    penalty; after Adam's scaling and before the learning rate it is AdamW's decay.

    Args:
        layers: how to find the affine layers.
        weights: the decay of the kernels; may be traced.
        biases: the decay of the biases; may be traced.
    """
    check_lens(layers)
    checks.number("weights", weights, low=0)
    checks.number("biases", biases, low=0)

    def init(params: Any) -> optax.EmptyState:
        check_start(find, layers, params)
        return optax.EmptyState()

    def update(updates: Any, state: optax.EmptyState, params: Any = None) -> tuple[Any, optax.EmptyState]:
        affine, steps = find(layers, params, updates)
        decayed = [
            (kernel_step + _times(weights, kernel), bias_step + _times(biases, bias))
            for (kernel_step, bias_step), (kernel, bias) in zip(steps, affine, strict=True)
        ]
        return layers.set(updates, decayed), state

    return optax.GradientTransformation(init, update)


def _times(factor: ArrayLike, array: Array) -> Array:
    return jnp.asarray(factor, array.dtype) * array
