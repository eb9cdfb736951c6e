"""The networks by name, what a forward pass returns, and what is known of a network's layers.

A builder takes a key, `key` or its first argument, and by name what else it asks for: `model` (the group of the
setting), `features`, `image_shape`, `outputs`, `keys` (layer n draws from keys(n)), and keys of its own. It returns
either of two:

- (parameters, apply), of any library: trees of arrays and the function of (parameters, x [examples, features]) that
  gives [examples, outputs]; or (parameters, state, apply) where apply takes (parameters, state, x, train) and gives
  (outputs, state). Its hidden units are found in what the function does (`relubench.watch`).
- an nnx module that maps (x, train) to a `Forward`, and reports its `affine_layers()`, modules with a kernel
  [..., in, out] and a bias [out], and its `hidden_layers()`, a `HiddenLayer` for each of the forward pass.

`relubench.nn.networks` makes one thing of both. Remedies, probes and measures know no more of a network than that.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from relubench import config
from relubench.errors import IMPORTING, MissingCode, UserError, reason, shown
from relubench.lazy import jax, jnp
from relubench.registry import Registry
from relubench.units import Layer

if TYPE_CHECKING:
    from jax import Array

    #: (key, and by name what it asks for) -> the network
    Builder = Callable[..., Any]
    #: A builder that has all else that it asks for.
    Build = Callable[[Array], Any]


class Forward(NamedTuple):
    """A forward pass."""

    output: Array  # [examples, outputs]
    hidden: tuple[Layer, ...]


class HiddenLayer(NamedTuple):
    """How the units of a hidden layer are connected; affine layers are given by their places, from 0 at the input."""

    incoming: int | None  # the affine layer whose outputs are its pre-activations, up to a norm
    outgoing: tuple[int, ...]  # the affine layers whose inputs are its activations, up to pooling
    affine: bool  # no norm comes in between: z = x·W + b, x being the affine layer's own inputs
    plane: bool  # and x are the network's inputs: z is a plane over them
    units_first: bool = False  # its arrays lie in memory units first, as those of `modules.dense` do
    lacks: str = ""  # why its units stand not between affine layers alone, in words; "" where they do

    def as_stored(self, layer: Layer) -> tuple[Layer, int]:
        """Return the arrays of the layer as they lie in memory, and the axis of their units: what sums go fast over."""
        if not self.units_first:
            return layer, -1
        return Layer(*(jnp.moveaxis(array, -1, 0) for array in layer)), 0


class Structure(NamedTuple):
    """What is known of a network's layers: in trees shaped like the parameters, as gradients and moments are."""

    hidden: tuple[HiddenLayer, ...]
    affine_layers: Callable[[Any], list[tuple[Array, Array]]]  # (kernel [..., in, out], bias [out]) of every one
    with_affine_layers: Callable[[Any, Sequence[tuple[Array, Array]]], Any]  # the tree with these: the inverse
    #: (key, affine layer from 1, shape of its kernel) -> a fresh draw of (kernel, bias)
    draw: Callable[[Array, int, tuple[int, ...]], tuple[Array, Array]]
    weights: Callable[[Any, Any], Any]  # (parameters, buffers) -> what a user is given of a trained network
    piecewise_linear: bool  # whether every activation is: what units of no negative z do is linear
    unread: tuple[str, ...] = ()  # where parameters are multiplied that are no affine layer's: file:line

    def incoming(self) -> list[int]:
        """Return the affine layer of each hidden layer, in their order; all of them have one (`recorder.weights`)."""
        return [hidden.incoming for hidden in self.hidden if hidden.incoming is not None]


class _Models(Registry["Builder"]):
    """The builders by name; one with a dot is that of a function in a module, imported when it is first asked for."""

    def register(self, name: str, *, reads: Sequence[str] | None = None, **keys: Any) -> Callable[[Any], Any]:
        """Return a decorator that files a builder; one that asks for `model` reads its keys, or those of `reads`."""

        def add(builder: Any) -> Any:
            asked = _READ if reads is None and "model" in _asked(builder) else reads or ()
            return Registry.register(self, name, reads=asked, **keys)(builder)

        return add

    def bring(self, name: str) -> None:
        """Add the function that a dotted name stands for; a name without a dot is left to those that are known."""
        module, _, function = name.rpartition(".")
        if not module or name in self:
            return
        try:
            builder = getattr(importlib.import_module(module), function)
        except (Exception, SystemExit) as error:  # a user's module may raise anything
            missing = isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}.")
            hint = "; modules are looked for in the working folder and in --config-dir=DIR" if missing else ""
            told = reason(error, IMPORTING)
            raise MissingCode(f"{self.kind}={name}: {told}; it takes MODULE.FUNCTION{hint}") from error
        try:
            _asked(builder)
        except (TypeError, ValueError):
            raise UserError(f"{self.kind}={name}: it is {shown(builder)}, no function of a key") from None
        self.register(name)(builder)

    @property
    def brought(self) -> list[str]:
        """The dotted names asked for so far."""
        return [name for name in self if "." in name]


#: The keys of a setting's `model` that networks share out.
_READ = ("widths", "activation", "init", "norm")
MODELS = _Models("model.name")
config.BRINGING["model.name"] = MODELS.bring


def _asked(builder: Builder) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(builder).parameters)


@MODELS.register("mlp")
def _mlp(key: Array, model: config.Model, features: int, outputs: int) -> Any:
    from relubench.nn.modules import MLP

    return MLP(model, layer_keys(key), features, outputs)


@MODELS.register("cnn")
def _cnn(key: Array, model: config.Model, image_shape: tuple[int, int, int] | None, outputs: int) -> Any:
    from relubench.nn.modules import CNN

    return CNN(model, layer_keys(key), of_images(model, image_shape), outputs)


def of_images(model: config.Model, image_shape: tuple[int, int, int] | None) -> tuple[int, int, int]:
    """Return (height, width, channels) of the data; data that are no images are refused."""
    if image_shape is None:
        raise UserError(f"model.name={model.name!r}: the data are no images; it takes such as data=digits")
    return image_shape


def layer_keys(key: Array) -> Callable[[int], Array]:
    """Return the key that layer n, from 1, draws its weights from: the same whatever the other layers are."""
    return lambda n: jax.random.fold_in(key, n)


def build(
    model: config.Model, key: Array, *, features: int, image_shape: tuple[int, int, int] | None, outputs: int
) -> Any:
    """Return what the builder of a network makes of a key: its initial weights too."""
    builder = MODELS[model.name]
    known = {
        "model": model, "keys": layer_keys(key), "features": features, "image_shape": image_shape, "outputs": outputs,
        **MODELS.own(model),
    }  # fmt: skip
    given: dict[str, Any] = {}
    positional: list[Array] = []
    for place, (name, parameter) in enumerate(_asked(builder).items()):
        if name in known or name == "key":
            given[name] = key if name == "key" else known[name]
        elif place == 0 and parameter.kind is not parameter.KEYWORD_ONLY:
            positional.append(key)
        elif parameter.default is parameter.empty and parameter.kind not in _MANY:
            raise UserError(
                f"model.name={model.name}: it asks for {name!r}; it takes a key and any of {', '.join(known)}"
            )
    return theirs(model.name, lambda: builder(*positional, **given))


def theirs(name: str, call: Callable[[], Any]) -> Any:
    """Return what the function of a user gives, who has a network of this name; it may raise anything."""
    try:
        return call()
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"model.name={name}: {reason(error)}") from error


_MANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
