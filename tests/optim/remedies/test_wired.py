"""Remedies for the networks of other libraries: the lens that is found, and draws as the network's own."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import relubench
from relubench.optim import remedies

KEY = jax.random.key(3)
X = jax.random.normal(KEY, (20, 6, 6, 2))
Y = jnp.arange(20) % 3


class Linen(nn.Module):
    """A convolution, flattened, a dense layer."""

    @nn.compact
    def __call__(self, x):
        """Return the logits."""
        x = nn.relu(nn.Conv(4, (3, 3))(x)).reshape(x.shape[0], -1)
        return nn.Dense(3)(nn.relu(nn.Dense(5)(x)))


class Nnx(nnx.Module):
    """The same in nnx."""

    def __init__(self, rngs):
        self.first = nnx.Conv(2, 4, (3, 3), rngs=rngs)
        self.second, self.last = nnx.Linear(144, 5, rngs=rngs), nnx.Linear(5, 3, rngs=rngs)

    def __call__(self, x):
        """Return the logits."""
        x = nnx.relu(self.first(x)).reshape(x.shape[0], -1)
        return self.last(nnx.relu(self.second(x)))


def of_linen():
    net = Linen()
    return net.apply, lambda key: net.init(key, X), X


def of_nnx():
    graph = nnx.graphdef(Nnx(nnx.Rngs(0)))
    return (
        lambda state, x: nnx.merge(graph, state)(x),
        lambda key: nnx.state(Nnx(nnx.Rngs(key)), nnx.Param),
        X,
    )


def of_equinox():
    eqx = pytest.importorskip("equinox", reason="extra zoo")

    def made(key):
        keys = jax.random.split(key, 3)
        layers = [
            eqx.nn.Conv2d(2, 4, 3, padding=1, key=keys[0]), eqx.nn.Lambda(jax.nn.relu), eqx.nn.Lambda(jnp.ravel),
            eqx.nn.Linear(144, 5, key=keys[1]), eqx.nn.Lambda(jax.nn.relu), eqx.nn.Linear(5, 3, key=keys[2]),
        ]  # fmt: skip
        return eqx.partition(eqx.nn.Sequential(layers), eqx.is_array)

    static = made(KEY)[1]
    return (
        lambda arrays, x: jax.vmap(eqx.combine(arrays, static))(x),
        lambda key: made(key)[0],
        jnp.moveaxis(X, -1, 1),
    )


@pytest.fixture(autouse=True)
def _usual_promotion():
    """Let the packages promote as they do."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.mark.parametrize("library", [of_linen, of_nnx, of_equinox])
def test_units_are_made_anew_in_a_loop_of_optax(library):
    apply, init, x = library()
    params = init(KEY)
    layers = remedies.lens_of(apply, params, x)
    assert layers.hidden == [(0, (1,)), (1, (2,))]
    draw = remedies.drawn_by(init, layers)
    rule = remedies.redo(optax.adam(0.01), layers=layers, initialize=draw, key=KEY, tau=1e9, period=2)

    def loss(params):
        logits, hidden = relubench.watch.layers(apply)(params, x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, Y).mean(), [layer.h for layer in hidden]

    @jax.jit
    def step(params, state):
        gradient, activations = jax.grad(loss, has_aux=True)(params)
        updates, state = rule.update(gradient, state, params, activations=activations)
        return optax.apply_updates(params, updates), state

    state = rule.init(params)
    params, state = step(params, state)
    before = [np.asarray(kernel) for kernel, _ in layers.get(params)]
    assert all(kernel.any() for kernel in before)
    params, state = step(params, state)  # all units are dormant by this threshold
    (first, bias), (second, _), (last, _) = layers.get(params)
    key = jax.random.fold_in(jax.random.fold_in(KEY, 2), 1)
    np.testing.assert_allclose(first, draw(key, 1, first.shape)[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(bias, draw(key, 1, first.shape)[1], rtol=1e-4, atol=1e-6)
    assert second.shape[-2:] == (4, 5)  # positions of the flattened images stand before
    assert not np.asarray(second).any()
    assert not np.asarray(last).any()
    moments = layers.get(optax.tree.get(state.inner, "mu"))
    assert not np.asarray(moments[0][0]).any()
    assert not np.asarray(moments[2][0]).any()
    for _ in range(3):
        params, state = step(params, state)
    assert np.isfinite(jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(params)])).all()


def test_shapes_suffice():
    net, shape = Linen(), jax.ShapeDtypeStruct(X.shape, X.dtype)
    params = jax.eval_shape(net.init, KEY, X)
    layers = remedies.lens_of(net.apply, params, shape)
    assert [kernel.shape for kernel, _ in jax.eval_shape(layers.get, params)] == [(3, 3, 2, 4), (6, 6, 4, 5), (5, 3)]
