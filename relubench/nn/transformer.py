"""A small transformer (Vaswani et al. 2017) whose norms come first (Xiong et al. 2020): its MLP's units are counted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from relubench import config
from relubench.config import static
from relubench.errors import UserError
from relubench.lazy import jax, jnp
from relubench.nn import parts
from relubench.nn.models import MODELS, layer_keys
from relubench.nn.residual_mlp import STREAM

if TYPE_CHECKING:
    from jax import Array

HEADS = static(4, "of the attention; a divisor of the stream", low=1)


@MODELS.register("transformer", reads=("widths", "activation", "init"), stream=STREAM, heads=HEADS)
def _transformer(
    key: Array,
    model: config.Model,
    features: int,
    image_shape: tuple[int, int, int] | None,
    outputs: int,
    stream: int,
    heads: int,
) -> Any:
    """Return a block for each of `widths`, of attention and an MLP of so many units.

    Tokens are the rows of an image, or the features one by one. The mean over tokens leads to the outputs.
    """
    if stream % heads:
        raise UserError(f"model.heads={heads}: it takes a divisor of model.stream={stream}")
    tokens = features if image_shape is None else image_shape[0]
    size, keys, blocks = features // tokens, layer_keys(key), []
    learned, constant, f = parts.activation(model)
    for place, width in enumerate(model.widths):
        own = layer_keys(keys(place + 3))
        blocks.append(
            {
                "before_attention": parts.unscaled(stream),
                "attention": [parts.drawn(model, own(n), (stream, stream)) for n in range(1, 5)],
                "before_mlp": parts.unscaled(stream),
                "in": parts.drawn(model, own(5), (stream, width), hidden=True),
                "f": learned,
                "out": parts.drawn(model, own(6), (width, stream)),
            }
        )
    parameters = {
        "first": parts.drawn(model, keys(1), (size, stream)),
        "places": jax.random.normal(keys(len(blocks) + 3), (tokens, stream)) / math.sqrt(stream),
        "blocks": blocks,
        "norm": parts.unscaled(stream),
        "last": parts.drawn(model, keys(2), (stream, outputs)),
    }

    def attention(layers: Any, x: Array) -> Array:
        query, key, value = (
            parts.affine(layer, x).reshape(*x.shape[:2], heads, stream // heads) for layer in layers[:3]
        )
        scores = jnp.einsum("eqhn,ekhn->ehqk", query, key) / math.sqrt(stream // heads)
        mixed = jnp.einsum("ehqk,ekhn->eqhn", jax.nn.softmax(scores), value)
        return parts.affine(layers[3], mixed.reshape(x.shape))

    def apply(parameters: Any, constant: Any, x: Array, train: bool) -> tuple[Array, Any]:
        x = parts.affine(parameters["first"], x.reshape(-1, tokens, size)) + parameters["places"][None]
        for block in parameters["blocks"]:
            x = x + attention(block["attention"], parts.normalized(block["before_attention"], x))
            z = parts.affine(block["in"], parts.normalized(block["before_mlp"], x))
            x = x + parts.affine(block["out"], f(block["f"], constant, z))
        x = jnp.mean(parts.normalized(parameters["norm"], x), 1)
        return parts.affine(parameters["last"], x), constant

    return parameters, constant, apply
