"""What lies around a function's activations: the affine layers that lead to their units, and away from them.

A layer is a product or a convolution of data with a parameter that is taken as it stands: at most transposed, reshaped
or converted. Its kernel is read as [..., in, out], whatever its library keeps. Where its inputs are the units of an
activation, `in` counts these, and positions that a reshape has merged with them stand before.
"""

from __future__ import annotations

import dataclasses
import functools
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
from relubench.sites.origins import DATA, PARAMETERS, Factor, Origin, Place
from relubench.sites.plan import Plan
from relubench.sites.stretches import Links, Stretch
from relubench.sites.watching import Traced


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
    lacks: str  # its name, and why its units stand not between such layers alone, in words; "" where they do


class Wiring(NamedTuple):
    """The affine layers of a function's first argument in the order of its operations, and how its units lie in them.

    Those of a loop over layers follow each other turn by turn, one operation after the other; an activation in such a
    loop counts once a layer.
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
        """What the outputs come from: axes of the parameter; of a single unit none."""
        offset = int(self.turns is not None)
        return tuple(Place(self.weight, axis + offset) for axis in self.outs if self.sizes[axis] > 1)

    def reads(self, units: Sequence[Place]) -> bool:
        """Whether all these units are among its inputs, each once."""
        read = Counter(factor.of for factors in self.ins.values() for factor in factors)
        return all(read[unit] == 1 for unit in units)

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
            bias = Leaf(self.bias, turn, tuple(own), tuple(range(len(own))), ends[1:])
            return Affine(kernel, bias if self.bias else None)

        return [layer(None)] if self.turns is None else [layer(turn) for turn in range(self.turns)]


@dataclasses.dataclass(frozen=True)
class _Between:
    """An activation between products."""

    before: _Product | None
    after: tuple[_Product, ...]
    affine: bool
    lacks: str


@dataclasses.dataclass(frozen=True)
class _Found:
    """What is met in a graph and in the loops in it."""

    products: dict[Node, _Product] = dataclasses.field(default_factory=dict)
    unread: list[str] = dataclasses.field(default_factory=list)  # where other products with parameters stand
    uses: Counter[str] = dataclasses.field(default_factory=Counter)  # how many operations take each parameter


def find(traced: Traced, parameters: Any) -> Wiring:
    """Return the wiring of a function whose first argument is `parameters`; what a layer lacks begins with its name."""
    plan, found, names = traced.plan, _Found(), iter(traced.names())
    given = {path: tuple(jnp.shape(leaf)) for path, leaf in parameter_leaves(parameters)}
    hidden = list(_hidden(_Scope.of(plan, _Standing(given, dict.fromkeys(plan.graph.inputs)), found)))
    units = {product: between.before.units for between in hidden if between.before for product in between.after}
    layers: list[Affine] = []
    places: dict[tuple[_Product, int | None], int] = {}
    for node, product in found.products.items():
        if found.uses[product.weight] > 1 or found.uses[product.bias] > 1:
            found.unread.append(node.source)
            continue
        for layer in product.layers(units.get(product, ())):
            places[product, layer.kernel.turn] = len(layers)
            layers.append(layer)
    wired = [
        _wired(next(names), between, turn, places)
        for between, activation in zip(hidden, plan.activations(), strict=True)
        for turn in range(activation.layers)
    ]
    return Wiring(tuple(layers), tuple(wired), tuple(dict.fromkeys(found.unread)))


def _wired(name: str, between: _Between, turn: int, places: dict[tuple[_Product, int | None], int]) -> Wired:
    def place(product: _Product) -> int | None:
        return places.get((product, None if product.turns is None else turn))

    ends = [product for product in (between.before, *between.after) if product is not None]
    tied = next((product.weight for product in ends if place(product) is None), "")
    lacks = between.lacks or (f"the parameter {tied}, or its bias, is used more than once" if tied else "")
    incoming = None if between.before is None else place(between.before)
    outgoing = tuple(n for n in map(place, between.after) if n is not None and not lacks)
    plane = between.affine and between.before is not None and between.before.of_inputs
    return Wired(incoming, outgoing, between.affine, plane, lacks and f"{name}: {lacks}")


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
        turns: dict[Value, int | None] = {}
        for place, (operand, value) in enumerate(zip(node.inputs, node.graphs[0].inputs, strict=True)):
            known = self.parameter(operand, links)
            if known is not None and place < fixed:
                turns[value] = known[1]
            elif known is not None and place >= fixed + carried and known[1] is None:  # else of a loop in a loop
                turns[value] = node.params["length"]
        return _Standing(self.shapes, turns)


#: What leaves the numbers of an array as they are, and in their order.
_RESHAPING = primitives.SAME | {"broadcast_in_dim", "convert_element_type", "reshape", "squeeze", "transpose"}
#: What takes numbers of other examples or positions, each unit by itself; reductions do if they leave units alone.
_POOLING = frozenset(
    {"reduce_window", "reduce_window_max", "reduce_window_min", "reduce_window_sum", "pad", "slice", "dynamic_slice"}
)
_REDUCING = frozenset({"reduce_sum", "reduce_max", "reduce_min"})


@dataclasses.dataclass(frozen=True)
class _Scope:
    """A graph, what stands in it, and what was found."""

    plan: Plan
    standing: _Standing
    nodes: list[Node]  # operations that its results or activations need
    found: _Found

    @classmethod
    def of(cls, plan: Plan, standing: _Standing, found: _Found) -> _Scope:
        """Return the scope of a plan."""
        live = _live(plan)
        return cls(plan, standing, [n for n in plan.graph.nodes() if n in live and not n.backward], found)

    @property
    def links(self) -> Links:
        """Who makes and uses each value."""
        return self.plan.links

    def users(self, value: Value) -> list[Node]:
        """Return the operations that use a value, to some end."""
        return [user for user in self.links.users.get(value, ()) if user in self.needed]

    @functools.cached_property
    def needed(self) -> set[Node]:
        """The operations, as a set."""
        return set(self.nodes)

    def parameter(self, operand: Operand) -> tuple[str, int | None] | None:
        """Return (path, turns) of the parameter that a value is but for its shape, None where it is none."""
        return self.standing.parameter(operand, self.links)


def _hidden(scope: _Scope) -> Iterator[_Between]:
    """Give what lies around each activation in the plan's order, and put down what is met."""
    plan, links, standing, found = scope.plan, scope.links, scope.standing, scope.found
    own = {stretch.nodes[-1]: stretch for stretch in plan.stretches}
    for node in scope.nodes:
        if node.name in _PRODUCTS:
            product = _product(node, scope)
            if product is not None:
                found.products[node] = product
            elif _joins_parameters(node, links):
                found.unread.append(node.source)
        if node.name not in _RESHAPING:
            inner = standing.inside(node, links) if node in plan.inside and node.name == "scan" else None
            for place, operand in enumerate(node.inputs):
                known = standing.parameter(operand, links)
                if known is not None and (inner is None or node.graphs[0].inputs[place] not in inner.turns):
                    found.uses[known[0]] += 1
    for node in scope.nodes:
        if node in own:
            yield _between(own[node], scope)
        for inside in plan.inside.get(node, ()):
            if node.name == "scan":
                yield from _hidden(_Scope.of(inside, standing.inside(node, links), found))
            else:
                yield from (_Between(None, (), False, f"it stands in a {node.name}") for _ in inside.activations())


