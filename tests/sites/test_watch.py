"""A watched function returns its own bits, and its units are those of a recount: libraries, spellings, shapes."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

import relubench
from relubench.errors import UserError

KEY = jax.random.key(7)


def normal(n, *shape, dtype=jnp.float32):
    return jax.random.normal(jax.random.fold_in(KEY, n), shape, dtype)


X = normal(0, 9, 4)
IMAGES = normal(1, 5, 8, 8, 3)
W, V = normal(2, 4, 6), normal(3, 6, 6)
B = normal(4, 6)
LAYERS = normal(5, 3, 6, 6)
MEMBERS = normal(6, 5, 4, 6)


class Case(NamedTuple):
    """A function, and what each of its activations is given: in NumPy, examples and positions before the units."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    given: Callable[..., list[Any]]  # the same arguments, of NumPy in double precision -> [z of each site]
    kinds: tuple[str, ...]
    units: int = 1  # how many of the last axes of each z are units


def relu(z):
    return np.maximum(z, 0)


def one(x, w):
    return [x @ w]


# --- spellings: each is given the argument z = x @ w

SPELLINGS = {
    "relu": (jax.nn.relu, "relu"),
    "maximum": (lambda z: jnp.maximum(z, 0), "relu"),
    "where": (lambda z: jnp.where(z > 0, z, 0), "relu"),
    "where with zeros": (lambda z: jnp.where(z > 0, z, jnp.zeros_like(z)), "relu"),
    "times its mask": (lambda z: z * (z > 0).astype(z.dtype), "relu"),
    "half of itself and its size": (lambda z: (z + jnp.abs(z)) / 2, "relu"),
    "lax.max": (lambda z: lax.max(z, jnp.zeros_like(z)), "relu"),
    "select": (lambda z: lax.select(z > 0, z, jnp.zeros_like(z)), "relu"),
    "clamp": (lambda z: lax.clamp(jnp.asarray(0, z.dtype), z, jnp.asarray(jnp.inf, z.dtype)), "relu"),
    "jitted": (jax.jit(lambda z: jnp.maximum(z, 0)), "relu"),
    "vmapped": (jax.vmap(jax.vmap(lambda z: lax.cond(z > 0, lambda z: z, lambda z: 0 * z, z))), "relu"),
    "relu6": (jax.nn.relu6, "relu6"),
    "clip": (lambda z: jnp.clip(z, 0, 6), "relu6"),
    "hard tanh": (jax.nn.hard_tanh, "hard_tanh"),
    "hard sigmoid": (jax.nn.hard_sigmoid, "hard_sigmoid"),
    "hard silu": (jax.nn.hard_silu, "hard_silu"),
    "squared": (lambda z: jnp.square(jax.nn.relu(z)), "relu_squared"),
    "leaky": (jax.nn.leaky_relu, "leaky_relu"),
    "leaky, written out": (lambda z: jnp.where(z > 0, z, 0.2 * z), "leaky_relu"),
    "gelu": (jax.nn.gelu, "gelu"),
    "gelu, exact": (functools.partial(jax.nn.gelu, approximate=False), "gelu"),
    "gelu, written out": (lambda z: 0.5 * z * (1 + lax.erf(z / jnp.asarray(2**0.5, z.dtype))), "gelu"),
    "silu": (jax.nn.silu, "silu"),
    "silu, written out": (lambda z: z / (1 + jnp.exp(-z)), "silu"),
    "sigmoid": (jax.nn.sigmoid, "sigmoid"),
    "sigmoid, written out": (lambda z: 1 / (1 + jnp.exp(-z)), "sigmoid"),
    "tanh": (jnp.tanh, "tanh"),
    "elu": (jax.nn.elu, "elu"),
    "selu": (jax.nn.selu, "selu"),
    "celu": (functools.partial(jax.nn.celu, alpha=0.5), "celu"),
    "softplus": (jax.nn.softplus, "softplus"),
    "log sigmoid": (jax.nn.log_sigmoid, "log_sigmoid"),
    "mish": (jax.nn.mish, "mish"),
    "soft sign": (jax.nn.soft_sign, "soft_sign"),
    "squareplus": (jax.nn.squareplus, "squareplus"),
    "one's own": (lambda z: jnp.tanh(z) * jnp.sin(3 * z), "elementwise"),
}


# --- networks of libraries


class Dense(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Dense(6)(x))
        x = nn.gelu(nn.Dense(5)(x))
        return nn.Dense(2)(x)


