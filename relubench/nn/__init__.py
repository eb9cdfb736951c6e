"""Networks, activations, initialisers and losses."""

import sys

from relubench import registry
from relubench.nn.activations import ACTIVATIONS, activation, local_slope, value_and_slope
from relubench.nn.initializers import INITIALIZERS, initialize
from relubench.nn.losses import LOSSES, batch_loss, correct, example_losses
from relubench.nn.models import MODELS, Forward, HiddenLayer, Structure, build

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "MODELS",
    "Forward",
    "HiddenLayer",
    "Structure",
    "activation",
    "batch_loss",
    "build",
    "correct",
    "example_losses",
    "initialize",
    "local_slope",
    "value_and_slope",
]

registry.load(sys.modules[__name__], but=["functions", "modules", "networks"])
