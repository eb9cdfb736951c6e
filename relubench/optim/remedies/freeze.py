"""Layers that stand still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from relubench import checks
from relubench.errors import UserError
from relubench.lazy import jnp, optax
from relubench.optim.remedies.lens import AffineLayers, check_lens, check_start, read_layers

if TYPE_CHECKING:
    from jax.typing import ArrayLike


def stand_still(layers: AffineLayers, tree: Any, frozen: Sequence[ArrayLike]) -> Any:
    """Return gradients or updates with 0 for each layer whose flag is true; the flags may be traced."""
    stilled = [
        (jnp.where(flag, 0, kernel), jnp.where(flag, 0, bias))
        for (kernel, bias), flag in zip(layers.get(tree), frozen, strict=True)
    ]
    return layers.set(tree, stilled)


def freeze(
    inner: optax.GradientTransformation, *, layers: AffineLayers, frozen: Sequence[int]
) -> optax.GradientTransformationExtraArgs:
    """Return `inner` with layers whose parameters never move; its state is that of `inner`.

    To `inner` their gradients are 0, so that they don't count in a norm that it clips. Decay and the resets of a
    remedy inside do not move them either.

    Args:
        inner: the transformation that makes the updates.
        layers: how to find the affine layers.
        frozen: the layers that stand still, from 1 at the input.
    """
    check_lens(layers)
    numbers = checks.whole_numbers("frozen", frozen)
    inner = optax.with_extra_args_support(inner)

    def flags_of(layers: AffineLayers, params: Any, updates: Any) -> list[bool]:
        total = len(read_layers(layers, params, updates))
        beyond = sorted(n for n in numbers if not 1 <= n <= total)
        if beyond:
            raise UserError(f"frozen={numbers}: there is no affine layer {beyond[0]}; it takes 1 to {total}")
        return [n in numbers for n in range(1, total + 1)]

    def init(params: Any) -> Any:
        check_start(flags_of, layers, params)
        return inner.init(params)

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        flags = flags_of(layers, params, updates)
        updates, state = inner.update(stand_still(layers, updates, flags), state, params, **extra)
        return stand_still(layers, updates, flags), state

    return optax.GradientTransformationExtraArgs(init, update)
