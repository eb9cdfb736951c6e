"""Re-drawing the weights that are not positive, period by period, with layers frozen in turn or one after another.

An answer's remedy (Cross Validated, "What is the dying ReLU problem in neural networks?"), made exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relubench import checks
from relubench.config import knob, static
from relubench.lazy import jnp, optax
from relubench.optim.remedies.choices import PERIOD, REMEDIES
from relubench.optim.remedies.freeze import stand_still
from relubench.optim.remedies.lens import AffineLayers, Initialize, check_lens, check_start, read
from relubench.optim.remedies.periodic import PeriodicState
from relubench.optim.remedies.reset import Reset, fresh_layers, overwrite

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike


ORDERS = ("in_turn", "progressive")


@REMEDIES.register(
    "rerandomize",
    period=PERIOD,
    freeze=static(True, "freeze layers"),
    order=static("in_turn", "which layers: one in turn, or one more at a time from the input", choices=ORDERS),
    stage=knob(1, "periods until the next layer is frozen", low=1),
)
def rerandomize(
    inner: optax.GradientTransformation,
    *,
    layers: AffineLayers,
    initialize: Initialize,
    key: Array,
    period: ArrayLike,
    freeze: bool,
    order: str,
    stage: ArrayLike,
) -> optax.GradientTransformationExtraArgs:
    """Return `inner` with every weight <= 0 of the hidden layers' kernels drawn anew after each `period` updates.

    What is drawn anew loses its moments. With `freeze` some of the L affine layers, the output's included, stand
    still: in period e (from 0), with s = floor(e / stage), layer s mod L + 1 alone where they do so `in_turn`, or the
    first min(s, L - 1) layers where freezing is `progressive`. To `inner` their gradients are 0, and they keep their
    weights at the period's end as well.

    Args:
        inner: the transformation that makes the updates.
        layers: how to find the affine layers.
        initialize: draws a whole layer anew.
        key: of the draws.
        period: updates in a period, such as those of an epoch; the first redraw comes with update number `period`.
        freeze: whether layers stand still.
        order: which of them do: `in_turn` or `progressive`.
        stage: periods until the next layer stands still.
    """
    check_lens(layers)
    checks.number("period", period, low=1, high=checks.MOST, whole=True)
    checks.flag("freeze", freeze)
    checks.one_of("order", order, ORDERS)
    checks.number("stage", stage, low=1, high=checks.MOST, whole=True)
    inner = optax.with_extra_args_support(inner)

    def init(params: Any) -> PeriodicState:
        check_start(read, layers, params)
        return PeriodicState(inner.init(params), jnp.zeros((), jnp.int32))

    def update(updates: Any, state: PeriodicState, params: Any = None, **extra: Any) -> tuple[Any, PeriodicState]:
        affine = read(layers, params, updates)
        length = jnp.asarray(period, state.step.dtype)
        turn = state.step // length // jnp.asarray(stage, state.step.dtype)
        frozen = [freeze & _stands_still(order, turn, n, len(affine)) for n in range(len(affine))]
        updates = stand_still(layers, updates, frozen)
        updates, inner_state = inner.update(updates, state.inner, params, **extra)
        updates = stand_still(layers, updates, frozen)
        step = optax.safe_increment(state.step)
        due = step % length == 0
        moved = layers.get(optax.apply_updates(params, updates))

        def resets() -> list[Reset]:
            drawn = fresh_layers(initialize, key, step, affine)
            hidden = {before for before, _ in layers.around(affine)}  # never the output's
            redrawn = [due & ~flag & (n in hidden) for n, flag in enumerate(frozen)]
            return [
                Reset(((kernel <= 0) & flag, jnp.zeros_like(bias, bool)), values)
                for (kernel, bias), flag, values in zip(moved, redrawn, drawn, strict=True)
            ]

        updates, inner_state = overwrite(inner, layers, due, resets, params, updates, inner_state)
        return updates, PeriodicState(inner_state, step)

    return optax.GradientTransformationExtraArgs(init, update)


def _stands_still(order: str, turn: Array, layer: int, layers: int) -> Array:
    if order == "progressive":
        return (layer < turn) & (layer < layers - 1)
    return turn % layers == layer
