"""A network that is a function of its parameters, of any library: its hidden units are found in what it does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from relubench.errors import UserError, shown
from relubench.nn.models import Forward, HiddenLayer, Structure, theirs
from relubench.sites import wiring
from relubench.sites.watching import Traced, is_dynamic, is_traced

if TYPE_CHECKING:
    from relubench.nn.models import Build


class Parts(NamedTuple):
    """What a builder returns, taken apart: None stands where a leaf is in another part."""

    trained: Any  # floating-point arrays of the parameters
    buffers: tuple[Any, Any]  # all other arrays: of the parameters, of the state
    fixed: tuple[Any, Any]  # what is no array
    apply: Callable[..., Any]
    has_state: bool

    @classmethod
    def of(cls, built: Any, dtype: Any) -> Parts:
        """Take apart what a builder returns; in float64, single numbers become double."""
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
class Function:
    """A function of parameters and inputs, whose hidden units are found in what it does."""

    name: str
    parts: Parts  # of shapes alone
    structure: Structure

    @classmethod
    def of(cls, name: str, build: Build, key: Any, x: jax.ShapeDtypeStruct, outputs: int) -> Function:
        """Read what a function does on inputs like `x`."""
        parts: list[Parts] = []

        def shapes(key: Array) -> tuple[Any, Any]:
            parts.append(Parts.of(build(key), x.dtype))
            return parts[0].trained, parts[0].buffers

        trained, buffers = jax.eval_shape(shapes, key)
        bare, is_planned = parts[0]._replace(trained=None, buffers=(None, None)), not is_traced()
        read: list[tuple[wiring.Wiring, list[str]]] = []

        def trace(params: Any, buffers: Any, x: Array) -> Any:
            traced = theirs(name, lambda: _traced(bare, params, buffers, x, train=False))
            if is_planned and any(isinstance(array, jax.core.Tracer) for array in traced.plan.graph.constants.values()):
                raise UserError(
                    f"model.name={name}: its function closes over arrays that are made of the key; they are trained, "
                    "or kept, only as parameters or state"
                )
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
            return wired.get(Parts.of(build(key), x.dtype).trained)[layer - 1]

        hidden = tuple(
            HiddenLayer(w.incoming, w.outgoing, w.affine, w.plane, lacks=w.lacks and f"{site}: {w.lacks}")
            for w, site in zip(wired.hidden, names, strict=True)
        )
        made = Structure(hidden, wired.get, wired.set, draw, bare.whole, wired.unread)
        return cls(name, bare, made)

    def __call__(self, params: Any, buffers: Any, x: Array, *, train: bool) -> tuple[Forward, Any]:
        """Return the forward pass and the state after it."""
        traced = theirs(self.name, lambda: _traced(self.parts, params, buffers, x, train=train))
        (output, after), hidden = traced.layers()
        return Forward(output, hidden), after

    def settled(self, params: Any, buffers: Any, x: Callable[[], Array]) -> Any:
        """Return the state as it is: what of it are statistics of a norm, no one knows but its library."""
        return buffers


def _traced(parts: Parts, params: Any, buffers: Any, x: Array, *, train: bool) -> Traced:
    """Return the function of (trained parameters, buffers, inputs) that gives (outputs, buffers), traced."""

    def pass_(params: Any, buffers: Any, x: Array) -> tuple[Array, Any]:
        parameters, state = parts.whole(params, buffers), _together(buffers[1], parts.fixed[1])
        if not parts.has_state:
            return parts.apply(parameters, x), buffers
        output, state = parts.apply(parameters, state, x, train)
        return output, (buffers[0], _kept(state, is_dynamic))

    return Traced.of(pass_, (params, buffers, x), {}, 2, None)


def _outline(output: Any) -> str:
    shape = getattr(output, "shape", None)
    return f"an array of shape {shape}" if shape is not None else f"{shown(type(output).__name__)}"
