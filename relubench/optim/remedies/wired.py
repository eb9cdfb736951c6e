"""The lens of any function: its affine layers, found in what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from relubench.lazy import jax
from relubench.optim.remedies.lens import AffineLayers, Initialize

if TYPE_CHECKING:
    from jax import Array


def lens_of(
    fn: Callable[..., Any],
    params: Any,
    *args: Any,
    data: int | str | Sequence[int | str] | None = None,
    axes: Mapping[str, Sequence[int] | None] | None = None,
) -> AffineLayers:
    """Return the lens on the parameters of `fn(params, *args)`, whose first argument they are.

    `params` and `args` are arrays or shapes; `data` and `axes` are those of `relubench.watch`, whose sites are the
    hidden layers: `relubench.watch.layers` gives their activations in the same order. It finds dense layers and
    convolutions, kept in whatever order of axes, flattened ones too, and those of a loop over layers. A hidden layer
    may lead to several of them. Where the units of one do not stand between such layers alone (a residual is added, a
    gate multiplies them), remedies of units refuse the function, and say which; decays and the like work.
    """
    from relubench.sites import watching, wiring  # with JAX, which is imported when it is used

    found: list[AffineLayers] = []

    def trace(arrays: Sequence[Array]) -> None:
        filled = iter(arrays)
        own, *others = jax.tree.unflatten(tree, [next(filled) if dynamic else leaf for leaf, dynamic in leaves])
        traced = watching.Traced.of(fn, (own, *others), {}, data, axes)
        wired = wiring.find(traced, own)
        found.append(AffineLayers.of(wired.get, wired.set, wired.hidden))

    flat, tree = jax.tree.flatten((params, *args))
    leaves = [(leaf, watching.is_dynamic(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)) for leaf in flat]
    jax.eval_shape(trace, [leaf for leaf, dynamic in leaves if dynamic])
    return found[0]


def drawn_by(init: Callable[[Array], Any], layers: AffineLayers) -> Initialize:
    """Return what draws a layer anew as a network's own `init(key)`, which gives parameters, draws it."""
    return lambda key, layer, shape: layers.get(init(key))[layer - 1]
