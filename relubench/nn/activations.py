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


ACTIVATIONS: Registry[Activation] = Registry("model.activation.name")


def _leaky_relu(z: Array, negative_slope: ArrayLike) -> Array:
    return jnp.where(z >= 0, z, negative_slope * z)


def _smooth(fn: Callable[[Array], Array]) -> Activation:
    return Activation(lambda z, negative_slope: fn(z))


ACTIVATIONS.register("relu")(Activation(lambda z, negative_slope: jax.nn.relu(z), piecewise_linear=True))
ACTIVATIONS.register("leaky_relu")(Activation(_leaky_relu, piecewise_linear=True))
ACTIVATIONS.register("prelu")(Activation(_leaky_relu, piecewise_linear=True, learned_slope=True))
ACTIVATIONS.register("elu")(_smooth(jax.nn.elu))
ACTIVATIONS.register("selu")(_smooth(jax.nn.selu))
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
