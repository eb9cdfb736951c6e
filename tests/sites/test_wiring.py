"""The layers around hidden units: moving a unit's own weights moves that unit alone; without outgoing ones, nothing."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import relubench
from relubench.errors import UserError
from relubench.optim import remedies
from relubench.sites import wiring
from relubench.sites.watching import Traced
from tests.sites.test_watch import CASES, IMAGES, KEY, B, W, X, normal, relu

RESIDUAL = {"in": normal(20, 4, 8), "up": normal(21, 8, 6), "down": normal(22, 6, 8), "out": normal(23, 8, 2)}
HEADS = {"trunk": W, "bias": B, "policy": normal(24, 6, 3), "value": normal(25, 6, 1)}
STACK = {
    "in": normal(26, 4, 5), "up": normal(27, 3, 5, 7), "bias": normal(28, 3, 7), "down": normal(29, 3, 7, 5),
}  # fmt: skip


def residual(p, x):
    stream = x @ p["in"]
    return (stream + relu_(stream @ p["up"]) @ p["down"]) @ p["out"]


def relu_(z):
    return jax.nn.relu(z)


def two_heads(p, x):
    h = relu_(x @ p["trunk"] + p["bias"])
    return h @ p["policy"], h @ p["value"]


def stacked(p, x):
    def block(x, layer):
        up, bias, down = layer
        return x + relu_(x @ up + bias) @ down, None

    return jax.lax.scan(block, x @ p["in"], (p["up"], p["bias"], p["down"]))[0]


class Flattened(nn.Module):
    """Two convolutions, a pool, a flatten, a dense layer with a norm, and the outputs."""

    @nn.compact
    def __call__(self, x):
        """Return the outputs."""
        x = nn.max_pool(nn.relu(nn.Conv(3, (3, 3))(x)), (2, 2), (2, 2))
        x = nn.relu(nn.Conv(4, (3, 3), use_bias=False)(x)).reshape(x.shape[0], -1)
        x = nn.relu(nn.LayerNorm()(nn.Dense(5)(x)))
        return nn.Dense(2)(x)


class Heads(nn.Module):
    """Units on two axes."""

    @nn.compact
    def __call__(self, x):
        """Return the outputs."""
        h = nn.relu(nn.DenseGeneral((2, 3))(x))
        return nn.DenseGeneral(4, axis=(-2, -1))(h)


class Split(nnx.Module):
    """Two layers of nnx."""

    def __init__(self, rngs):
        self.first, self.second = nnx.Linear(4, 6, rngs=rngs), nnx.Linear(6, 2, rngs=rngs)

    def __call__(self, x):
        """Return the outputs."""
        return self.second(jax.nn.gelu(self.first(x)))


GRAPH, STATE = nnx.split(Split(nnx.Rngs(0)))
NETWORKS = {
    "residual": (residual, RESIDUAL, X),
    "two heads": (two_heads, HEADS, X),
    "a loop over layers": (stacked, STACK, X),
    "flattened": (Flattened().apply, Flattened().init(KEY, IMAGES), IMAGES),
    "heads": (Heads().apply, Heads().init(KEY, X), X),
    "nnx": (lambda state, x: nnx.merge(GRAPH, state)(x), STATE, X),
    "transposed": (lambda w, x: relu_(x @ w[0].T) @ w[1].T, (W.T, normal(30, 2, 6)), X),
    "over time": (lambda w, x: relu_(x @ w[0]) @ w[1], (W, normal(31, 6, 2)), normal(32, 5, 7, 4)),
}


def find(function, params, x):
    traced = Traced.of(function, (params, x), {}, None, None)
    return wiring.find(traced.plan, params)


def of_equinox():
    eqx = pytest.importorskip("equinox", reason="extra zoo")
    keys = jax.random.split(KEY, 3)
    layers = [
        eqx.nn.Conv2d(3, 4, 3, key=keys[0]), eqx.nn.Lambda(relu_), eqx.nn.MaxPool2d(2, 2), eqx.nn.Lambda(jnp.ravel),
        eqx.nn.Linear(36, 5, key=keys[1]), eqx.nn.Lambda(relu_), eqx.nn.Linear(5, 2, key=keys[2]),
    ]  # fmt: skip
    arrays, static = eqx.partition(eqx.nn.Sequential(layers), eqx.is_array)
    return lambda arrays, x: jax.vmap(eqx.combine(arrays, static))(x), arrays, jnp.moveaxis(IMAGES, -1, 1)


def of_haiku():
    hk = pytest.importorskip("haiku", reason="extra zoo")
    net = hk.without_apply_rng(hk.transform(lambda x: hk.nets.MLP([6, 5, 2])(x)))
    return net.apply, net.init(KEY, X), X


@pytest.fixture(autouse=True)
def _usual_promotion():
    """Let the packages promote as they do."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def check_units_stand_between(function, params, x, wired):
    """Check what a wiring says of every hidden layer by what the function itself does."""
    run = jax.jit(lambda p: relubench.watch.layers(function)(p, x))
    layers, (_, before) = wired.get(params), run(params)
    assert len(before) == len(wired.hidden)
    changed = jax.tree.leaves(wired.set(params, layers))
    for leaf, same in zip(jax.tree.leaves(params), changed, strict=True):
        np.testing.assert_array_equal(leaf, same)
    for place, hidden in enumerate(wired.hidden):
        if hidden.incoming is None:
            continue
        kernel, bias = layers[hidden.incoming]
        assert bias.shape == (before[place].z.shape[-1],) == kernel.shape[-1:]
        unit = int(np.argmax(np.abs(before[place].h).reshape(-1, bias.shape[0]).mean(0)))
        own = list(layers)
        own[hidden.incoming] = (kernel.at[..., unit].multiply(-0.7), bias.at[unit].add(0.3))
        alone = wired.set(params, own)
        z = run(alone)[1][place].z
        moved = np.abs(np.asarray(z) - before[place].z).reshape(-1, bias.shape[0]).max(0) > 1e-4
        if hidden.affine and not hidden.lacks:  # else a loop may lead back to the layer
            np.testing.assert_array_equal(np.flatnonzero(moved), [unit])
        assert moved[unit]
        if hidden.lacks or not hidden.affine:
            continue
        silenced = [list(pair) for pair in (layers, own)]
        for pairs in silenced:
            for after in hidden.outgoing:
                outgoing, added = pairs[after]
                assert outgoing.shape[-2] == bias.shape[0]
                pairs[after] = (outgoing.at[..., unit, :].set(0), added)
        one, other = (run(wired.set(params, pairs))[0] for pairs in silenced)
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
        assert any(
            np.abs(np.asarray(a) - np.asarray(b)).max() > 1e-5
            for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(run(params)[0]), strict=True)
        )


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_wired_as_it_computes(name):
    function, params, x = NETWORKS[name]
    wired = find(function, params, x)
    assert wired.hidden
    assert not any(hidden.lacks for hidden in wired.hidden)
    assert not wired.unread
    check_units_stand_between(function, params, x, wired)


