"""Overwriting parameters from inside an optax transformation, and forgetting their moments."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from relubench.lazy import jax, jnp, lax, optax
from relubench.optim.remedies.lens import Affine, AffineLayers, Initialize, check_draw

if TYPE_CHECKING:
    from jax import Array


class Reset(NamedTuple):
    """What becomes of one affine layer: where a mask is true, its parameter takes the value."""

    masks: Affine  # bool, shaped like (kernel, bias)
    values: Affine


@functools.cache
def _any_run() -> Callable[[Array], Array]:
    """Return the function that says whether a flag holds for any of the runs that `vmap` trains together.

    It gives the same scalar for all of them.
    """
    any_run = jax.custom_batching.custom_vmap(lambda flag: flag)

    @any_run.def_vmap
    def _batched(axis_size: int, in_batched: Sequence[bool], flag: Array) -> tuple[Array, bool]:
        return any_run(jnp.any(flag, 0)), False

    return any_run


def fresh_layers(initialize: Initialize, key: Array, step: Array, affine: Sequence[Affine]) -> list[Affine]:
    """Return a draw of each layer with the key of this step (from 1) and layer, whatever was drawn before."""
    key = jax.random.fold_in(key, step)
    return [
        check_draw(n, initialize(jax.random.fold_in(key, n), n, layer[0].shape), layer)
        for n, layer in enumerate(affine, start=1)
    ]


def new_units(
    layers: AffineLayers, units: Sequence[Array], drawn: Sequence[Affine], *, keep_between: bool
) -> list[Reset]:
    """Return what makes hidden units anew: incoming weights and biases as `drawn`, outgoing weights of 0.

    `units` has a bool mask [units] for each hidden layer, `drawn` a draw of each affine layer. A weight from one new
    unit to another is as drawn where `keep_between` is set, else 0.
    """
    own = [jnp.zeros_like(bias, bool) for _, bias in drawn]
    read = [jnp.zeros(kernel.shape[-2], bool) for kernel, _ in drawn]
    for (before, following), mask in zip(layers.around(drawn), units, strict=True):
        own[before] = mask
        for after in following:
            read[after] = mask
    resets = []
    for (kernel, bias), inputs, outputs in zip(drawn, read, own, strict=True):
        wide = (1,) * (kernel.ndim - 2)
        incoming = jnp.broadcast_to(outputs.reshape(*wide, 1, -1), kernel.shape)
        outgoing = jnp.broadcast_to(inputs.reshape(*wide, -1, 1), kernel.shape)
        kept = incoming if keep_between else ~outgoing
        resets.append(Reset((incoming | outgoing, outputs), (jnp.where(kept, kernel, 0), bias)))
    return resets


def overwrite(
    inner: optax.GradientTransformation,
    layers: AffineLayers,
    due: Array,
    resets: Callable[[], Sequence[Reset]],
    params: Any,
    updates: Any,
    state: Any,
    *,
    forgets: bool = True,
) -> tuple[Any, Any]:
    """Return `updates` that carry `params` to the values of `resets()`, and `inner`'s `state` without their moments.

    Where it does not forget, the state stays as it is.

    `resets` is called only where `due` (a scalar) holds for one of the runs of a vmap, so that its draws cost
    nothing at other steps: for a run that is not due its masks must be false. New values are reached as
    p + (value - p): 0 exactly, others to the rounding of p.
    """

    def reset() -> tuple[Any, Any]:
        planned = resets()
        old, steps = layers.get(params), layers.get(updates)
        moved = [_steps(*three) for three in zip(planned, old, steps, strict=True)]
        if not forgets:
            return layers.set(updates, moved), state
        nowhere = jax.tree.map(lambda p: jnp.zeros(p.shape, bool), params)
        masks = layers.set(nowhere, [reset.masks for reset in planned])
        return layers.set(updates, moved), _forget(inner, state, masks)

    return lax.cond(_any_run()(due), reset, lambda: (updates, state))


def _steps(reset: Reset, old: Affine, steps: Affine) -> Affine:
    kernel, bias = (
        jnp.where(mask, value.astype(p.dtype) - p, step)
        for mask, value, p, step in zip(reset.masks, reset.values, old, steps, strict=True)
    )
    return kernel, bias


def _forget(inner: optax.GradientTransformation, state: Any, masks: Any) -> Any:
    """Return an optimiser's state with 0 for the moments under `masks`, a tree of bools like the parameters.

    Moments that aren't one number a parameter (Adafactor's rows and columns) mix many units and stay.
    """

    def forget(moment: Any, mask: Any) -> Any:
        if _is_absent(moment) or moment.shape != mask.shape:
            return moment
        return jnp.where(mask, 0, moment)

    return optax.tree.map_params(inner, forget, state, masks, is_leaf=_is_absent)


def _is_absent(node: Any) -> bool:
    """Whether `optax.masked` has left this parameter out of an optimiser."""
    return isinstance(node, optax.MaskedNode)
