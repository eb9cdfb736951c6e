"""What lies around a function's activations: the affine layers that lead to their units, and away from them.

A layer is a product or a convolution of data with a parameter that is taken as it stands: at most transposed, reshaped
or converted. Its kernel is read as [..., in, out], whatever its library keeps. Where its inputs are the units of an
activation, `in` counts these, and positions that a reshape has merged with them stand before.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
from jax import Array
from jax import numpy as jnp

from relubench.sites import graph, loops, origins, primitives
from relubench.sites.graph import Node, Operand, Value
from relubench.sites.incoming import parameter_leaves
from relubench.sites.origins import PARAMETERS, Factor, Origin, Place
from relubench.sites.plan import Plan
from relubench.sites.stretches import Links, Stretch


class Leaf(NamedTuple):
    """A parameter as the kernel or the bias of a layer."""

    path: str  # among the arguments
    turn: int | None  # in a loop over layers: which of them
    split: tuple[int, ...]  # its shape there, with axes taken apart that units share with positions
    order: tuple[int, ...]  # of these axes, as the layer has them
    shape: tuple[int, ...]  # of the kernel or bias

    def read(self, leaf: Array) -> Array:
        """Return the kernel [..., in, out], or the bias [out]."""
        own = leaf if self.turn is None else leaf[self.turn]
        return own.reshape(self.split).transpose(self.order).reshape(self.shape)

    def write(self, leaf: Array, value: Array) -> Array:
        """Return the parameter with this kernel or bias: the inverse of `read`."""
        ordered = value.reshape([self.split[n] for n in self.order])
        own = ordered.transpose([self.order.index(n) for n in range(len(self.order))])
        if self.turn is None:
            return own.reshape(leaf.shape)
        return jnp.asarray(leaf).at[self.turn].set(own.reshape(leaf.shape[1:]))


class Affine(NamedTuple):
    """An affine layer."""

    kernel: Leaf
    bias: Leaf | None


class Wired(NamedTuple):
    """How the units of a hidden layer are connected; affine layers are given by their places, from 0."""

    incoming: int | None  # whose outputs are its pre-activations, up to a norm
    outgoing: tuple[int, ...]  # whose inputs are its activations, up to pooling
    affine: bool  # no norm comes in between
    plane: bool  # and the inputs of `incoming` are the function's own
    lacks: str  # why its units stand not between such layers alone, in words; "" where they do


class Wiring(NamedTuple):
    """The affine layers of a function's first argument in the order of its operations, and how its units lie in them.

    An activation in a loop over layers counts once a layer.
    """

    layers: tuple[Affine, ...]
    hidden: tuple[Wired, ...]
    unread: tuple[str, ...]  # where data are multiplied with parameters by no such layer: file:line

    def get(self, tree: Any) -> list[tuple[Array, Array]]:
        """Return (kernel [..., in, out], bias [out]) of every layer, given a tree like the parameters.

        The bias of a layer that has none is 0.
        """
        leaves = dict(parameter_leaves(tree))
        pairs = []
        for kernel, bias in self.layers:
            weights = kernel.read(leaves[kernel.path])
            none = jnp.zeros(weights.shape[-1:], weights.dtype)
            pairs.append((weights, none if bias is None else bias.read(leaves[bias.path])))
        return pairs

    def set(self, tree: Any, layers: Sequence[tuple[Array, Array]]) -> Any:
        """Return the tree with these (kernel, bias) of every layer: the inverse of `get`."""
        leaves = dict(parameter_leaves(tree))
        for (kernel, bias), (weights, added) in zip(self.layers, layers, strict=True):
            leaves[kernel.path] = kernel.write(leaves[kernel.path], weights)
            if bias is not None:
                leaves[bias.path] = bias.write(leaves[bias.path], added)
        return jax.tree.unflatten(jax.tree.structure(tree), leaves.values())


@dataclasses.dataclass(frozen=True, eq=False)
class _Product:
    """A layer as one operation shows it; axes of the weight are counted without the one that a loop takes by turns."""

    weight: str  # its path
    bias: str
    turns: int | None  # of the loop
    sizes: tuple[int, ...]  # of the weight
    ins: dict[int, tuple[Factor, ...]]  # axes of the weight that are summed over, and what they are of the data
    outs: tuple[int, ...]  # axes of the weight that the outputs have, in their order
    of_inputs: bool  # the data are the function's own

    @property
    def units(self) -> tuple[Place, ...]:
        """What the outputs come from: axes of the parameter."""
        return tuple(Place(self.weight, axis + (self.turns is not None)) for axis in self.outs)

    def reads(self, units: Sequence[Place]) -> bool:
        """Whether all these units are among its inputs."""
        return set(units) <= {factor.of for factors in self.ins.values() for factor in factors}

    def layers(self, units: Sequence[Place]) -> list[Affine]:
        """Return the layer, or that of each turn; where its inputs are some of these `units`, `in` counts those."""
        sizes: list[int] = []
        places: dict[Place | int, int] = {}  # where each of the units, and each whole axis, stands among the sizes
        for axis, size in enumerate(self.sizes):
            factors = self.ins.get(axis, ())
            if any(factor.of in units for factor in factors):
                for factor in factors:
                    if factor.of is not None and factor.of in units:
                        places[factor.of] = len(sizes)
                    sizes.append(factor.size)
            else:
                places[axis] = len(sizes)
                sizes.append(size)
        inner = [places[key] for key in (units or self.ins) if key in places]
        outer = [places[axis] for axis in self.outs]
        others = [n for n in range(len(sizes)) if n not in {*inner, *outer}]
        ends = (math.prod(sizes[n] for n in inner), math.prod(sizes[n] for n in outer))
        shape = (*(sizes[n] for n in others), *ends)
        own = [self.sizes[axis] for axis in self.outs]

        def layer(turn: int | None) -> Affine:
            kernel = Leaf(self.weight, turn, tuple(sizes), (*others, *inner, *outer), shape)
            return Affine(
                kernel, Leaf(self.bias, turn, tuple(own), tuple(range(len(own))), ends[1:]) if self.bias else None
            )

        return [layer(None)] if self.turns is None else [layer(turn) for turn in range(self.turns)]


@dataclasses.dataclass(frozen=True)
class _Between:
    """An activation between products."""

    before: _Product | None
    after: tuple[_Product, ...]
    affine: bool
    lacks: str


def find(plan: Plan, parameters: Any) -> Wiring:
    """Return the wiring of a function whose first argument is `parameters`."""
    products: dict[Node, _Product] = {}
    unread: list[str] = []
    given = {path: tuple(jnp.shape(leaf)) for path, leaf in parameter_leaves(parameters)}
    hidden = list(_hidden(plan, _Standing(given, dict.fromkeys(plan.graph.inputs)), products, unread))
    tied = {weight for weight, uses in Counter(product.weight for product in products.values()).items() if uses > 1}
    units = {product: between.before.units for between in hidden if between.before for product in between.after}
    layers: list[Affine] = []
    places: dict[tuple[_Product, int | None], int] = {}
    for product in products.values():
        if product.weight not in tied:
            for layer in product.layers(units.get(product, ())):
                places[product, layer.kernel.turn] = len(layers)
                layers.append(layer)
    wired = [
        _wired(between, turn if activation.layers > 1 else None, places)
        for between, activation in zip(hidden, plan.activations(), strict=True)
        for turn in range(activation.layers)
    ]
    return Wiring(tuple(layers), tuple(wired), tuple(dict.fromkeys(unread)))


def _wired(between: _Between, turn: int | None, places: dict[tuple[_Product, int | None], int]) -> Wired:
    ends = [product for product in (between.before, *between.after) if product is not None]
    tied = next((product.weight for product in ends if (product, turn) not in places), "")
    lacks = between.lacks or (f"the parameter {tied} is used more than once" if tied else "")
    incoming = None if between.before is None else places.get((between.before, turn))
    outgoing = () if lacks else tuple(places[product, turn] for product in between.after)
    plane = between.affine and between.before is not None and between.before.of_inputs
    return Wired(incoming, outgoing, between.affine, plane, lacks)


@dataclasses.dataclass(frozen=True)
class _Standing:
    """The values of a graph that are arguments of the function, whole or a turn of them."""

    shapes: dict[str, tuple[int, ...]]  # of the parameters by path
    turns: dict[Value, int | None]  # of each such value, how many turns of it a loop takes

    def parameter(self, operand: Operand, links: Links) -> tuple[str, int | None] | None:
        """Return (path, turns) of the parameter that a value is but for its shape, None where it is none."""
        while isinstance(operand, Value) and operand not in self.turns:
            node = links.makers.get(operand)
            if node is None or node.name not in _RESHAPING:
                return None
            operand = node.inputs[0]
        if not isinstance(operand, Value):
            return None
        path = links.origins[operand].weight
        return (path, self.turns[operand]) if path in self.shapes else None

    def inside(self, node: Node, links: Links) -> _Standing:
        """Return what stands so in the body of a loop."""
        fixed, carried = loops.sizes(node)
        body, turns = node.graphs[0].inputs, dict[Value, int | None]()
        for place, (operand, value) in enumerate(zip(node.inputs, body, strict=True)):
            known = self.parameter(operand, links)
            if known is not None and not fixed <= place < fixed + carried:
                by_turns = place >= fixed
                if not (by_turns and known[1] is not None):  # of a loop in a loop
                    turns[value] = node.params["length"] if by_turns else known[1]
        return _Standing(self.shapes, turns)


#: What leaves the numbers of an array as they are.
_RESHAPING = primitives.SAME | {"broadcast_in_dim", "convert_element_type", "reshape", "squeeze", "transpose"}


def _hidden(plan: Plan, standing: _Standing, products: dict[Node, _Product], unread: list[str]) -> Iterator[_Between]:
    """Give what lies around each activation in the plan's order, and put down the layers met."""
    links, own = plan.links, {stretch.nodes[-1]: stretch for stretch in plan.stretches}
    for node in plan.graph.nodes():
        if node.name in _PRODUCTS and not node.backward:
            product = _product(node, standing, links)
            if product is not None:
                products[node] = product
            elif _joins_parameters(node, links):
                unread.append(node.source)
    for node in plan.graph.nodes():
        if node in own:
            yield _between(own[node], plan, products)
        for inner in plan.inside.get(node, ()):
            if node.name == "scan":
                yield from _hidden(inner, standing.inside(node, links), products, unread)
            else:
                yield from (_Between(None, (), False, f"it stands in a {node.name}") for _ in inner.activations())