class Convolutional(nn.Module):
    """A convolution, a batch norm, pooling, and dense layers on what is left."""

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.relu(nn.Conv(6, (3, 3))(x))
        x = nn.Conv(4, (3, 3), strides=2)(nn.max_pool(x, (2, 2), (2, 2)))
        x = nn.relu(nn.BatchNorm(use_running_average=not train)(x))
        x = nn.relu(nn.Dense(7)(x.reshape(x.shape[0], -1)))
        return nn.Dense(3)(x)


class Scanned(nn.Module):
    """Three layers with parameters of their own, in one loop, their activations computed again for the gradient."""

    @nn.compact
    def __call__(self, x):
        class Block(nn.Module):
            @nn.compact
            def __call__(self, x, _):
                return x + nn.relu(nn.Dense(4)(x)), None

        layers = nn.scan(nn.remat(Block), variable_axes={"params": 0}, split_rngs={"params": True}, length=3)
        return layers()(x, None)[0]


class Stateful(nnx.Module):
    def __init__(self):
        rngs = nnx.Rngs(0)
        self.first, self.second = nnx.Linear(4, 6, rngs=rngs), nnx.Linear(6, 2, rngs=rngs)

    def __call__(self, x):
        return self.second(nnx.relu(self.first(x)))


def dense(params, name, x):
    return x @ params[name]["kernel"] + params[name]["bias"]


def linen_dense(variables, x):
    params = variables["params"]
    first = dense(params, "Dense_0", x)
    return [first, dense(params, "Dense_1", relu(first))]


def linen_scanned(variables, x):
    (block,) = variables["params"].values()
    params, given = block["Dense_0"], []
    for kernel, bias in zip(params["kernel"], params["bias"], strict=True):
        given.append(x @ kernel + bias)
        x = x + relu(given[-1])
    return [np.stack(given, 1)]


