"""A residual MLP: blocks that add to a stream of constant width (He et al. 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relubench import config
from relubench.config import static
from relubench.nn import parts
from relubench.nn.models import MODELS, layer_keys

if TYPE_CHECKING:
    from jax import Array

STREAM = static(64, "numbers that blocks read and add to", low=1)


@MODELS.register("residual_mlp", reads=("widths", "activation", "init"), stream=STREAM)
def _residual_mlp(key: Array, model: config.Model, features: int, outputs: int, stream: int) -> Any:
    """Return blocks x + W2 f(W1 norm(x) + b1) + b2 of `widths` units each, between two affine layers."""
    keys, blocks = layer_keys(key), []
    learned, constant, f = parts.activation(model)
    for place, width in enumerate(model.widths):
        blocks.append(
            {
                "norm": parts.unscaled(stream),
                "in": parts.drawn(model, keys(2 * place + 3), (stream, width), hidden=True),
                "f": learned,
                "out": parts.drawn(model, keys(2 * place + 4), (width, stream)),
            }
        )
    parameters = {
        "first": parts.drawn(model, keys(1), (features, stream)),
        "blocks": blocks,
        "last": parts.drawn(model, keys(2), (stream, outputs)),
    }

    def apply(parameters: Any, constant: Any, x: Array, train: bool) -> tuple[Array, Any]:
        x = parts.affine(parameters["first"], x)
        for block in parameters["blocks"]:
            z = parts.affine(block["in"], parts.normalized(block["norm"], x))
            x = x + parts.affine(block["out"], f(block["f"], constant, z))
        return parts.affine(parameters["last"], x), constant

    return parameters, constant, apply