def _joins_parameters(node: Node, links: Links) -> bool:
    given = [links.origins[v] for v in node.inputs if isinstance(v, Value)]
    return any(o.varies for o in given) and any(o.parameters and not o.varies for o in given)


def _product(node: Node, standing: _Standing, links: Links) -> _Product | None:
    """Return the layer that a product of data is, None where it is none."""
    for place in (0, 1):
        weight, data = node.inputs[place], node.inputs[1 - place]
        known = standing.parameter(weight, links)
        if known is not None and isinstance(data, Value) and links.origins[data].varies:
            break
    else:
        return None
    (path, turns), origin = known, links.origins[weight]  # type: ignore[index]
    shape = standing.shapes[path][turns is not None :]
    axes = [[f.of.axis - (turns is not None) for f in axis if f.of and f.of.path == path] for axis in origin.axes]
    summed = _PRODUCTS[node.name](node, place, links.origins[data])
    if summed is None or sorted(n for own in axes for n in own if shape[n] > 1) != [
        n for n in range(len(shape)) if shape[n] > 1
    ]:
        return None
    ins, outs = summed
    of_data = {own: factors for axis, factors in ins for own, factors in _shared_out(axes[axis], shape, factors)}
    of_weight = tuple(own for axis in outs for own in axes[axis])
    bias = _bias(node, [shape[n] for n in of_weight], turns, standing, links)
    of_inputs = node.name == "dot_general" and _unconverted(data, links) in links.graph.inputs and not links.depths
    return _Product(path, bias, turns, shape, of_data, of_weight, of_inputs and len(shape) == 2)


