"""Sums of magnitudes against NumPy's longer numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from relubench import magnitudes

POWERS = st.floats(-60, 60)


@st.composite
def near(draw):
    """Return numbers [7, 3] of float32 or float64 within 2^±60 of a power of two anywhere in the type's range."""
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    info = np.finfo(dtype)
    centre = draw(st.floats(info.minexp + 61, info.maxexp - 61))
    return np.exp2(centre + draw(hnp.arrays(np.float64, (7, 3), elements=POWERS))).astype(dtype) * dtype(-1)


def exactly(x):
    return np.abs(x.astype(np.longdouble))


def assert_close(found, expected, dtype):
    assert np.asarray(found).dtype == dtype
    np.testing.assert_allclose(exactly(np.asarray(found)), expected, rtol=8 * np.finfo(dtype).eps)


@given(near())
def test_means_and_lengths_are_those_of_longer_numbers(x):
    with jax.enable_x64(True):
        assert_close(magnitudes.mean(x, (0,)), exactly(x).mean(0), x.dtype)
        assert_close(magnitudes.length(x, (0,)), np.sqrt(np.square(exactly(x)).sum(0)), x.dtype)


@given(near())
def test_a_mean_square_is_that_of_longer_numbers_or_out_of_range(x):
    expected = np.square(exactly(x)).mean()
    info = np.finfo(x.dtype)
    with jax.enable_x64(True):
        found = magnitudes.mean_square(x)
    if info.smallest_normal < expected < info.max:
        assert_close(found, expected, x.dtype)
    else:
        assert float(found) == (np.inf if expected > 1 else 0)


@given(hnp.arrays(np.float32, (9, 4), elements=st.floats(2**-40, 2**40, width=32)))
def test_ordinary_numbers_have_the_digits_of_their_plain_sums(x):
    plain, scaled = jax.jit(
        lambda x: (
            (jnp.mean(x, 0), jnp.sqrt(jnp.sum(jnp.square(x), 0)), jnp.mean(jnp.square(x))),
            (magnitudes.mean(x, (0,)), magnitudes.length(x, (0,)), magnitudes.mean_square(x)),
        )
    )(x)
    jax.tree.map(np.testing.assert_array_equal, plain, scaled)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, np.float32])
def test_the_largest_numbers_have_a_mean_and_zeros_the_mean_0(dtype):
    largest = jnp.full((300, 2), jnp.finfo(dtype).max, dtype) * jnp.asarray([[1, 0]], dtype)
    np.testing.assert_allclose(magnitudes.mean(largest, (0,)), [float(jnp.finfo(dtype).max), 0], rtol=1e-6)
