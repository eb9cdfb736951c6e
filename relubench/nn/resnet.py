"""A small residual network of convolutions (He et al. 2016, "Identity mappings"), with norms over each example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relubench import config
from relubench.lazy import jnp
from relubench.nn import parts
from relubench.nn.models import MODELS, layer_keys, of_images

if TYPE_CHECKING:
    from jax import Array

#: Fields of a 3x3 convolution.
FIELDS = 9


@MODELS.register("resnet", reads=("widths", "activation", "init"))
def _resnet(key: Array, model: config.Model, image_shape: tuple[int, int, int] | None, outputs: int) -> Any:
    """Return a block for each of `widths`, halved between blocks while images can be; then the mean over positions.

    A block adds conv(f(norm(conv(x)))) of so many channels to the stream of the last of `widths` channels.
    """
    height, width, channels = of_images(model, image_shape)
    keys, blocks, stream = layer_keys(key), [], model.widths[-1] if model.widths else channels
    learned, constant, f = parts.activation(model)
    for place, units in enumerate(model.widths):
        blocks.append(
            {
                "in": parts.drawn(model, keys(2 * place + 3), (FIELDS, stream, units), hidden=True),
                "norm": parts.unscaled(units),
                "f": learned,
                "out": parts.drawn(model, keys(2 * place + 4), (FIELDS, units, stream)),
            }
        )
    parameters = {
        "first": parts.drawn(model, keys(1), (FIELDS, channels, stream)),
        "blocks": blocks,
        "last": parts.drawn(model, keys(2), (stream, outputs)),
    }

    def apply(parameters: Any, constant: Any, x: Array, train: bool) -> tuple[Array, Any]:
        x = _convolved(parameters["first"], x.reshape(-1, height, width, channels))
        for block in parameters["blocks"]:
            z = parts.normalized(block["norm"], _convolved(block["in"], x), (1, 2, 3))
            x = _halved(x + _convolved(block["out"], f(block["f"], constant, z)))
        return parts.affine(parameters["last"], jnp.mean(x, (1, 2))), constant

    return parameters, constant, apply


def _convolved(layer: Any, x: Array) -> Array:
    """Return the 3x3 convolution of images [examples, height, width, in], with zeros beyond the edges.

    It is a sum over the nine shifted images: XLA's convolutions take several times as long for many runs.
    """
    height, width = x.shape[1:3]
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = jnp.stack([padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)])
    return jnp.einsum("sehwi,sio->ehwo", shifted, layer["kernel"]) + parts.along(layer["bias"], x)


def _halved(x: Array) -> Array:
    """Return the means of 2x2 fields of images, where there are any."""
    examples, height, width, channels = x.shape
    if min(height, width) < 2:
        return x
    even = x[:, : height // 2 * 2, : width // 2 * 2]
    return jnp.mean(even.reshape(examples, height // 2, 2, width // 2, 2, channels), (2, 4))
