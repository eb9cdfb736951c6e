"""The networks (Flax nnx): affine layers, each followed by an optional norm and the activation."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax
from jax.experimental.layout import Layout as MemoryLayout
from jax.experimental.layout import with_layout_constraint

from relubench import config
from relubench.nn.activations import ACTIVATIONS, value_and_slope
from relubench.nn.initializers import initialize
from relubench.nn.models import Forward, HiddenLayer
from relubench.units import Layer

#: Running statistics of a batch norm keep this share at each step (PyTorch's momentum of .1).
BATCH_NORM_MOMENTUM = 0.9


def _norm(name: str, units: int, axis: int) -> nnx.Module | None:
    rngs, dtype = nnx.Rngs(0), jnp.result_type(float)
    if name == "batch":
        return nnx.BatchNorm(units, axis=axis, momentum=BATCH_NORM_MOMENTUM, dtype=dtype, param_dtype=dtype, rngs=rngs)
    if name == "layer":
        return nnx.LayerNorm(units, reduction_axes=axis, feature_axes=axis, dtype=dtype, param_dtype=dtype, rngs=rngs)
    return None


class Activate(nnx.Module):
    """The norm, if any, and the activation of one hidden layer, whose units are on `axis`."""

    def __init__(self, model: config.Model, units: int, axis: int = -1) -> None:
        kind, own = ACTIVATIONS[model.activation.name], ACTIVATIONS.own(model.activation)
        self.fn, self.keys = kind.fn, tuple(own)
        for key, value in own.items():
            number = jnp.asarray(value, jnp.result_type(float))
            setattr(self, key, nnx.Param(number) if key in kind.learned else nnx.Variable(number))
        self.norm = _norm(model.norm, units, axis)

    def __call__(self, z: Array, train: bool) -> Layer:
        """Return the layer for the affine layer's output `z`, each field shaped like it."""
        if isinstance(self.norm, nnx.BatchNorm):
            z = self.norm(z, use_running_average=not train)
        elif self.norm is not None:
            z = self.norm(z)

        def fn(z: Array, *own: Array) -> Array:
            return self.fn(z, **dict(zip(self.keys, own, strict=True)))

        return Layer(z, *value_and_slope(fn, z, *(getattr(self, key)[...] for key in self.keys)))


def _moved(x: Array) -> Array:
    """Return a matrix that lies in memory row by row: XLA makes it so, and no product reads it any other way."""
    return with_layout_constraint(jnp.asarray(x), MemoryLayout((0, 1)))


@jax.custom_jvp
def dense(x: Array, kernel: Array, bias: Array) -> Array:
    """Return kernelᵀ · x + bias: [out, examples], x being [in, examples] and the kernel [in, out].

    With the examples last none of the three products of a step contracts the first axis of both its factors, for which
    XLA has no fast kernels on processors, once the kernel is transposed in memory. Narrow networks train several times
    as fast as by `x @ kernel` with the examples first.
    """
    return _moved(kernel.T) @ x + bias[:, None]


@dense.defjvp
def _dense_tangent(primals: tuple[Array, Array, Array], tangents: tuple[Array, Array, Array]) -> tuple[Array, Array]:
    (x, kernel, bias), (dx, dkernel, dbias) = primals, tangents
    products = jnp.einsum("io,ib->ob", kernel, dx) + jnp.einsum("io,ib->ob", dkernel, x)
    # The barrier keeps XLA from turning the products of the gradient around.
    return dense(x, kernel, bias), lax.optimization_barrier(products + dbias[:, None])


class Dense(nnx.Module):
    """A dense layer."""

    def __init__(self, kernel: Array, bias: Array) -> None:
        self.kernel, self.bias = nnx.Param(kernel), nnx.Param(bias)

    def __call__(self, x: Array) -> Array:
        """Return the outputs [examples, out] for inputs [examples, in]."""
        return self.units_first(_moved(x.T)).T

    def units_first(self, x: Array) -> Array:
        """Return the outputs [out, examples] for inputs [in, examples]."""
        return dense(x, self.kernel[...], self.bias[...])


def linear(model: config.Model, key: Array, size: int, out: int, hidden: bool) -> Dense:
    """Return a dense layer from `size` inputs to `out` outputs with its initial weights.

    The constant bias of the initialisation, if any, is for `hidden` layers; so it is for convolutions.
    """
    return Dense(*initialize(model.init, key, (size, out), hidden))


