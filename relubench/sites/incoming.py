"""What of a function's parameters each unit of a site has: incoming weights, bias, their gradients and moments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from jax import numpy as jnp

from relubench.errors import UserError
from relubench.sites.origins import PARAMETERS
from relubench.sites.watching import Place, is_dynamic, parameter_path

Arrays = dict[str, np.ndarray]  # by the path among the arguments of the function


def parameter_leaves(parameters: Any) -> list[tuple[str, Any]]:
    """Return (path among the arguments of the function, leaf) of all parameters, its first argument, in their order."""
    leaves = jax.tree_util.tree_flatten_with_path(((parameters,), {}))[0]
    return [(parameter_path(path), leaf) for path, leaf in leaves]


def by_path(parameters: Any) -> Arrays:
    """Return the parameters that have a gradient, in their order."""
    return {path: np.asarray(leaf, np.float64) for path, leaf in parameter_leaves(parameters) if has_gradient(leaf)}


def has_gradient(leaf: Any) -> bool:
    """Whether this is an array of floating-point numbers."""
    return is_dynamic(leaf) and bool(jnp.issubdtype(leaf.dtype, jnp.floating))


def second_moments(state: Any) -> Arrays:
    """Return the second moments that an optimiser of optax keeps of the parameters' gradients."""
    moments = optax.tree.get(state, "nu")
    if moments is None:
        raise UserError("optimizer_state: it holds no second moments (nu); it takes the state of an Adam of optax")
    return by_path(moments)


class Own(NamedTuple):
    """What of a site's parameters each unit has, shaped like the units; None of what is no parameter as it stands."""

    norm: np.ndarray | None = None  # length of its incoming weights
    bias: np.ndarray | None = None  # what is added to it last
    gradient: np.ndarray | None = None  # mean magnitude of the loss's gradient by its incoming weights
    moment: np.ndarray | None = None  # root of the mean second moment of those weights

    @classmethod
    def of(cls, place: Place, arrays: Arrays, gradients: Mapping[str, Any], moments: Arrays) -> Own:
        """Find them."""
        origin, order = place.stretch.origin, place.stretch.order
        of = [factor.of for n in order for factor in origin.axes[n] if PARAMETERS in factor.kinds]
        if origin.weight not in arrays or any(axis is None or axis.path != origin.weight for axis in of):
            return cls()
        turns = [n for n, length in enumerate(place.activation.loops) if length is not None]
        kept = [*turns, *(axis.axis for axis in of if axis is not None)]

        def of_units(leaf: Any) -> np.ndarray | None:
            """Return the mean over what leads to each unit."""
            if leaf is None:
                return None
            others = tuple(n for n in range(np.ndim(leaf)) if n not in kept)
            return np.asarray(leaf, np.float64).mean(others).transpose(np.argsort(np.argsort(kept)))

        weight, bias = arrays[origin.weight], arrays.get(origin.bias)
        square = of_units(np.square(weight))
        if square is None:
            return cls()
        fits = bias is not None and tuple(n for n in bias.shape if n > 1) == tuple(n for n in square.shape if n > 1)
        slope, moment = gradients.get(origin.weight), of_units(moments.get(origin.weight))
        return cls(
            norm=np.sqrt(square * weight.size / max(square.size, 1)),
            bias=bias.reshape(square.shape) if bias is not None and fits else None,
            gradient=None if slope is None else of_units(np.abs(np.asarray(slope, np.float64))),
            moment=None if moment is None else np.sqrt(moment),
        )