def _live(plan: Plan) -> set[Node]:
    """Return the operations that the results of a graph, or its activations, need."""
    makers, live = plan.links.makers, set[Node]()
    stack: list[Operand] = [*plan.graph.outputs, *(stretch.output for stretch in plan.stretches)]
    stack += [operand for node in plan.inside for operand in node.outputs]
    while stack:
        operand = stack.pop()
        node = makers.get(operand) if isinstance(operand, Value) else None
        if node is not None and node not in live:
            live.add(node)
            stack += node.inputs
    return live


def _joins_parameters(node: Node, links: Links) -> bool:
    """Whether a product is one of data with parameters, however these are made."""
    given = [links.origins[v] for v in node.inputs if isinstance(v, Value)]
    return any(o.varies for o in given) and any(o.parameters and not o.varies for o in given)


def _product(node: Node, scope: _Scope) -> _Product | None:
    """Return the layer that a product of data is, None where it is none."""
    for place in (0, 1):
        weight, data = node.inputs[place], node.inputs[1 - place]
        known, of = scope.parameter(weight), scope.links.origins
        if known is not None and isinstance(weight, Value) and isinstance(data, Value) and of[data].varies:
            return _layer(node, place, known, of[weight], data, scope)
    return None


def _layer(
    node: Node, place: int, parameter: tuple[str, int | None], weight: Origin, data: Value, scope: _Scope
) -> _Product | None:
    """Return the layer whose weight, a parameter (path, turns), is the operand at this place; None where it is none."""
    links = scope.links
    path, turns = parameter
    shape = scope.standing.shapes[path][turns is not None :]
    axes = [[f.of.axis - (turns is not None) for f in axis if f.of and f.of.path == path] for axis in weight.axes]
    summed, known = _PRODUCTS[node.name](node, place, links.origins[data]), {n for own in axes for n in own}
    if summed is None or any(size > 1 and n not in known for n, size in enumerate(shape)):
        return None
    ins, outs = summed
    of_weight = tuple(own for axis in outs for own in axes[axis])
    return _Product(
        weight=path,
        bias=_bias(node, path, [n for n in of_weight if shape[n] > 1], turns, scope),
        turns=turns,
        sizes=shape,
        ins={own: factors for axis, factors in ins for own, factors in _shared_out(axes[axis], shape, factors)},
        outs=of_weight,
        of_inputs=node.name == "dot_general"
        and len(shape) == 2
        and not links.depths
        and _unconverted(data, links) in links.graph.inputs,
    )


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


