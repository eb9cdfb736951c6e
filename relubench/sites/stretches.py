"""Finding activations: nonlinear stretches of elementwise operations on one array that is affine in a layer's input.

Every value made elementwise of one array, its *root*, knows its *base*: the last value through which all of its later
paths run, after any affine steps. A value that is a nonlinear function of its base is a candidate for an activation
where something other than the stretch uses it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

from jax import numpy as jnp
from jax.extend import core

from relubench.sites import kinds, origins, primitives
from relubench.sites.graph import Graph, Node, Value
from relubench.sites.origins import Origin


@dataclasses.dataclass(eq=False)
class Base:
    """A value that is affine in its root; `before` is the base that it was made of."""

    value: Value
    before: Base | None = None
    depth: int = 0


@dataclasses.dataclass(frozen=True)
class Link:
    """What a value is of its base: the base itself, or a nonlinear function of it."""

    base: Base
    order: tuple[int, ...]  # of each axis, which of the root's it is: `vmap` transposes within an activation
    is_base: bool = True
    flows: bool = True  # a derivative can pass: not all paths run through comparisons


@dataclasses.dataclass(eq=False)
class Stretch:
    """An activation: `nodes` make `output` of `base`, elementwise."""

    base: Value
    output: Value
    nodes: list[Node]
    kind: str
    origin: Origin  # of the base
    order: tuple[int, ...]  # of each axis of the output, which of the base's it is


@dataclasses.dataclass(frozen=True)
class Rejected:
    """What looked like an activation, and why it is none."""

    node: Node
    reason: str


class Links:
    """The links of all values of a graph, and who uses them."""

    def __init__(self, graph: Graph, known: dict[Value, Origin], depths: tuple[int, ...]) -> None:
        self.graph = graph
        self.depths = depths  # turns of the loops around, outermost first
        self.origins = known
        self.links: dict[Value, Link] = {}
        self.makers: dict[Value, Node] = {}
        self.places: dict[Node, int] = {}  # in the order of the operations
        self.users: dict[Value, list[Node]] = {}
        self.returned = {output for output in graph.outputs if isinstance(output, Value)}

    def link(self, value: Value) -> Link:
        """Return a value's link; one that no elementwise operation made is its own root."""
        if value not in self.links:
            self.links[value] = Link(Base(value), tuple(range(len(value.shape))))
        return self.links[value]

    def varying(self, node: Node) -> list[Value]:
        """Return the operands that differ between examples or draws, each once."""
        operands = [v for v in node.inputs if isinstance(v, Value) and self.origins[v].varies]
        return list(dict.fromkeys(operands))

    def add(self, node: Node) -> None:
        """Take in the next operation; the origins of its results are known."""
        self.places[node] = len(self.places)
        for value in {v for v in node.inputs if isinstance(v, Value)}:
            self.users.setdefault(value, []).append(node)
        for output in node.outputs:
            self.makers[output] = node
        link = self._elementwise(node)
        if link is not None:
            self.links[node.outputs[0]] = link
            if not link.is_base:
                origin = self.origins[node.outputs[0]]
                self.origins[node.outputs[0]] = dataclasses.replace(origin, affine=False)

    def _elementwise(self, node: Node) -> Link | None:
        if not (node.is_elementwise or node.name == "transpose") or len(node.outputs) != 1:
            return None
        output, operands = node.outputs[0], self.varying(node)
        if node.name in _ENTRIES and any(not _is_floating(v) and v.aval.dtype != bool for v in operands):
            return None  # whole numbers made floating, and the size of complex ones, are new values
        given = [self.link(v) for v in operands]
        if not operands or any(len(link.order) != len(output.shape) for link in given):
            return None
        order = _order(node, given[0].order)
        if any(_order(node, link.order) != order for link in given):
            return None
        if node.name != "transpose" and any(v.shape != output.shape for v in operands):
            return None
        shared = _common([link.base for link in given])
        if shared is None:
            return None
        flows = any(link.flows for link in given)
        if _is_linear(node, operands):
            if all(link.is_base for link in given):
                return Link(Base(output, shared, shared.depth + 1), order)
            return Link(shared, order, False, flows)
        return Link(shared, order, False, flows and node.name not in primitives.STEPS)


_ENTRIES = frozenset({"convert_element_type", "abs", "real", "imag"})


