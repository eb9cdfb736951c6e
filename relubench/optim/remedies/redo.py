"""ReDo: recycling dormant units (Sokar et al. 2023, "The dormant neuron phenomenon", algorithm 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relubench import checks, magnitudes
from relubench.config import knob
from relubench.lazy import jnp
from relubench.optim.remedies.choices import PERIOD, REMEDIES
from relubench.optim.remedies.lens import AffineLayers, Initialize
from relubench.optim.remedies.periodic import Moment, periodic
from relubench.optim.remedies.reset import Reset, fresh_layers, new_units

if TYPE_CHECKING:
    import optax
    from jax import Array
    from jax.typing import ArrayLike


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
    initialiser and a bias of 0, whatever the network began with. With `optim.scale_by_counted_adam` in `inner` the
    step count of Adam begins anew as well.

    Args:
        inner: the transformation that makes the updates.
        layers: how to find the affine layers.
        initialize: draws a whole layer anew.
        key: of the draws.
        tau: the largest score that is dormant; the scores of a layer have mean 1.
        period: updates between two resets; the first comes with update number `period`.
    """
    checks.number("tau", tau, low=0)

    def resets(moment: Moment) -> list[Reset]:
        dormant = [moment.due & _dormant(h, tau) for h in moment.activations]
        drawn = fresh_layers(initialize, key, moment.step, moment.affine)
        return new_units(layers, dormant, drawn, keep_between=False)

    return periodic(inner, resets, layers=layers, period=period, reads_activations=True)


def _dormant(h: Array, tau: ArrayLike) -> Array:
    """Return which units have a score of at most `tau`: [units]; all of them where a whole layer is silent."""
    size, _ = magnitudes.relative(h)
    mean = jnp.mean(size, tuple(range(h.ndim - 1)))
    return mean <= jnp.asarray(tau, mean.dtype) * jnp.mean(mean)