def _standing_at(value: Value, path: str, links: Links) -> list[tuple[int, int]]:
    """Return on which axes of a value, from the last (-1), those of a parameter longer than 1 stand, and which."""
    axes = links.origins[value].axes
    return [
        (n - len(axes), factor.of.axis)
        for n, axis in enumerate(axes)
        for factor in axis
        if factor.of and factor.of.path == path and factor.size > 1
    ]


def _bias(node: Node, weight: str, outs: Sequence[int], turns: int | None, scope: _Scope) -> str:
    """Return the path of the parameter that is added to a product next, one number a unit; nothing where none is.

    `outs` are the axes of the weight that are units, those of length 1 left out.
    """
    value, offset = node.outputs[0], int(turns is not None)
    while True:
        users = scope.users(value)
        if len(users) != 1:
            return ""
        (user,) = users
        if user.name == "add":
            break
        if user.name not in _RESHAPING:
            return ""
        value = user.outputs[0]
    others = [operand for operand in user.inputs if operand is not value and isinstance(operand, Value)]
    known = scope.parameter(others[0]) if len(others) == 1 else None
    if known is None or known[1] != turns:
        return ""
    path, units = known[0], _standing_at(value, weight, scope.links)
    axes = [n for n, size in enumerate(scope.standing.shapes[path]) if size > 1 and n >= offset]
    if [axis for _, axis in units] != [axis + offset for axis in outs] or len(axes) != len(units):
        return ""
    aligned = [(place, own) for (place, _), own in zip(units, axes, strict=True)]
    return path if _standing_at(others[0], path, scope.links) == aligned else ""


def _between(stretch: Stretch, scope: _Scope) -> _Between:
    before, affine, lacks = _before(stretch, scope)
    after, why = _after(stretch, before, scope)
    return _Between(before, tuple(after), affine, lacks or why)


def _before(stretch: Stretch, scope: _Scope) -> tuple[_Product | None, bool, str]:
    """Return (the layer that an activation's argument comes from, whether it is its very output, what it lacks)."""
    links, products, affine = scope.links, scope.found.products, True
    found: set[Node] = set()
    added: list[tuple[str, int | None] | None] = []
    stack, seen = [stretch.base], set[Value]()
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        node = links.makers.get(value)
        if node is None or node in scope.plan.inside:
            return None, False, "its argument takes more than the outputs of a layer"
        if node.name in _PRODUCTS and _joins_parameters(node, links):
            found.add(node)
            continue
        if not (node.is_elementwise or node.name in _RESHAPING | _POOLING | _REDUCING):
            return None, False, f"its argument is made by {node.name}"
        varying = [v for v in node.inputs if isinstance(v, Value) and links.origins[v].data]
        if node.name not in _REDUCING and _mixes(node, varying, None, links):
            return None, False, f"its units are mixed by {node.name}"
        if node.name in {"add", "sub"} and len(varying) == 1:
            other = next(operand for operand in node.inputs if operand is not varying[0])
            added.append(scope.parameter(other))
            if added[-1] is None and isinstance(other, Value) and links.origins[other].weight in scope.standing.shapes:
                return None, False, "its bias is no parameter as it stands"
        elif node.name not in _RESHAPING:
            affine = False
        stack += varying
    if len(found) != 1 or found.isdisjoint(products):
        many = "several layers" if len(found) > 1 else "no layer whose weights are parameters as they stand"
        return None, False, f"its argument comes from {many}"
    (made_by,) = found
    product = products[made_by]
    axes = [f.of for n in stretch.order for f in stretch.origin.axes[n] if PARAMETERS in f.kinds and f.size > 1]
    if axes != list(product.units):
        return None, False, "its units are not the outputs of one layer, in their order"
    on_the_way = {links.makers[value] for value in seen} | {*stretch.nodes}
    if _goes_elsewhere(made_by, on_the_way, stretch.output, scope):
        return None, False, "its pre-activations go elsewhere too"
    known = [path for path in added if path is not None]
    affine &= len(known) == len(added) == bool(product.bias) and all(path == product.bias for path, _ in known)
    return product, affine, ""


