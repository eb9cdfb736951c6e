"""ReDo: recycling dormant units (Sokar et al. 2023, "The dormant neuron phenomenon", algorithm 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from relubench import checks
from relubench.config import knob
from relubench.lazy import jnp, optax
from relubench.optim.remedies.choices import PERIOD, REMEDIES
from relubench.optim.remedies.lens import AffineLayers, Initialize, check_activations, check_lens, check_start, read
from relubench.optim.remedies.reset import Reset, fresh_layers, new_units, overwrite

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike


class RedoState(NamedTuple):
    """State of `redo`."""

    inner: Any  # that of the wrapped transformation
    step: Array  # int32: updates so far


@REMEDIES.register("redo", period=PERIOD, tau=knob(0.1, "dormancy score at or below which a unit is reset", low=0.0))
def redo(
    inner: optax.GradientTransformation,
    *,
    layers: AffineLayers,
    initialize: Initialize,
    key: Array,
    tau: ArrayLike,
    period: ArrayLike,
) -> optax.GradientTransformationExtraArgs:
    """Return `inner` with the dormant hidden units made anew after every `period` updates.

    A unit is dormant when its mean |activation| is at most `tau` times its layer's mean. Its incoming weights and
    its bias get a fresh draw, its outgoing weights 0, and all of these lose their moments. A weight from one dormant
    unit to another becomes 0, as in the authors' code. That code differs in one point: it draws with Glorot's
    initialiser and a bias of 0, whatever the network began with.

    Args:
        inner: the transformation that makes the updates.
        layers: how to find the affine layers.
        initialize: draws a whole layer anew.
        key: of the draws.
        tau: the largest score that is dormant; the scores of a layer have mean 1.
        period: updates between two resets; the first comes with update number `period`.
    """
    check_lens(layers)
    checks.number("tau", tau, low=0)
    checks.number("period", period, low=1, high=checks.MOST, whole=True)
    inner = optax.with_extra_args_support(inner)

    def init(params: Any) -> RedoState:
        check_start(read, layers, params)
        return RedoState(inner.init(params), jnp.zeros((), jnp.int32))

    def update(
        updates: Any, state: RedoState, params: Any = None, *, activations: Sequence[Array] | None = None, **extra: Any
    ) -> tuple[Any, RedoState]:
        affine = read(layers, params, updates)
        hidden = check_activations(layers, affine, activations)
        updates, inner_state = inner.update(updates, state.inner, params, activations=activations, **extra)
        step = optax.safe_increment(state.step)
        due = step % jnp.asarray(period, step.dtype) == 0

        def resets() -> list[Reset]:
            dormant = [due & _dormant(h, tau) for h in hidden]
            return new_units(layers, dormant, fresh_layers(initialize, key, step, affine), keep_between=False)

        updates, inner_state = overwrite(inner, layers, due, resets, params, updates, inner_state)
        return updates, RedoState(inner_state, step)

    return optax.GradientTransformationExtraArgs(init, update)


def _dormant(h: Array, tau: ArrayLike) -> Array:
    """Return which units have a score of at most `tau`: [units]; all of them where a whole layer is silent."""
    mean = jnp.mean(jnp.abs(h), tuple(range(h.ndim - 1)))
    return mean <= jnp.asarray(tau, mean.dtype) * jnp.mean(mean)
