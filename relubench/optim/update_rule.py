"""A run's whole update rule: the optimiser, the remedy around it, and the layers that stand still."""

from __future__ import annotations

from collections.abc import Callable

import optax
from jax import Array

from relubench import config, nn
from relubench.optim import remedies
from relubench.optim.optimizers import make_optimizer
from relubench.registry import Registry

#: (setting, the optimiser, key of the remedy's draws) -> the optimiser with the remedy
Wrapper = Callable[
    [config.Setting, optax.GradientTransformation, Array],
    optax.GradientTransformationExtraArgs,
]

REMEDIES: Registry[Wrapper] = Registry("remedy.name")

_LAYERS = remedies.AffineLayers(nn.affine_layers, nn.with_affine_layers)


def _initialize(setting: config.Setting) -> remedies.Initialize:
    last = len(setting.model.widths) + 1

    def draw(key: Array, layer: int, shape: tuple[int, ...]) -> tuple[Array, Array]:
        return nn.initialize(setting.model.init, key, shape, hidden=layer < last)

    return draw


@REMEDIES.register("none")
def _none(
    setting: config.Setting, inner: optax.GradientTransformation, key: Array
) -> optax.GradientTransformationExtraArgs:
    return optax.with_extra_args_support(inner)


@REMEDIES.register("redo")
def _redo(
    setting: config.Setting, inner: optax.GradientTransformation, key: Array
) -> optax.GradientTransformationExtraArgs:
    remedy = setting.remedy
    return remedies.redo(
        inner, layers=_LAYERS, initialize=_initialize(setting), key=key, tau=remedy.tau, period=remedy.period
    )


@REMEDIES.register("continual_backprop")
def _continual_backprop(
    setting: config.Setting, inner: optax.GradientTransformation, key: Array
) -> optax.GradientTransformationExtraArgs:
    remedy = setting.remedy
    return remedies.continual_backprop(
        inner,
        layers=_LAYERS,
        initialize=_initialize(setting),
        key=key,
        replacement_rate=remedy.replacement_rate,
        maturity=remedy.maturity,
        utility_decay=remedy.utility_decay,
    )


@REMEDIES.register("rerandomize")
def _rerandomize(
    setting: config.Setting, inner: optax.GradientTransformation, key: Array
) -> optax.GradientTransformationExtraArgs:
    remedy = setting.remedy
    return remedies.rerandomize(
        inner, layers=_LAYERS, initialize=_initialize(setting), key=key, period=remedy.period, freeze=remedy.freeze
    )


def make_update_rule(setting: config.Setting, key: Array) -> optax.GradientTransformationExtraArgs:
    """Return the update rule of a run; `key` is for the remedy's draws, the setting's knobs may be traced.

    `update` takes the hidden activations of the batch as `activations`: [examples, ..., units] a layer.
    """
    optimizer = make_optimizer(setting.optimizer, setting.train.steps, _LAYERS)
    rule = REMEDIES[setting.remedy.name](setting, optimizer, key)
    if setting.optimizer.frozen:
        rule = remedies.freeze(rule, layers=_LAYERS, frozen=setting.optimizer.frozen)
    return rule
