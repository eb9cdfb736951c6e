"""Shrink and perturb (Ash & Adams 2020, "On warm-starting neural network training", section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relubench import checks
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
    "shrink_and_perturb",
    period=PERIOD,
    shrink=knob(0.9, "factor on every parameter at a reset", low=0.0, high=1.0),
    perturb=knob(0.1, "factor on the fresh draw that is added", low=0.0),
)
def shrink_and_perturb(
    inner: optax.GradientTransformation,
    *,
    layers: AffineLayers,
    initialize: Initialize,
    key: Array,
    shrink: ArrayLike,
    perturb: ArrayLike,
    period: ArrayLike,
) -> optax.GradientTransformationExtraArgs:
    """Return `inner` with every affine parameter w replaced by `shrink` w + `perturb` v after every `period` updates.

    v is a fresh draw of the layer, its bias included, where the paper adds Gaussian noise of one standard deviation
    for all layers. Moments stay.

    Args:
        inner: the transformation that makes the updates.
        layers: how to find the affine layers.
        initialize: draws a whole layer anew.
        key: of the draws.
        shrink: the share of a parameter that stays.
        perturb: the factor on the draw.
        period: updates between two of these; the first comes with update number `period`.
    """
    checks.number("shrink", shrink, low=0, high=1)
    checks.number("perturb", perturb, low=0)

    def resets(moment: Moment) -> list[Reset]:
        drawn = fresh_layers(initialize, key, moment.step, moment.affine)
        return [
            Reset(_everywhere(layer, moment.due), _mixed(layer, fresh, shrink, perturb))
            for layer, fresh in zip(moment.moved, drawn, strict=True)
        ]

    return periodic(inner, resets, layers=layers, period=period, of_units=False, forgets=False)


def _everywhere(layer: Affine, flag: Array) -> Affine:
    kernel, bias = (jnp.broadcast_to(flag, parameter.shape) for parameter in layer)
    return kernel, bias


def _mixed(layer: Affine, fresh: Affine, shrink: ArrayLike, perturb: ArrayLike) -> Affine:
    kernel, bias = (
        jnp.asarray(shrink, old.dtype) * old + jnp.asarray(perturb, old.dtype) * new.astype(old.dtype)
        for old, new in zip(layer, fresh, strict=True)
    )
    return kernel, bias
