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
    return wiring.find(traced, params)


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


NAMED = {"a": normal(40, 4, 8), "b": normal(41, 8), "c": normal(42, 8, 2), "d": normal(43, 8, 8), "f": normal(44, 8, 2)}
TOKENS = jnp.arange(60).reshape(20, 3) % 7
#: What is made of activations before the next layer.
MIXING = {
    "reversed": lambda h: h[:, ::-1], "summed": lambda h: jnp.cumsum(h, -1), "sorted": lambda h: jnp.sort(h, -1),
    "largest so far": lambda h: jax.lax.cummax(h, axis=1), "the best": lambda h: jax.lax.top_k(h, 8)[0],
    "with its reverse": lambda h: h + h[:, ::-1], "rolled": lambda h: jnp.roll(h, 1, -1),
    "in windows": lambda h: jax.lax.reduce_window(h, 0.0, jax.lax.add, (1, 3), (1, 1), "SAME"),
    "moved": lambda h: jax.lax.pad(h, 0.0, ((0, 0, 0), (1, -1, 0))),
    "by a fixed matrix": lambda h: h @ jnp.eye(8), "by index": lambda h: h[:, jnp.arange(8)[::-1]],
}  # fmt: skip
LACKING = {
    **{
        f"{name} after": (lambda p, x, of=of: of(relu_(x @ p["a"] + p["b"])) @ p["c"], NAMED, "mixed|told|meet")
        for name, of in MIXING.items()
    },
    **{
        f"{name} before": (
            lambda p, x, of=of: relu_(of(x @ p["a"] + p["b"])) @ p["c"],
            NAMED,
            "mixed|order|made by|units",
        )
        for name, of in MIXING.items()
        if name != "sorted"  # which is no longer affine: there is no activation
    },
    "turned around": (
        lambda p, x: jnp.einsum("kbh,khd->bd", relu_(jnp.einsum("bi,hik->kbh", x, p[0])), p[1]),
        [normal(1, 3, 4, 2), normal(2, 2, 3, 2)],
        "in their order",
    ),
    "a product of two units": (
        lambda p, x: (lambda h: (h[:, :, None] * h[:, None, :]).reshape(9, 64) @ p["o"])(relu_(x @ p["a"])),
        NAMED | {"o": normal(8, 64, 2)},
        "mixed|told",
    ),
    "a residual of pre-activations": (
        lambda p, x: (lambda z: (z + relu_(z) @ p["d"]) @ p["c"])(x @ p["a"] + p["b"]),
        NAMED,
        "elsewhere|others",
    ),
    "a linear skip": (
        lambda p, x: (lambda z: relu_(z) @ p["c"] + z @ p["f"])(x @ p["a"] + p["b"]),
        NAMED,
        "elsewhere",
    ),
    "z returned": (lambda p, x: (lambda z: (relu_(z) @ p["c"], z))(x @ p["a"] + p["b"]), NAMED, "elsewhere"),
    "both signs": (
        lambda p, x: (lambda z: relu_(z) @ p["c"] + relu_(-z) @ p["f"])(x @ p["a"] + p["b"]),
        NAMED,
        "elsewhere",
    ),
    "two biases": (
        lambda p, x: (lambda z: relu_(z + p["b"]) @ p["c"] + relu_(z + p["g"]) @ p["f"])(x @ p["a"]),
        NAMED | {"g": normal(45, 8)},
        "elsewhere",
    ),
    "a shared bias": (
        lambda p, x: relu_(relu_(x @ p["a"] + p["b"]) @ p["d"] + p["b"]) @ p["c"],
        NAMED,
        "more than once",
    ),
    "a weight that is also sliced": (
        lambda p, x: relu_(x @ p["a"] + p["b"]) @ p["c"] + x @ p["a"][:, :2],
        NAMED,
        "more than once",
    ),
    "a weight that is also summed": (
        lambda p, x: relu_(x @ p["a"] + p["b"]) @ p["c"] + p["a"].sum(),
        NAMED,
        "more than once",
    ),
    "a bias that is computed": (lambda p, x: relu_(x @ p["a"] + (p["b"] - 50)) @ p["c"], NAMED, "its bias"),
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
    if name != "a stream":  # of which no one can tell the units
        check_units_stand_between(function, params, X, find(function, params, X))
    lens = remedies.lens_of(function, params, X)
    rule = remedies.redo(
        optax.adam(0.1), layers=lens, initialize=lambda key, layer, shape: None, key=KEY, tau=0.1, period=1
    )
    with pytest.raises(UserError, match=why):
        rule.init(params)


def test_an_embedding_that_is_the_output_too_is_tied():
    def function(p, tokens):
        return relu_(p["e"][tokens].reshape(20, -1) @ p["w"]) @ p["e"].T

    (hidden,) = find(function, {"e": normal(6, 7, 6), "w": normal(7, 18, 6)}, TOKENS).hidden
    assert "more than once" in hidden.lacks


NO_PLANES = {
    "a number more": lambda p, x: relu_(x @ p["a"] + p["b"] + 1) @ p["c"],
    "its bias twice as large": lambda p, x: relu_(x @ p["a"] + 2 * p["b"]) @ p["c"],
    "two biases": lambda p, x: relu_(x @ p["a"] + p["b"] + p["g"]) @ p["c"],
    "a scale": lambda p, x: relu_(x @ p["a"] * p["g"]) @ p["c"],
    "numbers": lambda p, x: relu_(x @ p["a"] + jnp.arange(8.0)[None] + p["b"]) @ p["c"],
}


@pytest.mark.parametrize("name", NO_PLANES)
def test_z_is_a_plane_only_where_nothing_is_added_but_the_bias(name):
    (hidden,) = find(NO_PLANES[name], NAMED | {"g": normal(45, 8)}, X).hidden
    assert not hidden.affine
    assert not hidden.plane
    plain = find(lambda p, x: relu_(x @ p["a"] + p["b"]) @ p["c"], NAMED, X)
    assert plain.hidden[0].plane


POSITIONS = {
    "at positions": (lambda p, x: relu_(x @ p["a"] + p["b"][:, None]) @ p["c"], NAMED, normal(30, 5, 8, 4)),
    "turned": (
        lambda p, x: jnp.einsum("bkh,khd->bd", relu_(jnp.einsum("bi,ihk->bkh", x, p["w"]) + p["s"]), p["v"]),
        {"w": normal(1, 4, 3, 3), "s": normal(2, 3, 3), "v": normal(3, 3, 3, 2)},
        X,
    ),
}


@pytest.mark.parametrize("name", POSITIONS)
def test_what_is_added_by_position_is_no_bias_of_units(name):
    wired = find(*POSITIONS[name])
    assert all(layer.bias is None for layer in wired.layers)
    check_units_stand_between(*POSITIONS[name], wired)


def test_a_layer_of_one_unit_and_a_loop_of_one_turn_are_wired():
    narrow = {"a": normal(50, 4, 1), "b": normal(51, 1), "c": normal(52, 1, 2)}
    function = NETWORKS["two heads"][0]
    one = {"trunk": narrow["a"], "bias": narrow["b"], "policy": narrow["c"], "value": normal(53, 1, 1)}
    single = jax.tree.map(lambda leaf: leaf[:1], STACK) | {"in": STACK["in"]}
    for case in ((function, one, X), (stacked, single, X)):
        wired = find(*case)
        assert [hidden.lacks for hidden in wired.hidden] == [""]
        check_units_stand_between(*case, wired)


def test_weights_are_shared_by_what_stems_from_other_units():
    """A mixer's hidden units see each channel in turn; a decoder's channels see each place."""

    def mixer(p, x):
        return (relu_(jnp.swapaxes(x @ p["a"], 1, 2) @ p["d"]) @ p["c"]).mean(1)

    (layer,) = relubench.watch.layers(mixer)(
        NAMED | {"d": normal(60, 7, 5), "c": normal(61, 5, 2)}, normal(62, 3, 7, 4)
    )[1]
    assert layer.z.shape == (3, 8, 5)


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
