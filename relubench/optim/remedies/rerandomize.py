"""Re-drawing the weights that are not positive, period by period, with the layers frozen in turn.

An answer's remedy (Cross Validated, "What is the dying ReLU problem in neural networks?"), made exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relubench import checks
from relubench.config import static
from relubench.lazy import jnp, optax
from relubench.optim.remedies.choices import PERIOD, REMEDIES
from relubench.optim.remedies.freeze import stand_still
from relubench.optim.remedies.lens import AffineLayers, Initialize, check_lens, check_start, read
from relubench.optim.remedies.periodic import PeriodicState
from relubench.optim.remedies.reset import Reset, fresh_layers, overwrite

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike


@REMEDIES.register("rerandomize", period=PERIOD, freeze=static(True, "freeze the layers in turn, a period each"))
def rerandomize(
    inner: optax.GradientTransformation,
    *,
    layers: AffineLayers,
    initialize: Initialize,
    key: Array,
    period: ArrayLike,
    freeze: bool,
) -> optax.GradientTransformationExtraArgs:
    """Return `inner` with every weight <= 0 of the hidden layers' kernels drawn anew after each `period` updates.

    What is drawn anew loses its moments. With `freeze` one affine layer of L, the output's included, stands still
    at a time: in period e (from 0) that is layer e mod L + 1, which `inner` sees a gradient of 0 for, and which
    keeps its weights at the period's end as well.

    Args:
        inner: the transformation that makes the updates.
        layers: how to find the affine layers.
        initialize: draws a whole layer anew.
        key: of the draws.
        period: updates in a period, such as those of an epoch; the first redraw comes with update number `period`.
        freeze: whether the layers stand still in turn.
    """
    check_lens(layers)
    checks.number("period", period, low=1, high=checks.MOST, whole=True)
    checks.flag("freeze", freeze)
    inner = optax.with_extra_args_support(inner)

    def init(params: Any) -> PeriodicState:
        check_start(read, layers, params)
        return PeriodicState(inner.init(params), jnp.zeros((), jnp.int32))

    def update(updates: Any, state: PeriodicState, params: Any = None, **extra: Any) -> tuple[Any, PeriodicState]:
        affine = read(layers, params, updates)
        length = jnp.asarray(period, state.step.dtype)
        turn = (state.step // length) % len(affine)
        frozen = [freeze & (turn == n) for n in range(len(affine))]
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
