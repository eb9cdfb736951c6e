"""Initial weights: their distribution, and that settings share their draws."""

import re

import jax
import numpy as np
import pytest
from scipy import stats as scipy_stats

from relubench import config, nn

FAN_IN, FAN_OUT = 300, 200


def draw(name, scale=1.0, bias=None, seed=0, shape=(FAN_IN, FAN_OUT), hidden=True):
    init = config.Init(name=name, scale=scale, bias=bias)
    return tuple(np.asarray(part) for part in nn.initialize(init, jax.random.key(seed), shape, hidden))


@pytest.mark.parametrize(
    ("name", "variance", "distribution"),
    [
        ("he", 2 / FAN_IN, "norm"),
        ("he_uniform", 2 / FAN_IN, "uniform"),
        ("lecun", 1 / FAN_IN, "norm"),
        ("lecun_uniform", 1 / FAN_IN, "uniform"),
        ("glorot", 2 / (FAN_IN + FAN_OUT), "uniform"),
        ("glorot_normal", 2 / (FAN_IN + FAN_OUT), "norm"),
        ("normal", 1.0, "norm"),
        ("pytorch", 1 / (3 * FAN_IN), "uniform"),
    ],
)
def test_weights_have_the_distribution_of_their_name(name, variance, distribution):
    kernel, _ = draw(name)
    sigma = np.sqrt(variance)
    limits = {"norm": (0, sigma), "uniform": (-np.sqrt(3) * sigma, 2 * np.sqrt(3) * sigma)}[distribution]
    expected = getattr(scipy_stats, distribution)(*limits)
    assert scipy_stats.kstest(kernel.ravel(), expected.cdf).pvalue > 1e-3


def test_orthogonal_matrices_are_decomposed_one_at_a_time_for_the_same_bits():
    def one(key):
        return nn.initialize(config.Init(name="orthogonal"), key, (6, 5), True)[0]

    keys = jax.random.split(jax.random.key(0), 3)
    (shapes,) = re.findall(r"(\S+) \S+ = qr\[", str(jax.make_jaxpr(jax.vmap(one))(keys)))
    assert shapes.endswith("f32[6,5]")  # batched, two devices can wait for each other for ever
    assert np.array_equal(jax.vmap(one)(keys), np.stack([one(key) for key in keys]))


def test_normal_draws_are_not_truncated():
    kernel, _ = draw("he")
    assert np.abs(kernel).max() > 3 * np.sqrt(2 / FAN_IN)


def test_orthogonal_weights_are_orthonormal():
    kernel, _ = draw("orthogonal")
    np.testing.assert_allclose(kernel.T @ kernel, np.eye(FAN_OUT), atol=1e-5)


def test_rai_has_one_entry_of_each_unit_from_beta_and_the_rest_gaussian():
    kernel, bias = draw("rai")
    rows = np.concatenate([kernel, bias[None]])
    ours = rows.max(0)  # Beta(2, 1) has a mean of 2/3; the Gaussian part is about .035 wide
    assert scipy_stats.kstest(ours[ours > 0.2], lambda x: (x**2 - 0.04) / 0.96).pvalue > 1e-3
    rest = np.sort(rows, 0)[:-1].ravel()
    assert rest.std() == pytest.approx(0.6007 / np.sqrt(FAN_IN), rel=0.02)
    places = rows.argmax(0)
    assert scipy_stats.kstest(places / FAN_IN, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("name", sorted(nn.INITIALIZERS))
def test_biases_are_0_but_where_the_initialiser_draws_them_or_a_number_is_given(name):
    assert (draw(name)[1] == 0).all() == (name not in ("pytorch", "rai"))
    assert (draw(name, bias=0.25)[1] == 0.25).all()
    np.testing.assert_array_equal(draw(name, bias=0.25, hidden=False)[1], draw(name)[1])


def test_initialisers_that_differ_by_a_factor_share_their_draws():
    np.testing.assert_allclose(draw("he")[0], np.sqrt(2) * draw("lecun")[0], rtol=1e-6)
    np.testing.assert_allclose(draw("he_uniform")[0], np.sqrt(6) * draw("pytorch")[0], rtol=1e-6)
    np.testing.assert_array_equal(draw("he", scale=2.0)[0], 2 * draw("he")[0])


def test_a_convolution_counts_its_fan_over_the_kernels_area():
    kernel, _ = draw("he", shape=(3, 3, 30, 40))
    assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 30)), rel=0.05)


def test_pytorchs_default_is_that_of_pytorch():
    torch = pytest.importorskip("torch", reason="needs the extra `bench`")
    torch.manual_seed(0)
    theirs = torch.nn.Linear(FAN_IN, FAN_OUT)
    for ours, other in zip(draw("pytorch"), (theirs.weight, theirs.bias), strict=True):
        assert scipy_stats.ks_2samp(ours.ravel(), other.detach().numpy().ravel()).pvalue > 1e-3
