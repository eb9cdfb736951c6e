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


def tied(key, features, outputs):
    """Return a network that uses a weight twice."""
    params, _ = plain(key, features, outputs, width=features)
    return params, lambda p, x: jax.nn.relu(jax.nn.relu(x @ p["in"]) @ p["in"]) @ p["out"]


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


class Dropping(nnx.Module):
    """A hidden layer with dropout, whose random keys are state."""

    def __init__(self, features, outputs, rngs):
        self.first, self.last = nnx.Linear(features, 9, rngs=rngs), nnx.Linear(9, outputs, rngs=rngs)
        self.drop = nnx.Dropout(0.2, rngs=rngs)

    def __call__(self, x):
        """Return the outputs."""
        return self.last(self.drop(jax.nn.relu(self.first(x))))


def dropping(key, features, outputs):
    """Return a network whose state holds keys of random numbers."""
    graph, params, state = nnx.split(Dropping(features, outputs, nnx.Rngs(key)), nnx.Param, ...)

    def apply(params, state, x, train):
        net = nnx.merge(graph, params, state)
        net.set_attributes(deterministic=not train, raise_if_not_found=False)
        return net(x), nnx.split(net, nnx.Param, ...)[2]

    return params, state, apply


def of_its_own_class(key, features, outputs):
    """Return a module of a class that is another at each call."""
    import equinox

    class Net(equinox.Module):
        first: equinox.nn.Linear
        last: equinox.nn.Linear
        act: object = equinox.field(static=True)

        def __call__(self, x):
            """Return the outputs of one example."""
            return self.last(self.act(self.first(x)))

    first, last = jax.random.split(key)
    net = Net(
        equinox.nn.Linear(features, 9, key=first), equinox.nn.Linear(9, outputs, key=last), lambda z: jnp.maximum(z, 0)
    )
    return net, lambda net, x: jax.vmap(net)(x)


def key_last(features, outputs, *, key):
    """Take the key by its name."""
    return plain(key, features, outputs)


def branching(key, features, outputs):
    """Return a network one of whose activations not every batch meets."""
    params, apply = plain(key, features, outputs)
    params["more"] = jax.random.normal(key, (features, outputs)) / 8

    def both(p, x):
        return apply(p, x) + jax.lax.cond(x.sum() > 0, lambda: jax.nn.relu(x @ p["more"]), lambda: 0 * x @ p["more"])

    return params, both


def whole_numbers(key, features, outputs):
    """Return outputs that are no floats."""
    return jnp.ones((features, outputs)), lambda w, x: (x @ w).astype(int)


def leaving(key):
    """End the program."""
    raise SystemExit(3)


def unsteady(key, features, outputs):
    """Return a network of one more activation in training."""
    params, apply = plain(key, features, outputs)
    return params, {}, lambda p, state, x, train: (jax.nn.relu(apply(p, x)) if train else apply(p, x), state)


def growing(key, features, outputs):
    """Return a network whose state becomes larger."""
    params, apply = plain(key, features, outputs)
    return params, jnp.ones(2), lambda p, state, x, train: (apply(p, x), jnp.ones(3))


def forgetful(key, features, outputs):
    """Return a network that returns no state."""
    params, apply = plain(key, features, outputs)
    return params, jnp.ones(2), lambda p, state, x, train: apply(p, x)


def deciding(key, features, outputs):
    """Return a network that looks at numbers."""
    params, apply = plain(key, features, outputs)
    return params, lambda p, x: apply(p, x) if x.sum() > 0 else x


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