def _goes_elsewhere(product: Node, on_the_way: set[Node], activation: Value, scope: _Scope) -> bool:
    """Whether what a product makes is used for more than its activation; statistics over all examples may be kept."""
    links, stack, seen = scope.links, [*product.outputs], {activation}
    while stack:
        value = stack.pop()
        if value in seen or not _is_of_examples(value, links):
            continue
        seen.add(value)
        if value in links.returned:
            return True
        for user in scope.users(value):
            if user in on_the_way:
                stack += user.outputs
            elif any(_is_of_examples(output, links) for output in user.outputs):
                return True
    return False


def _is_of_examples(value: Value, links: Links) -> bool:
    return any(DATA in origins.kinds_of(axis) for axis in links.origins[value].axes)


def _after(stretch: Stretch, before: _Product | None, scope: _Scope) -> tuple[list[_Product], str]:
    """Return the layers that take an activation's units for their inputs, and what they lack: where else units go."""
    links, products, units = scope.links, scope.found.products, () if before is None else before.units
    made, after = {stretch.output}, list[_Product]()
    begun = links.places[stretch.nodes[-1]]
    for node in scope.nodes:
        taken = [v for v in node.inputs if isinstance(v, Value) and v in made]
        if not taken or links.places[node] <= begun:
            continue
        if node.name in _PRODUCTS and _joins_parameters(node, links):
            product = products.get(node)
            if product is None or before is None or not product.reads(units):
                return [], "its activations go into a layer in which they cannot be told from others"
            after.append(product)
        elif node in scope.plan.inside or any(links.origins[v].data and v not in made for v in links.varying(node)):
            return [], "its activations meet others before the next layer"
        elif _mixes(node, taken, units, links):
            return [], f"its units are mixed before the next layer, by {node.name}"
        else:
            made.update(node.outputs)
    if any(_is_of_examples(value, links) for value in made & links.returned) or not after:
        return [], "its activations leave the function, or a turn of a loop"
    return after, ""


def _mixes(node: Node, taken: Sequence[Value], units: Sequence[Place] | None, links: Links) -> bool:
    """Whether an operation may make of one unit's numbers those of another; units are all that stem from parameters."""

    def is_unit(factor: Factor) -> bool:
        return PARAMETERS in factor.kinds if units is None else factor.of in units

    axes = [links.origins[value].axes for value in taken]
    if node.name in _REDUCING | _POOLING:
        return any(is_unit(factor) for n in _touched(node) for factor in axes[0][n])
    if node.name in _RESHAPING:
        return False
    # Where several arrays join, each unit meets itself alone.
    placed = {
        tuple((n - len(own), units and f.of) for n, axis in enumerate(own) for f in axis if is_unit(f)) for own in axes
    }
    return not node.is_elementwise or len(placed - {()}) > 1


def _touched(node: Node) -> list[int]:
    """Return the axes that a reduction takes together, or of which a window or a slice leaves not all as it is."""
    given, params = graph.shape_of(node.inputs[0]), node.params
    if node.name in _REDUCING:
        return list(params["axes"])
    if "window_dimensions" in params:
        return [n for n, size in enumerate(params["window_dimensions"]) if size > 1]
    if node.name == "pad":
        return [n for n, config in enumerate(params["padding_config"]) if any(config)]
    return [n for n, size in enumerate(node.outputs[0].shape) if size != given[n]]
