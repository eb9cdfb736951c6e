"""Selective weight reinitialization (Hernandez-Garcia et al. 2025, "Reinitializing weights vs units …", CoLLAs)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relubench import checks, magnitudes
from relubench.config import knob
from relubench.lazy import jnp
from relubench.optim.remedies.choices import PERIOD, REMEDIES
from relubench.optim.remedies.lens import Affine, AffineLayers, Initialize
from relubench.optim.remedies.periodic import Moment, periodic
from relubench.optim.remedies.reset import Reset, fresh_layers

if TYPE_CHECKING:
    import optax
    from jax import Array
    from jax.typing import ArrayLike


@REMEDIES.register(
    "selective_weight_resets",
    period=PERIOD,
    utility_threshold=knob(0.01, "share of the mean utility at or below which a weight is reset", low=0.0),
)
def selective_weight_resets(
    inner: optax.GradientTransformation,
    *,
    layers: AffineLayers,
    initialize: Initialize,
    key: Array,
    utility_threshold: ArrayLike,
    period: ArrayLike,
) -> optax.GradientTransformationExtraArgs:
    """Return `inner` with the least useful single parameters drawn anew after every `period` updates.

    The utility of a parameter w with the gradient g on the present batch is |w g|; it is reset where that is at most
    `utility_threshold` times the mean over its kernel, or over its bias. These are the paper's gradient utility,
    threshold pruning and resampling; its running average of the utility is left out, and what is reset loses its
    moments, which the authors' code keeps. A dead unit's parameters have no gradient, and so are all drawn anew.

    Args:
        inner: the transformation that makes the updates.
        layers: how to find the affine layers.
        initialize: draws a whole layer anew.
        key: of the draws.
        utility_threshold: the share of the mean utility up to which a parameter is reset.
        period: updates between two resets; the first comes with update number `period`.
    """
    checks.number("utility_threshold", utility_threshold, low=0)

    def resets(moment: Moment) -> list[Reset]:
        drawn = fresh_layers(initialize, key, moment.step, moment.affine)
        return [
            Reset(_useless(layer, gradient, moment.due, utility_threshold), fresh)
            for layer, gradient, fresh in zip(moment.affine, moment.gradients, drawn, strict=True)
        ]

    return periodic(inner, resets, layers=layers, period=period, of_units=False)


def _useless(layer: Affine, gradient: Affine, due: Array, threshold: ArrayLike) -> Affine:
    """Return which parameters of a layer are to be reset, shaped like it."""
    relative = [[magnitudes.relative(x)[0] for x in pair] for pair in zip(layer, gradient, strict=True)]
    utilities = [w * g for w, g in relative]
    kernel, bias = (due & (u <= jnp.asarray(threshold, u.dtype) * jnp.mean(u)) for u in utilities)
    return kernel, bias
