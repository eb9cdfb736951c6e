"""A network that is a function of its parameters, of any library: its hidden units are found in what it does."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from relubench.errors import Notice, UserError, shown
from relubench.nn.models import Forward, HiddenLayer, Structure, theirs
from relubench.sites import wiring
from relubench.sites.kinds import PIECEWISE_LINEAR
from relubench.sites.watching import Traced, is_dynamic, is_traced

if TYPE_CHECKING:
    from relubench.nn.models import Build

#: Arrays by their paths in a tree, or what else its leaves are.
Leaves = dict[str, Any]


class Tree(NamedTuple):
    """A tree of a user's, taken apart by the paths of its leaves: what two calls make differs in their arrays alone."""

    definition: Any
    paths: tuple[str, ...]
    fixed: Leaves  # what is no array
    keys: Leaves  # of arrays of random keys, which are kept as numbers, the kind

    @classmethod
    def of(cls, tree: Any) -> tuple[Tree, Leaves]:
        """Return a tree's form, and its arrays."""
        found, definition = jax.tree_util.tree_flatten_with_path(tree)
        leaves = {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in found}
        arrays = {path: leaf for path, leaf in leaves.items() if is_dynamic(leaf)}
        keys = {path: jax.random.key_impl(leaf) for path, leaf in arrays.items() if _is_key(leaf)}
        numbers = {path: jax.random.key_data(leaf) if path in keys else leaf for path, leaf in arrays.items()}
        fixed = {path: leaf for path, leaf in leaves.items() if path not in arrays}
        return cls(definition, tuple(leaves), fixed, keys), numbers

    def filled(self, numbers: Leaves) -> Any:
        """Return the tree with these arrays in it."""
        wrapped = {path: jax.random.wrap_key_data(numbers[path], impl=kind) for path, kind in self.keys.items()}
        leaves = self.fixed | numbers | wrapped
        return jax.tree.unflatten(self.definition, [leaves[path] for path in self.paths])


def _is_key(leaf: Any) -> bool:
    return bool(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key))


class Parts(NamedTuple):
    """What a builder returns, taken apart."""

    trained: Leaves  # floating-point arrays of the parameters
    buffers: tuple[Leaves, Leaves]  # all other arrays: of the parameters, of the state
    form: Form

    @classmethod
    def of(cls, name: str, built: Any, dtype: Any) -> Parts:
        """Take apart what the builder of this name returns; in float64, single numbers become double."""
        if not isinstance(built, tuple) or len(built) not in (2, 3) or not callable(built[-1]):
            raise UserError(
                f"model.name={name}: the network is {shown(built)}; it takes (parameters, apply), "
                "(parameters, state, apply) or an nnx module that reports its layers"
            )
        parameters, arrays = Tree.of(built[0])
        state, kept = Tree.of(built[1] if len(built) == 3 else None)
        wide = jnp.dtype(dtype) == jnp.float64
        arrays, kept = jax.tree.map(_widened if wide else jnp.asarray, (arrays, kept))
        trained = {path: leaf for path, leaf in arrays.items() if jnp.issubdtype(leaf.dtype, jnp.floating)}
        if not trained:
            raise UserError(f"model.name={name}: its parameters hold no array of floating-point numbers")
        rest = {path: leaf for path, leaf in arrays.items() if path not in trained}
        return cls(trained, (rest, kept), Form(name, parameters, state, built[-1], len(built) == 3))


def _widened(leaf: Any) -> Array:
    return jnp.asarray(leaf, jnp.float64 if leaf.dtype == jnp.float32 else leaf.dtype)


class Form(NamedTuple):
    """What a builder returns, less its arrays."""

    name: str
    parameters: Tree
    state: Tree
    apply: Callable[..., Any]
    has_state: bool

    def whole(self, params: Leaves, buffers: tuple[Leaves, Leaves]) -> Any:
        """Return the parameters as the builder made them, with these arrays in them."""
        return self.parameters.filled(params | buffers[0])

    def run(self, params: Leaves, buffers: tuple[Leaves, Leaves], x: Array, *, train: bool) -> Any:
        """Return (outputs, buffers after it)."""
        parameters = self.whole(params, buffers)
        if not self.has_state:
            return theirs(self.name, lambda: self.apply(parameters, x)), buffers
        state = self.state.filled(buffers[1])
        result = theirs(self.name, lambda: self.apply(parameters, state, x, train))
        if not isinstance(result, tuple) or len(result) != 2:
            raise UserError(f"model.name={self.name}: apply returns {_outline(result)}; it takes (outputs, state)")
        output, after = result[0], Tree.of(result[1])[1]
        before = {path: (leaf.shape, leaf.dtype) for path, leaf in buffers[1].items()}
        if {path: (leaf.shape, leaf.dtype) for path, leaf in after.items()} != before:
            raise UserError(f"model.name={self.name}: apply returns a state of other arrays than it was given")
        return output, (buffers[0], {path: after[path] for path in before})

    def traced(self, params: Leaves, buffers: tuple[Leaves, Leaves], x: Array, *, train: bool) -> Traced:
        """Return the pass, traced, with the activations whose units can be told."""

        def pass_(params: Leaves, buffers: tuple[Leaves, Leaves], x: Array) -> Any:
            return self.run(params, buffers, x, train=train)

        return Traced.of(pass_, (params, buffers, x), {}, 2, None)


