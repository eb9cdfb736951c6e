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


def make_update_rule(
    setting: config.Setting, structure: nn.Structure, key: Array
) -> optax.GradientTransformationExtraArgs:
    """Return the update rule of a run; `key` is for the remedy's draws, the setting's knobs may be traced.

    `update` takes the hidden activations of the batch as `activations`: [examples, ..., units] a layer.
    """
    name = setting.remedy.name
    layers = remedies.AffineLayers.of(
        structure.affine_layers, structure.with_affine_layers, structure.hidden, f"remedy.name={name}: "
    )
    optimizer = make_optimizer(setting.optimizer, setting.train.steps, layers)
    remedy, own = REMEDIES[name], REMEDIES.own(setting.remedy)
    rule = remedy(optimizer, layers=layers, initialize=structure.draw, key=key, **own)
    if setting.optimizer.frozen:
        rule = remedies.freeze(rule, layers=layers, frozen=setting.optimizer.frozen)
    return rule