@pytest.mark.parametrize("made", [of_equinox, of_haiku])
def test_other_libraries_are_wired_as_they_compute(made):
    function, params, x = made()
    wired = find(function, params, x)
    assert len(wired.hidden) == 2
    assert not any(hidden.lacks for hidden in wired.hidden)
    check_units_stand_between(function, params, x, wired)


@pytest.mark.parametrize("name", CASES)
def test_whatever_is_watched_is_wired_as_it_computes_or_told_why_not(name):
    case = CASES[name]
    if len(case.arguments) != 2:
        pytest.skip("its arguments are not parameters and inputs")
    wired = find(case.function, *case.arguments)
    for hidden in wired.hidden:
        assert hidden.lacks or hidden.outgoing
    try:
        relubench.watch.layers(case.function)(*case.arguments)
    except UserError:
        return
    check_units_stand_between(case.function, *case.arguments, wired)


TWO, THREE = [W, normal(3, 6, 2)], [W, W + 1, normal(3, 6, 2)]
SQUARE = [normal(1, 4, 4), normal(2, 4, 2)]


def centred(h):
    return h - h.mean(-1, keepdims=True)


def normalised(w):
    return w / jnp.linalg.norm(w, axis=0)


LACKING = {
    "a residual of units": (lambda p, x: (x + relu_(x @ p[0])) @ p[1], SQUARE, "meet others"),
    "a gate": (lambda p, x: (jax.nn.silu(x @ p[0]) * (x @ p[1])) @ p[2], THREE, "meet others"),
    "tied weights": (lambda p, x: relu_(x @ p) @ p.T, W, "used more than once"),
    "returned": (lambda p, x: relu_(x @ p), W, "leave the function"),
    "a norm after": (lambda p, x: centred(relu_(x @ p[0])) @ p[1], TWO, "are mixed"),
    "a weight that is computed": (lambda p, x: relu_(x @ normalised(p[0])) @ p[1], TWO, "no layer whose weights"),
    "two layers that add up": (lambda p, x: relu_(x @ p[0] + x @ p[1]) @ p[2], THREE, "several"),
    "a stream": (lambda p, x: relu_(x + x @ p[0]) @ p[1], SQUARE, "more than"),
}


@pytest.mark.parametrize("name", LACKING)
def test_units_that_do_not_stand_between_layers_are_told_and_refused_by_remedies(name):
    function, params, why = LACKING[name]
    lens = remedies.lens_of(function, params, X)
    rule = remedies.redo(
        optax.adam(0.1), layers=lens, initialize=lambda key, layer, shape: None, key=KEY, tau=0.1, period=1
    )
    with pytest.raises(UserError, match=why):
        rule.init(params)


def test_layers_are_examples_positions_units():
    _, layers = relubench.watch.layers(Flattened().apply)(Flattened().init(KEY, IMAGES), IMAGES)
    assert [layer.h.shape for layer in layers] == [(5, 64, 3), (5, 16, 4), (5, 5)]
    _, (one,) = relubench.watch.layers(lambda w, x: jnp.sum(relu_(x @ w)))(W, X)
    np.testing.assert_allclose(one.z, np.asarray(X) @ np.asarray(W), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(one.h, relu(np.asarray(X) @ np.asarray(W)), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(one.slope, np.asarray(one.z) > 0)
    _, three = relubench.watch.layers(stacked)(STACK, X)
    assert [layer.z.shape for layer in three] == [(9, 7)] * 3


def test_a_branch_that_not_every_example_takes_has_no_layers():
    def branching(w, x):
        return jax.lax.cond(x.sum() > 0, lambda: relu_(x @ w), lambda: relu_(-x @ w))

    with pytest.raises(UserError, match="branch"):
        relubench.watch.layers(branching)(W, X)
