"""The hidden activations, elementwise, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from relubench.registry import Registry


class Activation(NamedTuple):
    """f(z) and what the counter must know of it."""

    fn: Callable[[Array, ArrayLike], Array]  # (z, negative_slope) -> f(z); most ignore the slope
    piecewise_linear: bool = False
    learned_slope: bool = False  # the negative slope is a trained parameter, one a layer


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805

ACTIVATIONS: Registry[Activation] = Registry("model.activation.name")


def _leaky_relu(z: Array, negative_slope: ArrayLike) -> Array:
    return jnp.where(z >= 0, z, negative_slope * z)


@jax.custom_jvp
def _exponential(z: Array) -> Array:
    """Return exp(z) - 1 for z <= 0, and 0 above."""
    return jnp.expm1(jnp.minimum(z, 0))


@_exponential.defjvp
def _exponential_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """Give the slope as exp(z); JAX has computed it as expm1(z) + 1, which is 0 below -17 in float32."""
    (z,), (tangent,) = primals, tangents
    return _exponential(z), jnp.where(z > 0, 0, jnp.exp(jnp.minimum(z, 0))) * tangent


def _elu(z: Array) -> Array:
    """Clevert et al. 2016, eq. 15, alpha = 1."""
    return jnp.where(z > 0, z, _exponential(z))


def _selu(z: Array) -> Array:
    """Klambauer et al. 2017, eq. 2."""
    return SELU_SCALE * jnp.where(z > 0, z, SELU_ALPHA * _exponential(z))


def _smooth(fn: Callable[[Array], Array]) -> Activation:
    return Activation(lambda z, negative_slope: fn(z))


ACTIVATIONS.register("relu")(Activation(lambda z, negative_slope: jax.nn.relu(z), piecewise_linear=True))
ACTIVATIONS.register("leaky_relu")(Activation(_leaky_relu, piecewise_linear=True))
ACTIVATIONS.register("prelu")(Activation(_leaky_relu, piecewise_linear=True, learned_slope=True))
ACTIVATIONS.register("elu")(_smooth(_elu))
ACTIVATIONS.register("selu")(_smooth(_selu))
ACTIVATIONS.register("gelu")(_smooth(lambda z: jax.nn.gelu(z, approximate=False)))
ACTIVATIONS.register("silu")(_smooth(jax.nn.silu))
ACTIVATIONS.register("softplus")(_smooth(jax.nn.softplus))
ACTIVATIONS.register("sigmoid")(_smooth(jax.nn.sigmoid))
ACTIVATIONS.register("tanh")(_smooth(jnp.tanh))


def local_slope(fn: Callable[[Array], Array], z: Array) -> Array:
    """Return f'(z) elementwise, as reverse-mode differentiation of `fn` sees it.

    At z = 0 libraries differ: JAX's relu has slope 0 there, the leaky ones here slope 1.
    """
    return jax.jvp(fn, (z,), (jnp.ones_like(z),))[1]
