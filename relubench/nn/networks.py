"""A network without its weights, as a training takes it: one that reports its layers, or a function that is watched."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from relubench import config
from relubench.errors import UserError, reason, shown
from relubench.nn.initializers import initialize
from relubench.nn.models import Forward, HiddenLayer, Structure
from relubench.sites import wiring
from relubench.sites.watching import Traced, is_dynamic

#: What makes a network, of a key: a builder that has all else that it asks for.
Build = Callable[[Array], Any]


class Network(Protocol):
    """A network without its weights."""

    @property
    def structure(self) -> Structure:
        """What is known of its layers."""

    def __call__(self, params: Any, buffers: Any, x: Array, *, train: bool) -> tuple[Forward, Any]:
        """Return the forward pass and the running statistics after it."""

    def settled(self, params: Any, buffers: Any, x: Callable[[], Array]) -> Any:
        """Return the running statistics of batch norms as those of the inputs `x()`; without one they stay."""


def born(build: Build, key: Array, dtype: Any) -> tuple[Any, Any]:
    """Return a network's (trained parameters, running statistics and constants) with its initial weights."""
    built = build(key)
    return _split(built) if isinstance(built, nnx.Module) else _Parts.of(built, dtype)[:2]


def network(model: config.Model, build: Build, x: jax.ShapeDtypeStruct, outputs: int) -> Network:
    """Return a network that takes inputs like `x` [examples, features] without its weights."""
    made: list[_Reporting] = []

    def shapes(key: Array) -> None:
        built = _theirs(model.name, lambda: build(key))
        if isinstance(built, nnx.Module):
            made.append(_Reporting(nnx.graphdef(built), structure(built, model)))

    key = jax.eval_shape(lambda: jax.random.key(0, impl="threefry2x32"))
    jax.eval_shape(shapes, key)
    return made[0] if made else _Function.of(model.name, build, key, x, outputs)


# --- networks that report their layers


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
    return Structure(hidden, lens.get, lens.set, draw, weights=lambda params, buffers: lens.get(params))


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


# --- functions of any library


class _Parts(NamedTuple):
    """What a builder returns, taken apart: None stands where a leaf is in another part."""

    trained: Any  # floating-point arrays of the parameters
    buffers: tuple[Any, Any]  # all other arrays: of the parameters, of the state
    fixed: tuple[Any, Any]  # what is no array
    apply: Callable[..., Any]
    has_state: bool

    @classmethod
    def of(cls, built: Any, dtype: Any) -> _Parts:
        if not isinstance(built, tuple) or len(built) not in (2, 3) or not callable(built[-1]):
            raise UserError(
                f"model.name: the network is {shown(built)}; it takes (parameters, apply), (parameters, state, apply) "
                "or an nnx module that reports its layers"
            )
        parameters, state = built[0], built[1] if len(built) == 3 else None
        trained = _kept(parameters, lambda leaf: _is_floating(leaf))
        if not jax.tree.leaves(trained):
            raise UserError("model.name: the network's parameters hold no array of floating-point numbers")
        buffers = (
            _kept(parameters, lambda leaf: is_dynamic(leaf) and not _is_floating(leaf)),
            _kept(state, is_dynamic),
        )
        fixed = (_kept(parameters, lambda leaf: not is_dynamic(leaf)), _kept(state, lambda leaf: not is_dynamic(leaf)))
        wide = jnp.dtype(dtype) == jnp.float64
        trained, buffers = jax.tree.map(_widened if wide else jnp.asarray, (trained, buffers))
        return cls(trained, buffers, fixed, built[-1], len(built) == 3)

    def whole(self, params: Any, buffers: Any) -> Any:
        """Return the parameters as the builder made them, with these arrays in them."""
        return _together(params, buffers[0], self.fixed[0])


def _is_floating(leaf: Any) -> bool:
    return is_dynamic(leaf) and bool(jnp.issubdtype(leaf.dtype, jnp.floating))


def _widened(leaf: Any) -> Array:
    return jnp.asarray(leaf, jnp.float64 if leaf.dtype == jnp.float32 else leaf.dtype)