def shifted(x, kernel, stride=1):
    """A convolution of images [n, height, width, in] with [3, 3, in, out], padded as `SAME` pads."""
    n, height, width, _ = x.shape
    rows, columns = -(-height // stride), -(-width // stride)
    low = [max((out - 1) * stride + 3 - size, 0) // 2 for out, size in ((rows, height), (columns, width))]
    padded = np.zeros((n, height + 3, width + 3, x.shape[3]))
    padded[:, low[0] : low[0] + height, low[1] : low[1] + width] = x
    z = np.zeros((n, rows, columns, kernel.shape[3]))
    for i in range(3):
        for j in range(3):
            part = padded[:, i : i + rows * stride : stride, j : j + columns * stride : stride]
            z += part[:, :rows, :columns] @ kernel[i, j]
    return z


def linen_convolutional(variables, x):
    params = variables["params"]
    first = shifted(x, params["Conv_0"]["kernel"]) + params["Conv_0"]["bias"]
    h = relu(first).reshape(len(x), 4, 2, 4, 2, 6).max((2, 4))
    second = shifted(h, params["Conv_1"]["kernel"], 2) + params["Conv_1"]["bias"]
    norm, seen = params["BatchNorm_0"], variables["batch_stats"]["BatchNorm_0"]
    second = (second - seen["mean"]) / np.sqrt(seen["var"] + 1e-5) * norm["scale"] + norm["bias"]
    return [first, second, dense(params, "Dense_0", relu(second).reshape(len(x), -1))]


def initialised(module, x):
    variables = module.init(KEY, x)
    moved = jax.tree.map(lambda leaf: leaf + 0.3 * jax.random.normal(KEY, leaf.shape), variables["params"])
    return (variables | {"params": moved}, x)


GRAPH, STATE = nnx.split(Stateful())


def nnx_split(state, x):
    return nnx.merge(GRAPH, state)(x)


def nnx_given(state, x):
    return [x @ state["first"]["kernel"].get_value() + state["first"]["bias"].get_value()]


# --- plain functions


@jax.custom_vjp
def straight_through(w, x):
    return jax.nn.relu(x @ w)


straight_through.defvjp(
    lambda w, x: (straight_through(w, x), (w, x)), lambda kept, move: (kept[1].T @ move, move @ kept[0].T)
)


@jax.custom_vjp
def stepped(z):
    """Return 1 where z > 0, with a gradient as if it were a hard tanh."""
    return (z > 0).astype(z.dtype)


stepped.defvjp(lambda z: (stepped(z), z), lambda z, move: (move * (jnp.abs(z) < 1).astype(z.dtype),))


def over_layers(w, x):
    def layer(h, weights):
        return jax.nn.relu(h @ weights), None

    return lax.scan(layer, jax.nn.relu(x @ w["in"]), w["layers"])[0]


def given_over_layers(w, x, first=relu):
    h, given = x @ w["in"], []
    for weights in w["layers"]:
        given.append((relu(given[-1]) if given else first(h)) @ weights)
    return [h, np.stack(given, 1)]


def over_time(w, x):
    def turn(h, x):
        h = jnp.tanh(x @ w["in"] + h @ w["layers"][0])
        return h, h

    return lax.scan(turn, jnp.zeros((9, 6)), jnp.stack([x, 2 * x, -x]))[1]


def given_over_time(w, x):
    h, given = np.zeros((9, 6)), []
    for turn in (x, 2 * x, -x):
        given.append(turn @ w["in"] + h @ w["layers"][0])
        h = np.tanh(given[-1])
    return [np.stack(given)]


def attention(w, x):
    """A block of a transformer: embedded, attended, normalised, and a layer of two products whose units count."""
    h = x @ w["in"] + w["position"]
    q, k, v = (jnp.einsum("sd,dhe->she", h, w[name]) for name in "qkv")
    weights = jax.nn.softmax(jnp.einsum("qhe,khe->hqk", q, k) / np.float32(2), -1)
    h = h + jnp.einsum("hqk,khe->qhe", weights, v).reshape(h.shape)
    mean, square = h.mean(-1, keepdims=True), (h * h).mean(-1, keepdims=True)
    h = h + jax.nn.gelu((h - mean) * lax.rsqrt(square - mean * mean + 1e-6) @ w["up"]) @ w["down"]
    return jax.nn.log_softmax(h)


def given_attention(w, x):
    h = x @ w["in"] + w["position"]
    q, k, v = (np.einsum("sd,dhe->she", h, w[name]) for name in "qkv")
    logits = np.einsum("qhe,khe->hqk", q, k) / 2
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    h = h + np.einsum("hqk,khe->qhe", weights, v).reshape(h.shape)
    return [(h - h.mean(-1, keepdims=True)) / np.sqrt(h.var(-1, keepdims=True) + 1e-6) @ w["up"]]


TRANSFORMER = {
    "in": W, "position": normal(8, 9, 6), "q": normal(9, 6, 2, 3), "k": normal(10, 6, 2, 3), "v": normal(11, 6, 2, 3),
    "up": normal(12, 6, 8), "down": normal(13, 8, 6),
}  # fmt: skip
LAYERED = {"in": W, "layers": LAYERS}


def experts(w, x):
    gates = jax.nn.softmax(x @ w["gate"], -1)
    h = jax.nn.relu(jnp.einsum("bd,edh->beh", x, w["up"]))
    return jnp.einsum("beh,ehd,be->bd", h, w["down"], gates)


def loss(w, x):
    """A squared error, a hinge, a cross-entropy, a penalty, and a norm: none has units."""
    out = jax.nn.relu(x @ w) @ V
    labels = jnp.arange(len(x)) % 6
    hinge = jnp.maximum(0, 1 + out - jnp.take_along_axis(out, labels[:, None], 1))
    entropy = -jax.nn.log_softmax(out)[jnp.arange(len(x)), labels].mean()
    return jnp.mean((out - jnp.pad(x, ((0, 0), (0, 2)))) ** 2) + hinge.sum() + entropy + jnp.sqrt((w * w).sum())


CASES = {
    "linen": Case(Dense().apply, initialised(Dense(), X), linen_dense, ("relu", "gelu")),
    "linen, convolutions": Case(
        Convolutional().apply, initialised(Convolutional(), IMAGES), linen_convolutional, ("relu",) * 3
    ),
    "linen, scan and remat": Case(Scanned().apply, initialised(Scanned(), X), linen_scanned, ("relu",), 2),
    "nnx, split": Case(nnx_split, (STATE, X), nnx_given, ("relu",)),
    "nnx, the module": Case(lambda m, x: m(x), (Stateful(), X), lambda m, x: nnx_given(nnx.state(m), x), ("relu",)),
    "jit": Case(jax.jit(lambda w, x: jax.nn.silu(x @ w) @ V), (W, X), lambda w, x: one(x, w), ("silu",)),
    "remat": Case(jax.checkpoint(lambda w, x: jnp.tanh(x @ w) @ V), (W, X), lambda w, x: one(x, w), ("tanh",)),
    "a rule of its own around a layer": Case(straight_through, (W, X), lambda w, x: one(x, w), ("relu",)),
    "vmap over examples": Case(
        jax.vmap(lambda w, x: jax.nn.relu(x @ w) @ V, (None, 0)), (W, X), lambda w, x: one(x, w), ("relu",)
    ),
    "one example": Case(lambda w, x: jax.nn.relu(x @ w), (W, X[0]), lambda w, x: [(x @ w)[None]], ("relu",)),
    "an ensemble": Case(
        lambda w, x: jax.vmap(lambda w: jax.nn.relu(x @ w) @ V)(w),
        (MEMBERS, X),
        lambda w, x: [np.einsum("bi,mio->bmo", x, w)],
        ("relu",),
        2,
    ),
    "an ensemble, each its own data": Case(
        jax.vmap(lambda w, x: jax.nn.relu(x @ w) @ V),
        (MEMBERS, jnp.stack([X, -X, 2 * X, X + 1, X - 1])),
        lambda w, x: [np.einsum("mbi,mio->bmo", x, w)],
        ("relu",),
        2,
    ),
    "scan over layers": Case(over_layers, (LAYERED, X), given_over_layers, ("relu", "relu"), -1),
    "scan over time": Case(over_time, (LAYERED, X), given_over_time, ("tanh",)),
    "a loop": Case(
        lambda w, x: lax.fori_loop(0, 2, lambda _, h: jax.nn.relu(h @ w), jnp.pad(x, ((0, 0), (0, 2)))),
        (V, X),
        lambda w, x: [np.stack([(z := np.pad(x, ((0, 0), (0, 2))) @ w), relu(z) @ w])],
        ("relu",),
    ),
    "a transformer": Case(attention, (TRANSFORMER, X), given_attention, ("gelu",)),
    "experts": Case(
        experts,
        ({"gate": normal(14, 4, 3), "up": normal(15, 3, 4, 6), "down": normal(16, 3, 6, 4)}, X),
        lambda w, x: [np.einsum("bd,edh->beh", x, w["up"])],
        ("relu",),
        2,
    ),
    "a gate ends it": Case(lambda w, x: (jax.nn.silu(x @ w) * (x @ w)) @ V, (W, X), lambda w, x: one(x, w), ("silu",)),
    "a loss": Case(loss, (W, X), lambda w, x: one(x, w), ("relu",)),
    "dropout after": Case(
        lambda w, x: jnp.where(jax.random.bernoulli(KEY, 0.5, (9, 6)), jax.nn.relu(x @ w), 0) @ V,
        (W, X),
        lambda w, x: one(x, w),
        ("relu",),
    ),
    "a slope that is learned": Case(
        lambda w, x: jnp.where((z := x @ w["w"]) > 0, z, w["slope"] * z) @ V,
        ({"w": W, "slope": jnp.float32(0.1)}, X),
        lambda w, x: one(x, w["w"]),
        ("prelu",),
    ),
    "scaled before and after": Case(
        lambda w, x: (jax.nn.relu(2 * (x @ w) + B[None]) / 3 + 1) @ V,
        (W, X),
        lambda w, x: [2 * (x @ w) + np.asarray(B)],
        ("relu",),
    ),
    "residual": Case(
        lambda w, x: jax.nn.relu((h := x @ w) + jax.nn.relu(h @ V) @ V),
        (W, X),
        lambda w, x: [(x @ w) @ np.asarray(V), x @ w + relu((x @ w) @ np.asarray(V)) @ np.asarray(V)],
        ("relu", "relu"),
    ),
    "a product written as a sum": Case(
        lambda w, x: jax.nn.relu((x[:, :, None] * w[None]).sum(1)), (W, X), lambda w, x: one(x, w), ("relu",)
    ),
    "channels first, flattened": Case(
        lambda k, x: jax.nn.relu(lax.conv(x.transpose(0, 3, 1, 2), k, (1, 1), "SAME").reshape(5, -1)),
        (normal(17, 6, 3, 3, 3), IMAGES),
        lambda k, x: [shifted(x, k.transpose(2, 3, 1, 0))],
        ("relu",),
    ),
    "depthwise": Case(
        lambda k, x: jax.nn.relu(
            lax.conv_general_dilated(
                x, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=3
            )
        ),
        (normal(18, 3, 3, 1, 3), IMAGES),
        lambda k, x: [shifted(x, k.transpose(0, 1, 3, 2) * np.eye(3))],
        ("relu",),
    ),
    "pooled before": Case(
        lambda k, x: jax.nn.relu(
            nn.max_pool(
                lax.conv_general_dilated(x, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")),
                (2, 2),
                (2, 2),
            )
        ),
        (normal(19, 3, 3, 3, 6), IMAGES),
        lambda k, x: [shifted(x, k).reshape(5, 4, 2, 4, 2, 6).max((2, 4))],
        ("relu",),
    ),
    "an embedding": Case(
        lambda w, x: jax.nn.relu(w["table"][x] @ w["w"]) @ V,
        ({"table": X, "w": W}, jnp.arange(12) % 5),
        lambda w, x: [w["table"][x] @ w["w"]],
        ("relu",),
    ),
    "heads": Case(
        lambda w, x: jax.nn.relu((x @ w).reshape(9, 2, 3)),
        (W, X),
        lambda w, x: [(x @ w).reshape(9, 2, 3)],
        ("relu",),
        2,
    ),
    "both signs": Case(
        lambda w, x: jnp.concatenate([jax.nn.relu(z := x @ w), jax.nn.relu(-z)], -1),
        (W, X),
        lambda w, x: [x @ w, -(x @ w)],
        ("relu", "relu"),
    ),
    "normed with a scale": Case(
        lambda w, x: jax.nn.relu((z := x @ w["w"]) * (lax.rsqrt((z * z).mean(-1, keepdims=True)) * w["g"][None])) @ V,
        ({"w": W, "g": B}, X),
        lambda w, x: [(z := x @ w["w"]) / np.sqrt((z * z).mean(-1, keepdims=True)) * w["g"]],
        ("relu",),
    ),
    "normed after": Case(
        lambda w, x: (
            (h := jax.nn.relu(x @ w)) * lax.rsqrt((h * h).mean(-1, keepdims=True) - h.mean(-1, keepdims=True) ** 2)
        ),
        (W, X),
        lambda w, x: one(x, w),
        ("relu",),
    ),
    "penalised": Case(
        lambda w, x: (jax.nn.relu(x @ w) ** 2).sum() + jnp.abs(jax.nn.relu(x @ w)).sum(),
        (W, X),
        lambda w, x: one(x, w) * 2,
        ("relu", "relu"),
    ),
    "pooled over positions": Case(
        lambda w, x: jax.nn.relu((x @ w).mean(1)) @ V,
        (W, normal(20, 9, 5, 4)),
        lambda w, x: [(x @ w).mean(1)],
        ("relu",),
    ),
    "attention over positions": Case(
        lambda w, x: (jax.nn.softmax((h := jax.nn.relu(x @ w)) @ V, 1) * h).sum(1),
        (W, normal(21, 9, 5, 4)),
        lambda w, x: one(x, w),
        ("relu",),
    ),
    "a straight-through rule": Case(lambda w, x: stepped(x @ w) @ V, (W, X), lambda w, x: one(x, w), ("elementwise",)),
    "a gradient taken inside": Case(
        lambda w, x: jax.value_and_grad(lambda w: jnp.sum((jax.nn.silu(x @ w) @ V) ** 2))(w),
        (W, X),
        lambda w, x: one(x, w),
        ("silu",),
    ),
    "a gradient by the inputs": Case(
        lambda w, x: jax.vmap(jax.grad(lambda x: jnp.tanh(x @ w) @ B))(x), (W, X), lambda w, x: one(x, w), ("tanh",)
    ),
    "layers that a loop takes by number": Case(
        lambda w, x: lax.fori_loop(0, 3, lambda n, h: jax.nn.relu(h @ w["layers"][n]), x @ w["in"]),
        (LAYERED, X),
        lambda w, x: given_over_layers(w, x, first=lambda z: z)[1:],
        ("relu",),
        2,
    ),
    "layers stacked inside": Case(
        lambda w, x: lax.scan(lambda h, w: (jax.nn.relu(h @ w), None), x @ w["in"], jnp.stack(list(w["layers"])))[0],
        ({"in": W, "layers": tuple(LAYERS)}, X),
        lambda w, x: given_over_layers(w, x, first=lambda z: z)[1:],
        ("relu",),
        2,
    ),
    "a branching for each example": Case(
        jax.vmap(
            lambda w, x: lax.cond(x.sum() > 0, lambda x: jax.nn.relu(x @ w), lambda x: jnp.tanh(x @ w), x), (None, 0)
        ),
        (W, X),
        lambda w, x: one(x, w) * 2,
        ("tanh", "relu"),
    ),
    "a graph": Case(
        lambda w, x: jax.nn.relu(x["edges"] @ (x["nodes"] @ w)) @ V,
        (W, {"edges": normal(22, 9, 9), "nodes": X}),
        lambda w, x: [x["edges"] @ (x["nodes"] @ w)],
        ("relu",),
    ),
    "messages summed at their nodes": Case(
        lambda w, x: jax.nn.relu(jax.ops.segment_sum(x["x"] @ w, x["to"], 4)) @ V,
        (W, {"x": X, "to": jnp.arange(9) % 4}),
        lambda w, x: [np.stack([(x["x"] @ w)[n::4].sum(0) for n in range(4)])],
        ("relu",),
    ),
    "repeated": Case(
        lambda w, x: jax.nn.relu(jnp.repeat(x @ w, 2, 0)) @ V,
        (W, X),
        lambda w, x: [np.repeat(x @ w, 2, 0)],
        ("relu",),
    ),
    "mixed by a fixed matrix": Case(
        lambda w, x: jax.nn.relu(jnp.tri(9) @ (x @ w)) @ V, (W, X), lambda w, x: [np.tri(9) @ (x @ w)], ("relu",)
    ),
    "frozen": Case(lambda w, x: lax.stop_gradient(jax.nn.relu(x @ w)) @ V, (W, X), lambda w, x: one(x, w), ("relu",)),
    "of whole numbers": Case(
        lambda w, x: jax.nn.relu(lax.dot(x, w, preferred_element_type=jnp.int32).astype(jnp.float32) / 10),
        (jnp.round(4 * W).astype(jnp.int8), jnp.round(4 * X).astype(jnp.int8)),
        lambda w, x: [(x.astype(float) @ w) / 10],
        ("relu",),
    ),
    "a convolution that vmap reorders": Case(
        lambda k, x: jax.nn.relu(
            jax.vmap(lambda x: lax.conv(x, k, (1, 1), "SAME"), in_axes=1)(
                x.transpose(0, 3, 1, 2).reshape(1, 5, 3, 8, 8)
            )
        ),
        (normal(23, 6, 3, 3, 3), IMAGES),
        lambda k, x: [shifted(x, k.transpose(2, 3, 1, 0))],
        ("relu",),
    ),
    "a mean squared error": Case(
        lambda w, x: jnp.mean((jax.nn.relu(x @ w) @ V - jnp.ones((9, 6))) ** 2),
        (W, X),
        lambda w, x: one(x, w),
        ("relu",),
    ),
    "errors one by one": Case(
        lambda w, x: (jax.nn.relu(x["x"] @ w) @ V - x["y"]) ** 2,
        (W, {"x": X, "y": normal(24, 9, 6)}),
        lambda w, x: one(x["x"], w),
        ("relu",),
    ),
    "a single unit": Case(lambda w, x: jnp.tanh(x @ w), (W[:, 0], X), lambda w, x: [(x @ w)[:, None]], ("tanh",), 0),
    "a mean over units": Case(
        lambda w, x: jnp.square(jax.nn.relu(x @ w).mean(-1) - x[:, 0]).mean(), (W, X), lambda w, x: one(x, w), ("relu",)
    ),
}


#: In these XLA fuses otherwise when the statistics are results as well: that may move them by a few units in the last
#: place of the largest number.
FUSED = {"a gradient by the inputs", "a branching for each example"}
LAST_PLACES = 4


def bits(tree):
    return [
        np.asarray(leaf).tobytes()
        for leaf in jax.tree.leaves(tree)
        if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    ]


def doubled(tree):
    return jax.tree.map(
        lambda leaf: np.asarray(leaf, np.float64 if jnp.issubdtype(leaf.dtype, jnp.floating) else None), tree
    )


def recounted(z, units):
    """Return (smallest z, largest z, inputs), over all axes but the last `units`."""
    z = z.reshape(-1, *z.shape[z.ndim - units :]) if units else z.reshape(-1)
    return z.min(0), z.max(0), len(z)


@pytest.mark.parametrize("name", CASES)
def test_a_watched_function_returns_its_own_bits_and_its_units_are_those_of_a_recount(name):
    case = CASES[name]
    results, sites = relubench.watch(case.function)(*case.arguments)
    assert bits(results) == bits(case.function(*case.arguments))
    check(case, sites)


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_same_inside_jit(name):
    case = CASES[name]
    results, sites = jax.jit(relubench.watch(case.function))(*case.arguments)
    plain = jax.jit(case.function)(*case.arguments)
    if name in FUSED:
        assert np.abs(results - plain).max() <= LAST_PLACES * np.spacing(np.abs(plain).max())
    else:
        assert bits(results) == bits(plain)
    check(case, sites)


def check(case, sites):
    assert tuple(site.kind for site in sites) == case.kinds
    for n, (site, z) in enumerate(zip(sites, case.given(*doubled(case.arguments)), strict=True)):
        units = case.units if case.units >= 0 else n + 1
        low, high, inputs = recounted(z, max(units, 1))
        low, high = (low, high) if units else (low[0], high[0])
        assert site.stats.active.shape == low.shape
        np.testing.assert_allclose(site.stats.min_z, low, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(site.stats.max_z, high, rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(site.stats.examples, np.broadcast_to(inputs, site.stats.examples.shape))
        if site.kind == "relu":
            np.testing.assert_array_equal(site.stats.active, high > 0)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("name", SPELLINGS)
def test_an_activation_is_known_however_it_is_spelled(name, dtype):
    spelled, kind = SPELLINGS[name]
    w, x = W.astype(dtype), X.astype(dtype)

    def function(w, x):
        return spelled((x @ w).astype(dtype)) @ V.astype(dtype)

    results, sites = relubench.watch(function)(w, x)
    assert bits(results) == bits(function(w, x))
    (site,) = sites
    assert site.kind == kind
    z = np.asarray(x @ w)
    np.testing.assert_array_equal(site.stats.min_z, z.min(0))
    np.testing.assert_array_equal(site.stats.max_z, z.max(0))
    slope = jax.vmap(jax.vmap(jax.grad(lambda z: spelled(z[None, None])[0, 0])))(jnp.asarray(z))
    np.testing.assert_array_equal(site.stats.active, (np.asarray(slope) != 0).any(0))


def test_a_derivative_passes_as_through_the_function_itself():
    def scored(w, x):
        out, sites = relubench.watch(lambda w, x: jax.nn.relu(x @ w) @ V)(w, x)
        return out.sum(), sites

    w = W.at[:, 0].set(0)  # z = 0 everywhere: JAX takes relu's slope as 0 there, and that of max as 1/2
    (value, sites), slope = jax.value_and_grad(scored, has_aux=True)(w, X)
    plain_value, plain = jax.value_and_grad(lambda w, x: (jax.nn.relu(x @ w) @ V).sum())(w, X)
    assert bits((value, slope)) == bits((plain_value, plain))
    assert not slope[:, 0].any()
    assert not sites[0].stats.active[0]


def test_the_units_of_many_batches_are_merged_as_one():
    def over(carry, batch):
        return carry, relubench.watch(lambda w, x: jax.nn.relu(x @ w))(W, batch)[1]

    sites = lax.scan(over, 0, X.reshape(3, 3, 4))[1]
    merged = relubench.units.merge(sites[0].stats)
    whole = relubench.watch(lambda w, x: jax.nn.relu(x @ w))(W, X)[1][0].stats
    np.testing.assert_array_equal(merged.active, whole.active)
    np.testing.assert_allclose(merged.max_z, whole.max_z, rtol=1e-5)  # products of three rows, and of nine
    assert merged.examples == whole.examples == 9


def test_examples_that_a_mask_leaves_out_are_not_counted():
    mask = jnp.arange(9) < 5

    def sequences(w, x):
        return jax.nn.relu(x @ w)

    (site,) = relubench.watch(sequences, mask=mask)(W, X)[1]
    (kept,) = relubench.watch(sequences)(W, X[:5])[1]
    np.testing.assert_array_equal(site.stats.active, kept.stats.active)
    np.testing.assert_allclose(site.stats.max_z, kept.stats.max_z, rtol=1e-5)
    assert site.stats.examples == 5
    of_both = jnp.stack([mask, ~mask])
    (site,) = jax.jit(lambda m: relubench.watch(sequences, mask=m)(W, jnp.stack([X, X]))[1])(of_both)
    assert site.stats.examples == 9
    turned = relubench.watch(lambda w, x: jax.nn.relu(x.transpose(1, 0, 2) @ w), mask=jnp.arange(4) < 1)
    square = normal(25, 4, 4, 4)
    (site,) = turned(W, square)[1]  # the first axis of the data, wherever it stands
    np.testing.assert_allclose(site.stats.max_z, (square[:1] @ W).max((0, 1)), rtol=1e-5)
    with pytest.raises(UserError, match=r"mask has shape \(5,\): site 'relu' has examples \(9,\)"):
        relubench.watch(sequences, mask=mask[:5])(W, X)


def test_experts_have_seen_what_was_sent_to_them():
    sent = jax.nn.one_hot(jnp.arange(9) % 2, 3, dtype=bool)  # the third gets none

    def of_experts(w, x):
        return jax.nn.relu(jnp.einsum("bd,edh->beh", x, w))

    (site,) = relubench.watch(of_experts, mask={"relu": sent[:, :, None]})(MEMBERS[:3], X)[1]
    z = np.einsum("bd,edh->beh", X, MEMBERS[:3])
    for expert in range(3):
        own = np.asarray(sent[:, expert])
        np.testing.assert_array_equal(site.stats.active[expert], (z[own, expert] > 0).any(0))
        np.testing.assert_array_equal(site.stats.examples[expert], own.sum())
    merged = relubench.units.merge(jax.tree.map(lambda x: jnp.stack([x, x]), site.stats))
    np.testing.assert_array_equal(merged.examples, 2 * site.stats.examples)
    with pytest.raises(UserError, match="mask names 'tanh': the sites are relu"):
        relubench.watch(of_experts, mask={"tanh": sent})(MEMBERS[:3], X)


def test_of_a_branching_what_is_taken_is_counted():
    def function(w, x, flag):
        return lax.cond(flag, lambda z: jax.nn.relu(z), lambda z: jnp.tanh(z) * 2, x @ w)

    for flag in (True, False):
        sites = relubench.watch(function)(W, X, flag if flag else np.bool_(flag))[1]
        seen = {site.kind: int(site.stats.examples) for site in sites}
        assert seen["relu" if flag else "tanh"] == 9
        assert sum(seen.values()) == 9


def test_a_while_loop_is_told_as_not_watched():
    def function(w, x):
        return lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, jax.nn.relu(s[1] @ w)), (0, x))[1]

    assert relubench.watch(function)(V, X @ W)[1] == ()
    assert "while" in relubench.watch.explain(function)(V, X @ W)


@pytest.mark.parametrize(
    ("function", "arguments", "why"),
    [
        (lambda w, x: jax.nn.relu(x + x @ w), (V, X @ W), "both data and parameters"),
        (lambda g, x: jax.nn.relu(x * g[None]), (B, X @ W), "both data and parameters"),
        (lambda w, x: jax.nn.relu(jnp.broadcast_to(x @ w, (3, 9, 6))), (W, X), "neither data nor parameters"),
        (
            lambda w, x: jax.nn.relu(jnp.einsum("bi,bio->bo", x, w[jnp.argmax(x, 1)])),
            (LAYERS, X @ W),
            "both data and parameters",
        ),
    ],
)
def test_axes_that_cannot_be_told_are_refused_at_the_site_and_can_be_told(function, arguments, why):
    with pytest.raises(UserError, match=why) as refused:
        relubench.watch(function)(*arguments)
    assert "axes={'relu': (...)}" in str(refused.value)
    assert "REFUSED" in relubench.watch.explain(function)(*arguments)
    (site,) = relubench.watch(function, axes={"relu": (-1,)})(*arguments)[1]
    assert site.stats.active.shape == (6,)
    assert relubench.watch(function, axes={"relu": None})(*arguments)[1] == ()


def test_inputs_that_are_normalised_and_clipped_can_be_left_out():
    def policy(w, x):
        x = jnp.clip(x * w["scale"][None], -5, 5)
        return lax.scan(lambda h, w: (jax.nn.relu(h @ w), None), jnp.tanh(x @ w["in"]), w["layers"])[0]

    w = LAYERED | {"scale": jnp.ones(4)}
    with pytest.raises(UserError, match=r"'elementwise'.*both data and parameters.*or None"):
        relubench.watch(policy)(w, X)
    sites = relubench.watch(policy, axes={"elementwise": None})(w, X)[1]
    assert [site.kind for site in sites] == ["tanh", "relu"]
    sites = relubench.watch(policy, axes={"elementwise": None, "layers/relu": None})(w, X)[1]
    assert [site.kind for site in sites] == ["tanh"]


def test_which_arguments_are_data_can_be_said():
    def function(x, w):
        return jax.nn.relu(x @ w)

    for data in (0, [0], "x"):
        if data == "x":
            sites = relubench.watch(function, data=data)(x=X, w=W)[1]
        else:
            sites = relubench.watch(function, data=data)(X, W)[1]
        assert sites[0].stats.active.shape == (6,)
    with pytest.raises(UserError, match="data=2: the arguments are 0, 1"):
        relubench.watch(function, data=2)(X, W)


def test_a_site_tells_where_it_stands():
    variables, x = CASES["linen"].arguments
    sites = relubench.watch(Dense().apply)(variables, x)[1]
    assert [site.name for site in sites] == ["Dense/Dense_0/relu", "Dense/Dense_1/gelu"]
    assert all(site.source.rpartition(":")[0].endswith("test_watch.py") for site in sites)
    layers = {"first": {"w": W}, "second": {"w": V}}
    sites = relubench.watch(lambda p, x: jax.nn.relu(jax.nn.relu(x @ p["first"]["w"]) @ p["second"]["w"]))(layers, X)[1]
    assert [site.name for site in sites] == ["first/relu", "second/relu"]


def test_scalars_are_flat_numbers_for_a_logger():
    sites = relubench.watch(lambda w, x: jax.nn.relu(x @ w - 100) @ V)(W, X)[1]
    numbers = sites.scalars()
    assert numbers["relu/dead"] == 1
    assert all(value.shape == () for value in numbers.values())


def test_what_looks_like_an_activation_and_is_none_is_told_with_the_reason():
    text = relubench.watch.explain(CASES["a loss"].function)(*CASES["a loss"].arguments)
    assert text.startswith("1 site\n")
    for reason in ("a softmax", "a loss"):
        assert reason in text
    text = relubench.watch.explain(CASES["a transformer"].function)(*CASES["a transformer"].arguments)
    assert "it is only summed" in text


def test_what_is_no_array_passes_through():
    results, _ = relubench.watch(lambda w, x, name: {"h": jax.nn.relu(x @ w), "name": name, "none": None})(W, X, "n")
    assert results["name"] == "n"
    assert results["none"] is None