def _order(node: Node, order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(order[n] for n in node.params["permutation"]) if node.name == "transpose" else order


def _is_linear(node: Node, operands: Sequence[Value]) -> bool:
    """Whether a result is affine in its varying operands."""
    if node.graphs:
        return False
    if node.name in primitives.SAME or node.name in {"neg", "transpose"} or _is_idle(node):
        return True
    if node.name == "convert_element_type":
        return all(jnp.issubdtype(v.aval.dtype, jnp.floating) for v in (*operands, *node.outputs))
    if node.name in {"add", "sub", "add_any"}:
        return True
    if len(node.inputs) == 2 and node.inputs[0] is node.inputs[1]:
        return False
    return len(operands) == 1 and (node.name == "mul" or (node.name == "div" and node.inputs[0] is operands[0]))


def _is_idle(node: Node) -> bool:
    """Whether this is the larger of a value and -inf, as JAX takes where nothing may be there."""
    numbers = [v.val for v in node.inputs if isinstance(v, core.Literal)]
    return len(numbers) == 1 and {"max": -math.inf, "min": math.inf}.get(node.name) == numbers[0]


def _common(bases: Sequence[Base]) -> Base | None:
    """Return the last base that all of these were made of, or None where they have different roots."""
    one = bases[0]
    for other in bases[1:]:
        a: Base | None = one
        b: Base | None = other
        while a is not b:
            if a is None or b is None:
                return None
            if a.depth >= b.depth:
                a = a.before
            else:
                b = b.before
        if a is None:
            return None
        one = a
    return one


def find(links: Links) -> tuple[list[Stretch], list[Rejected]]:
    """Return the activations of a graph in the order of their outputs, and what looked like one."""
    found: dict[Value, Stretch] = {}
    measured, rejected = _measured(links)
    for node in links.graph.nodes():
        for value in node.outputs:
            link = links.links.get(value)
            if link is None or link.is_base or value in measured or not _is_floating(value):
                continue
            if node.backward or not _is_used(links, value, measured):
                continue
            stretch = _stretch(links, link.base.value, value)
            if stretch.output in found:
                continue
            reason = _why_not(links, stretch, link)
            if not reason:
                found[stretch.output] = stretch
            elif link.flows or stretch.origin.affine:
                rejected.append(Rejected(stretch.nodes[0], reason))
    return list(found.values()), rejected


def _measured(links: Links) -> tuple[set[Value], list[Rejected]]:
    """Return the squares and sizes that are only summed, and what is made of them: they measure what is there."""
    measured: set[Value] = set()
    rejected = []
    for node in links.graph.nodes():
        output = node.outputs[0] if len(node.outputs) == 1 else None
        if output is None or output not in links.links or links.links[output].is_base:
            continue
        operands = links.varying(node)
        if any(v in measured for v in operands):
            measured.add(output)
        elif _is_size(node):
            base = links.links[output].base
            compared = links.origins[base.value].labels
            if compared or _ends(links, output, in_a_sum=True, of_sum=_is_summed(links, base)):
                measured.add(output)
                reason = "it is compared with other data: a loss" if compared else "it is only summed: a norm or a loss"
                rejected.append(Rejected(node, reason))
    return measured, rejected


def _is_summed(links: Links, base: Base) -> bool:
    """Whether a value is a mean, or the like."""
    while base.before is not None:
        base = base.before
    maker = links.makers.get(base.value)
    return maker is not None and maker.name.startswith("reduce_")


def _is_size(node: Node) -> bool:
    if node.name == "integer_pow":
        return node.params["y"] % 2 == 0
    return node.name in {"square", "abs"} or (node.name == "mul" and node.inputs[0] is node.inputs[1])


def _is_floating(value: Value) -> bool:
    return bool(jnp.issubdtype(value.aval.dtype, jnp.floating))


def _is_used(links: Links, value: Value, measured: set[Value]) -> bool:
    """Whether something that is no part of the same stretch uses a value, other than for a gradient."""
    base = links.links[value].base
    return value in links.returned or any(
        not any(_within(links, output, base) and output not in measured for output in user.outputs)
        for user in links.users.get(value, ())
        if not user.backward
    )


def _within(links: Links, value: Value, base: Base) -> bool:
    link = links.links.get(value)
    return link is not None and _common([link.base, base]) is not None


def _stretch(links: Links, base: Value, last: Value) -> Stretch:
    """Return the stretch that ends in `last`: as a function with a name, else to its last nonlinear operation."""
    ends, starts = [last], [base]
    while _is_scaled(links, ends[0]):
        ends.insert(0, links.varying(links.makers[ends[0]])[0])
    before = links.links[last].base.before
    while before is not None:
        starts.append(before.value)
        before = before.before
    pairs = [(start, end) for start in starts for end in ends]
    start, end, kind = _called(links, pairs) or _known(links, pairs) or (base, ends[0], "elementwise")
    inside = _between(links, start, end)
    place = {axis: n for n, axis in enumerate(links.link(start).order)}
    order = tuple(place[axis] for axis in links.link(end).order)
    return Stretch(start, end, inside, kind, links.origins[start], order)


def _called(links: Links, pairs: Sequence[tuple[Value, Value]]) -> tuple[Value, Value, str] | None:
    """Return the start, end and name of the widest function of JAX that is called here and is an activation."""
    calls = [call for call in links.graph.calls if call.name in kinds.CALLED and len(call.outputs) == 1]
    found = [
        (*pair, call.name) for pair in pairs for call in calls if pair[0] in call.inputs and pair[1] in call.outputs
    ]
    return found[-1] if found else None


def _known(links: Links, pairs: Sequence[tuple[Value, Value]]) -> tuple[Value, Value, str] | None:
    """Return the start, end and name of the shortest known formula that a stretch holds, else of a family's."""
    formulas = []
    for start, end in pairs:
        formula = kinds.formula(start, end, _between(links, start, end), links.makers)
        if formula is not None:
            if kind := kinds.name(formula):
                return start, end, kind
            formulas.append((start, end, formula))
    named = [(start, end, kinds.family(formula)) for start, end, formula in formulas]
    named += [(*pair, kinds.learned(*pair, _between(links, *pair), links.makers)) for pair in pairs if not formulas]
    return next((found for found in named if found[2]), None)


def _is_scaled(links: Links, value: Value) -> bool:
    """Whether a value is a nonlinear one, scaled or shifted by numbers."""
    node = links.makers[value]
    operands = links.varying(node)
    if node.graphs or len(operands) != 1 or links.links[operands[0]].is_base:
        return False
    return _is_linear(node, operands)


def _between(links: Links, base: Value, end: Value) -> list[Node]:
    """Return the operations that make `end` of `base`, in order; what does not vary is left to them as it is."""
    nodes: list[Node] = []
    seen = {base}
    stack = [end]
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        node = links.makers[value]
        nodes.append(node)
        stack += [v for v in links.varying(node) if v not in seen]
    return sorted(nodes, key=links.places.__getitem__)


def _why_not(links: Links, stretch: Stretch, link: Link) -> str:
    """Return why a stretch is no activation, or nothing."""
    origin = stretch.origin
    if not _is_floating(stretch.base):
        return "its argument is of whole or of complex numbers"
    if not origin.affine:
        return "its argument does not come from a product or convolution of data with parameters"
    if not link.flows:
        return "it is a mask: no derivative passes"
    if _is_shifted_exponential(links, stretch) or _is_normalised(links, stretch):
        return "a softmax, or the logarithm of its sum"
    if (origin.labels or _meets_data(links, stretch.output)) and _ends(links, stretch.output, in_a_sum=False):
        return "it is compared with other data and summed: a loss"
    return ""


def _units(origin: Origin) -> set[int]:
    return {n for n, axis in enumerate(origin.axes) if any(origins.PARAMETERS in factor.kinds for factor in axis)}


def _is_shifted_exponential(links: Links, stretch: Stretch) -> bool:
    """Whether this is exp(z - c) with one c along an axis, as in a softmax whose largest is taken away."""
    node, axes = links.makers.get(stretch.base), stretch.origin.axes
    if stretch.nodes[0].name not in _EXPONENTIALS or node is None or node.name != "sub":
        return False
    taken = links.origins[node.inputs[1]] if isinstance(node.inputs[1], Value) else None
    if taken is None or not taken.data or len(taken.axes) != len(axes):
        return False
    return any(origins.kinds_of(axis) and not origins.kinds_of(own) for own, axis in zip(taken.axes, axes, strict=True))


def _is_normalised(links: Links, stretch: Stretch) -> bool:
    """Whether an exponential is summed."""
    users = links.users.get(stretch.output, ())
    return stretch.nodes[-1].name in _EXPONENTIALS and any(user.name == "reduce_sum" for user in users)


_EXPONENTIALS = frozenset({"exp", "exp2"})


def _meets_data(links: Links, value: Value) -> bool:
    """Whether other data join on the way to the sum."""
    return any(links.origins[v].labels for v in _onward(links, value))


def _onward(links: Links, value: Value) -> Iterator[Value]:
    """Give what linear operations make of a value."""
    stack, seen = [value], set()
    while stack:
        current = stack.pop()
        if current in seen:
            continue
        seen.add(current)
        yield current
        for user in links.users.get(current, ()):
            if _passes(user):
                stack += user.outputs


def _passes(node: Node) -> bool:
    return node.name in _LINEAR or node.name in primitives.SAME


_LINEAR = frozenset(
    {"neg", "convert_element_type", "add", "sub", "add_any", "mul", "div", "reduce_sum", "reduce_max", "select_n",
     "broadcast_in_dim", "reshape", "squeeze", "transpose", "cumsum", "concatenate", "slice"}
)  # fmt: skip


def _ends(links: Links, start: Value, *, in_a_sum: bool, of_sum: bool = False) -> bool:
    """Whether nothing but sums is made of a value: of any kind, or in the end over all of its units.

    Of a sum itself, the root is taken as well, as in the deviation that is a mean of squares less the square of a mean.
    """
    stack: list[Value] = [start]
    seen: set[Value] = set()
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        if value in links.returned and (in_a_sum or _units(links.origins[value])):
            return False
        for user in links.users.get(value, ()):
            if user.backward or (in_a_sum and user.name.startswith("reduce_")) or (of_sum and user.name in _ROOTS):
                continue
            if not _passes(user) and not (of_sum and user.name == "max"):  # variances are kept from falling below 0
                return False
            stack += user.outputs
    return True


#: What makes a deviation of a variance.
_ROOTS = frozenset({"sqrt", "rsqrt"})
