"""Where the decision planes of first-layer units lie."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from relubench.run.recorder import Context, at_probe, first_layer, plane


@at_probe("plane_weights", needs=plane)
def plane_weights(context: Context) -> Array:
    """Return the kernel of the first layer: [features, units]; items count along the units first."""
    return context.incoming()[0][0]


@at_probe("plane_bias", needs=plane)
def plane_bias(context: Context) -> Array:
    """Return the biases of the first layer: [units]."""
    return context.incoming()[0][1]


@at_probe("plane_checksum", needs=first_layer)
def plane_checksum(context: Context) -> Array:
    """Return a whole number below 2^32 from the bits of each first-layer unit's weights and bias: [units].

    Equal bits give equal numbers. Other bits give another number: surely if one word of 32 bits differs, as each is
    multiplied by an odd number of its own, and else but for a chance of about 2^-32.
    """
    kernel, bias = context.incoming()[0]
    numbers = jnp.concatenate([kernel.reshape(-1, bias.shape[0]), bias[None, :]]).T
    words = lax.bitcast_convert_type(numbers, jnp.uint32).reshape(bias.shape[0], -1)
    factors = np.random.default_rng(0).integers(0, 2**32, words.shape[1], np.uint32) | np.uint32(1)
    return jnp.sum(words * factors[None, :], axis=1, dtype=jnp.uint32)
