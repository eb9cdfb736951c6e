"""Initial weights: untruncated draws that settings of equal shapes share.

An initialiser takes (key, kernel shape, fan_in, fan_out) and returns (kernel, bias). Kernels are [in, out], or
[height, width, in, out] for a convolution. Draws of the same kind come from the same key: initialisers that
differ by a factor give weights that differ by that factor. JAX's and Flax's own `he_normal` and the like draw
from a truncated normal, which has no weights beyond two standard deviations; these do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from relubench import config
from relubench.lazy import jax, jnp
from relubench.registry import Registry

if TYPE_CHECKING:
    from jax import Array

    #: (key, kernel shape, fan_in, fan_out, and its own keys by name) -> (kernel, bias)
    Initializer = Callable[..., tuple[Array, Array]]

Shape = tuple[int, ...]
INITIALIZERS: Registry[Initializer] = Registry("model.init.name")

_KERNEL, _BIAS, _PLACE = 0, 1, 2
#: Standard deviation of RAI's Gaussian part, times sqrt(fan_in) (Lu et al. 2020, section 5).
RAI_SIGMA = 0.6007


def _flat_normal(key: Array, shape: Shape) -> Array:
    """Standard normal draws, drawn flat: XLA compiles draws of two axes several times slower, for the same bits."""
    return jax.random.normal(key, (math.prod(shape),)).reshape(shape)


def _flat_uniform(key: Array, shape: Shape) -> Array:
    """Draws from U(-1, 1), drawn flat as above."""
    return jax.random.uniform(key, (math.prod(shape),), minval=-1.0, maxval=1.0).reshape(shape)


def _zeros(shape: Shape) -> Array:
    return jnp.zeros(shape[-1:])


def _scaled(flat: Callable[[Array, Shape], Array], square: Callable[[int, int], float]) -> Initializer:
    """Return the initialiser that draws times the root of `square`(fan_in, fan_out), with biases of 0."""

    def draw(key: Array, shape: Shape, fan_in: int, fan_out: int) -> tuple[Array, Array]:
        return flat(jax.random.fold_in(key, _KERNEL), shape) * math.sqrt(square(fan_in, fan_out)), _zeros(shape)

    return draw


def _normal(variance: Callable[[int, int], float]) -> Initializer:
    return _scaled(_flat_normal, variance)


def _uniform(variance: Callable[[int, int], float]) -> Initializer:
    return _scaled(_flat_uniform, lambda fan_in, fan_out: 3 * variance(fan_in, fan_out))


def _he(fan_in: int, fan_out: int) -> float:
    return 2 / fan_in


def _lecun(fan_in: int, fan_out: int) -> float:
    return 1 / fan_in


def _glorot(fan_in: int, fan_out: int) -> float:
    return 2 / (fan_in + fan_out)


for _name, _initializer in {
    "he": _normal(_he),  # He et al. 2015, eq. 10
    "he_normal": _normal(_he),
    "he_uniform": _uniform(_he),
    "lecun": _normal(_lecun),  # LeCun et al. 1998, eq. 16
    "lecun_normal": _normal(_lecun),
    "lecun_uniform": _uniform(_lecun),
    "glorot": _uniform(_glorot),  # Glorot & Bengio 2010, eq. 16
    "glorot_uniform": _uniform(_glorot),
    "glorot_normal": _normal(_glorot),
    "normal": _normal(lambda fan_in, fan_out: 1.0),  # model.init.scale is its sigma
}.items():
    INITIALIZERS.register(_name)(_initializer)


@INITIALIZERS.register("orthogonal")
def _orthogonal(key: Array, shape: Shape, fan_in: int, fan_out: int) -> tuple[Array, Array]:
    """Orthonormal rows or columns of the [fan_in, out] matrix (Saxe et al. 2014)."""
    draw = jax.nn.initializers.orthogonal()
    # One matrix at a time, for the same bits: jaxlib 0.10 shares a batch of QR decompositions out to the thread pool
    # that it runs on, and waits for it. When two devices do so at once, every thread of the pool may wait, for ever.
    one_by_one = jax.custom_batching.sequential_vmap(lambda key: draw(key, shape, jnp.result_type(float)))
    return one_by_one(jax.random.fold_in(key, _KERNEL)), _zeros(shape)


@INITIALIZERS.register("pytorch")
def _pytorch(key: Array, shape: Shape, fan_in: int, fan_out: int) -> tuple[Array, Array]:
    """PyTorch's default for linear and convolution layers: kernel and bias from U(±1/sqrt(fan_in))."""
    kernel, _ = _uniform(lambda fan_in, fan_out: 1 / (3 * fan_in))(key, shape, fan_in, fan_out)
    unit = _flat_uniform(jax.random.fold_in(key, _BIAS), shape[-1:])
    return kernel, unit / math.sqrt(fan_in)


@INITIALIZERS.register("rai")
def _rai(key: Array, shape: Shape, fan_in: int, fan_out: int) -> tuple[Array, Array]:
    """Randomised asymmetric initialisation (Lu et al. 2020, section 5).

    Each unit's weights and bias are N(0, .6007²/fan_in), one of them, drawn evenly, replaced by Beta(2, 1).
    """
    rows, out = math.prod(shape[:-1]), shape[-1]
    gauss = _flat_normal(jax.random.fold_in(key, _KERNEL), (rows + 1, out)) * RAI_SIGMA / math.sqrt(fan_in)
    beta = jnp.sqrt(jax.random.uniform(jax.random.fold_in(key, _BIAS), (out,)))  # Beta(2, 1) = sqrt(U)
    place = jax.random.randint(jax.random.fold_in(key, _PLACE), (out,), 0, rows + 1)
    drawn = jnp.where(jnp.arange(rows + 1)[:, None] == place[None, :], beta[None, :], gauss)
    return drawn[:-1].reshape(shape), drawn[-1]


def initialize(init: config.Init, key: Array, shape: Shape, hidden: bool) -> tuple[Array, Array]:
    """Return the initial (kernel, bias) of an affine layer; the constant `init.bias` is for hidden layers only."""
    field = math.prod(shape[:-2])  # 1 for a dense layer, the kernel's area for a convolution
    kernel, bias = INITIALIZERS[init.name](key, shape, field * shape[-2], field * shape[-1], **INITIALIZERS.own(init))
    kernel, bias = kernel * init.scale, bias * init.scale
    if hidden and init.bias is not None:
        bias = jnp.full_like(bias, init.bias)
    return kernel, bias
