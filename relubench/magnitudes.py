"""Sums of magnitudes of any size and precision: none overflows, and none vanishes beside numbers of its own kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from relubench.lazy import jnp, lax

if TYPE_CHECKING:
    from jax import Array

#: Magnitudes beyond this, and those below its inverse, are scaled before they are summed: a power of two, so exactly.
ORDINARY = 2.0**64


def floating(x: Array) -> Array:
    """Return `x` in float32 at least."""
    is_wide = jnp.issubdtype(x.dtype, jnp.floating) and jnp.finfo(x.dtype).bits >= 32
    return x if is_wide else x.astype(jnp.float32)


def scale(low: Array, high: Array) -> Array:
    """Return what numbers between `low` and `high` are multiplied by to be summed.

    It is 1 where they are ordinary, 1 / `ORDINARY` where the largest magnitude exceeds `ORDINARY`, and `ORDINARY` where
    it is below 1 / `ORDINARY`.
    """
    largest = jnp.maximum(floating(high), -floating(low))
    return jnp.where(
        largest > ORDINARY, 1 / ORDINARY, jnp.where(largest < 1 / ORDINARY, ORDINARY, jnp.ones_like(largest))
    )


def scaled(x: Array, factor: Array) -> Array:
    """Return |x|, [..., units], times the `scale` of each unit, in float32 at least.

    XLA may take a subnormal number for 0 (on processors it does), so that one is read from its bits.
    """
    size = jnp.abs(floating(x))
    factor = jnp.broadcast_to(factor, size.shape)
    info = jnp.finfo(size.dtype)
    bits = lax.bitcast_convert_type(size, f"int{info.bits}")
    lifted = bits.astype(size.dtype) * (2.0 ** (info.minexp - info.nmant) * ORDINARY)
    return jnp.where((bits < 1 << info.nmant) & (factor > 1), lifted, size * factor)


def relative(x: Array, axes: Sequence[int] | None = None) -> tuple[Array, Array]:
    """Return (|x| / 2^n, n) with n such that the largest over `axes` (all) lies in [1/2, 1); n keeps the axes.

    Sums of these and of their squares neither overflow nor vanish, and have the digits of the plain ones where those
    do neither.
    """
    size = jnp.abs(floating(x))
    _, n = jnp.frexp(jnp.max(size, axes, keepdims=True, initial=0))
    half = n // 2  # 2^n itself may be out of range
    one = jnp.ones_like(n, size.dtype)
    return size * jnp.ldexp(one, -half) * jnp.ldexp(one, half - n), n


def mean(x: Array, axes: Sequence[int]) -> Array:
    """Return the mean of |x| over `axes`."""
    size, n = relative(x, axes)
    return jnp.ldexp(jnp.mean(size, axes), jnp.squeeze(n, axes))


def mean_square(x: Array) -> Array:
    """Return the mean of all squares: infinite only where it exceeds every number. Scalar."""
    size, n = relative(x)
    return jnp.ldexp(jnp.mean(jnp.square(size)), 2 * n.squeeze())


def length(x: Array, axes: Sequence[int]) -> Array:
    """Return the square root of the sum of squares over `axes`: infinite only where it exceeds every number."""
    size, n = relative(x, axes)
    return jnp.ldexp(jnp.sqrt(jnp.sum(jnp.square(size), axes)), jnp.squeeze(n, axes))
