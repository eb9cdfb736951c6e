"""Remedies against dead units, as optax transformations for anybody's parameters.

Each wraps the transformation that turns gradients into steps, since what it resets it also resets there (the
moments), and each must be the outermost of its chain: a reset is exact only if nothing rescales it. `update` takes
`params`, and the hidden layers' `activations` of the batch, [examples, ..., units] each, before this update.
"""

from relubench.optim.remedies.continual_backprop import ContinualBackpropState, LayerRecord, continual_backprop
from relubench.optim.remedies.freeze import freeze
from relubench.optim.remedies.lens import PLAIN, AffineLayers, Initialize
from relubench.optim.remedies.redo import RedoState, redo
from relubench.optim.remedies.rerandomize import RerandomizeState, rerandomize

__all__ = [
    "PLAIN",
    "AffineLayers",
    "ContinualBackpropState",
    "Initialize",
    "LayerRecord",
    "RedoState",
    "RerandomizeState",
    "continual_backprop",
    "freeze",
    "redo",
    "rerandomize",
]
