"""The hidden activations, elementwise, by name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from relubench import config
from relubench.config import knob, make
from relubench.lazy import jax, jnp
from relubench.registry import Registry

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike


class Activation(NamedTuple):
    """f(z) and what the counter must know of it."""

    fn: Callable[..., Array]  # (z, and its own keys by name) -> f(z)
    piecewise_linear: bool = False
    learned: tuple[str, ...] = ()  # own keys that are trained parameters, one a layer


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805

ACTIVATIONS: Registry[Activation] = Registry("model.activation.name")
SLOPE = knob(0.01, "slope left of 0; of prelu at birth", nonzero=True)


def _leaky_relu(z: Array, negative_slope: ArrayLike) -> Array:
    return jnp.where(z >= 0, z, negative_slope * z)


@functools.cache
def _exponential() -> Callable[[Array], Array]:
    """Return the function that is exp(z) - 1 for z <= 0, and 0 above.

    Its slope is exp(z): JAX has computed it as expm1(z) + 1, which is 0 below -17 in float32.
    """

    @jax.custom_jvp
    def exponential(z: Array) -> Array:
        return jnp.expm1(jnp.minimum(z, 0))

    @exponential.defjvp
    def _slope(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
        (z,), (tangent,) = primals, tangents
        return exponential(z), jnp.where(z > 0, 0, jnp.exp(jnp.minimum(z, 0))) * tangent

    return exponential


def _elu(z: Array) -> Array:
    """Clevert et al. 2016, eq. 15, alpha = 1."""
    return jnp.where(z > 0, z, _exponential()(z))


def _selu(z: Array) -> Array:
    """Klambauer et al. 2017, eq. 2."""
    return SELU_SCALE * jnp.where(z > 0, z, SELU_ALPHA * _exponential()(z))


ACTIVATIONS.register("relu")(Activation(lambda z: jax.nn.relu(z), piecewise_linear=True))
ACTIVATIONS.register("leaky_relu", negative_slope=SLOPE)(Activation(_leaky_relu, piecewise_linear=True))
ACTIVATIONS.register("prelu", negative_slope=SLOPE)(
    Activation(_leaky_relu, piecewise_linear=True, learned=("negative_slope",))
)
ACTIVATIONS.register("elu")(Activation(_elu))
ACTIVATIONS.register("selu")(Activation(_selu))
ACTIVATIONS.register("gelu")(Activation(lambda z: jax.nn.gelu(z, approximate=False)))
ACTIVATIONS.register("silu")(Activation(lambda z: jax.nn.silu(z)))
ACTIVATIONS.register("softplus")(Activation(lambda z: jax.nn.softplus(z)))
ACTIVATIONS.register("sigmoid")(Activation(lambda z: jax.nn.sigmoid(z)))
ACTIVATIONS.register("tanh")(Activation(lambda z: jnp.tanh(z)))


def activation(name: str, **own: Any) -> Callable[[Array], Array]:
    """Return f of the activation `name`; its own keys have the schema's defaults where `own` does not name them."""
    keys = ACTIVATIONS.own(make(config.Activation, name=name, **own))
    return lambda z: ACTIVATIONS[name].fn(z, **keys)


def local_slope(fn: Callable[[Array], Array], z: Array) -> Array:
    """Return f'(z) elementwise, as reverse-mode differentiation of `fn` sees it.

    At z = 0 libraries differ: JAX's relu has slope 0 there, the leaky ones here slope 1.
    """
    return jax.jvp(fn, (z,), (jnp.ones_like(z),))[1]