#: Axes of a weight that are summed over, each with what the data have there; and those that the result has, in order.
_Summed = tuple[list[tuple[int, tuple[Factor, ...]]], list[int]]


def _dot(node: Node, place: int, data: Origin) -> _Summed | None:
    contracted, batch = node.params["dimension_numbers"]
    if batch[0]:  # weights of each member, or of each example
        return None
    ins = [(own, data.axes[other]) for own, other in zip(contracted[place], contracted[1 - place], strict=True)]
    rank = len(graph.shape_of(node.inputs[place]))
    return ins, [axis for axis in range(rank) if axis not in contracted[place]]


def _convolution(node: Node, place: int, data: Origin) -> _Summed | None:
    if place == 0 or node.params["feature_group_count"] != 1 or node.params["batch_group_count"] != 1:
        return None
    numbers = node.params["dimension_numbers"]
    return [(numbers.rhs_spec[1], data.axes[numbers.lhs_spec[1]])], [numbers.rhs_spec[0]]


_PRODUCTS: dict[str, Callable[[Node, int, Origin], _Summed | None]] = {
    "dot_general": _dot, "conv_general_dilated": _convolution,
}  # fmt: skip


def _shared_out(
    axes: Sequence[int], shape: Sequence[int], factors: Sequence[Factor]
) -> Iterator[tuple[int, tuple[Factor, ...]]]:
    """Give of each of these axes of a weight, which a reshape has merged, what of the data it is multiplied with."""
    rest = list(factors)
    for axis in axes:
        own: list[Factor] = []
        while rest and math.prod(f.size for f in own) < shape[axis]:
            own.append(rest.pop(0))
        if math.prod(f.size for f in own) != shape[axis]:
            rest, own = [], []
        yield axis, tuple(own)


