"""A run's whole update rule: the optimiser, the remedy around it, and the layers that stand still."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relubench import config, nn
from relubench.optim import remedies
from relubench.optim.optimizers import make_optimizer
from relubench.optim.remedies import REMEDIES

if TYPE_CHECKING:
    import optax
    from jax import Array

_LAYERS = remedies.AffineLayers(nn.affine_layers, nn.with_affine_layers)


def _initialize(setting: config.Setting) -> remedies.Initialize:
    last = len(setting.model.widths) + 1

    def draw(key: Array, layer: int, shape: tuple[int, ...]) -> tuple[Array, Array]:
        return nn.initialize(setting.model.init, key, shape, hidden=layer < last)

    return draw


def make_update_rule(setting: config.Setting, key: Array) -> optax.GradientTransformationExtraArgs:
    """Return the update rule of a run; `key` is for the remedy's draws, the setting's knobs may be traced.

    `update` takes the hidden activations of the batch as `activations`: [examples, ..., units] a layer.
    """
    optimizer = make_optimizer(setting.optimizer, setting.train.steps, _LAYERS)
    remedy, own = REMEDIES[setting.remedy.name], REMEDIES.own(setting.remedy)
    rule = remedy(optimizer, layers=_LAYERS, initialize=_initialize(setting), key=key, **own)
    if setting.optimizer.frozen:
        rule = remedies.freeze(rule, layers=_LAYERS, frozen=setting.optimizer.frozen)
    return rule
