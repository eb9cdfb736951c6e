"""Networks drawn at random from parts: what `watch` sees is what a plain pass in NumPy sees."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

import relubench
from tests.sites.test_watch import SPELLINGS, bits

#: What each kind computes, in NumPy.
IN_NUMPY = {
    "relu": lambda z: np.maximum(z, 0),
    "relu6": lambda z: np.clip(z, 0, 6),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
}
ACTIVATIONS = [name for name, (_, kind) in SPELLINGS.items() if kind in IN_NUMPY and name != "vmapped"]
WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda f: f,
    "jit": jax.jit,
    "remat": jax.checkpoint,
    "vmap": lambda f: jax.vmap(f, (None, 0)),
}


class Part(NamedTuple):
    """A part of a network: what it is, its activation, and what stands around it."""

    name: str
    activation: str
    wrapper: str


PARTS = st.builds(
    Part,
    st.sampled_from(["dense", "no bias", "normed", "residual", "gated", "masked", "heads", "scaled", "scan"]),
    st.sampled_from(ACTIVATIONS),
    st.sampled_from(list(WRAPPERS)),
)
WIDTH = 6


def parameters(part, draw):
    shapes = {"w": (WIDTH, WIDTH), "v": (WIDTH, WIDTH), "b": (WIDTH,), "g": (WIDTH,)}
    if part.name == "scan":
        shapes["w"] = (3, WIDTH, WIDTH)
    return {name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def applied(part, p, x):
    """One part in JAX, on examples or, under `vmap`, on one of them."""
    f = SPELLINGS[part.activation][0]
    bias = p["b"].reshape((1,) * (x.ndim - 1) + (WIDTH,))
    if part.name == "scan":
        return lax.scan(lambda h, w: (h / 2 + f(h @ w), None), x, p["w"])[0]
    z = x @ p["w"]
    if part.name == "normed":
        z = (z - z.mean(-1, keepdims=True)) * lax.rsqrt(z.var(-1, keepdims=True) + 1e-5)
        z = z * p["g"].reshape(bias.shape) + bias
    if part.name == "dense":
        z = z + bias
    if part.name == "scaled":
        return 3 * f(2 * z + 1) - 1
    if part.name == "residual":
        return z + f((z + bias) @ p["v"])
    if part.name == "gated":
        return f(z) * (x @ p["v"])
    if part.name == "masked":
        return jnp.where(x[..., :1] > 0, f(z), 0)
    if part.name == "heads":
        return f(z.reshape(*x.shape[:-1], 2, 3)).reshape(x.shape)
    return f(z)


def in_numpy(part, p, x):
    """Return (output, z of its site)."""
    f = IN_NUMPY[SPELLINGS[part.activation][1]]
    p = {name: value.astype(np.float64) for name, value in p.items()}
    if part.name == "scan":
        seen = []
        for w in p["w"]:
            seen.append(x @ w)
            x = x / 2 + f(seen[-1])
        return x, np.stack(seen, 1)
    z = x @ p["w"]
    if part.name == "normed":
        z = (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-5) * p["g"] + p["b"]
    if part.name == "dense":
        z = z + p["b"]
    if part.name == "scaled":
        return 3 * f(2 * z + 1) - 1, 2 * z + 1
    if part.name == "residual":
        inner = (z + p["b"]) @ p["v"]
        return z + f(inner), inner
    if part.name == "gated":
        return f(z) * (x @ p["v"]), z
    if part.name == "masked":
        return np.where(x[..., :1] > 0, f(z), 0), z
    if part.name == "heads":
        return f(z), z.reshape(*z.shape[:-1], 2, 3)
    return f(z), z


def network(parts):
    def run(ps, x):
        for part, p in zip(parts, ps, strict=True):
            wrapped = WRAPPERS[part.wrapper](lambda p, x, part=part: applied(part, p, x))
            x = wrapped(p, x) / 2  # so that numbers stay ordinary
        return x

    return run


@settings(max_examples=25)
@given(st.lists(PARTS, min_size=1, max_size=4), st.integers(0, 2**31), st.booleans())
def test_a_random_network_has_the_units_of_a_plain_pass(parts, seed, jitted):
    draw = np.random.default_rng(seed)
    ps = [parameters(part, draw) for part in parts]
    x = draw.normal(size=(7, WIDTH)).astype(np.float32)
    run = network(parts)
    watched, plain = (jax.jit(f) if jitted else f for f in (relubench.watch(run), run))
    arguments = jax.tree.map(jnp.asarray, (ps, x))
    results, sites = watched(*arguments)
    if not jitted:
        assert bits(results) == bits(plain(*arguments))
    np.testing.assert_allclose(results, plain(*arguments), rtol=1e-5, atol=1e-5)
    assert [site.kind for site in sites] == [SPELLINGS[part.activation][1] for part in parts]
    h = x.astype(np.float64)
    for part, p, site in zip(parts, ps, sites, strict=True):
        h, z = in_numpy(part, p, h)
        h = h / 2
        units = 2 if part.name in {"scan", "heads"} else 1
        z = z.reshape(-1, *z.shape[z.ndim - units :])
        assert site.stats.active.shape == z.shape[1:]
        np.testing.assert_allclose(site.stats.min_z, z.min(0), rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(site.stats.max_z, z.max(0), rtol=1e-3, atol=1e-3)
        assert set(np.ravel(site.stats.examples)) == {7}


@settings(max_examples=15)
@given(st.lists(PARTS, min_size=1, max_size=3), st.integers(0, 2**31))
def test_an_ensemble_of_random_networks_has_units_of_each_member(parts, seed):
    draw = np.random.default_rng(seed)
    members = [[parameters(part, draw) for part in parts] for _ in range(3)]
    x = jnp.asarray(draw.normal(size=(5, WIDTH)), jnp.float32)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    sites = relubench.watch(jax.vmap(network(parts), (0, None)))(stacked, x)[1]
    for n, member in enumerate(members):
        alone = relubench.watch(network(parts))(jax.tree.map(jnp.asarray, member), x)[1]
        for part, site, own in zip(parts, sites, alone, strict=True):
            # Layers of a loop come first, then members.
            seen = site.stats.max_z[:, n] if part.name == "scan" else site.stats.max_z[n]
            np.testing.assert_allclose(seen, own.stats.max_z, rtol=1e-4, atol=1e-4)
