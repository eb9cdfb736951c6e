"""ReGraMa: recycling units by their gradients (Liu et al. 2025, "Measure gradients, not activations!", NeurIPS)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relubench import checks, magnitudes
from relubench.config import knob
from relubench.lazy import jnp
from relubench.optim.remedies.choices import PERIOD, REMEDIES
from relubench.optim.remedies.lens import Affine, AffineLayers, Initialize
from relubench.optim.remedies.periodic import Moment, periodic
from relubench.optim.remedies.reset import Reset, fresh_layers, new_units

if TYPE_CHECKING:
    import optax
    from jax import Array
    from jax.typing import ArrayLike


@REMEDIES.register(
    "regrama",
    period=PERIOD,
    gradient_tau=knob(0.01, "gradient score at or below which a unit is reset", low=0.0),
)
def regrama(
    inner: optax.GradientTransformation,
    *,
    layers: AffineLayers,
    initialize: Initialize,
    key: Array,
    gradient_tau: ArrayLike,
    period: ArrayLike,
) -> optax.GradientTransformationExtraArgs:
    """Return `inner` with hidden units of small gradient made anew after every `period` updates.

    A unit's score (GraMa) is the magnitude of its gradient over the mean of its layer; one of at most `gradient_tau` is
    reset as `redo` resets. The magnitude is here the mean |gradient| of the incoming weights on the present batch,
    which every optimiser has at hand; it is 0 exactly where no example of the batch moves them.

    Args:
        inner: the transformation that makes the updates.
        layers: how to find the affine layers.
        initialize: draws a whole layer anew.
        key: of the draws.
        gradient_tau: the largest score that is reset; the scores of a layer have mean 1.
        period: updates between two resets; the first comes with update number `period`.
    """
    checks.number("gradient_tau", gradient_tau, low=0)

    def resets(moment: Moment) -> list[Reset]:
        around = layers.around(moment.affine)
        inactive = [moment.due & _inactive(moment.gradients[before], gradient_tau) for before, _ in around]
        drawn = fresh_layers(initialize, key, moment.step, moment.affine)
        return new_units(layers, inactive, drawn, keep_between=False)

    return periodic(inner, resets, layers=layers, period=period)


def _inactive(gradient: Affine, tau: ArrayLike) -> Array:
    """Return which units have a score of at most `tau`: [units]; all of them where a whole layer has no gradient."""
    kernel, _ = gradient
    size, _ = magnitudes.relative(kernel)
    magnitude = jnp.mean(size, tuple(range(kernel.ndim - 1)))
    return magnitude <= jnp.asarray(tau, magnitude.dtype) * jnp.mean(magnitude)
