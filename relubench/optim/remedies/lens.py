"""How a remedy finds the affine layers in a tree of parameters, and refuses what it cannot read by name."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from relubench import checks
from relubench.errors import UserError
from relubench.lazy import jax, jnp, optax

if TYPE_CHECKING:
    from jax import Array

#: (kernel [..., in, out], bias [out]) of an affine layer
Affine: TypeAlias = "tuple[Array, Array]"
#: (key, layer from 1 at the input, kernel shape) -> a fresh draw of the whole layer
Initialize: TypeAlias = "Callable[[Array, int, tuple[int, ...]], Affine]"


class AffineLayers(NamedTuple):
    """A lens on trees shaped like the parameters: also on gradients, updates and masks."""

    get: Callable[[Any], Sequence[Affine]]  # every affine layer in order from the input; the last is the output's
    set: Callable[[Any, Sequence[Affine]], Any]  # the same tree with these layers
    #: Of each hidden layer the places, from 0, of the affine layer before it and of those after it; None: a chain.
    hidden: Sequence[tuple[int, Sequence[int]]] | None = None
    lacks: str = ""  # why units can't be told apart in these, in words; "" where they can

    @classmethod
    def of(
        cls,
        get: Callable[[Any], Sequence[Affine]],
        set: Callable[[Any, Sequence[Affine]], Any],
        hidden: Sequence[Any],
        whose: str = "",
    ) -> AffineLayers:
        """Return the lens of hidden layers that tell their `incoming` and `outgoing` layers, and what they lack.

        `whose` begins the words of what is lacking.
        """
        around = [(layer.incoming, layer.outgoing) for layer in hidden if layer.incoming is not None]
        return cls(get, set, around, next((whose + layer.lacks for layer in hidden if layer.lacks), ""))

    def around(self, affine: Sequence[Affine]) -> Sequence[tuple[int, Sequence[int]]]:
        """Return (place of the affine layer before it, of those after it) of each hidden layer."""
        if self.lacks:
            raise UserError(f"{self.lacks}; a remedy of units takes those that stand between affine layers alone")
        if self.hidden is None:
            return [(before, (after,)) for before, after in itertools.pairwise(range(len(affine)))]
        return self.hidden


#: For parameters that are such a sequence of pairs themselves.
PLAIN = AffineLayers(
    get=lambda params: params,
    set=lambda params, layers: jax.tree.unflatten(jax.tree.structure(params), jax.tree.leaves(layers)),
)

_A_LENS = "it takes an AffineLayers(get, set); PLAIN is for parameters that are a list of (kernel, bias) themselves"


def check_lens(layers: Any) -> None:
    """Refuse what cannot be a lens."""
    if not (callable(getattr(layers, "get", None)) and callable(getattr(layers, "set", None))):
        raise UserError(f"layers={checks.shown(layers)}: {_A_LENS}")


def find(layers: AffineLayers, params: Any, updates: Any) -> tuple[list[Affine], list[Affine]]:
    """Return the layers of `params` and of gradients or updates, which must be there and have the same shapes."""
    affine = _of_params(layers, params)
    if _structure(updates) != _structure(params):
        raise UserError(f"updates: {_outline(updates)}, not shaped like params, {_outline(params)}; it takes gradients")
    steps = _get(layers, updates, "updates")
    for n, (step, layer) in enumerate(zip(steps, affine, strict=True), start=1):
        _check_same_shapes("updates", n, step, layer)
    return affine, steps


def read(layers: AffineLayers, params: Any, updates: Any) -> list[Affine]:
    """Return the layers of `params`, which hidden units must stand between."""
    affine = read_layers(layers, params, updates)
    layers.around(affine)
    return affine


def read_layers(layers: AffineLayers, params: Any, updates: Any) -> list[Affine]:
    """Return the layers of `params`, which must fit together: the layer after a hidden one has an input a unit."""
    affine, _ = find(layers, params, updates)
    for before, following in () if layers.lacks else layers.around(affine):
        for after in following:
            units, inputs = affine[before][1].shape[0], affine[after][0].shape[-2]
            if units != inputs:
                raise UserError(
                    f"layers: layer {before + 1} has {units} units but layer {after + 1} {inputs} inputs; "
                    "it takes kernels [..., in, out] with an input a unit"
                )
    return affine


def check_start(check: Callable[[AffineLayers, Any, Any], Any], layers: AffineLayers, params: Any) -> None:
    """Refuse at `init` the parameters that `check`, which is `find` or `read`, will refuse at each update.

    `optax.tree.map_params` asks for a state with an object in the parameters' place that has no leaves: that passes.
    """
    if jax.tree.leaves(params) or isinstance(params, list | tuple | dict | None):
        check(layers, params, params)


def check_activations(layers: AffineLayers, affine: Sequence[Affine], activations: Any) -> Sequence[Array]:
    """Return activations, which must be an array [examples, ..., units] for each hidden layer."""
    around = layers.around(affine)
    hidden = len(around)
    allowed = f"it takes a list of {hidden}, for each hidden layer an array of numbers [examples, ..., units]"
    if activations is None:
        raise UserError(f"activations=None: {allowed}, as in update(updates, state, params, activations=...)")
    if not isinstance(activations, Sequence) or isinstance(activations, str):
        raise UserError(f"activations={checks.shown(activations)}: {allowed}")
    if len(activations) != hidden:
        raise UserError(f"activations: {len(activations)} of them; {allowed}")
    for n, (h, (before, _)) in enumerate(zip(activations, around, strict=True), start=1):
        units = affine[before][1].shape[0]
        if not (checks.is_array(h) and checks.is_real(h.dtype)):
            raise UserError(f"activations: layer {n}'s is {checks.shown(h)}; {allowed}")
        if len(h.shape) < 2 or h.shape[-1] != units or 0 in h.shape:
            raise UserError(f"activations: layer {n}'s has shape {h.shape}; {allowed}, here (..., {units})")
    return activations


def check_draw(n: int, drawn: Any, layer: Affine) -> Affine:
    """Return what `initialize` has drawn of layer n, which must be shaped like the layer."""
    fresh = _affine("initialize", n, drawn)
    _check_same_shapes("initialize", n, fresh, layer)
    return fresh


def _of_params(layers: AffineLayers, params: Any) -> list[Affine]:
    if params is None:
        raise UserError("params=None: a remedy reads the parameters; it takes update(updates, state, params, ...)")
    affine = _get(layers, params, "params")
    changed = _call("layers.set", "params", layers.set, params, affine)
    if _structure(changed) != _structure(params):
        raise UserError(f"layers: set gives {_outline(changed)}, not shaped like params, {_outline(params)}; {_A_LENS}")
    return affine


def _get(layers: AffineLayers, tree: Any, name: str) -> list[Affine]:
    affine = _call("layers.get", name, layers.get, tree)
    if not isinstance(affine, Sequence) or isinstance(affine, str):
        raise UserError(f"{name}: layers.get gives {checks.shown(affine)} and no list of (kernel, bias); {_A_LENS}")
    if not affine and layers.hidden is None:
        raise UserError(f"{name}: layers.get finds no affine layer; it takes at least one, the output's")
    return [_affine(name, n, layer) for n, layer in enumerate(affine, start=1)]


def _call(what: str, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function of the lens makes of a tree; it is the user's, so that it may fail in any way."""
    try:
        return function(*arguments)
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"{name}: {what} fails on this {checks.shown(arguments[0])} ({reason}); {_A_LENS}") from error


