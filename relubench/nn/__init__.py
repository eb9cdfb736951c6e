"""Networks, activations, initialisers and losses."""

from relubench.nn.activations import ACTIVATIONS, local_slope
from relubench.nn.initializers import INITIALIZERS, initialize
from relubench.nn.losses import LOSSES
from relubench.nn.models import MODELS, Forward, Layer, affine_layers, affine_mask, build

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "MODELS",
    "Forward",
    "Layer",
    "affine_layers",
    "affine_mask",
    "build",
    "initialize",
    "local_slope",
]