def _unconverted(operand: Operand, links: Links) -> Operand:
    while isinstance(operand, Value) and operand in links.makers:
        node = links.makers[operand]
        if node.name != "convert_element_type" and node.name not in primitives.SAME:
            break
        operand = node.inputs[0]
    return operand


def _bias(node: Node, sizes: Sequence[int], turns: int | None, standing: _Standing, links: Links) -> str:
    """Return the path of the parameter that is added to a product next, one number a unit; nothing where none is."""
    value = node.outputs[0]
    while True:
        users = [user for user in links.users.get(value, ()) if not user.backward]
        for user in users:
            if user.name != "add":
                continue
            for operand in user.inputs:
                known = standing.parameter(operand, links)
                if known is not None and known[1] == turns:
                    shape = standing.shapes[known[0]][turns is not None :]
                    if [n for n in shape if n > 1] == [n for n in sizes if n > 1]:
                        return known[0]
        if len(users) != 1 or users[0].name not in _RESHAPING:
            return ""
        value = users[0].outputs[0]


def _between(stretch: Stretch, plan: Plan, products: dict[Node, _Product]) -> _Between:
    before, affine, lacks = _before(stretch, plan, products)
    after, why = _after(stretch, plan, products, before)
    return _Between(before, tuple(after), affine, lacks or why)


def _before(stretch: Stretch, plan: Plan, products: dict[Node, _Product]) -> tuple[_Product | None, bool, str]:
    """Return (the layer that an activation's argument comes from, whether it is its very output, what it lacks)."""
    links, affine = plan.links, True
    found: set[Node] = set()
    stack, seen = [stretch.base], set[Value]()
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        node = links.makers.get(value)
        if node is None or node in plan.inside:
            return None, False, "its argument takes more than the outputs of a layer"
        if node.name in _PRODUCTS and _joins_parameters(node, links):
            found.add(node)
            continue
        varying = [v for v in node.inputs if isinstance(v, Value) and links.origins[v].data]
        affine &= node.name in _RESHAPING or (node.name == "add" and len(varying) == 1)
        stack += varying
    if len(found) != 1 or found.isdisjoint(products):
        many = "several layers" if len(found) > 1 else "no layer whose weights are parameters as they stand"
        return None, False, f"its argument comes from {many}"
    product = products[found.pop()]
    axes = [f.of for axis in stretch.origin.axes for f in axis if PARAMETERS in f.kinds and f.size > 1]
    if sorted(axes, key=repr) != sorted(
        (p for p, n in zip(product.units, _lengths(product), strict=True) if n > 1), key=repr
    ):
        return None, False, "its units are not the outputs of one layer"
    return product, affine, ""


def _lengths(product: _Product) -> list[int]:
    return [product.sizes[axis] for axis in product.outs]


def _after(
    stretch: Stretch, plan: Plan, products: dict[Node, _Product], before: _Product | None
) -> tuple[list[_Product], str]:
    """Return the layers that take an activation's units for their inputs, and what they lack: where else units go."""
    links = plan.links
    made, after = {stretch.output}, list[_Product]()
    begun = links.places[stretch.nodes[-1]]
    for node in plan.graph.nodes():
        taken = [v for v in node.inputs if isinstance(v, Value) and v in made]
        if not taken or node.backward or links.places[node] <= begun:
            continue
        if node.name in _PRODUCTS and _joins_parameters(node, links):
            product = products.get(node)
            if product is None or before is None or not product.reads(before.units):
                return [], "its activations go into a layer in which they cannot be told from others"
            after.append(product)
        elif any(links.origins[v].data and v not in made for v in links.varying(node)) or node.graphs:
            return [], "its activations meet others before the next layer"
        elif _mixes(node, links):
            return [], "its units are mixed before the next layer"
        else:
            made.update(node.outputs)
    if made & links.returned or not after:
        return [], "its activations leave the function, or a turn of a loop"
    return after, ""


def _mixes(node: Node, links: Links) -> bool:
    """Whether an operation other than a reshape sums, or the like, over units."""
    gone = node.params.get("axes", ()) if node.name.startswith("reduce_") else ()
    operand = node.inputs[0]
    if not isinstance(operand, Value):
        return False
    axes = links.origins[operand].axes
    return node.name in _PRODUCTS or any(PARAMETERS in origins.kinds_of(axes[axis]) for axis in gone)
