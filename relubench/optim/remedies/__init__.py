"""Remedies against dead units, as optax transformations for anybody's parameters.

`decay` stands anywhere in a chain. Each of the others wraps the transformation that turns gradients into steps, since
what it resets it also resets there (the moments), and must be the outermost of its chain: a reset is exact only if
nothing rescales it. `update` takes `params`, and of the remedies that wrap also the hidden layers' `activations` of
the batch, [examples, ..., units] each, before this update. Arguments that don't fit are refused by name, at once or by
`init` and `update`; of a traced number only the shape is known, so it passes.
"""

from relubench.optim.remedies.choices import REMEDIES
from relubench.optim.remedies.continual_backprop import ContinualBackpropState, LayerRecord, continual_backprop
from relubench.optim.remedies.decay import decay
from relubench.optim.remedies.freeze import freeze
from relubench.optim.remedies.l2_init import L2InitState, l2_init
from relubench.optim.remedies.lens import PLAIN, AffineLayers, Initialize
from relubench.optim.remedies.periodic import PeriodicState
from relubench.optim.remedies.redo import redo
from relubench.optim.remedies.regrama import regrama
from relubench.optim.remedies.rerandomize import rerandomize
from relubench.optim.remedies.selective_weight_resets import selective_weight_resets
from relubench.optim.remedies.self_normalized_resets import (
    SelfNormalizedResetsState,
    SilenceRecord,
    self_normalized_resets,
)
from relubench.optim.remedies.shrink_and_perturb import shrink_and_perturb
from relubench.optim.remedies.wired import drawn_by, lens_of

__all__ = [
    "PLAIN",
    "REMEDIES",
    "AffineLayers",
    "ContinualBackpropState",
    "Initialize",
    "L2InitState",
    "LayerRecord",
    "PeriodicState",
    "SelfNormalizedResetsState",
    "SilenceRecord",
    "continual_backprop",
    "decay",
    "drawn_by",
    "freeze",
    "l2_init",
    "lens_of",
    "redo",
    "regrama",
    "rerandomize",
    "selective_weight_resets",
    "self_normalized_resets",
    "shrink_and_perturb",
]