class Convolution(nnx.Module):
    """A 3x3 convolution that keeps height and width, with zeros beyond the edges."""

    def __init__(self, kernel: Array, bias: Array) -> None:
        self.kernel, self.bias = nnx.Param(kernel), nnx.Param(bias)

    def units_first(self, x: Array) -> Array:
        """Return the outputs [out, examples, height, width] for inputs [in, examples, height, width].

        It is a dense layer of the nine shifted images: XLA's convolutions take several times as long for many runs.
        """
        height, width = x.shape[2:]
        padded = jnp.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        shifted = [padded[:, :, i : i + height, j : j + width] for i in range(3) for j in range(3)]
        fields = jnp.stack(shifted).reshape(9 * x.shape[0], -1)
        kernel = self.kernel[...].reshape(fields.shape[0], -1)
        return dense(fields, kernel, self.bias[...]).reshape(-1, *x.shape[1:])


def convolution(model: config.Model, key: Array, size: int, out: int, hidden: bool) -> Convolution:
    """Return a 3x3 convolution from `size` channels to `out` channels with its initial weights."""
    return Convolution(*initialize(model.init, key, (3, 3, size, out), hidden))


def _halved(x: Array) -> Array:
    """Return the largest of each 2x2 field of images [..., height, width]; the first of equals passes the gradient."""
    height, width = x.shape[-2] // 2 * 2, x.shape[-1] // 2 * 2
    one, right, below, across = (x[..., i:height:2, j:width:2] for i in range(2) for j in range(2))

    def larger(first: Array, second: Array) -> Array:
        return jnp.where(second > first, second, first)

    return larger(larger(one, right), larger(below, across))


class Chain(nnx.Module):
    """Affine layers that follow each other, all but the last with their norm and activation."""

    def __init__(
        self, model: config.Model, keys: Callable[[int], Array], size: int, outputs: int, affine: Callable[..., Any]
    ) -> None:
        sizes = [size, *model.widths]
        self.affine = nnx.List(
            [affine(model, keys(n), *pair, hidden=True) for n, pair in enumerate(itertools.pairwise(sizes), start=1)]
        )
        self.activate = nnx.List([Activate(model, width, 0) for width in model.widths])
        self.output = linear(model, keys(len(sizes)), sizes[-1], outputs, hidden=False)

    def affine_layers(self) -> list[nnx.Module]:
        """Return the affine layers in order from the input."""
        return [*self.affine, self.output]

    def hidden_layers(self) -> list[HiddenLayer]:
        """Return how the units of each hidden layer are connected."""
        dense = [isinstance(affine, Dense) for affine in self.affine]
        plain = [activate.norm is None for activate in self.activate]
        return [
            HiddenLayer(n, (n + 1,), affine=plain[n], plane=plain[n] and dense[n] and n == 0, units_first=True)
            for n in range(len(plain))
        ]

    def passed(
        self, x: Array, train: bool, between: Callable[[Array], Array], last: Callable[[Array], Array]
    ) -> Forward:
        """Return the pass of inputs [in, examples, ...]; `between` follows each hidden layer, `last` all of them."""
        hidden = []
        for affine, activate in zip(self.affine, self.activate, strict=True):
            layer = activate(affine.units_first(x), train)
            x = between(layer.h)
            hidden.append(Layer(*(jnp.moveaxis(array, 0, -1) for array in layer)))
        return Forward(self.output.units_first(last(x)).T, tuple(hidden))


class MLP(Chain):
    """Fully connected layers of `widths` units, then an affine output layer."""

    def __init__(self, model: config.Model, keys: Callable[[int], Array], features: int, outputs: int) -> None:
        super().__init__(model, keys, features, outputs, linear)

    def __call__(self, x: Array, train: bool) -> Forward:
        """Return the pass of inputs [examples, features]."""
        x = _moved(_moved(x).T)  # what a batch gathers is moved as rows, and then turned around
        return self.passed(x, train, lambda h: h, lambda h: h)


class CNN(Chain):
    """3x3 convolutions of `widths` channels, halved by max-pooling while they can be; then the mean over positions.

    A unit is one channel over all positions, before pooling.
    """

    def __init__(
        self, model: config.Model, keys: Callable[[int], Array], image_shape: tuple[int, int, int], outputs: int
    ) -> None:
        super().__init__(model, keys, image_shape[2], outputs, convolution)
        self.image_shape = image_shape

    def __call__(self, x: Array, train: bool) -> Forward:
        """Return the pass of flat images [examples, height * width * channels]."""
        x = jnp.moveaxis(x.reshape(-1, *self.image_shape), -1, 0)
        return self.passed(
            x, train, lambda h: _halved(h) if min(h.shape[2:]) >= 2 else h, lambda h: jnp.mean(h, (2, 3))
        )
