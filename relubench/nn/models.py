"""The networks by name, what a forward pass tells, and where its affine layers are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from relubench import config
from relubench.errors import UserError
from relubench.lazy import jax
from relubench.registry import Registry

if TYPE_CHECKING:
    from flax import nnx
    from jax import Array


class Layer(NamedTuple):
    """One hidden layer on a batch; each field is [examples, (height, width,) units]."""

    z: Array  # pre-activation: the argument of the activation, after the norm
    h: Array  # activation
    slope: Array  # f'(z)


class Forward(NamedTuple):
    """A forward pass."""

    output: Array  # [examples, outputs]
    hidden: tuple[Layer, ...]


#: A builder takes (model, keys by layer number from 1, features, image shape, outputs) and its own keys by name.
MODELS: Registry[Callable[..., nnx.Module]] = Registry("model.name")


@MODELS.register("mlp")
def _mlp(
    model: config.Model, keys: Callable[[int], Array], features: int, image_shape: Any, outputs: int
) -> nnx.Module:
    from relubench.nn.modules import MLP

    return MLP(model, keys, features, outputs)


@MODELS.register("cnn")
def _cnn(
    model: config.Model, keys: Callable[[int], Array], features: int, image_shape: Any, outputs: int
) -> nnx.Module:
    if image_shape is None:
        raise UserError("model.name='cnn': the data are no images; it takes data of images, such as data=digits")
    from relubench.nn.modules import CNN

    return CNN(model, keys, image_shape, outputs)


def build(
    model: config.Model, key: Array, *, features: int, image_shape: tuple[int, int, int] | None, outputs: int
) -> nnx.Module:
    """Return the network with its initial weights; layer n draws from `fold_in(key, n)`."""
    own = MODELS.own(model)
    return MODELS[model.name](model, lambda n: jax.random.fold_in(key, n), features, image_shape, outputs, **own)


def affine_layers(params: Any) -> list[tuple[Array, Array]]:
    """Return (kernel, bias) of every affine layer in order from the input; biases are [units]."""
    hidden = params.get("affine", {})
    layers = [hidden[n] for n in sorted(hidden)] + [params["output"]]
    return [(layer["kernel"].get_value(), layer["bias"].get_value()) for layer in layers]


def with_affine_layers(params: Any, layers: Sequence[tuple[Array, Array]]) -> Any:
    """Return `params` with these (kernel, bias) of every affine layer: the inverse of `affine_layers`."""
    changed = jax.tree.map(lambda leaf: leaf, params)  # a copy: the state is mutable
    hidden = changed.get("affine", {})
    for layer, (kernel, bias) in zip([*(hidden[n] for n in sorted(hidden)), changed["output"]], layers, strict=True):
        layer["kernel"].set_value(kernel)
        layer["bias"].set_value(bias)
    return changed
