"""Networks that others wrote, as their packages bring them, are watched without a change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import relubench
from tests.sites.test_watch import IMAGES, KEY, X, bits, relu

eqx = pytest.importorskip("equinox", reason="extra zoo")
hk = pytest.importorskip("haiku", reason="extra zoo")


@pytest.fixture(autouse=True)
def _usual_promotion():
    """Let these packages promote as they do."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def both(function, *arguments):
    """Return the sites, the same by themselves and inside `jit`; the results are the function's own."""
    results, sites = relubench.watch(function)(*arguments)
    assert bits(results) == bits(function(*arguments))
    jitted = jax.jit(relubench.watch(function))(*arguments)[1]
    for one, other in zip(sites, jitted, strict=True):
        assert one.stats.active.shape == other.stats.active.shape
        np.testing.assert_allclose(one.stats.max_z, other.stats.max_z, rtol=1e-3, atol=1e-4)
    return sites


def test_equinox_over_examples_and_for_one():
    model = eqx.nn.MLP(4, 2, 8, 2, activation=jax.nn.relu, key=KEY)
    z = [X @ model.layers[0].weight.T + model.layers[0].bias]
    z.append(relu(z[0]) @ model.layers[1].weight.T + model.layers[1].bias)
    for sites, seen in ((both(jax.vmap(model), X), z), (both(model, X[0]), [each[:1] for each in z])):
        assert [site.name for site in sites] == ["eqx.nn.MLP/eqx.nn.Linear/relu", "eqx.nn.MLP/eqx.nn.Linear/relu_1"]
        for site, each in zip(sites, seen, strict=True):
            np.testing.assert_array_equal(site.stats.active, (np.asarray(each) > 0).any(0))
            assert site.stats.examples == len(each)


def test_equinox_ensembles_have_units_of_each_member():
    models = eqx.filter_vmap(lambda key: eqx.nn.MLP(4, 2, 8, 1, key=key))(jax.random.split(KEY, 3))
    arrays, static = eqx.partition(models, eqx.is_array)
    sites = both(lambda arrays, x: jax.vmap(lambda own: jax.vmap(eqx.combine(own, static))(x))(arrays), arrays, X)
    first = models.layers[0]
    z = np.einsum("bi,moi->bmo", X, first.weight) + first.bias
    np.testing.assert_array_equal(sites[0].stats.active, (z > 0).any(0))
    assert sites[0].stats.active.shape == (3, 8)


def test_equinox_convolutions_are_channels_first():
    model = eqx.nn.Sequential(
        [
            eqx.nn.Conv2d(3, 6, 3, key=KEY),
            eqx.nn.Lambda(jax.nn.relu),
            eqx.nn.MaxPool2d(2, 2),
            eqx.nn.Lambda(jnp.ravel),
            eqx.nn.Linear(54, 5, key=KEY),
            eqx.nn.Lambda(jax.nn.gelu),
        ]
    )
    images = IMAGES.transpose(0, 3, 1, 2)
    sites = both(lambda x: jax.vmap(model)(x), images)
    assert [(site.kind, site.stats.active.shape, int(site.stats.examples)) for site in sites] == [
        ("relu", (6,), 5 * 36),
        ("gelu", (5,), 5),
    ]
    z = jax.vmap(model.layers[0])(images)
    np.testing.assert_allclose(sites[0].stats.max_z, z.max((0, 2, 3)), rtol=1e-5)


def test_haiku_names_its_modules():
    net = hk.without_apply_rng(hk.transform(lambda x: hk.nets.MLP([6, 5, 2])(x)))
    sites = both(net.apply, net.init(KEY, X), X)
    assert [site.name for site in sites] == ["mlp/linear_0/relu", "mlp/linear_1/relu"]


@pytest.mark.parametrize(
    ("network", "activations"),
    [(lambda: hk.nets.ResNet18(10), 17), (lambda: hk.nets.MobileNetV1(num_classes=10), 27)],
)
def test_residual_and_depthwise_networks_of_haiku(network, activations):
    net = hk.transform_with_state(lambda x, train: network()(x, is_training=train))
    images = jax.random.normal(KEY, (2, 32, 32, 3))
    parameters, state = net.init(KEY, images, True)

    def predict(parameters, state, x):
        return net.apply(parameters, state, None, x, False)[0]

    watched = relubench.watch(predict, data=2)
    results, sites = watched(parameters, state, images)
    assert bits(results) == bits(predict(parameters, state, images))
    assert [site.kind for site in sites] == ["relu"] * activations
    assert all(site.stats.active.ndim == 1 for site in sites)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_recurrent_cells_of_haiku(cell):
    def run(x):
        core = hk.GRU(6) if cell == "gru" else hk.LSTM(6)
        return hk.dynamic_unroll(core, x, core.initial_state(x.shape[1]))[0]

    net = hk.without_apply_rng(hk.transform(run))
    x = jnp.stack([X, -X, 2 * X])
    sites = both(net.apply, net.init(KEY, x), x)
    assert {site.kind for site in sites} == {"sigmoid", "tanh"}
    assert all(int(site.stats.examples) == 27 for site in sites)
