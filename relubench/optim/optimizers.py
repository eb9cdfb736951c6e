"""The update rules, by optax. Every number may be a traced scalar.

Order: clip the gradient's global norm, add the decays to the gradient (AdamW: after Adam's scaling), then
momentum or Adam or RMSprop, then the learning rate with its schedule, on biases times `bias_rate`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import optax
from jax import Array
from jax.typing import ArrayLike

from relubench import config
from relubench.nn import affine_mask
from relubench.optim.schedules import schedule_factor
from relubench.registry import Registry

#: (optimizer, decay of the weights) -> what turns a gradient into a step of learning rate 1.
Scaling = Callable[[config.Optimizer, optax.GradientTransformation], optax.GradientTransformation]

OPTIMIZERS: Registry[Scaling] = Registry("optimizer.name")


@OPTIMIZERS.register("sgd")
def _sgd(optimizer: config.Optimizer, decay: optax.GradientTransformation) -> optax.GradientTransformation:
    return decay


@OPTIMIZERS.register("momentum")
def _momentum(optimizer: config.Optimizer, decay: optax.GradientTransformation) -> optax.GradientTransformation:
    return optax.chain(decay, optax.trace(decay=optimizer.momentum))


@OPTIMIZERS.register("nesterov")
def _nesterov(optimizer: config.Optimizer, decay: optax.GradientTransformation) -> optax.GradientTransformation:
    return optax.chain(decay, optax.trace(decay=optimizer.momentum, nesterov=True))


@OPTIMIZERS.register("adam")
def _adam(optimizer: config.Optimizer, decay: optax.GradientTransformation) -> optax.GradientTransformation:
    return optax.chain(decay, optax.scale_by_adam())


@OPTIMIZERS.register("adamw")
def _adamw(optimizer: config.Optimizer, decay: optax.GradientTransformation) -> optax.GradientTransformation:
    return optax.chain(optax.scale_by_adam(), decay)


@OPTIMIZERS.register("rmsprop")
def _rmsprop(optimizer: config.Optimizer, decay: optax.GradientTransformation) -> optax.GradientTransformation:
    return optax.chain(decay, optax.scale_by_rms(decay=0.99, eps_in_sqrt=False))  # PyTorch's convention


def _decay(weight_decay: ArrayLike, bias_decay: ArrayLike) -> optax.GradientTransformation:
    """Add `weight_decay` times the affine kernels and `bias_decay` times their biases to the update."""

    def update(updates: Any, state: optax.EmptyState, params: Any = None) -> tuple[Any, optax.EmptyState]:
        kernels, biases = affine_mask(params, "kernel"), affine_mask(params, "bias")

        def add(update: Array, value: Array, is_kernel: bool, is_bias: bool) -> Array:
            return update + weight_decay * value if is_kernel else update + bias_decay * value if is_bias else update

        return jax.tree.map(add, updates, params, kernels, biases), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def _scale_biases(factor: ArrayLike) -> optax.GradientTransformation:
    """Multiply the updates of the affine biases by `factor`."""

    def update(updates: Any, params: Any = None) -> Any:
        biases = affine_mask(updates, "bias")
        return jax.tree.map(lambda leaf, is_bias: factor * leaf if is_bias else leaf, updates, biases)

    return optax.stateless(update)


def make_optimizer(optimizer: config.Optimizer, total_steps: int) -> optax.GradientTransformation:
    """Return the optimiser of a run of `total_steps` updates; its knobs may be traced."""
    factor = schedule_factor(optimizer.schedule, total_steps)
    decay = _decay(optimizer.weight_decay, optimizer.bias_decay)
    clip = [] if optimizer.clip_norm is None else [optax.clip_by_global_norm(optimizer.clip_norm)]
    return optax.chain(
        *clip,
        OPTIMIZERS[optimizer.name](optimizer, decay),
        optax.scale_by_schedule(lambda step: -optimizer.learning_rate * factor(step)),
        _scale_biases(optimizer.bias_rate),
    )
