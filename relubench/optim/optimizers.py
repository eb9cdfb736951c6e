"""The update rules, by optax. Every number may be a traced scalar.

Order: clip the gradient's global norm, add the decays to the gradient (AdamW: after Adam's scaling), then
momentum or Adam or RMSprop, then the learning rate with its schedule, on biases times `bias_rate`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from relubench import config
from relubench.config import knob, static
from relubench.lazy import jnp, optax
from relubench.optim import remedies
from relubench.optim.counted import scale_by_counted_adam
from relubench.optim.schedules import schedule_factor
from relubench.registry import Registry

if TYPE_CHECKING:
    from jax.typing import ArrayLike

    #: (decay of the weights, and its own keys by name) -> what turns a gradient into a step of learning rate 1.
    Scaling = Callable[..., optax.GradientTransformation]

OPTIMIZERS: Registry[Scaling] = Registry("optimizer.name")
MOMENTUM = knob(0.9, "momentum", low=0.0, high=1.0)
COUNTS = static(
    "run", "whose steps the bias correction counts: also those of each unit from its reset on", choices=("run", "unit")
)


@OPTIMIZERS.register("sgd")
def _sgd(decay: optax.GradientTransformation) -> optax.GradientTransformation:
    return decay


@OPTIMIZERS.register("momentum", momentum=MOMENTUM)
def _momentum(decay: optax.GradientTransformation, momentum: ArrayLike) -> optax.GradientTransformation:
    return optax.chain(decay, optax.trace(decay=momentum))


@OPTIMIZERS.register("nesterov", momentum=MOMENTUM)
def _nesterov(decay: optax.GradientTransformation, momentum: ArrayLike) -> optax.GradientTransformation:
    return optax.chain(decay, optax.trace(decay=momentum, nesterov=True))


@OPTIMIZERS.register("adam", counts=COUNTS)
def _adam(decay: optax.GradientTransformation, counts: str) -> optax.GradientTransformation:
    return optax.chain(decay, _scale_by_adam(counts))


@OPTIMIZERS.register("adamw", counts=COUNTS)
def _adamw(decay: optax.GradientTransformation, counts: str) -> optax.GradientTransformation:
    return optax.chain(_scale_by_adam(counts), decay)


def _scale_by_adam(counts: str) -> optax.GradientTransformation:
    return optax.scale_by_adam() if counts == "run" else scale_by_counted_adam()


@OPTIMIZERS.register("rmsprop")
def _rmsprop(decay: optax.GradientTransformation) -> optax.GradientTransformation:
    return optax.chain(decay, optax.scale_by_rms(decay=0.99, eps_in_sqrt=False))  # PyTorch's convention


def _scale_biases(layers: remedies.AffineLayers, factor: ArrayLike) -> optax.GradientTransformation:
    """Multiply the updates of the affine biases by `factor`."""

    def update(updates: Any, params: Any = None) -> Any:
        return layers.set(updates, [(kernel, jnp.multiply(factor, bias)) for kernel, bias in layers.get(updates)])

    return optax.stateless(update)


def make_optimizer(
    optimizer: config.Optimizer, total_steps: int, layers: remedies.AffineLayers
) -> optax.GradientTransformation:
    """Return the optimiser of a run of `total_steps` updates; its knobs may be traced.

    `layers` finds the affine layers, whose kernels and biases have decays and rates of their own.
    """
    factor = schedule_factor(optimizer.schedule, total_steps)
    decay = remedies.decay(layers=layers, weights=optimizer.weight_decay, biases=optimizer.bias_decay)
    clip = [] if optimizer.clip_norm is None else [optax.clip_by_global_norm(optimizer.clip_norm)]
    return optax.chain(
        *clip,
        OPTIMIZERS[optimizer.name](decay, **OPTIMIZERS.own(optimizer)),
        optax.scale_by_schedule(lambda step: -optimizer.learning_rate * factor(step)),
        _scale_biases(layers, optimizer.bias_rate),
    )
