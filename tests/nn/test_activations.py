"""Activations and their slopes against closed forms and PyTorch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf, expit

from relubench import nn

Z = np.linspace(-6, 6, 1201)
EXP = np.exp(np.minimum(Z, 0))
ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805
FORMS = {
    "relu": np.maximum(Z, 0),
    "leaky_relu": np.where(Z >= 0, Z, 0.1 * Z),
    "prelu": np.where(Z >= 0, Z, 0.1 * Z),
    "elu": np.where(Z > 0, Z, EXP - 1),
    "selu": SCALE * np.where(Z > 0, Z, ALPHA * (EXP - 1)),
    "gelu": Z * 0.5 * (1 + erf(Z / np.sqrt(2))),
    "silu": Z * expit(Z),
    "softplus": np.log1p(np.exp(Z)),
    "sigmoid": expit(Z),
    "tanh": np.tanh(Z),
}


def test_every_activation_has_a_closed_form_here():
    assert set(FORMS) == set(nn.ACTIVATIONS)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_an_activation_is_its_closed_form(name):
    found = nn.activation(name, negative_slope=0.1)(jnp.asarray(Z, jnp.float32))
    np.testing.assert_allclose(found, FORMS[name], rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_slope_is_the_difference_quotient(name):
    z = Z[np.abs(Z) > 0.01]  # away from the kink
    slope = nn.local_slope(lambda z: nn.activation(name, negative_slope=0.1)(z), jnp.asarray(z, jnp.float32))
    quotient = np.gradient(FORMS[name], Z)[np.abs(Z) > 0.01]
    np.testing.assert_allclose(slope, quotient, atol=2e-3)


@pytest.mark.parametrize("name", [name for name in sorted(FORMS) if nn.ACTIVATIONS[name].piecewise_linear])
def test_a_piecewise_linear_activation_has_two_slopes(name):
    slope = nn.local_slope(lambda z: nn.activation(name, negative_slope=0.1)(z), jnp.asarray(Z, jnp.float32))
    assert len(np.unique(slope)) == 2


@pytest.mark.parametrize("name", ["relu", "elu", "selu", "gelu", "silu", "softplus", "sigmoid", "tanh"])
def test_an_activation_is_that_of_pytorch(name):
    torch = pytest.importorskip("torch", reason="needs the extra `bench`")
    theirs = getattr(torch.nn.functional, name)(torch.tensor(Z)).numpy()
    np.testing.assert_allclose(FORMS[name], theirs, rtol=1e-9, atol=1e-9)


def smooth(name):
    return nn.activation(name, negative_slope=0.1)


@pytest.mark.parametrize("name", ["elu", "selu"])
def test_an_exponential_is_exact_to_float32_near_0_and_far_below(name):
    z = -np.logspace(-8, 2, 4001).astype(np.float32)
    value, slope = jax.jit(lambda z: nn.value_and_slope(smooth(name), z))(jnp.asarray(z))
    scale, alpha = (1, 1) if name == "elu" else (SCALE, ALPHA)
    np.testing.assert_allclose(value, scale * alpha * np.expm1(z.astype(float)), rtol=3e-7)
    np.testing.assert_allclose(slope, scale * alpha * np.exp(z.astype(float)), rtol=3e-7, atol=1e-37)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_value_slope_and_gradient_are_those_of_the_activation_alone(name):
    z = jnp.asarray(Z, jnp.float32)
    value, slope = nn.value_and_slope(smooth(name), z)
    np.testing.assert_array_equal(value, smooth(name)(z))
    np.testing.assert_array_equal(jax.vmap(jax.grad(lambda z: nn.value_and_slope(smooth(name), z)[0]))(z), slope)
    np.testing.assert_allclose(slope, jax.vmap(jax.grad(smooth(name)))(z), rtol=1e-6, atol=1e-7)
    assert not np.any(jax.vmap(jax.grad(lambda z: nn.value_and_slope(smooth(name), z)[1]))(z))


@pytest.mark.parametrize("name", ["tanh", "elu", "gelu", "relu"])
def test_second_derivatives_are_there(name):
    z = jnp.asarray(Z[::7] + 1e-3, jnp.float32)
    second = jax.vmap(jax.grad(jax.grad(lambda z: nn.value_and_slope(smooth(name), z)[0])))(z)
    np.testing.assert_allclose(second, jax.vmap(jax.grad(jax.grad(smooth(name))))(z), rtol=1e-4, atol=1e-5)


def test_a_slope_of_0_lets_nothing_pass_be_it_infinite():
    z = jnp.asarray([-1.0, 0.0, 2.0])
    _, pull = jax.vjp(lambda z: nn.value_and_slope(smooth("relu"), z)[0], z)
    np.testing.assert_array_equal(pull(jnp.full(3, jnp.inf))[0], [0, 0, jnp.inf])


def test_parameters_of_an_activation_have_their_gradients():
    def f(z, slope):
        return jnp.where(z >= 0, z, slope * z)

    z, slope = jnp.asarray([-2.0, -1.0, 3.0]), jnp.asarray(0.25)
    found = jax.grad(lambda slope, z: jnp.sum(nn.value_and_slope(f, z, slope)[0]), argnums=(0, 1))(slope, z)
    np.testing.assert_array_equal(found[0], -3)
    np.testing.assert_array_equal(found[1], [0.25, 0.25, 1])
