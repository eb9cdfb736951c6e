"""A network without its weights, as a training takes it; and that which is an nnx module and reports its layers.

The other kind, a function of parameters, is in `relubench.nn.functions`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import jax
from flax import nnx
from jax import Array

from relubench import config
from relubench.errors import UserError
from relubench.nn.activations import ACTIVATIONS
from relubench.nn.initializers import initialize
from relubench.nn.models import Forward, Structure

if TYPE_CHECKING:
    from relubench.nn.models import Build


class Network(Protocol):
    """A network without its weights."""

    @property
    def structure(self) -> Structure:
        """What is known of its layers."""

    def __call__(self, params: Any, buffers: Any, x: Array, *, train: bool) -> tuple[Forward, Any]:
        """Return the forward pass and the running statistics after it."""

    def settled(self, params: Any, buffers: Any, x: Callable[[], Array]) -> Any:
        """Return the running statistics of batch norms as those of the inputs `x()`; without one they stay."""


def born(name: str, build: Build, key: Array, dtype: Any) -> tuple[Any, Any]:
    """Return a network's (trained parameters, running statistics and constants) with its initial weights."""
    built = build(key)
    if isinstance(built, nnx.Module):
        return _split(built)
    from relubench.nn.functions import Parts  # what reads functions takes long to import

    return Parts.of(name, built, dtype)[:2]


def network(model: config.Model, build: Build, x: jax.ShapeDtypeStruct, outputs: int) -> Network:
    """Return a network that takes inputs like `x` [examples, features] without its weights."""
    made: list[_Reporting] = []

    def shapes(key: Array) -> None:
        built = build(key)
        if isinstance(built, nnx.Module):
            made.append(_Reporting(nnx.graphdef(built), structure(built, model)))

    key = jax.eval_shape(lambda: jax.random.key(0, impl="threefry2x32"))
    jax.eval_shape(shapes, key)
    if made:
        return made[0]
    from relubench.nn.functions import Function

    return Function.of(model.name, build, key, x, outputs)


class _Reporting(NamedTuple):
    """An nnx module that reports its layers."""

    graphdef: Any
    structure: Structure

    def __call__(self, params: Any, buffers: Any, x: Array, *, train: bool) -> tuple[Forward, Any]:
        model = nnx.merge(self.graphdef, params, buffers, copy=True)
        forward = model(x, train=train)
        return forward, _split(model)[1]

    def settled(self, params: Any, buffers: Any, x: Callable[[], Array]) -> Any:
        model = nnx.merge(self.graphdef, params, buffers, copy=True)
        norms = [module for _, module in nnx.iter_modules(model) if isinstance(module, nnx.BatchNorm)]
        if not norms:
            return buffers
        for norm in norms:
            norm.momentum = 0.0  # of what ran before nothing is kept
        model(x(), train=True)
        return _split(model)[1]


def _split(model: nnx.Module) -> tuple[Any, Any]:
    """Return a network's (trained parameters, running statistics and constants)."""
    parts: Any = nnx.split(model, nnx.Param, ...)
    return parts[1], parts[2]


def structure(module: Any, model: config.Model) -> Structure:
    """Return what a network, whole or of shapes alone, reports of its layers; a report that cannot be is refused."""
    kind = type(module).__name__
    for name in ("affine_layers", "hidden_layers"):
        if not callable(getattr(module, name, None)):
            raise UserError(f"model.name: the network {kind} has no {name}(); it reports its layers by it")
    paths = {id(node): path for path, node in nnx.iter_graph(module)}
    affine, hidden = list(module.affine_layers()), tuple(module.hidden_layers())
    if not affine or not all(id(layer) in paths for layer in affine):
        raise UserError(f"model.name: affine_layers() of the network {kind} takes modules that are parts of it")
    for layer in hidden:
        if not {layer.incoming, *layer.outgoing} <= set(range(len(affine))):
            raise UserError(f"model.name: {kind} reports {layer}; its places are those of {len(affine)} affine layers")
    of_units = {layer.incoming for layer in hidden}

    def draw(key: Array, layer: int, shape: tuple[int, ...]) -> tuple[Array, Array]:
        return initialize(model.init, key, shape, hidden=layer - 1 in of_units)

    lens = _Reported(tuple(paths[id(layer)] for layer in affine))
    kind_of = ACTIVATIONS[model.activation.name]
    return Structure(
        hidden, lens.get, lens.set, draw, lambda params, buffers: lens.get(params), kind_of.piecewise_linear
    )


class _Reported(NamedTuple):
    """The affine layers of an nnx module by their paths."""

    paths: tuple[tuple[Any, ...], ...]

    def get(self, params: Any) -> list[tuple[Array, Array]]:
        layers = [self._layer(params, path) for path in self.paths]
        return [(layer["kernel"].get_value(), layer["bias"].get_value()) for layer in layers]

    def set(self, params: Any, layers: Sequence[tuple[Array, Array]]) -> Any:
        changed = jax.tree.map(lambda leaf: leaf, params)  # a copy: the state is mutable
        for path, (kernel, bias) in zip(self.paths, layers, strict=True):
            layer = self._layer(changed, path)
            layer["kernel"].set_value(kernel)
            layer["bias"].set_value(bias)
        return changed

    @staticmethod
    def _layer(params: Any, path: tuple[Any, ...]) -> Any:
        return functools.reduce(lambda node, name: node[name], path, params)
