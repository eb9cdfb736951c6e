"""Networks of several libraries as a user brings them: functions of a key."""

import jax
import jax.numpy as jnp
from flax import linen, nnx

from relubench.nn import modules
from relubench.nn.models import layer_keys


class LinenCNN(linen.Module):
    """Two convolutions, flattened, a dense layer, the outputs."""

    @linen.compact
    def __call__(self, x):
        """Return [examples, 10]."""
        x = linen.max_pool(linen.relu(linen.Conv(3, (3, 3))(x)), (2, 2), (2, 2))
        x = linen.relu(linen.Conv(4, (3, 3))(x)).reshape(x.shape[0], -1)
        return linen.Dense(10)(linen.relu(linen.Dense(8)(x)))


def linen_cnn(key, image_shape):
    """Return a network of Flax linen."""
    net = LinenCNN()
    params = net.init(key, jnp.zeros((1, *image_shape)))
    return params, lambda params, x: net.apply(params, x.reshape(-1, *image_shape))


def equinox_mlp(key, features, outputs):
    """Return a network of Equinox: the module itself is what it has for parameters."""
    import equinox

    net = equinox.nn.MLP(features, outputs, 12, 2, key=key)
    return net, lambda net, x: jax.vmap(net)(x)


def haiku_mlp(key, features, outputs):
    """Return a network of Haiku."""
    import haiku

    net = haiku.without_apply_rng(haiku.transform(lambda x: haiku.nets.MLP([12, 10, outputs])(x)))
    return net.init(key, jnp.zeros((1, features))), net.apply


class Normed(nnx.Module):
    """A hidden layer with a batch norm."""

    def __init__(self, features, outputs, rngs):
        self.first, self.last = nnx.Linear(features, 12, rngs=rngs), nnx.Linear(12, outputs, rngs=rngs)
        self.norm = nnx.BatchNorm(12, rngs=rngs)

    def __call__(self, x):
        """Return the outputs."""
        return self.last(jax.nn.relu(self.norm(self.first(x))))


def nnx_normed(key, features, outputs):
    """Return a network of Flax nnx whose batch norm has running statistics."""
    graph, params, state = nnx.split(Normed(features, outputs, nnx.Rngs(key)), nnx.Param, ...)

    def apply(params, state, x, train):
        net = nnx.merge(graph, params, state)
        net.set_attributes(use_running_average=not train)
        return net(x), nnx.split(net, nnx.Param, ...)[2]

    return params, state, apply


def plain(key, features, outputs, width=9):
    """Return a network of plain arrays, one layer of `width` units."""
    first, last = jax.random.split(key)
    params = {
        "in": jax.random.normal(first, (features, width)) / 4, "shift": jnp.zeros((1, width)),
        "out": jax.random.normal(last, (width, outputs)) / 2,
    }  # fmt: skip
    return params, lambda p, x: jnp.maximum(x @ p["in"] + p["shift"], 0) @ p["out"]


def residual(key, features, outputs):
    """Return a network whose units are added to what they come from."""
    params, _ = plain(key, features, outputs)
    params["square"] = jax.random.normal(key, (9, 9)) / 3

    def apply(p, x):
        h = x @ p["in"]
        return (h + jax.nn.relu(h @ p["square"])) @ p["out"]

    return params, apply


def built_in_mlp(key, model, features, outputs):
    """Return relubench's own MLP as any other function, so that its units are found and not reported."""
    return _as_function(modules.MLP(model, layer_keys(key), features, outputs))


def built_in_cnn(key, model, image_shape, outputs):
    """Return relubench's own CNN as any other function."""
    return _as_function(modules.CNN(model, layer_keys(key), image_shape, outputs))


def _as_function(module):
    graph, params, state = nnx.split(module, nnx.Param, ...)

    def apply(params, state, x, train):
        net = nnx.merge(graph, params, state)
        return net(x, train=train).output, nnx.split(net, nnx.Param, ...)[2]

    return params, state, apply


def raising(key):
    """Raise."""
    raise RuntimeError("no such luck")


def misshapen(key, features):
    """Return a network of other outputs."""
    return jnp.ones((features, 7)), lambda w, x: x @ w


def no_network(key):
    """Return none."""
    return 3


def without_numbers(key):
    """Return parameters that cannot be trained."""
    return {"n": 3}, lambda p, x: x


def leaking(key, features, outputs):
    """Return a function that closes over what was drawn."""
    w = jax.random.normal(key, (features, outputs))
    return jnp.ones(()), lambda scale, x: x @ w * scale


def asking(key, colour):
    """Ask for what nobody knows."""


NOTHING = 3