def _affine(name: str, n: int, layer: Any) -> Affine:
    """Return layer n of a tree as a pair of arrays that fit each other."""
    if not isinstance(layer, tuple | list) or len(layer) != 2:
        raise UserError(
            f"{name}: layer {n} is {checks.shown(layer)}; it takes a pair (kernel [..., in, out], bias [out])"
        )
    kernel, bias = layer
    for part, value in (("kernel [..., in, out]", kernel), ("bias [out]", bias)):
        if not (checks.is_array(value) and jnp.issubdtype(value.dtype, jnp.floating)):
            raise UserError(
                f"{name}: layer {n}'s {part.split()[0]} is {checks.shown(value)}; it takes an array of floats, {part}"
            )
    if len(kernel.shape) < 2 or bias.shape != kernel.shape[-1:]:
        raise UserError(
            f"{name}: layer {n} has a kernel of shape {kernel.shape} and a bias of {bias.shape}; "
            "it takes kernel [..., in, out] and bias [out]"
        )
    return kernel, bias


def _check_same_shapes(name: str, n: int, layer: Affine, other: Affine) -> None:
    for part, array, same in zip(("kernel", "bias"), layer, other, strict=True):
        checks.same_shape(f"{name}: layer {n}'s {part}", array, "params", same)


def _outline(tree: Any) -> str:
    return f"{checks.shown(tree)} with {len(jax.tree.leaves(tree))} arrays"


def _structure(tree: Any) -> Any:
    """Return a tree's shape, with a place for what is masked out or has no gradient, as other transformations allow."""
    return jax.tree.structure(tree, is_leaf=lambda node: node is None or isinstance(node, optax.MaskedNode))