def _kept(tree: Any, is_kept: Callable[[Any], bool]) -> Any:
    return jax.tree.map(lambda leaf: leaf if is_kept(leaf) else None, tree)


def _together(*trees: Any) -> Any:
    """Return the tree whose every leaf is in one of these."""

    def one(*leaves: Any) -> Any:
        return next((leaf for leaf in leaves if leaf is not None), None)

    return jax.tree.map(one, *trees, is_leaf=lambda leaf: leaf is None)


@dataclasses.dataclass(frozen=True)
class _Function:
    """A function of parameters and inputs, whose hidden units are found in what it does."""

    name: str
    parts: _Parts  # of shapes alone
    structure: Structure

    @classmethod
    def of(cls, name: str, build: Build, key: Any, x: jax.ShapeDtypeStruct, outputs: int) -> _Function:
        """Read what a function does on inputs like `x`."""
        parts: list[_Parts] = []

        def shapes(key: Array) -> tuple[Any, Any]:
            parts.append(_Parts.of(build(key), x.dtype))
            return parts[0].trained, parts[0].buffers

        trained, buffers = jax.eval_shape(shapes, key)
        bare = parts[0]._replace(trained=None, buffers=(None, None))
        read: list[tuple[wiring.Wiring, list[str]]] = []

        def trace(params: Any, buffers: Any, x: Array) -> Any:
            traced = _theirs(name, lambda: _traced(bare, params, buffers, x, train=False))
            read.append((wiring.find(traced.plan, params), traced.names()))
            return traced.layers()[0][0]

        output = jax.eval_shape(trace, trained, buffers, x)
        if getattr(output, "shape", None) != (x.shape[0], outputs):
            raise UserError(
                f"model.name={name}: it returns {_outline(output)}; it takes an array [examples, outputs], here "
                f"{(x.shape[0], outputs)}"
            )
        (wired, names), *_ = read

        def draw(key: Array, layer: int, shape: tuple[int, ...]) -> tuple[Array, Array]:
            return wired.get(born(build, key, x.dtype)[0])[layer - 1]

        hidden = tuple(
            HiddenLayer(w.incoming, w.outgoing, w.affine, w.plane, lacks=w.lacks and f"{site}: {w.lacks}")
            for w, site in zip(wired.hidden, names, strict=True)
        )
        made = Structure(hidden, wired.get, wired.set, draw, bare.whole, wired.unread)
        return cls(name, bare, made)

    def __call__(self, params: Any, buffers: Any, x: Array, *, train: bool) -> tuple[Forward, Any]:
        traced = _theirs(self.name, lambda: _traced(self.parts, params, buffers, x, train=train))
        (output, after), hidden = traced.layers()
        return Forward(output, hidden), after

    def settled(self, params: Any, buffers: Any, x: Callable[[], Array]) -> Any:
        return buffers


def _traced(parts: _Parts, params: Any, buffers: Any, x: Array, *, train: bool) -> Traced:
    """Return the function of (trained parameters, buffers, inputs) that gives (outputs, buffers), traced."""

    def pass_(params: Any, buffers: Any, x: Array) -> tuple[Array, Any]:
        parameters, state = parts.whole(params, buffers), _together(buffers[1], parts.fixed[1])
        if not parts.has_state:
            return parts.apply(parameters, x), buffers
        output, state = parts.apply(parameters, state, x, train)
        return output, (buffers[0], _kept(state, is_dynamic))

    return Traced.of(pass_, (params, buffers, x), {}, 2, None)


def _theirs(name: str, call: Callable[[], Any]) -> Any:
    """Return what a user's function gives; it may raise anything."""
    try:
        return call()
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"model.name={name}: {reason(error, _BELOW)}") from error


_BELOW = (os.path.dirname(jax.__file__) + os.sep,)


def _outline(output: Any) -> str:
    shape = getattr(output, "shape", None)
    return f"an array of shape {shape}" if shape is not None else f"{shown(type(output).__name__)}"
