"""Networks, activations, initialisers and losses."""

from relubench.nn.activations import ACTIVATIONS, activation, local_slope
from relubench.nn.initializers import INITIALIZERS, initialize
from relubench.nn.losses import LOSSES, batch_loss, correct
from relubench.nn.models import MODELS, Forward, Layer, affine_layers, build, with_affine_layers

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "MODELS",
    "Forward",
    "Layer",
    "activation",
    "affine_layers",
    "batch_loss",
    "build",
    "correct",
    "initialize",
    "local_slope",
    "with_affine_layers",
]
