"""The networks by name, what a forward pass returns, and what a network reports of its layers.

A network is an nnx module that maps (inputs [examples, features], train) to a `Forward`, and reports its
`affine_layers()`, modules with a kernel [..., in, out] and a bias [out], and its `hidden_layers()`, a `HiddenLayer` for
each of the forward pass. Remedies, probes and measures know no more of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from relubench import config
from relubench.errors import UserError
from relubench.lazy import jax, jnp
from relubench.registry import Registry

if TYPE_CHECKING:
    from flax import nnx
    from jax import Array


class Layer(NamedTuple):
    """One hidden layer on a batch; each field is [examples, (height, width,) units]."""

    z: Array  # pre-activation: the argument of the activation, after the norm
    h: Array  # activation
    slope: Array  # f'(z)


class Forward(NamedTuple):
    """A forward pass."""

    output: Array  # [examples, outputs]
    hidden: tuple[Layer, ...]


class HiddenLayer(NamedTuple):
    """How the units of a hidden layer are connected; affine layers are given by their places, from 0 at the input."""

    incoming: int  # the affine layer whose outputs are its pre-activations, up to a norm
    outgoing: int  # the affine layer whose inputs are its activations, up to pooling
    affine: bool  # no norm comes in between: z = x·W + b, x being the affine layer's own inputs
    plane: bool  # and x are the network's inputs: z is a plane over them
    units_first: bool = False  # its arrays lie in memory units first, as those of `modules.dense` do

    def as_stored(self, layer: Layer) -> tuple[Layer, int]:
        """Return the arrays of the layer as they lie in memory, and the axis of their units: what sums go fast over."""
        if not self.units_first:
            return layer, -1
        return Layer(*(jnp.moveaxis(array, -1, 0) for array in layer)), 0


class Structure(NamedTuple):
    """What a network reports of its layers."""

    paths: tuple[tuple[Any, ...], ...]  # of the affine layers in a tree of parameters, in order from the input
    hidden: tuple[HiddenLayer, ...]

    def affine_layers(self, params: Any) -> list[tuple[Array, Array]]:
        """Return (kernel [..., in, out], bias [out]) of every affine layer, given a tree shaped like the parameters."""
        layers = [self._layer(params, path) for path in self.paths]
        return [(layer["kernel"].get_value(), layer["bias"].get_value()) for layer in layers]

    def with_affine_layers(self, params: Any, layers: Sequence[tuple[Array, Array]]) -> Any:
        """Return `params` with these (kernel, bias) of every affine layer: the inverse of `affine_layers`."""
        changed = jax.tree.map(lambda leaf: leaf, params)  # a copy: the state is mutable
        for path, (kernel, bias) in zip(self.paths, layers, strict=True):
            layer = self._layer(changed, path)
            layer["kernel"].set_value(kernel)
            layer["bias"].set_value(bias)
        return changed

    @staticmethod
    def _layer(params: Any, path: tuple[Any, ...]) -> Any:
        return functools.reduce(lambda node, name: node[name], path, params)


#: A builder takes (model, keys by layer number from 1, features, image shape, outputs) and its own keys by name.
MODELS: Registry[Callable[..., nnx.Module]] = Registry("model.name")


@MODELS.register("mlp")
def _mlp(
    model: config.Model, keys: Callable[[int], Array], features: int, image_shape: Any, outputs: int
) -> nnx.Module:
    from relubench.nn.modules import MLP

    return MLP(model, keys, features, outputs)


@MODELS.register("cnn")
def _cnn(
    model: config.Model, keys: Callable[[int], Array], features: int, image_shape: Any, outputs: int
) -> nnx.Module:
    if image_shape is None:
        raise UserError("model.name='cnn': the data are no images; it takes data of images, such as data=digits")
    from relubench.nn.modules import CNN

    return CNN(model, keys, image_shape, outputs)


def build(
    model: config.Model, key: Array, *, features: int, image_shape: tuple[int, int, int] | None, outputs: int
) -> nnx.Module:
    """Return the network with its initial weights; layer n draws from `fold_in(key, n)`."""
    own = MODELS.own(model)
    return MODELS[model.name](model, lambda n: jax.random.fold_in(key, n), features, image_shape, outputs, **own)


def structure(network: nnx.Module) -> Structure:
    """Return what a network, whole or of shapes alone, reports of its layers; a report that cannot be is refused."""
    from flax import nnx

    kind, reports = type(network).__name__, cast("Any", network)
    for name in ("affine_layers", "hidden_layers"):
        if not callable(getattr(network, name, None)):
            raise UserError(f"model.name: the network {kind} has no {name}(); it reports its layers by it")
    paths = {id(node): path for path, node in nnx.iter_graph(network)}
    affine, hidden = list(reports.affine_layers()), tuple(reports.hidden_layers())
    if not affine or not all(id(layer) in paths for layer in affine):
        raise UserError(f"model.name: affine_layers() of the network {kind} takes modules that are parts of it")
    for layer in hidden:
        if not {layer.incoming, layer.outgoing} <= set(range(len(affine))):
            raise UserError(f"model.name: {kind} reports {layer}; its places are those of {len(affine)} affine layers")
    return Structure(tuple(paths[id(layer)] for layer in affine), hidden)
