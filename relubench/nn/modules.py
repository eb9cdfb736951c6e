"""The networks (Flax nnx): affine layers, each followed by an optional norm and the activation."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from relubench import config
from relubench.nn.activations import ACTIVATIONS, local_slope
from relubench.nn.initializers import initialize
from relubench.nn.models import Forward, HiddenLayer, Layer

#: Running statistics of a batch norm keep this share at each step (PyTorch's momentum of .1).
BATCH_NORM_MOMENTUM = 0.9


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
        kind, own = ACTIVATIONS[model.activation.name], ACTIVATIONS.own(model.activation)
        self.fn, self.keys = kind.fn, tuple(own)
        for key, value in own.items():
            number = jnp.asarray(value, jnp.result_type(float))
            setattr(self, key, nnx.Param(number) if key in kind.learned else nnx.Variable(number))
        self.norm = _norm(model.norm, units)

    def __call__(self, z: Array, train: bool) -> Layer:
        """Return the layer for the affine layer's output `z`."""
        if isinstance(self.norm, nnx.BatchNorm):
            z = self.norm(z, use_running_average=not train)
        elif self.norm is not None:
            z = self.norm(z)

        def fn(z: Array) -> Array:
            return self.fn(z, **{key: getattr(self, key)[...] for key in self.keys})

        return Layer(z, fn(z), local_slope(fn, lax.stop_gradient(z)))


def initialized(layer: Any, init: config.Init, key: Array, hidden: bool) -> Any:
    """Return a fresh affine module with its initial weights; the constant bias, if any, is for `hidden` layers."""
    layer.kernel[...], layer.bias[...] = initialize(init, key, layer.kernel.shape, hidden)
    return layer


def linear(model: config.Model, key: Array, size: int, out: int, hidden: bool) -> nnx.Linear:
    """Return a dense layer from `size` inputs to `out` outputs with its initial weights."""
    zeros, dtype = nnx.initializers.zeros_init(), jnp.result_type(float)
    layer = nnx.Linear(size, out, kernel_init=zeros, dtype=dtype, param_dtype=dtype, rngs=nnx.Rngs(0))
    return initialized(layer, model.init, key, hidden)


class Chain(nnx.Module):
    """Affine layers that follow each other, all but the last with their norm and activation."""

    affine: nnx.List
    activate: nnx.List
    output: nnx.Module

    def affine_layers(self) -> list[nnx.Module]:
        """Return the affine layers in order from the input."""
        return [*self.affine, self.output]

    def hidden_layers(self) -> list[HiddenLayer]:
        """Return how the units of each hidden layer are connected."""
        plain = [activate.norm is None for activate in self.activate]
        dense = isinstance(self.affine[0], nnx.Linear) if plain else False
        return [HiddenLayer(n, n + 1, affine, affine and dense and n == 0) for n, affine in enumerate(plain)]


class MLP(Chain):
    """Fully connected layers of `widths` units, then an affine output layer."""

    def __init__(self, model: config.Model, keys: Callable[[int], Array], features: int, outputs: int) -> None:
        sizes = [features, *model.widths]
        self.affine = nnx.List(
            [
                linear(model, keys(n), size, out, hidden=True)
                for n, (size, out) in enumerate(itertools.pairwise(sizes), start=1)
            ]
        )
        self.activate = nnx.List([Activate(model, width) for width in model.widths])
        self.output = linear(model, keys(len(sizes)), sizes[-1], outputs, hidden=False)

    def __call__(self, x: Array, train: bool) -> Forward:
        """Return the pass of inputs [examples, features]."""
        hidden = []
        for affine, activate in zip(self.affine, self.activate, strict=True):
            hidden.append(activate(affine(x), train))
            x = hidden[-1].h
        return Forward(self.output(x), tuple(hidden))


class CNN(Chain):
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
                initialized(
                    nnx.Conv(size, out, (3, 3), kernel_init=zeros, dtype=dtype, param_dtype=dtype, rngs=nnx.Rngs(0)),
                    model.init,
                    keys(n),
                    hidden=True,
                )
                for n, (size, out) in enumerate(itertools.pairwise(sizes), start=1)
            ]
        )
        self.activate = nnx.List([Activate(model, width) for width in model.widths])
        self.output = linear(model, keys(len(sizes)), sizes[-1], outputs, hidden=False)

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
