"""Sums of magnitudes of any size and precision: none overflows, and none vanishes beside numbers of its own kind."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax

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
