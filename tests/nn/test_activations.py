"""Activations and their slopes against closed forms and PyTorch."""

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
