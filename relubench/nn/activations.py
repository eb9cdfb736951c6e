"""The hidden activations, elementwise, by name."""

from __future__ import annotations

import functools
import math
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


#: Below this exp(z) - 1 loses nothing to cancellation; above, the first terms of its series are exact to float32.
_SERIES_FROM, _SERIES = -0.35, tuple(1 / math.factorial(n) for n in range(8, 0, -1))


def _series(z: Array) -> Array:
    total = jnp.full_like(z, _SERIES[0])
    for term in (*_SERIES[1:], 0.0):
        total = total * z + term
    return total


def _exponential_parts(z: Array) -> tuple[Array, Array]:
    """Return (exp(z) - 1, exp(z)) for z <= 0, both of one exponential in float32."""
    exp = jnp.exp(z)
    if z.dtype != jnp.float32:
        return jnp.expm1(z), exp
    return jnp.where(z < _SERIES_FROM, exp - 1, _series(z)), exp


@functools.cache
def _exponential() -> Callable[[Array], Array]:
    """Return the function that is exp(z) - 1 for z <= 0, and 0 above.

    Its slope is exp(z): JAX has computed it as expm1(z) + 1, which is 0 below -17 in float32.
    """

    @jax.custom_jvp
    def exponential(z: Array) -> Array:
        return _exponential_parts(jnp.minimum(z, 0))[0]

    @exponential.defjvp
    def _slope(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
        (z,), (tangent,) = primals, tangents
        value, slope = _exponential_parts(jnp.minimum(z, 0))
        return value, jnp.where(z > 0, 0, slope) * tangent

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
    return value_and_slope(fn, z)[1]


def value_and_slope(fn: Callable[..., Array], z: Array, *parameters: Array) -> tuple[Array, Array]:
    """Return (f(z), f'(z)) elementwise, f being `fn` with these scalar parameters; the slope counts as constant.

    Both come from one evaluation, and the gradient of f(z) takes the same slope: an exponential is computed once.
    Where the slope is 0 nothing passes, be what comes from above infinite.
    """

    def both(z: Array, *parameters: Array) -> tuple[Array, Array]:
        return jax.jvp(lambda z: fn(z, *parameters), (z,), (jnp.ones_like(z),))

    def tangent(primals: tuple[Array, ...], tangents: tuple[Any, ...]) -> Any:
        (z, *parameters), (dz, *moves) = primals, tangents
        value, slope = both(*primals)
        # JAX's own rule for relu selects dz itself: jaxlib 0.10 makes a loop without vectors of that.
        dvalue = jnp.zeros_like(z) if _is_zero(dz) else jnp.where(slope != 0, slope * dz, 0)
        if not all(map(_is_zero, moves)):
            moves = [jnp.zeros_like(at) if _is_zero(move) else move for at, move in zip(parameters, moves, strict=True)]
            dvalue = dvalue + jax.jvp(lambda *parameters: fn(z, *parameters), tuple(parameters), tuple(moves))[1]
        return (value, slope), (dvalue, jnp.zeros_like(slope))

    pair = jax.custom_jvp(both)
    pair.defjvp(tangent, symbolic_zeros=True)
    return pair(z, *parameters)


def _is_zero(tangent: Any) -> bool:
    return isinstance(tangent, jax.custom_derivatives.SymbolicZero)
