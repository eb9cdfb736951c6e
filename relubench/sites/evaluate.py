"""Doing what a graph says, and seeing its activations on the way.

Results come from the function's own operations, derivative rules included. What lies inside a call is done again only
as far as an activation needs it, from values through which no derivative passes: XLA makes one of the two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import jax
from jax import Array, lax
from jax import numpy as jnp
from jax.extend import core
from jax.sharding import PartitionSpec

from relubench.sites import loops
from relubench.sites.graph import Node, Operand, Value
from relubench.sites.origins import DATA, PARAMETERS
from relubench.sites.plan import Activation, Plan, held
from relubench.sites.stretches import Stretch
from relubench.sites.views import View

Result = tuple[list[Any], list[Any]]  # a graph's results, and what was seen of each activation


class Observer(Protocol):
    """What is kept of an activation, a tree of arrays, and how those of several calls become one."""

    def see(self, stretch: Stretch, z: Array, others: Mapping[Value, Any]) -> Any:
        """Return what an activation shows, of its argument z and the other arrays that its operations take."""

    def merge(self, parts: Any) -> Any:
        """Return what parts show together, stacked along the first axis of every array."""

    def beside(self, parts: Any) -> Any:
        """Return what is seen of different units, stacked along the first axis, as that of all of them."""

    def joined(self, stretch: Stretch, parts: Any, axis: int) -> Any:
        """Return what is seen of parts of the units that follow each other along this one of their axes, stacked."""

    def nothing(self, like: Any) -> Any:
        """Return what no input shows, of these shapes."""

    @property
    def views(self) -> Mapping[Stretch, View]:
        """How each activation is looked at."""


def differentiated(stretch: Stretch, z: Array, others: Mapping[Value, Any]) -> tuple[Array, Array, Array]:
    """Return (z, f(z), f'(z)) of an activation, all with the axes as f(z) has them."""
    # Backwards, as some functions have a rule for gradients alone.
    h, back = jax.vjp(lambda z: _applied(stretch, z, others), z)
    (slope,) = back(jnp.ones_like(h))
    # Else XLA computes an exponential anew for each of the statistics that are taken of them.
    h, slope = lax.optimization_barrier((h, slope))
    return z.transpose(stretch.order), h, slope.transpose(stretch.order)


def _applied(stretch: Stretch, z: Array, others: Mapping[Value, Any]) -> Array:
    values: dict[Value, Any] = {**others, stretch.base: z}
    for node in stretch.nodes:
        values.update(zip(node.outputs, node.bind(_read(node.inputs, values)), strict=True))
    return values[stretch.output]


def run(plan: Plan, given: Sequence[Any], observer: Observer) -> Result:
    """Return the graph's results, and of each activation of the plan, in its order, what the observer sees."""
    return _run(plan, given, observer, _needs(plan, whole=True))


def see(plan: Plan, given: Sequence[Any], observer: Observer) -> list[Any]:
    """Return what the observer sees of each activation, doing no more than that needs."""
    return _run(plan, given, observer, _needs(plan, whole=False))[1]


@dataclasses.dataclass(eq=False)
class _Needs:
    """What is done of a plan."""

    whole: bool  # every step as the function does it: for its results
    nodes: set[Node]  # operations that are done, or done again, for the activations alone
    spent: list[list[Value]]  # of each step, the values that no later one uses


def _run(plan: Plan, given: Sequence[Any], observer: Observer, needs: _Needs) -> Result:
    graph, number = plan.graph, plan.links.places
    values: dict[Value, Any] = {**dict(zip(graph.inputs, given, strict=True)), **graph.constants}
    seen: dict[int, list[Any]] = {}
    waiting = {stretch.nodes[-1]: stretch for stretch in plan.stretches}

    def do(node: Node, operands: list[Any]) -> None:
        if node in plan.inside:
            results, seen[number[node]] = _watched(node, plan.inside[node], operands, observer)
        else:
            results = node.bind(operands)
        for value, result in zip(node.outputs, results, strict=True):
            values.setdefault(value, result)

    for step, spent in zip(graph.steps, needs.spent, strict=True):
        if needs.whole:
            do(step.whole, _read(step.whole.inputs, values))
        for node in step.nodes:
            if node in needs.nodes:
                do(node, [lax.stop_gradient(value) for value in _read(node.inputs, values)])
            if node in waiting:
                seen[number[node]] = [_see(waiting[node], values, observer)]
        for value in spent:
            values.pop(value, None)
    outputs = _read(graph.outputs, values) if needs.whole else []
    return outputs, [each for place in sorted(seen) for each in seen[place]]


def _needs(plan: Plan, *, whole: bool) -> _Needs:
    graph = plan.graph
    there = {*graph.inputs, *graph.constants}
    own = {step.whole for step in graph.steps} if whole else set()
    there |= {value for node in own for value in node.outputs}
    makers = {value: node for node in graph.nodes() for value in node.outputs}
    nodes = {node for node in plan.inside if node not in own}
    wanted = [value for stretch in plan.stretches for value in _read_by(stretch)]
    wanted += [value for node in nodes for value in _values(node.inputs)]
    while wanted:
        value = wanted.pop()
        if value not in there and makers[value] not in nodes:
            nodes.add(makers[value])
            wanted += _values(makers[value].inputs)
    return _Needs(whole, nodes, _spent(plan, nodes, whole))


def _spent(plan: Plan, nodes: set[Node], whole: bool) -> list[list[Value]]:
    waiting = {stretch.nodes[-1]: stretch for stretch in plan.stretches}
    last: dict[Value, int] = {}
    for place, step in enumerate(plan.graph.steps):
        used = [*_values(step.whole.inputs), *step.whole.outputs] if whole else []
        for node in step.nodes:
            used += [*_values(node.inputs), *node.outputs] if node in nodes else []
            used += _read_by(waiting[node]) if node in waiting else []
        last.update(dict.fromkeys(used, place))
    returned = set(_values(plan.graph.outputs))
    spent: list[list[Value]] = [[] for _ in plan.graph.steps]
    for value, place in last.items():
        if not (whole and value in returned):
            spent[place].append(value)
    return spent


def _read_by(stretch: Stretch) -> list[Value]:
    """Return the base of a stretch and the other arrays that it takes."""
    made = {value for node in stretch.nodes for value in node.outputs}
    return [stretch.base, *(v for node in stretch.nodes for v in _values(node.inputs) if v not in made)]


def _values(operands: Iterable[Operand]) -> list[Value]:
    return [operand for operand in operands if isinstance(operand, Value)]


def _read(operands: Sequence[Operand], values: Mapping[Value, Any]) -> list[Any]:
    return [operand.val if isinstance(operand, core.Literal) else values[operand] for operand in operands]


def _see(stretch: Stretch, values: Mapping[Value, Any], observer: Observer) -> Any:
    others = {value: lax.stop_gradient(values[value]) for value in _read_by(stretch)}
    return observer.see(stretch, others.pop(stretch.base), others)


def _watched(node: Node, plans: Sequence[Plan], given: Sequence[Any], observer: Observer) -> Result:
    """Do a loop or a branching, and see the activations in it."""
    rule = {"scan": _scan, "cond": _cond, "shard_map": _shard_map}[node.name]
    return rule(node, plans, given, observer)


def _scan(node: Node, plans: Sequence[Plan], given: Sequence[Any], observer: Observer) -> Result:
    """A loop over layers gives the statistics of each; one over examples or time, those of all turns together."""
    (plan,) = plans
    fixed, carried = loops.sizes(node)
    constants, start, turns = given[:fixed], given[fixed : fixed + carried], given[fixed + carried :]

    def body(carry: list[Any], turn: list[Any]) -> tuple[list[Any], Any]:
        results, stats = run(plan, [*constants, *carry, *turn], observer)
        return results[:carried], (results[carried:], stats)

    options = {name: node.params[name] for name in ("length", "reverse", "unroll")}
    last, (stacked, stats) = lax.scan(body, list(start), list(turns), **options)
    over_units = [activation.loops[0] is not None for activation in held(node, plans)]
    merged = [
        observer.beside(each) if keep else observer.merge(each) for each, keep in zip(stats, over_units, strict=True)
    ]
    return [*last, *stacked], merged


def _cond(node: Node, plans: Sequence[Plan], given: Sequence[Any], observer: Observer) -> Result:
    """The activations of a branch that is not taken have seen nothing."""
    index, *operands = given
    shapes = [jax.eval_shape(lambda *args, p=p: run(p, args, observer)[1], *operands) for p in plans]

    def branch(place: int) -> Callable[..., Result]:
        def taken(*args: Any) -> Result:
            results, stats = run(plans[place], args, observer)
            others = [stats if n == place else [observer.nothing(s) for s in shape] for n, shape in enumerate(shapes)]
            return results, [each for group in others for each in group]

        return taken

    return lax.switch(jnp.asarray(index, jnp.int32), [branch(n) for n in range(len(plans))], *operands)


def _shard_map(node: Node, plans: Sequence[Plan], given: Sequence[Any], observer: Observer) -> Result:
    """Every device sees its part: parts of the examples are merged, parts of the units stand beside each other."""
    (plan,) = plans
    names = sorted(node.params["newly_manual_axes"])

    def body(*parts: Any) -> Result:
        results, seen = run(plan, parts, observer)
        return results, jax.tree.map(lambda x: x.reshape((1,) * len(names) + x.shape), seen)

    results, seen = jax.shard_map(
        body,
        mesh=node.params["mesh"],
        in_specs=tuple(node.params["in_specs"]),
        out_specs=(list(node.params["out_specs"]), PartitionSpec(*names)),
        check_vma=node.params["check_vma"],
        axis_names=node.params["newly_manual_axes"],
    )(*given)
    activations = held(node, plans)
    return results, [_together(each, own, names, observer) for each, own in zip(seen, activations, strict=True)]


def _together(seen: Any, activation: Activation, names: Sequence[str], observer: Observer) -> Any:
    """Return what the devices along all axes of a mesh, the first of every array, have seen together."""
    for place, name in reversed(list(enumerate(names))):
        joined = _over_devices(activation, name, observer)
        for _ in range(place):
            joined = jax.vmap(joined)
        seen = joined(seen)
    return seen


def _over_devices(activation: Activation, name: str, observer: Observer) -> Callable[[Any], Any]:
    """Return what makes one of the parts along an axis of a mesh, stacked along the first axis of every array."""
    stretch, shared = activation.stretch, observer.views[activation.stretch].shared
    if name in shared:
        loops = sum(length is not None for length in activation.inner_loops)
        return lambda parts: observer.joined(stretch, parts, loops + shared[name])
    if (name, PARAMETERS) in stretch.origin.shards:
        return observer.beside
    if (name, DATA) in stretch.origin.shards:
        return observer.merge
    return lambda parts: jax.tree.map(lambda x: x[0], parts)  # all have seen the same
