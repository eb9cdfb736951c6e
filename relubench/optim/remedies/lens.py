"""How a remedy finds the affine layers in a tree of parameters, and draws new ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jax import Array

from relubench.errors import UserError

#: (kernel [..., in, out], bias [out]) of an affine layer
Affine = tuple[Array, Array]
#: (key, layer from 1 at the input, kernel shape) -> a fresh draw of the whole layer
Initialize = Callable[[Array, int, tuple[int, ...]], Affine]


class AffineLayers(NamedTuple):
    """A lens on trees shaped like the parameters: also on gradients, updates and masks."""

    get: Callable[[Any], Sequence[Affine]]  # every affine layer in order from the input; the last is the output's
    set: Callable[[Any, Sequence[Affine]], Any]  # the same tree with these layers


#: For parameters that are such a list themselves.
PLAIN = AffineLayers(get=lambda params: params, set=lambda params, layers: list(layers))


def find(layers: AffineLayers, params: Any) -> Sequence[Affine]:
    """Return the layers of `params`, which must be there."""
    if params is None:
        raise UserError("params=None: a remedy reads the parameters; it takes update(updates, state, params, ...)")
    return layers.get(params)


def read(layers: AffineLayers, params: Any) -> Sequence[Affine]:
    """Return the layers of `params`, which must fit together: layer n + 1 has an input a unit of n."""
    affine = find(layers, params)
    for n, ((_, bias), (following, _)) in enumerate(itertools.pairwise(affine), start=1):
        if following.shape[-2] != bias.shape[0]:
            raise UserError(
                f"layers: layer {n} has {bias.shape[0]} units but layer {n + 1} {following.shape[-2]} inputs; "
                "it takes kernels [..., in, out] with an input a unit"
            )
    return affine
