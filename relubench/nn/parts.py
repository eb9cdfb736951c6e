"""What the networks that are functions of their parameters are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from relubench import config
from relubench.lazy import jax, jnp
from relubench.nn.activations import ACTIVATIONS
from relubench.nn.initializers import initialize

if TYPE_CHECKING:
    from jax import Array

    Parameters = dict[str, Any]


def drawn(model: config.Model, key: Array, shape: tuple[int, ...], *, hidden: bool = False) -> Parameters:
    """Return the initial kernel [..., in, out] and bias [out] of an affine layer, by the setting's initialiser."""
    kernel, bias = initialize(model.init, key, shape, hidden)
    return {"kernel": kernel, "bias": bias}


def affine(layer: Parameters, x: Array) -> Array:
    """Return x · kernel + bias: [..., out] of x [..., in]."""
    return x @ layer["kernel"] + along(layer["bias"], x)


def along(units: Array, x: Array) -> Array:
    """Return numbers [units] so that they stand on the last axis of x."""
    return units.reshape((1,) * (x.ndim - 1) + (-1,))


def unscaled(units: int) -> Parameters:
    """Return the initial scale and shift of a norm."""
    return {"scale": jnp.ones(units), "shift": jnp.zeros(units)}


def normalized(layer: Parameters, x: Array, axes: tuple[int, ...] = (-1,)) -> Array:
    """Return x [..., units] with mean 0 and variance 1 over the axes, scaled and shifted (Ba et al. 2016, eq. 4)."""
    centred = x - jnp.mean(x, axes, keepdims=True)
    variance = jnp.mean(jnp.square(centred), axes, keepdims=True)
    return centred * jax.lax.rsqrt(variance + 1e-6) * along(layer["scale"], x) + along(layer["shift"], x)


def activation(model: config.Model) -> tuple[Parameters, Parameters, Callable[[Parameters, Parameters, Array], Array]]:
    """Return the activation's (trained keys, constant keys, function of these two and z)."""
    kind, own = ACTIVATIONS[model.activation.name], ACTIVATIONS.own(model.activation)
    keys = {name: jnp.asarray(value, jnp.result_type(float)) for name, value in own.items()}
    learned = {name: value for name, value in keys.items() if name in kind.learned}
    constant = {name: value for name, value in keys.items() if name not in kind.learned}
    return learned, constant, lambda learned, constant, z: kind.fn(z, **learned, **constant)
