"""The networks (Flax nnx): affine layers, each followed by an optional norm and the activation."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from relubench import config
from relubench.errors import UserError
from relubench.nn.activations import ACTIVATIONS, local_slope
from relubench.nn.initializers import initialize
from relubench.registry import Registry

#: Running statistics of a batch norm keep this share at each step (PyTorch's momentum of .1).
BATCH_NORM_MOMENTUM = 0.9


class Layer(NamedTuple):
    """One hidden layer on a batch; each field is [examples, (height, width,) units]."""

    z: Array  # pre-activation: the argument of the activation, after the norm
    h: Array  # activation
    slope: Array  # f'(z)


class Forward(NamedTuple):
    """A forward pass."""

    output: Array  # [examples, outputs]
    hidden: tuple[Layer, ...]


def _norm(name: str, units: int) -> nnx.Module | None:
    rngs, dtype = nnx.Rngs(0), jnp.result_type(float)
    if name == "batch":
        return nnx.BatchNorm(units, momentum=BATCH_NORM_MOMENTUM, dtype=dtype, param_dtype=dtype, rngs=rngs)
    if name == "layer":
        return nnx.LayerNorm(units, dtype=dtype, param_dtype=dtype, rngs=rngs)
    return None


class Activate(nnx.Module):
    """The norm, if any, and the activation of one hidden layer."""

    def __init__(self, model: config.Model, units: int) -> None:
        kind = ACTIVATIONS[model.activation.name]
        self.fn = kind.fn
        slope = jnp.asarray(model.activation.negative_slope, jnp.result_type(float))
        self.negative_slope = nnx.Param(slope) if kind.learned_slope else nnx.Variable(slope)
        self.norm = _norm(model.norm, units)

    def __call__(self, z: Array, train: bool) -> Layer:
        """Return the layer for the affine layer's output `z`."""
        if isinstance(self.norm, nnx.BatchNorm):
            z = self.norm(z, use_running_average=not train)
        elif self.norm is not None:
            z = self.norm(z)

        def fn(z: Array) -> Array:
            return self.fn(z, self.negative_slope[...])

        return Layer(z, fn(z), local_slope(fn, lax.stop_gradient(z)))


def _affine(layer: Any, init: config.Init, key: Array, hidden: bool) -> Any:
    """Give a fresh affine module the initial weights of its layer."""
    layer.kernel[...], layer.bias[...] = initialize(init, key, layer.kernel.shape, hidden)
    return layer


def _linear(model: config.Model, key: Array, size: int, out: int, hidden: bool) -> nnx.Linear:
    zeros, dtype = nnx.initializers.zeros_init(), jnp.result_type(float)
    linear = nnx.Linear(size, out, kernel_init=zeros, dtype=dtype, param_dtype=dtype, rngs=nnx.Rngs(0))
    return _affine(linear, model.init, key, hidden)


class MLP(nnx.Module):
    """Fully connected layers of `widths` units, then an affine output layer."""

    def __init__(self, model: config.Model, keys: Callable[[int], Array], features: int, outputs: int) -> None:
        sizes = [features, *model.widths]
        self.affine = nnx.List(
            [
                _linear(model, keys(n), size, out, hidden=True)
                for n, (size, out) in enumerate(itertools.pairwise(sizes), start=1)
            ]
        )
        self.activate = nnx.List([Activate(model, width) for width in model.widths])
        self.output = _linear(model, keys(len(sizes)), sizes[-1], outputs, hidden=False)

    def __call__(self, x: Array, train: bool) -> Forward:
        """Return the pass of inputs [examples, features]."""
        hidden = []
        for affine, activate in zip(self.affine, self.activate, strict=True):
            hidden.append(activate(affine(x), train))
            x = hidden[-1].h
        return Forward(self.output(x), tuple(hidden))


class CNN(nnx.Module):
    """3x3 convolutions of `widths` channels, halved by max-pooling while they can be; then the mean over positions.

    A unit is one channel over all positions, before pooling.
    """

    def __init__(
        self, model: config.Model, keys: Callable[[int], Array], image_shape: tuple[int, int, int], outputs: int
    ) -> None:
        self.image_shape = image_shape
        sizes = [image_shape[2], *model.widths]
        zeros, dtype = nnx.initializers.zeros_init(), jnp.result_type(float)
        self.affine = nnx.List(
            [
                _affine(
                    nnx.Conv(size, out, (3, 3), kernel_init=zeros, dtype=dtype, param_dtype=dtype, rngs=nnx.Rngs(0)),
                    model.init,
                    keys(n),
                    hidden=True,
                )
                for n, (size, out) in enumerate(itertools.pairwise(sizes), start=1)
            ]
        )
        self.activate = nnx.List([Activate(model, width) for width in model.widths])
        self.output = _linear(model, keys(len(sizes)), sizes[-1], outputs, hidden=False)

    def __call__(self, x: Array, train: bool) -> Forward:
        """Return the pass of flat images [examples, height * width * channels]."""
        x = x.reshape(-1, *self.image_shape)
        hidden = []
        for affine, activate in zip(self.affine, self.activate, strict=True):
            hidden.append(activate(affine(x), train))
            x = hidden[-1].h
            if min(x.shape[1:3]) >= 2:
                x = nnx.max_pool(x, (2, 2), (2, 2))
        return Forward(self.output(jnp.mean(x, (1, 2))), tuple(hidden))


#: A builder takes (model, keys by layer number from 1, features, image shape, outputs).
Builder = Callable[[config.Model, Callable[[int], Array], int, tuple[int, int, int] | None, int], nnx.Module]

MODELS: Registry[Builder] = Registry("model.name")


@MODELS.register("mlp")
def _mlp(
    model: config.Model, keys: Callable[[int], Array], features: int, image_shape: Any, outputs: int
) -> nnx.Module:
    return MLP(model, keys, features, outputs)


@MODELS.register("cnn")
def _cnn(
    model: config.Model, keys: Callable[[int], Array], features: int, image_shape: Any, outputs: int
) -> nnx.Module:
    if image_shape is None:
        raise UserError("model.name='cnn': the data are no images; it takes data of images, such as data=digits")
    return CNN(model, keys, image_shape, outputs)


def build(
    model: config.Model, key: Array, *, features: int, image_shape: tuple[int, int, int] | None, outputs: int
) -> nnx.Module:
    """Return the network with its initial weights; layer n draws from `fold_in(key, n)`."""
    return MODELS[model.name](model, lambda n: jax.random.fold_in(key, n), features, image_shape, outputs)


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
