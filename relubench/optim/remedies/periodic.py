"""What remedies that act from time to time have in common: parameters overwritten after every so many updates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from relubench import checks
from relubench.lazy import jnp, optax
from relubench.optim.remedies.lens import (
    Affine,
    AffineLayers,
    check_activations,
    check_lens,
    check_start,
    read,
    read_layers,
)
from relubench.optim.remedies.reset import Reset, overwrite

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike


class PeriodicState(NamedTuple):
    """State of a remedy that acts after every so many updates."""

    inner: Any  # that of the wrapped transformation
    step: Array  # int32: updates so far


class Moment(NamedTuple):
    """What a remedy sees of an update."""

    step: Array  # of this update, from 1
    due: Array  # bool: whether it acts; else its masks must be false
    affine: list[Affine]  # the layers before the update
    moved: list[Affine]  # and after it
    gradients: list[Affine]
    activations: Sequence[Array]  # of the hidden layers, [examples, ..., units] each; () unless it reads them


def periodic(
    inner: optax.GradientTransformation,
    resets: Callable[[Moment], Sequence[Reset]],
    *,
    layers: AffineLayers,
    period: ArrayLike,
    of_units: bool = True,
    reads_activations: bool = False,
    forgets: bool = True,
) -> optax.GradientTransformationExtraArgs:
    """Return `inner` with what `resets` says overwritten after every `period` updates.

    Args:
        inner: the transformation that makes the updates.
        resets: gives a `Reset` of each affine layer.
        layers: how to find the affine layers.
        period: updates between two resets; the first comes with update number `period`.
        of_units: whether it needs to know between which layers the hidden units stand.
        reads_activations: whether `update` must be given them.
        forgets: whether what is overwritten loses its moments.
    """
    check_lens(layers)
    checks.number("period", period, low=1, high=checks.MOST, whole=True)
    inner = optax.with_extra_args_support(inner)
    reader = read if of_units else read_layers

    def init(params: Any) -> PeriodicState:
        check_start(reader, layers, params)
        return PeriodicState(inner.init(params), jnp.zeros((), jnp.int32))

    def update(updates: Any, state: PeriodicState, params: Any = None, **extra: Any) -> tuple[Any, PeriodicState]:
        affine = reader(layers, params, updates)
        hidden = check_activations(layers, affine, extra.get("activations")) if reads_activations else ()
        gradients = list(layers.get(updates))
        updates, inner_state = inner.update(updates, state.inner, params, **extra)
        step = optax.safe_increment(state.step)
        due = step % jnp.asarray(period, step.dtype) == 0
        moved = list(layers.get(optax.apply_updates(params, updates)))
        moment = Moment(step, due, affine, moved, gradients, hidden)
        updates, inner_state = overwrite(
            inner, layers, due, lambda: resets(moment), params, updates, inner_state, forgets=forgets
        )
        return updates, PeriodicState(inner_state, step)

    return optax.GradientTransformationExtraArgs(init, update)
