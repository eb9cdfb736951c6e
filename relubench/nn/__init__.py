"""Networks, activations, initialisers and losses."""

from relubench.nn.activations import ACTIVATIONS, activation, local_slope
from relubench.nn.initializers import INITIALIZERS, initialize
from relubench.nn.losses import LOSSES, batch_loss, correct
from relubench.nn.models import MODELS, Forward, HiddenLayer, Layer, Structure, build, structure

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "MODELS",
    "Forward",
    "HiddenLayer",
    "Layer",
    "Structure",
    "activation",
    "batch_loss",
    "build",
    "correct",
    "initialize",
    "local_slope",
    "structure",
]
