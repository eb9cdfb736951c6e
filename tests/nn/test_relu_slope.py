"""ReLU's local gradient: 0 or 1 and nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from relubench import nn

numbers = hnp.arrays(np.float32, 32, elements=st.floats(width=32, allow_nan=False, allow_subnormal=False))


@jax.jit
def slopes(z):
    """Return the slope by reverse-mode differentiation, and as the counter sees it."""

    def relu(z):
        return nn.activation("relu")(z)

    return jax.vmap(jax.grad(relu))(z), nn.local_slope(relu, z)


@given(numbers)
def test_the_local_gradient_is_1_where_z_is_positive_and_0_elsewhere(z):
    for slope in slopes(jnp.asarray(z)):
        np.testing.assert_array_equal(slope, np.where(z > 0, 1, 0))


@given(numbers, st.floats(-8, 8, width=32))
def test_so_a_unit_passes_the_upstream_gradient_on_as_it_is_or_not_at_all(z, upstream):
    (passed,) = jax.vjp(lambda z: nn.activation("relu")(z), jnp.asarray(z))[1](jnp.full(32, upstream))
    np.testing.assert_array_equal(passed, np.where(z > 0, np.float32(upstream), 0))


@pytest.mark.parametrize(("name", "slope"), [("relu", 0.0), ("leaky_relu", 1.0), ("prelu", 1.0)])
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_at_the_tie_relu_has_slope_0_and_the_leaky_ones_1(name, slope, zero):
    assert jax.grad(lambda z: nn.activation(name, negative_slope=0.1)(z))(zero) == slope