@dataclasses.dataclass(frozen=True)
class Function:
    """A function of parameters and inputs."""

    form: Form
    structure: Structure

    @classmethod
    def of(cls, name: str, build: Build, key: Any, x: jax.ShapeDtypeStruct, outputs: int) -> Function:
        """Read what the function of this name does on inputs like `x`."""
        made: list[Form] = []
        is_planned = not is_traced()

        def shapes(key: Array) -> tuple[Any, Any]:
            parts = Parts.of(name, build(key), x.dtype)
            made.append(parts.form)
            return parts[:2]

        trained, buffers = jax.eval_shape(shapes, key)
        form, read = made[0], dict[bool, _Read]()

        def trace(train: bool) -> Callable[..., Any]:
            def traced(params: Leaves, buffers: Any, x: Array) -> Any:
                found = form.traced(params, buffers, x, train=train)
                if is_planned and any(isinstance(a, jax.core.Tracer) for a in found.plan.graph.constants.values()):
                    raise UserError(
                        f"model.name={name}: its function closes over arrays that are made of the key; they are "
                        "trained, or kept, only as parameters or state"
                    )
                left_out = found.leave_out_unclear()
                wired = wiring.find(found, params)
                read[train] = _Read(wired, found.names(), [place.stretch.kind for place in found.places], left_out)
                return found.layers()[0][0]

            return traced

        for train in (True, False):
            output = jax.eval_shape(trace(train), trained, buffers, x)
            _check_output(name, output, (x.shape[0], outputs))
        own = read[False]
        if own.names != read[True].names:
            raise UserError(
                f"model.name={name}: its activations in training are {', '.join(read[True].names) or 'none'}, and else "
                f"{', '.join(own.names) or 'none'}; it takes the same"
            )
        if is_planned:
            for reason in own.left_out:
                warnings.warn(f"model.name={name}: its units are not counted: {reason}", Notice, stacklevel=2)

        def draw(key: Array, layer: int, shape: tuple[int, ...]) -> tuple[Array, Array]:
            return own.wired.get(Parts.of(name, build(key), x.dtype).trained)[layer - 1]

        hidden = tuple(HiddenLayer(**wired._asdict()) for wired in own.wired.hidden)
        piecewise = all(kind in PIECEWISE_LINEAR for kind in own.kinds)
        lens = own.wired
        return cls(form, Structure(hidden, lens.get, lens.set, draw, form.whole, piecewise, lens.unread))

    def __call__(self, params: Any, buffers: Any, x: Array, *, train: bool) -> tuple[Forward, Any]:
        """Return the forward pass and the state after it."""
        traced = self.form.traced(params, buffers, x, train=train)
        traced.leave_out_unclear()
        (output, after), hidden = traced.layers()
        return Forward(output, hidden), after

    def settled(self, params: Any, buffers: Any, x: Callable[[], Array]) -> Any:
        """Return the state as it is: what of it are statistics of a norm, no one knows but its library."""
        return buffers


class _Read(NamedTuple):
    """What was found in a function."""

    wired: wiring.Wiring
    names: list[str]  # of its hidden layers
    kinds: list[str]  # of its activations
    left_out: list[str]  # why activations are none of them


def _check_output(name: str, output: Any, shape: tuple[int, int]) -> None:
    is_floating = hasattr(output, "dtype") and jnp.issubdtype(output.dtype, jnp.floating)
    if not is_floating or output.shape != shape:
        raise UserError(
            f"model.name={name}: it returns {_outline(output)}; it takes an array of floats [examples, outputs], here "
            f"{shape}"
        )


def _outline(output: Any) -> str:
    if hasattr(output, "dtype"):
        return f"an array of shape {output.shape} of {output.dtype}"
    return f"a {type(output).__name__}"
